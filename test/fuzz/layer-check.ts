import { ConvolithError, type Layer } from '../../lib/index.js';
import type { NativeBinding } from '../../lib/native/binding.js';
import { loadBinding } from '../../lib/native/load.js';
import { buildCall, buildLayer } from './layer-build.js';
import type { LayerCase } from './layer-case.js';
import { compare } from './layer-compare.js';
import { Guarded } from './pool.js';
import type { Tally } from './tally.js';

/** How a case ends: with an output (empty where it was only planned), or with the code of the refusal. */
type Outcome = { readonly output: Float32Array; readonly algorithm: string } | { readonly code: string };

interface Choice {
  readonly engine: 'native' | 'reference';
  readonly isa: string;
  readonly algorithm: string;
}

/** Beyond these a case is planned and explained, not computed: a hostile number may make a cheap case a dear one. */
const COMPUTED_OUTPUTS = 100_000;
const COMPUTED_MACS = 20_000_000;

const countOf = (shape: readonly number[]): number => shape.reduce((all, size) => all * size, 1);
const isDear = (layer: Layer, shape: readonly number[]): boolean =>
  countOf(layer.outputShape(shape)) > COMPUTED_OUTPUTS || layer.cost(shape).macs > COMPUTED_MACS;

const REFERENCE_AGAIN = 8;

/** One case in so many has a layer that has served an input of another size before, and packed its weights for it. */
const SERVED_BEFORE = 4;

/** What one engine or algorithm may refuse where another serves. */
const MAY_DIFFER: readonly string[] = ['ERR_UNSUPPORTED', 'ERR_MEMORY'];

const buffers = { input: new Guarded(), residual: new Guarded(), out: new Guarded() };

/** Compares both engines on layers. Takes the names of algorithms and instruction sets from the addon. */
export class LayerCheck {
  readonly algorithms: readonly string[];
  readonly #isas: readonly string[];
  readonly #binding: NativeBinding;

  constructor(private readonly tally: Tally) {
    const { binding, reason } = loadBinding();
    if (binding === null) throw new Error(`Expected the addon to load, but ${reason}`);
    this.#binding = binding;
    this.algorithms = binding.algorithms();
    this.#isas = binding.isas();
  }

  /** Throws where the engines differ, or where something other than a ConvolithError is thrown. */
  async run(one: LayerCase): Promise<void> {
    const plain = await this.#outcome(one, { engine: 'reference', isa: 'js', algorithm: 'reference' });
    for (const choice of this.#choices(one)) {
      try {
        const outcome = await this.#outcome(one, choice);
        this.#judge(one, choice, plain, outcome);
      } catch (cause) {
        const message = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`${choice.engine} ${choice.isa} ${choice.algorithm}: ${message}`, { cause });
      }
    }
  }

  /**
   * The case's algorithm on every instruction set. What costs as much and finds little is tried in turn: the plan's own
   * choice on one of them, and now and then the TypeScript engine once more, under the algorithm's name.
   */
  #choices({ algorithm, seed }: LayerCase): Choice[] {
    const choices = this.#isas.map((isa): Choice => ({ engine: 'native', isa, algorithm }));
    if (algorithm !== 'auto') {
      choices.push({ engine: 'native', isa: this.#isas[seed % this.#isas.length], algorithm: 'auto' });
    }
    if (seed % REFERENCE_AGAIN === 0) choices.push({ engine: 'reference', isa: 'js', algorithm });
    return choices;
  }

  async #outcome(one: LayerCase, choice: Choice): Promise<Outcome> {
    if (choice.engine === 'native') {
      this.#binding.setIsa(choice.isa);
      this.#binding.setThreads(one.threads);
    }
    let layer: Layer | null = null;
    try {
      const built = buildLayer(one);
      layer = built.make(choice);
      const shape = built.inputShape;
      const dear = isDear(layer, shape);
      const { algorithm } = layer.explain(shape);
      if (dear) return { output: new Float32Array(0), algorithm };
      const outputCount = countOf(layer.outputShape(shape));
      const call = buildCall(one, {
        input: buffers.input.copy(built.pool.take(countOf(shape)), one.seed),
        inputShape: shape,
        out: buffers.out.take(outputCount, one.seed >> 5),
        residual: one.residual ? buffers.residual.copy(built.pool.take(outputCount), one.seed >> 3) : null,
      });
      if (choice.engine === 'native' && one.seed % SERVED_BEFORE === 0) this.#serveBefore(one, layer, shape);
      const output = this.#forward(one, layer, call);
      if (choice.engine === 'native') await this.#repeat(one, layer, call, output);
      return { output, algorithm };
    } catch (error) {
      if (error instanceof ConvolithError) return { code: error.code };
      throw error;
    } finally {
      layer?.dispose();
    }
  }

  /** Runs the layer on another batch of another size; what it cannot serve it refuses. */
  #serveBefore({ seed, channelsLast }: LayerCase, layer: Layer, inputShape: readonly number[]): void {
    const shape = inputShape.map((size, axis) => {
      if (axis === 0) return ((seed >> 2) % 9) + 1;
      const fixed = axis === (channelsLast ? inputShape.length - 1 : 1);
      return fixed ? size : Math.max(1, size + ((seed >> (3 * axis + 2)) % 8) - 3);
    });
    try {
      if (isDear(layer, shape)) return;
      layer.forward({ data: new Float32Array(countOf(shape)), shape });
    } catch (error) {
      if (!(error instanceof ConvolithError)) throw error;
    }
  }

  #forward(one: LayerCase, layer: Layer, call: ReturnType<typeof buildCall>): Float32Array {
    const hasOwnOut = one.spoil?.place === 'call.out' || one.spoil?.place === 'call.extra';
    const expectOutput = (written: boolean): void => {
      const fault = hasOwnOut ? null : buffers.out.fault(written);
      if (fault !== null) throw new Error(fault);
    };
    try {
      const { data } = layer.forward(call.input as never, call.options as never);
      expectOutput(true);
      return data.slice();
    } catch (error) {
      expectOutput(false);
      throw error;
    }
  }

  /** The same bits on another number of threads, and on other threads than this one. */
  async #repeat(one: LayerCase, layer: Layer, call: ReturnType<typeof buildCall>, before: Float32Array): Promise<void> {
    if (one.data === 'whole' && !one.async) return;
    this.#binding.setThreads((one.threads % 4) + 1);
    const { data } = one.async
      ? await layer.forwardAsync(call.input as never, call.options as never)
      : layer.forward(call.input as never, call.options as never);
    const [bits, expected] = [data, before].map((view) => new Uint32Array(view.slice().buffer));
    const at = bits.findIndex((value, index) => value !== expected[index]);
    if (at >= 0) throw new Error(`output ${at} is ${before[at]} at first and ${data[at]} on other threads`);
  }

  #judge(one: LayerCase, choice: Choice, plain: Outcome, outcome: Outcome): void {
    if ('code' in outcome) {
      this.tally.refused(choice.isa, choice.algorithm, outcome.code);
      const forced = choice.algorithm !== 'auto' || outcome.code === 'ERR_MEMORY';
      if (forced && MAY_DIFFER.includes(outcome.code)) return;
      if (!('code' in plain)) throw new Error(`refused with ${outcome.code} what plain loops computed`);
      if (plain.code !== outcome.code && !MAY_DIFFER.includes(plain.code)) {
        throw new Error(`refused with ${outcome.code}, plain loops with ${plain.code}`);
      }
      return;
    }
    if ('code' in plain) {
      if (plain.code === 'ERR_MEMORY') return;
      throw new Error(`computed what plain loops refused with ${plain.code}`);
    }
    const equal = compare(one, plain.output, outcome.output);
    this.tally.served(choice.isa, outcome.algorithm, outcome.output.length, equal);
  }
}
