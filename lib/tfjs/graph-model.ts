import type * as tfc from '@tensorflow/tfjs-core';
import type { Backend, TensorFlow } from './backend.js';
import type { TensorInfo } from './kernel.js';
import { Recorder, type Trace } from './trace.js';

// TensorFlow.js interprets a graph model node by node: 5 µs a kernel (parameters looked up by name, tensors made, tracked
// and disposed of), 0.5 to 1.3 ms of networks whose convolutions take 1 to 5. The first two runs on inputs of a shape are
// traced; where they asked the same of the backend, the following runs are that list.

/** What is read of TensorFlow.js's `GraphModel`. */
interface GraphModel {
  readonly weights: Readonly<Record<string, readonly tfc.Tensor[]>>;
  readonly executor?: {
    readonly graph?: { readonly nodes?: Readonly<Record<string, { readonly category?: string }>> };
  };
  execute(inputs: Inputs, outputs?: string | string[]): tfc.Tensor | tfc.Tensor[];
}
interface GraphModelClass {
  readonly prototype: GraphModel;
}
type Inputs = tfc.Tensor | tfc.Tensor[] | tfc.NamedTensorMap;

/** Nodes that run code of the program's, or keep something from run to run. */
const UNTRACED: ReadonlySet<string | undefined> = new Set(['custom', 'control', 'dynamic', 'hash_table']);

/** Shapes of inputs, and choices of outputs, kept for a model. */
const MAX_CALLS = 8;

/** Runs that are traced before a model is left to TensorFlow.js: weights may still move to the backend in the first. */
const MAX_TRACED = 4;

/** A model called with inputs of some names and shapes for some outputs. */
interface Call {
  readonly executor: unknown;
  readonly names: readonly string[];
  readonly inputs: readonly Pick<tfc.Tensor, 'shape' | 'dtype'>[];
  readonly outputs: readonly string[];
  /** What the last run asked for. */
  traced: Trace | null;
  /** What two runs in turn asked for. */
  trace: Trace | null;
  runs: number;
}

function listOf(inputs: Inputs): { names: readonly string[]; tensors: readonly tfc.Tensor[] } | null {
  const isTensor = typeof (inputs as tfc.Tensor)?.dataSync === 'function';
  const map: Readonly<Record<string, tfc.Tensor>> = isTensor
    ? { 0: inputs as tfc.Tensor }
    : (inputs as tfc.NamedTensorMap);
  if (typeof map !== 'object' || map === null) return null;
  const names = isTensor || Array.isArray(inputs) ? [] : Object.keys(map);
  const tensors = Object.values(map);
  return tensors.every((tensor) => tensor?.isDisposed === false) ? { names, tensors } : null;
}

function sameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((value, at) => value === b[at]);
}

/** Whether TensorFlow.js does no more with a kernel than to call it. */
function isPlain(tf: TensorFlow): boolean {
  const { state } = tf.engine();
  const env = tf.env();
  return (
    state.gradientDepth === 0 &&
    !state.profiling &&
    !['DEBUG', 'IS_TEST', 'KEEP_INTERMEDIATE_TENSORS'].some((flag) => flag in env.getFlags() && env.getBool(flag))
  );
}

class ModelRuns {
  readonly #calls: Call[] = [];

  constructor(
    private readonly tf: TensorFlow,
    private readonly model: GraphModel,
  ) {}

  call(names: readonly string[], inputs: readonly tfc.Tensor[], outputs: readonly string[]): Call {
    const { executor } = this.model;
    const found = this.#calls.find(
      (call) =>
        call.executor === executor &&
        sameList(call.names, names) &&
        sameList(call.outputs, outputs) &&
        call.inputs.length === inputs.length &&
        call.inputs.every(({ shape, dtype }, at) => dtype === inputs[at].dtype && sameList(shape, inputs[at].shape)),
    );
    if (found !== undefined) return found;
    const sizes = inputs.map(({ shape, dtype }) => ({ shape: [...shape], dtype }));
    const nodes = Object.values(executor?.graph?.nodes ?? {});
    const isTraced = nodes.length > 0 && !nodes.some(({ category }) => UNTRACED.has(category));
    const runs = isTraced ? 0 : MAX_TRACED;
    const made = { executor, names, inputs: sizes, outputs: [...outputs], traced: null, trace: null, runs };
    if (this.#calls.length === MAX_CALLS) this.#calls.shift();
    this.#calls.push(made);
    return made;
  }

  /** Runs the model as TensorFlow.js does, and writes down what it asks for. */
  record(
    backend: Backend,
    call: Call,
    inputs: readonly TensorInfo[],
    run: () => tfc.Tensor | tfc.Tensor[],
  ): tfc.Tensor | tfc.Tensor[] {
    const weights = Object.values(this.model.weights).flatMap((tensors) => tensors.map(({ dataId }) => dataId));
    const { state } = this.tf.engine();
    const recorder = new Recorder(inputs, new Set(weights), () => state.numTensors);
    backend.recorder = recorder;
    let result: tfc.Tensor | tfc.Tensor[];
    try {
      result = run();
    } finally {
      backend.recorder = null;
    }
    const traced = recorder.finish([result].flat());
    if (traced !== null && call.traced?.equals(traced)) call.trace = traced;
    call.traced = call.trace === null ? traced : null;
    call.runs++;
    return result;
  }

  /** The tensors of a run that TensorFlow.js did not make. */
  tensors(infos: readonly TensorInfo[]): tfc.Tensor | tfc.Tensor[] {
    const engine = this.tf.engine();
    const made = infos.map(({ dataId, shape, dtype }) => engine.makeTensorFromDataId(dataId, shape, dtype));
    return made.length > 1 ? made : made[0];
  }
}

const patched = new WeakSet<GraphModelClass>();

/** Lets graph models of the TensorFlow.js in use run from their traces while `isOn()`: while our backend is in use. */
export function traceGraphModels(tf: TensorFlow, Class: unknown, isOn: () => boolean): void {
  const { prototype } = (Class ?? {}) as Partial<GraphModelClass>;
  if (typeof prototype?.execute !== 'function' || patched.has(Class as GraphModelClass)) return;
  patched.add(Class as GraphModelClass);
  const { execute } = prototype;
  const models = new WeakMap<GraphModel, ModelRuns>();
  prototype.execute = function (this: GraphModel, inputs, outputs) {
    const original = (): tfc.Tensor | tfc.Tensor[] => execute.call(this, inputs, outputs);
    if (!isOn() || !isPlain(tf)) return original();
    const backend = tf.backend() as unknown as Backend;
    const given = listOf(inputs);
    const isNothing = Array.isArray(outputs) && outputs.length === 0;
    if (given === null || isNothing || backend.recorder !== null) return original();
    const { names, tensors } = given;
    if (!tensors.every(({ dataId }) => backend.data.has(dataId))) return original();
    const runs = models.get(this) ?? new ModelRuns(tf, this);
    models.set(this, runs);
    const call = runs.call(names, tensors, [outputs ?? []].flat());
    if (call.trace !== null) {
      const infos = call.trace.run(backend, tensors);
      if (infos !== null) return runs.tensors(infos);
      call.trace = null;
    }
    return call.runs < MAX_TRACED ? runs.record(backend, call, tensors, original) : original();
  };
}
