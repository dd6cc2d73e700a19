import { cpus } from 'node:os';
import type { CompanionKernels } from './companions/kernels.js';
import type { Engine } from './engine.js';
import { ConvolithError, expected } from './errors.js';
import { referenceCompanions } from './fallback/companions/kernels.js';
import { createReferenceEngine } from './fallback/engine.js';
import type { NativeBinding } from './native/binding.js';
import { createNativeCompanions } from './native/companions.js';
import { createNativeEngine, rewrapped } from './native/engine.js';
import type { LoadResult } from './native/load.js';
import { loadBinding } from './native/load.js';
import { integer, list, oneOf } from './spec/check.js';
import type { EngineChoice } from './spec/resolve.js';
import { version } from './version.js';

/** What `info()` tells. */
export interface Info {
  /** The package's version. */
  readonly version: string;
  /** What `engine: 'auto'` means here. */
  readonly engine: 'native' | 'reference';
  /** The instruction set in use; `'js'` for the TypeScript engine. */
  readonly isa: string;
  /** Instruction sets that this CPU runs, best first; empty where the addon is not loaded. */
  readonly isas: readonly string[];
  /** Threads a run may use at the most. */
  readonly threads: number;
  /** A short name of the processor. */
  readonly cpu: string;
  /** Why the addon could not be loaded, where it could not, and what to do about it. */
  readonly loadError?: string;
}

const ISAS = ['avx512', 'avx2', 'neon', 'scalar'] as const;

let loaded: LoadResult | null = null;
let configured = false;
let warned = false;
let nativeCompanions: CompanionKernels | null = null;
const engines = new Map<Engine['name'], Engine>();

/**
 * The engine that an `engine` option means. An option by name wins over `CONVOLITH_ENGINE`, which says what `'auto'` is.
 * @throws ConvolithError `ERR_LOAD` where the native one was asked for by name (or an ISA was forced, which the TypeScript
 * engine has not) and cannot be loaded; `ERR_OPTION` for an unknown value in the environment, `ERR_UNSUPPORTED` for an
 * ISA that this CPU lacks.
 */
export function selectEngine(choice: EngineChoice): Engine {
  const environment = readEnvironment();
  const wanted = choice === 'auto' ? environment.engine : choice;
  if (wanted === 'reference') return referenceEngine();
  const native = nativeEngine(environment);
  if (native !== null) return native;
  const failure = loadAddon();
  if (wanted === 'native' || environment.isa !== null) {
    const name = wanted === 'native' ? 'the native engine' : `CONVOLITH_ISA '${environment.isa}'`;
    throw new ConvolithError(
      'ERR_LOAD',
      `Expected a loadable addon for ${name} but received an error: ${failure.reason}. ${failure.advice}`,
    );
  }
  warnOnce(failure);
  return referenceEngine();
}

/**
 * The companions (elementwise, movement, pooling, …) of the engine that an `engine` option means. The functions of
 * `lib/companions` take them as their first argument.
 * @throws ConvolithError as {@link selectEngine}.
 */
export function selectCompanions(choice: EngineChoice): CompanionKernels {
  const engine = selectEngine(choice);
  const binding = engine.name === 'native' ? loadAddon().binding : null;
  if (binding === null) return referenceCompanions;
  nativeCompanions ??= createNativeCompanions(binding);
  return nativeCompanions;
}

function warnOnce({ reason, advice }: LoadResult): void {
  if (warned) return;
  warned = true;
  process.emitWarning(
    `Convolith's native engine could not be loaded, so the slower TypeScript engine serves: ${reason}. ${advice}. ` +
      'Or set CONVOLITH_ENGINE=reference to choose the TypeScript engine and silence this.',
    { type: 'ConvolithWarning', code: 'CONVOLITH_FALLBACK' },
  );
}

interface Environment {
  readonly engine: EngineChoice;
  readonly isa: string | null;
  readonly threads: number | null;
}

/** Read anew for each layer, so that a wrong value is an error each time and not only the first. */
function readEnvironment(): Environment {
  const { CONVOLITH_ENGINE: engine, CONVOLITH_ISA: isa, CONVOLITH_THREADS: threads } = process.env;
  return {
    engine: engine ? oneOf(engine, ['native', 'reference'], 'native', 'CONVOLITH_ENGINE') : 'auto',
    isa: isa ? oneOf(isa, ISAS, 'scalar', 'CONVOLITH_ISA') : null,
    threads: threads ? parseThreads(threads) : null,
  };
}

function parseThreads(value: string): number {
  if (!/^\d+$/.test(value)) throw expected('ERR_OPTION', 'a positive integer', 'CONVOLITH_THREADS', value);
  return integer(Number(value), 1, 'CONVOLITH_THREADS');
}

function referenceEngine(): Engine {
  const known = engines.get('reference');
  if (known !== undefined) return known;
  const made = createReferenceEngine();
  engines.set('reference', made);
  return made;
}

function nativeEngine(environment: Environment): Engine | null {
  const known = engines.get('native');
  if (known !== undefined) return known;
  const { binding } = loadAddon();
  if (binding === null) return null;
  configure(binding, environment);
  const made = createNativeEngine(binding);
  engines.set('native', made);
  return made;
}

function loadAddon(): LoadResult {
  loaded ??= loadBinding();
  return loaded;
}

/** Applies the environment once; where it is refused, the next call refuses again. */
function configure(binding: NativeBinding, { isa, threads }: Environment): void {
  if (configured) return;
  if (isa !== null) {
    const runs = binding.isas();
    if (!runs.includes(isa))
      throw expected('ERR_UNSUPPORTED', `one of ${list(runs)} (this CPU's)`, 'CONVOLITH_ISA', isa);
    rewrapped(() => binding.setIsa(isa));
  }
  if (threads !== null) rewrapped(() => binding.setThreads(threads));
  configured = true;
}

/** The addon, where `'auto'` or an earlier call brings it into use. */
function bindingInUse(): NativeBinding | null {
  const environment = readEnvironment();
  if (environment.engine === 'reference') return null;
  const { binding } = loadAddon();
  if (binding !== null) configure(binding, environment);
  return binding;
}

/**
 * Version, engine, instruction sets, threads and processor.
 * @example
 * console.log(Object.keys(info()).slice(0, 3)); // → [ 'version', 'engine', 'isa' ]
 */
export function info(): Info {
  const binding = bindingInUse();
  if (binding !== null) {
    const [isa, isas, threads, cpu] = [binding.getIsa(), binding.isas(), binding.getThreads(), binding.cpu()];
    return { version, engine: 'native', isa, isas, threads, cpu };
  }
  const cpu = cpus()[0]?.model.trim() ?? process.arch;
  const base = { version, engine: 'reference', isa: 'js', isas: [], threads: 1, cpu } as const;
  return loaded?.reason ? { ...base, loadError: `${loaded.reason}. ${loaded.advice}` } : base;
}

/**
 * Sets how many threads a run of the native engine may use; the pool is shared by the whole process. The TypeScript
 * engine has one thread and keeps it.
 * @throws ConvolithError `ERR_OPTION` where `count` is no positive integer.
 * @example
 * setThreads(1);
 * console.log(getThreads()); // → 1
 */
export function setThreads(count: number): void {
  const checked = integer(count, 1, 'threads');
  const binding = bindingInUse();
  if (binding !== null) rewrapped(() => binding.setThreads(checked));
}

/**
 * Threads that a run may use at the most.
 * @example
 * console.log(getThreads() >= 1); // → true
 */
export function getThreads(): number {
  return bindingInUse()?.getThreads() ?? 1;
}

/**
 * The seam for tests: puts `engine` in the place of the one of its name until the returned function is called.
 * @internal
 */
export function replaceEngine(engine: Engine): () => void {
  const before = engines.get(engine.name);
  engines.set(engine.name, engine);
  return () => {
    if (before === undefined) engines.delete(engine.name);
    else engines.set(engine.name, before);
  };
}
