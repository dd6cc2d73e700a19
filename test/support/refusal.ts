import { expect } from 'vitest';
import { ConvolithError, type ConvolithErrorCode } from '../../lib/index.js';

/** Options that the types forbid, for tests of what the code says about them. */
export function untyped(value: unknown): never {
  return value as never;
}

/** Expects a call to be refused with `code` and a message that has every part of `parts`. */
export function expectRefusal(call: () => unknown, code: ConvolithErrorCode, ...parts: readonly string[]): void {
  let caught: unknown;
  try {
    call();
  } catch (error) {
    caught = error;
  }
  checkRefusal(caught, code, parts);
}

export async function expectRejection(
  promise: Promise<unknown>,
  code: ConvolithErrorCode,
  ...parts: readonly string[]
): Promise<ConvolithError> {
  const caught: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  return checkRefusal(caught, code, parts);
}

function checkRefusal(caught: unknown, code: ConvolithErrorCode, parts: readonly string[]): ConvolithError {
  expect(caught, 'a refusal').toBeInstanceOf(ConvolithError);
  const error = caught as ConvolithError;
  expect({ code: error.code, message: error.message }).toMatchObject({ code });
  for (const part of parts) expect(error.message).toContain(part);
  return error;
}
