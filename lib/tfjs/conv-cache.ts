import type { EngineConv, EnginePlan } from '../engine.js';
import { getThreads } from '../engines.js';
import { reorder } from '../spec/weight.js';
import type { ConvGeometry } from '../spec.js';
import type { Backend } from './backend.js';
import { type LayerShape, specOf } from './conv-spec.js';
import type { Epilogue } from './epilogue.js';
import { isStripped, isWorthStrips, planStrips, type StripPlan } from './strips.js';
import { type Derived, floatsOf, type TensorRecord } from './tensor-record.js';

/** Layers kept for one form of a filter (other biases, activations), and sites (other input shapes). */
const MAX_LAYERS = 8;
const MAX_SITES = 8;

/** Layers made for one form before nothing more is folded into it: what is folded changes from call to call. */
const MAX_MADE = 32;

/** Plans kept for one packed filter: those of its sites, and of their strips. */
const MAX_PLANS = 64;

/** What a convolution is once its sizes are known. */
export interface ConvSetup {
  readonly shape: LayerShape;
  readonly geometry: ConvGeometry;
  readonly outShape: number[];
}

/** A call of a convolution kernel, reduced to what its sizes depend on. */
export interface ConvCall {
  readonly kernel: string;
  readonly filter: TensorRecord;
  /** What of the attributes the result depends on, in an order of the kernel's own. */
  readonly attrs: readonly unknown[];
  readonly inputShape: readonly number[];
}

/** Equality of numbers, words, records, and lists of them however deep. */
function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (!sameValue(a[index], b[index])) return false;
  return true;
}

/** A packed filter with what is folded into it, and its plan for each geometry. */
export class PackedLayer {
  readonly #plans = new Map<ConvGeometry, EnginePlan>();

  constructor(
    readonly key: readonly unknown[],
    readonly conv: EngineConv,
  ) {}

  /** Kept by the geometry's identity. */
  plan(geometry: ConvGeometry): EnginePlan {
    const kept = this.#plans.get(geometry);
    if (kept !== undefined) return kept;
    if (this.#plans.size === MAX_PLANS) this.#plans.clear();
    const made = this.conv.plan(geometry);
    this.#plans.set(geometry, made);
    return made;
  }
}

/** What one kernel with one set of attributes made of a filter. */
class ConvForm {
  readonly sites: ConvSite[] = [];
  readonly layers: PackedLayer[] = [];
  made = 0;

  constructor(
    readonly kernel: string,
    readonly attrs: readonly unknown[],
    readonly filter: TensorRecord,
  ) {}
}

/** A filter's forms; they go with its data. */
class FilterForms implements Derived {
  readonly #forms: ConvForm[] = [];

  form({ kernel, attrs, filter }: ConvCall): ConvForm {
    for (const form of this.#forms) if (form.kernel === kernel && sameValue(form.attrs, attrs)) return form;
    const form = new ConvForm(kernel, structuredClone(attrs), filter);
    if (this.#forms.length === MAX_LAYERS) disposeForm(this.#forms.shift());
    this.#forms.push(form);
    return form;
  }

  dispose(): void {
    for (const form of this.#forms) disposeForm(form);
    this.#forms.length = 0;
  }
}

function disposeForm(form: ConvForm | undefined): void {
  for (const { conv } of form?.layers ?? []) conv.dispose();
  if (form !== undefined) form.layers.length = 0;
}

/** A filter, its attributes and an input shape: all that a plan depends on but for what follows the sums. */
export class ConvSite {
  /** Whether something between the convolution and the end of its chain was read by others too. */
  isShared = false;

  /** Whether it may be part of a chain, and whether what follows it in one is to read its output in strips. */
  readonly isStripped: boolean;
  readonly isWorthStrips: boolean;

  readonly #chains: { chain: readonly ConvSite[]; strips: StripPlan | null }[] = [];

  constructor(
    private readonly form: ConvForm,
    readonly inputShape: readonly number[],
    readonly setup: ConvSetup,
  ) {
    this.isStripped = isStripped(setup);
    this.isWorthStrips = isWorthStrips(setup);
  }

  /** The strips of a chain that ends here, each convolution reading the one before; `null` where there are none. */
  strips(chain: readonly ConvSite[]): StripPlan | null {
    for (const kept of this.#chains) if (sameValue(kept.chain, chain)) return kept.strips;
    const strips = planStrips(
      chain.map(({ setup }) => setup),
      getThreads(),
    );
    if (this.#chains.length === MAX_SITES) this.#chains.shift();
    this.#chains.push({ chain, strips });
    return strips;
  }

  /** The filter with `epilogue` in its pass; `null` where too many others were asked for to pack one more. */
  layer(backend: Backend, epilogue: Epilogue, isOwn: boolean): PackedLayer | null {
    const { form } = this;
    for (const layer of form.layers) if (sameValue(layer.key, epilogue.key)) return layer;
    if (form.made >= MAX_MADE && !isOwn) return null;
    form.made++;
    const made = new PackedLayer(epilogue.key, pack(backend, this.setup.shape, form.filter, epilogue));
    if (form.layers.length === MAX_LAYERS) form.layers.shift()?.conv.dispose();
    form.layers.push(made);
    return made;
  }
}

/** The site of a call, kept with the filter: packing takes many times the run. `null` is `setup`'s: not served. */
export function siteFor(call: ConvCall, setup: () => ConvSetup | null): ConvSite | null {
  const { filter, inputShape } = call;
  if (!(filter.derived instanceof FilterForms)) filter.derived = new FilterForms();
  const form = (filter.derived as FilterForms).form(call);
  const { sites } = form;
  for (const site of sites) if (sameValue(site.inputShape, inputShape)) return site;
  const made = setup();
  if (made === null) return null;
  const site = new ConvSite(form, [...inputShape], made);
  if (sites.length === MAX_SITES) sites.shift();
  sites.push(site);
  return site;
}

/** The layer: what is affine after the sums becomes its weights and bias. */
function pack({ engine }: Backend, shape: LayerShape, filter: TensorRecord, epilogue: Epilogue): EngineConv {
  const { window, transposed, inChannels, outChannels } = shape;
  const taps = window.kernel[0] * window.kernel[1] * window.kernel[2];
  const reordered = reorder(floatsOf(filter), transposed ? inChannels : outChannels, taps);
  const { affine, activation, slope } = epilogue;
  const scale = new Float32Array(outChannels).fill(1);
  const offset = new Float32Array(outChannels);
  for (const step of affine) step.fold(scale, offset);
  const weight = scale.every((factor) => factor === 1) ? reordered : scaled(reordered, shape, scale);
  const settled = slope === null ? activation : { ...activation, slope: channelValues(floatsOf(slope), outChannels) };
  return engine.createConv({ spec: specOf(shape, settled), weight, bias: affine.length > 0 ? offset : null });
}

/** Canonical weights with each output channel's times its factor. */
function scaled(weight: Float32Array, shape: LayerShape, scale: Float32Array): Float32Array {
  const { transposed, inChannels, outChannels, groups, window } = shape;
  const taps = window.kernel[0] * window.kernel[1] * window.kernel[2];
  const minor = (transposed ? outChannels : inChannels) / groups;
  const major = weight.length / (minor * taps);
  const made = new Float32Array(weight.length);
  for (let i = 0, at = 0; i < major; i++) {
    const group = Math.floor((i * groups) / major);
    for (let j = 0; j < minor; j++) {
      const factor = scale[transposed ? group * minor + j : i];
      for (let tap = 0; tap < taps; tap++, at++) made[at] = weight[at] * factor;
    }
  }
  return made;
}

/** One value an output channel, from one or from all. */
export function channelValues(values: Float32Array, channels: number): Float32Array {
  return values.length === channels ? values.slice() : new Float32Array(channels).fill(values[0]);
}
