const CODES = [
  /** A tensor's shape does not fit, or the output would be empty. */
  'ERR_SHAPE',
  /** An option is wrong by itself or beside the others. */
  'ERR_OPTION',
  /** A typed array of another kind than Float32Array. */
  'ERR_DTYPE',
  /** A buffer is too short, detached, shared, or `out` overlaps what is read. */
  'ERR_BUFFER',
  /** Valid, but what was forced (algorithm, engine, ISA) cannot serve it. */
  'ERR_UNSUPPORTED',
  /** The layer was disposed of. */
  'ERR_DISPOSED',
  /** The run's AbortSignal fired. */
  'ERR_ABORTED',
  /** The native engine was asked for by name and cannot be loaded. */
  'ERR_LOAD',
  /** More memory than there is, or more than 2^31 - 1 elements in one tensor. */
  'ERR_MEMORY',
] as const;

/** The kinds of refusal. Each names whose fault it is; see {@link ConvolithError}. */
export type ConvolithErrorCode = (typeof CODES)[number];

/** Whether a value, perhaps the addon's, is one of the codes. */
export function isErrorCode(value: unknown): value is ConvolithErrorCode {
  return CODES.some((code) => code === value);
}

/**
 * Every refusal of this library. The message follows one formula:
 * what was expected, for which name, and what came.
 * @example
 * try {
 *   new Conv2d({ weight: tensor(new Float32Array(1), [1, 1, 1, 1]), stride: 0 });
 * } catch (error) {
 *   if (error instanceof ConvolithError) console.log(error.code); // → ERR_OPTION
 * }
 */
export class ConvolithError extends Error {
  override readonly name = 'ConvolithError';

  constructor(
    readonly code: ConvolithErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A received value as it reads best in a message: short, and with its kind where the value says little. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'symbol') return 'a symbol';
  if (value === null || typeof value !== 'object') return String(value);
  if (ArrayBuffer.isView(value))
    return `${value.constructor.name}(${(value as Uint8Array).length ?? value.byteLength})`;
  if (Array.isArray(value)) {
    const head = value
      .slice(0, 8)
      .map((entry) => (typeof entry === 'object' && entry !== null ? 'an object' : show(entry)));
    return `[${head.join(', ')}${value.length > 8 ? `, … ${value.length} entries` : ''}]`;
  }
  return 'an object';
}

/** `Expected <expected> for <name> but received <received>`: the one way an error is worded. */
export function expected(code: ConvolithErrorCode, what: string, name: string, received: unknown): ConvolithError {
  return new ConvolithError(code, `Expected ${what} for ${name} but received ${show(received)}`);
}
