import type { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import type * as tfc from '@tensorflow/tfjs-core';
import { selectCompanions, selectEngine, setThreads } from '../engines.js';
import { ConvolithError, expected } from '../errors.js';
import { asOptions, checkKeys, finite } from '../spec/check.js';
import type { EngineChoice } from '../spec/resolve.js';
import { type KernelCaller, type KernelFunc, lend, makeBackendClass, type TensorFlow } from './backend.js';
import { traceGraphModels } from './graph-model.js';
import type { KernelResult, TensorInfo } from './kernel.js';
import { KERNELS } from './kernels.js';

/** The backend's name in TensorFlow.js. */
export const BACKEND_NAME = 'convolith';

/** Above every backend that TensorFlow.js ships (WebGPU and tfjs-node have 3). */
const DEFAULT_PRIORITY = 10;

/** Whether graph models are traced: what `register` was told last. */
let isTraced = true;

/** How the backend is registered. */
export interface RegisterOptions {
  /** The TensorFlow.js to register with: the namespace of `@tensorflow/tfjs` or `-core`. @defaultValue the one that is installed */
  readonly tf?: TensorFlow;
  /** TensorFlow.js takes the backend of the highest one. Where it is given, a backend already in use stays. @defaultValue 10, above every other */
  readonly priority?: number;
  /** Threads that a kernel may use at the most; the pool is the process's. @defaultValue as many as the machine allows */
  readonly threads?: number;
  /** `'auto'`, the native engine, or the TypeScript one where the addon cannot load. @defaultValue `'auto'` */
  readonly engine?: EngineChoice;
  /** Whether graph models run from a trace of their first runs, without TensorFlow.js between the kernels. @defaultValue `true` */
  readonly trace?: boolean;
}

/**
 * Registers the backend `convolith` with TensorFlow.js. Without `priority` it becomes the backend in use; with one,
 * TensorFlow.js chooses by it. Kernels that are not ours are the CPU backend's, on the same memory. A second call with the
 * same TensorFlow.js sets the threads and `trace` and, without `priority`, makes the backend the one in use again.
 * @throws ConvolithError `ERR_LOAD` where TensorFlow.js or its CPU backend is not installed, or the engine that was asked
 * for cannot load; `ERR_OPTION` for an option that is wrong.
 */
export function register(options: RegisterOptions = {}): void {
  const {
    tf = loadedCore() ?? load<TensorFlow>('@tensorflow/tfjs-core'),
    priority,
    threads,
    engine = 'auto',
    trace,
  } = check(options);
  if (threads !== undefined) setThreads(threads);
  if (trace !== undefined) isTraced = trace;
  if (tf.findBackendFactory(BACKEND_NAME) === null) {
    const Class = makeBackendClass(cpuBackendOf(tf), {
      tf,
      engine: selectEngine(engine),
      companions: selectCompanions(engine),
      call: registerKernels(tf),
    });
    tf.registerBackend(BACKEND_NAME, () => new Class(), priority ?? DEFAULT_PRIORITY);
  }
  // At every call, for the converter may have been loaded since the last.
  traceGraphModels(tf, graphModelOf(tf), () => isTraced && tf.getBackend() === BACKEND_NAME);
  if (priority === undefined && tf.engine().backendName !== undefined) void tf.setBackend(BACKEND_NAME);
}

function check(options: RegisterOptions): RegisterOptions {
  checkKeys(asOptions(options, 'options'), ['tf', 'priority', 'threads', 'engine', 'trace'], 'options');
  const { tf, priority, trace } = options;
  if (tf !== undefined && typeof tf?.registerKernel !== 'function') {
    throw expected('ERR_OPTION', "the namespace of '@tensorflow/tfjs' or '@tensorflow/tfjs-core'", 'tf', tf);
  }
  if (priority !== undefined) finite(priority, 0, 'priority');
  if (trace !== undefined && typeof trace !== 'boolean') throw expected('ERR_OPTION', 'true or false', 'trace', trace);
  return options;
}

/** The TensorFlow.js that the program has loaded already, wherever it lies: a second copy would only add confusion. */
function loadedCore(): TensorFlow | undefined {
  return loaded(/@tensorflow[\\/]tfjs-core[\\/]dist[\\/]tf-core\.node\.js$/) as TensorFlow | undefined;
}

/** The class of graph models, of the namespace or of the converter that the program has loaded beside it. */
function graphModelOf(tf: TensorFlow): unknown {
  const converter = loaded(/@tensorflow[\\/]tfjs-converter[\\/]dist[\\/]tf-converter\.node\.js$/);
  return 'GraphModel' in tf ? tf.GraphModel : (converter as { GraphModel?: unknown } | undefined)?.GraphModel;
}

function loaded(path: RegExp): unknown {
  for (const [file, module] of Object.entries(require.cache)) if (path.test(file)) return module?.exports;
  return undefined;
}

/** Whether `register()` would find a TensorFlow.js by itself. */
export function isTensorFlowThere(): boolean {
  if (loadedCore() !== undefined) return true;
  try {
    require.resolve('@tensorflow/tfjs-core');
    return true;
  } catch {
    return false;
  }
}

/** A peer of the user's, from where this package finds it. */
function load<T>(name: string): T {
  try {
    return require(name) as T;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause);
    throw new ConvolithError(
      'ERR_LOAD',
      `Expected ${name} to be installed beside convolith but received an error: ${reason}. Install it with "npm install ${name}"`,
      { cause },
    );
  }
}

/** The CPU backend's class. A backend's factory is the only way to it that a bundled TensorFlow.js leaves. */
function cpuBackendOf(tf: TensorFlow): typeof MathBackendCPU {
  if (tf.findBackendFactory('cpu') === null) load('@tensorflow/tfjs-backend-cpu');
  const factory = tf.findBackendFactory('cpu');
  if (factory === null || tf.getKernelsForBackend('cpu').length === 0) {
    throw new ConvolithError(
      'ERR_LOAD',
      "Expected the backend 'cpu' with its kernels to be registered with tf but received none. " +
        "Import '@tensorflow/tfjs-backend-cpu' with the same TensorFlow.js first",
    );
  }
  return factory().constructor as unknown as typeof MathBackendCPU;
}

/** Registers each kernel of the CPU backend under our name, with ours before it where there is one. */
function registerKernels(tf: TensorFlow): KernelCaller {
  const own = new Map(KERNELS.map((kernel) => [kernel.name, kernel]));
  const table = new Map<string, KernelFunc>();
  for (const config of tf.getKernelsForBackend('cpu')) {
    const { kernelName, kernelFunc } = config;
    const cpu = lend(kernelFunc) as unknown as KernelFunc;
    const kernel = own.get(kernelName);
    const serve: KernelFunc = kernel === undefined ? cpu : (call) => kernel.run(call) ?? cpu(call);
    table.set(kernelName, serve);
    if (tf.getKernel(kernelName, BACKEND_NAME) === undefined) {
      const traced: KernelFunc = (call) => {
        const { recorder } = call.backend;
        return recorder === null ? serve(call) : recorder.kernel(kernelName, serve, call);
      };
      tf.registerKernel({ ...config, backendName: BACKEND_NAME, kernelFunc: traced as unknown as tfc.KernelFunc });
    }
  }
  return (name, inputs, attrs, backend) => {
    const serve = table.get(name);
    if (serve === undefined)
      throw new ConvolithError('ERR_UNSUPPORTED', `Expected a kernel named ${name} but there is none`);
    return single(serve({ inputs, attrs, backend }));
  };
}

function single(result: KernelResult): TensorInfo {
  return Array.isArray(result) ? result[0] : (result as TensorInfo);
}
