import type { EngineConv, EnginePlan } from '../engine.js';
import { reorder } from '../spec/weight.js';
import type { ConvGeometry, ConvSpec } from '../spec.js';
import type { Backend } from './backend.js';
import type { TensorInfo } from './kernel.js';
import type { Derived, TensorRecord } from './tensor-record.js';

/** Layers kept for one filter (other strides, biases, activations), and plans for one layer (other input shapes). */
const MAX_LAYERS = 8;
const MAX_PLANS = 8;

/** A call of a convolution kernel, reduced to what its layer depends on. */
export interface ConvRequest {
  readonly kernel: string;
  readonly filter: TensorInfo;
  /** What of the attributes the result depends on, in an order of the kernel's own. */
  readonly attrs: readonly unknown[];
  /** One value, or one an output channel. */
  readonly bias: TensorInfo | null;
  /** Of `prelu`: one value, or one an output channel. */
  readonly slope: TensorInfo | null;
  readonly inputShape: readonly number[];
}

/** What a convolution is once its sizes are known. */
export interface ConvSetup {
  readonly spec: ConvSpec;
  readonly geometry: ConvGeometry;
  readonly outShape: number[];
}

export interface CachedPlan {
  readonly inputShape: readonly number[];
  readonly outShape: number[];
  readonly plan: EnginePlan;
}

class CachedLayer implements Derived {
  readonly plans: CachedPlan[] = [];
  readonly #kernel: string;
  readonly #attrs: readonly unknown[];
  readonly #bias: object | undefined;
  readonly #slope: object | undefined;

  constructor(
    { kernel, attrs, bias, slope }: ConvRequest,
    readonly conv: EngineConv,
  ) {
    this.#kernel = kernel;
    this.#attrs = structuredClone(attrs);
    this.#bias = bias?.dataId;
    this.#slope = slope?.dataId;
  }

  serves({ kernel, attrs, bias, slope }: ConvRequest): boolean {
    return (
      this.#kernel === kernel &&
      this.#bias === bias?.dataId &&
      this.#slope === slope?.dataId &&
      sameValue(this.#attrs, attrs)
    );
  }

  dispose(): void {
    this.conv.dispose();
  }
}

/** Equality of numbers, words, and lists of them however deep. */
function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (!sameValue(a[index], b[index])) return false;
  return true;
}

/**
 * The plan for a call, from the filter's cache where one was made before: packing takes many times the run. It goes
 * with the filter's data. `setup` settles the sizes; its `null`, a layer that the engine does not serve, comes back.
 */
export function planFor(backend: Backend, request: ConvRequest, setup: () => ConvSetup | null): CachedPlan | null {
  const record = backend.record(request.filter);
  const layer = findLayer(record, request);
  const { inputShape } = request;
  const found = layer?.plans.find((plan) => sameValue(plan.inputShape, inputShape));
  if (found !== undefined) return found;
  const made = setup();
  if (made === null) return null;
  const { conv, plans } = layer ?? addLayer(backend, record, request, made.spec);
  const plan = { inputShape: [...inputShape], outShape: made.outShape, plan: conv.plan(made.geometry) };
  if (plans.length === MAX_PLANS) plans.shift();
  plans.push(plan);
  return plan;
}

function findLayer(record: TensorRecord, request: ConvRequest): CachedLayer | null {
  for (const derived of record.derived ?? []) {
    if (derived instanceof CachedLayer && derived.serves(request)) return derived;
  }
  return null;
}

function addLayer(backend: Backend, record: TensorRecord, request: ConvRequest, spec: ConvSpec): CachedLayer {
  const [, height, width] = spec.kernel;
  const major = spec.transposed ? spec.inChannels : spec.outChannels;
  const weight = reorder(floatsOf(backend, request.filter), major, spec.kernel[0] * height * width);
  const bias = request.bias === null ? null : channelValues(backend, request.bias, spec.outChannels);
  const layer = new CachedLayer(request, backend.engine.createConv({ spec, weight, bias }));
  record.derived ??= [];
  if (record.derived.length === MAX_LAYERS) record.derived.shift()?.dispose();
  record.derived.push(layer);
  return layer;
}

/** One value an output channel, from one or from all. */
export function channelValues(backend: Backend, info: TensorInfo, channels: number): Float32Array {
  const values = floatsOf(backend, info);
  return values.length === channels ? values.slice() : new Float32Array(channels).fill(values[0]);
}

function floatsOf(backend: Backend, info: TensorInfo): Float32Array {
  const values = backend.floats(info);
  if (values === null) throw new Error(`Expected a float32 tensor but received one of ${info.dtype}`);
  return values;
}
