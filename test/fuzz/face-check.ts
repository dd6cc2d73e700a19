import { types } from 'node:util';
import { isErrorCode } from '../../lib/errors.js';
import type { NativeCancelToken, NativeConv, NativePlan, NativeStage } from '../../lib/native/binding.js';
import { binding, CORNER, geometry, INPUT, OUTPUT, spec, stage, UNTOUCHED } from '../support/binding.js';
import { detach, isBufferKind, isUntouched, makeBuffer, overwrite, shrink } from './face-buffers.js';
import type { FaceCase, Misuse, Step, TokenKind } from './face-case.js';
import { changed, THROWN, type TrapActions } from './face-traps.js';
import { hostileValue } from './hostile.js';
import type { Tally } from './tally.js';

type Loose = (...args: unknown[]) => unknown;
type Run = Extract<Step, { op: 'run' }>;

interface LivePlan {
  readonly plan: NativePlan;
  readonly conv: NativeConv;
  /** Made from the right stage and geometry, so that the right buffers give the right numbers. */
  readonly plain: boolean;
}

/** Exports that take long because they measure. */
const SLOW: readonly string[] = ['fmaPeak', 'memoryBandwidth'];
const INPUT_FILL = 1;
const RESIDUAL_FILL = 10;

/** A fresh copy of what all layers start from: the changes go into it. */
function freshStage(): NativeStage {
  const made = stage();
  return { ...made, spec: { ...made.spec, ...freshTriples(spec()), activation: { ...made.spec.activation } } };
}

function freshTriples<T extends object>(object: T): T {
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [key, Array.isArray(value) ? [...value] : value]),
  ) as T;
}

/** Runs programs of calls against the addon's face. Throws where an error is not one of the contract's, or a run is wrong. */
export class FaceCheck {
  readonly #exports = Object.keys(binding).filter((name) => !SLOW.includes(name));
  #convs: { conv: NativeConv; plain: boolean }[] = [];
  #plans: LivePlan[] = [];
  /** Never reject, so that none is unhandled; what was wrong with a run is what they resolve to. */
  #pending: Promise<unknown>[] = [];

  constructor(private readonly tally: Tally) {}

  async run({ steps }: FaceCase): Promise<void> {
    this.#convs = [{ conv: new binding.Conv(freshStage()), plain: true }];
    this.#plans = [];
    this.#makePlan(0, []);
    this.#pending = [];
    for (const step of steps) {
      if (step.op === 'wait') await this.#settle();
      else this.#step(step);
    }
    await this.#settle();
    for (const { conv } of this.#convs) conv.dispose();
  }

  async #settle(): Promise<void> {
    const wrong = (await Promise.all(this.#pending.splice(0))).find((error) => error !== undefined);
    if (wrong !== undefined) throw wrong;
  }

  #step(step: Exclude<Step, { op: 'wait' }>): void {
    switch (step.op) {
      case 'construct':
        this.#counted('construct', () => this.#construct(step));
        break;
      case 'plan':
        this.#counted('plan', () => this.#makePlan(step.conv, step.changes));
        break;
      case 'run':
        if (step.async === null) this.#runNow(step);
        else this.#runLater(step);
        break;
      case 'explain':
        this.#counted('explain', () => this.#plan(step.plan).plan.explain());
        break;
      case 'dispose':
        this.#counted('dispose', () => this.#conv(step.conv).conv.dispose());
        break;
      case 'misuse':
        this.#counted(step.what, () => this.#misuse(step.what));
        break;
      case 'export':
        this.#export(step);
        break;
      case 'collect':
        globalThis.gc?.();
    }
  }

  /** Makes the call, and refuses errors that are none of the contract's. */
  #counted(name: string, call: () => unknown): void {
    try {
      call();
      this.tally.served('face', name, 0, true);
    } catch (error) {
      this.tally.refused('face', name, this.#codeOf(error));
    }
  }

  /** A code of the contract, a trap's own error, or the runtime's for a wrong receiver. */
  #codeOf(error: unknown): string {
    if (error === THROWN) return 'a getter’s own';
    const code: unknown = error instanceof Error ? (error as { code?: unknown }).code : undefined;
    if (isErrorCode(code)) return code;
    if (error instanceof TypeError) return 'TypeError';
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`threw what is none of the contract’s errors: ${text}`, { cause: error });
  }

  readonly #actions: TrapActions = {
    dispose: () => this.#convs.at(-1)?.conv.dispose(),
    construct: () => void new binding.Conv(freshStage()).plan(geometry()),
    run: () => {
      const { plan } = this.#plans[0];
      this.#counted('run inside', () => plan.run(new Float32Array(INPUT), new Float32Array(OUTPUT), null));
    },
  };

  #conv(index: number): { conv: NativeConv; plain: boolean } {
    return this.#convs[index % this.#convs.length];
  }

  #plan(index: number): LivePlan {
    return this.#plans[index % this.#plans.length];
  }

  #construct({ changes, second }: Extract<Step, { op: 'construct' }>): void {
    const first = changed(freshStage(), changes, this.#actions);
    const pointwise = freshStage();
    const args = {
      none: [first],
      pointwise: [
        first,
        { ...pointwise, spec: spec({ inChannels: 3, kernel: [1, 1, 1] }), weight: new Float32Array(9).fill(1) },
      ],
      hostile: [first, changed(pointwise, [...changes].reverse(), this.#actions)],
    }[second];
    const conv = Reflect.construct(binding.Conv, args) as NativeConv;
    this.#convs.push({ conv, plain: changes.length === 0 && second === 'none' });
  }

  #makePlan(index: number, changes: readonly { path: string; value: string }[]): void {
    const { conv, plain } = this.#conv(index);
    const given = changed(freshTriples(geometry()), changes, this.#actions);
    const plan = (conv.plan as Loose).call(conv, given) as NativePlan;
    this.#plans.push({ plan, conv, plain: plain && changes.length === 0 });
  }

  #arguments(step: Run): { input: unknown; output: unknown; residual: unknown; all: unknown[] } {
    const input = makeBuffer(step.input, INPUT, INPUT_FILL, null);
    const output = makeBuffer(step.output, OUTPUT, UNTOUCHED, input);
    const residual = step.residual === 'none' ? null : makeBuffer(step.residual, OUTPUT, RESIDUAL_FILL, input);
    const all = [input, output, residual];
    if (step.hostile !== null) all[step.hostile.argument] = hostileValue(step.hostile.value);
    return { input, output, residual, all };
  }

  #runNow(step: Run): void {
    const { plan, plain } = this.#plan(step.plan);
    const { input, output, residual, all } = this.#arguments(step);
    try {
      (plan.run as Loose).call(plan, ...all);
      this.tally.served('face', 'run', 0, true);
      if (plain && step.hostile === null) this.#expectRight(output, residual !== null);
    } catch (error) {
      this.tally.refused('face', 'run', this.#codeOf(error));
      if (output !== input && step.output !== 'overlapping' && !isUntouched(output)) {
        throw new Error(`wrote into the output of a run refused with ${this.#codeOf(error)}`, { cause: error });
      }
    }
  }

  #expectRight(output: unknown, hasResidual: boolean): void {
    const corner = types.isFloat32Array(output) ? output[0] : Number.NaN;
    const expected = CORNER + (hasResidual ? RESIDUAL_FILL : 0);
    if (corner !== expected) throw new Error(`gave ${corner} where ${expected} is right`);
  }

  #runLater(step: Run): void {
    const { plan, conv, plain } = this.#plan(step.plan);
    const { input, output, residual, all } = this.#arguments(step);
    const { token: kind, interference } = step.async ?? { token: 'null', interference: 'none' };
    const token = this.#token(kind);
    const args = kind === 'missing' ? all : [...all.slice(0, 3), token];
    const promise = (plan.runAsync as Loose).call(plan, ...args) as Promise<void>;
    const interfered = ['detach output', 'shrink output', 'cancel', 'dispose', 'drop all'].includes(interference);
    const settled = promise.then(
      () => {
        this.tally.served('face', 'runAsync', 0, true);
        if (plain && step.hostile === null && !interfered) this.#expectRight(output, residual !== null);
      },
      (error: unknown) => this.tally.refused('face', 'runAsync', this.#codeOf(error)),
    );
    this.#pending.push(settled.catch((error: unknown) => error));
    if (interference === 'detach input') detach(input);
    else if (interference === 'detach output') detach(output);
    else if (interference === 'detach residual') detach(residual);
    else if (interference === 'shrink output') shrink(output);
    else if (interference === 'overwrite input') overwrite(input);
    else if (interference === 'dispose') conv.dispose();
    else if (interference === 'cancel' && token !== null) {
      this.#counted('cancel', () => (token as NativeCancelToken).cancel());
    } else if (interference === 'run again') this.#counted('run', () => (plan.run as Loose).call(plan, ...all));
    else if (interference === 'drop all') this.#plans.length = 1;
  }

  #token(kind: TokenKind): unknown {
    if (kind === 'null' || kind === 'missing') return null;
    if (kind === 'forged') return Object.create(binding.CancelToken.prototype);
    if (kind === 'hostile') return new Proxy(new binding.CancelToken(), {});
    const token = new binding.CancelToken();
    if (kind === 'cancelled') token.cancel();
    return token;
  }

  #misuse(what: Misuse): unknown {
    const { plan } = this.#plans[0];
    const { conv } = this.#convs[0];
    const Plan = plan.constructor as unknown as new () => unknown;
    const calls: Record<Misuse, () => unknown> = {
      'Conv without new': () => (binding.Conv as unknown as Loose)(freshStage()),
      'token without new': () => (binding.CancelToken as unknown as Loose)(),
      'plan constructor': () => new Plan(),
      'plan of a plan': () => (conv.plan as Loose).call(plan, geometry()),
      'run of a conv': () => (plan.run as Loose).call(conv, new Float32Array(INPUT), new Float32Array(OUTPUT), null),
      'run of an object': () => (plan.run as Loose).call({}, new Float32Array(INPUT), new Float32Array(OUTPUT), null),
      'run of a prototype': () => (plan.run as Loose).call(Object.getPrototypeOf(plan), null, null, null),
      'cancel of a conv': () => (binding.CancelToken.prototype.cancel as Loose).call(conv),
      subclass: () => new (class extends binding.Conv {})(freshStage()).plan(geometry()),
      'foreign new target': () => {
        const foreign = Reflect.construct(binding.Conv, [freshStage()], Map) as NativeConv;
        return (conv.plan as Loose).call(foreign, geometry());
      },
      'bound function as new target': () => Reflect.construct(binding.CancelToken, [], (() => 1).bind(null)),
      'extracted methods': () => {
        const { explain } = plan;
        return explain();
      },
    };
    return calls[what]();
  }

  #export({ index, args }: Extract<Step, { op: 'export' }>): void {
    const name = this.#exports[index % this.#exports.length];
    const call: unknown = (binding as unknown as Record<string, unknown>)[name];
    if (typeof call !== 'function') return;
    const given = args.map((arg) => (isBufferKind(arg) ? makeBuffer(arg, INPUT, INPUT_FILL, null) : hostileValue(arg)));
    this.#counted(`export ${name}`, () => (call as Loose)(...given));
  }
}
