// Vitest's runner for where its native tools do not run (an emulated processor): the part of its API that this
// project's test files use, one test after the other. Matchers are vitest's own.
import { JestAsymmetricMatchers, JestChaiExpect } from '@vitest/expect';
import * as chai from 'chai';

chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);
export const expect = chai.expect;

const queue = [];
const after = [];
const path = [];

/** `%s`, `%i`, `%j`, `%o` in order, and `$key` of a row that is an object. */
function title(name, row) {
  const values = Array.isArray(row) ? [...row] : [row];
  const text = name.replace(/%[sijod]/g, (mark) => {
    const value = values.shift();
    return mark === '%j' || mark === '%o' ? JSON.stringify(value) : String(value);
  });
  return text.replace(/\$(\w+)/g, (_, key) => String(row?.[key]));
}

const each =
  (define) =>
  (rows) =>
  (name, ...rest) => {
    const at = rest.findIndex((part) => typeof part === 'function');
    for (const row of rows) {
      const args = Array.isArray(row) ? row : [row];
      define(title(name, row), () => rest[at](...args));
    }
  };

export function test(name, ...rest) {
  const body = rest.find((part) => typeof part === 'function');
  queue.push({ name: [...path, name].join(' > '), body });
}
test.each = each(test);
test.runIf = (condition) => (condition ? test : () => undefined);
test.skipIf = (condition) => test.runIf(!condition);
export const it = test;

export function describe(name, body) {
  path.push(name);
  body();
  path.pop();
}
describe.each = each(describe);

export function afterAll(hook) {
  after.push(hook);
}

async function runAll() {
  let passed = 0;
  let failed = 0;
  for (const { name, body } of queue) {
    try {
      await body();
      passed++;
    } catch (error) {
      failed++;
      console.log(`FAILED ${name}\n  ${error instanceof Error ? error.message : error}`);
    }
  }
  for (const hook of after) await hook();
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

// A test file collects its tests while it is evaluated, at its top level; this runs when it is done.
process.once('beforeExit', runAll);
