import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { setThreads } from '../lib/index.js';
import { loadBinding } from '../lib/native/load.js';
import { openTarget, TARGET_NAMES, type TargetName } from './fuzz/targets.js';
import { root } from './support/root.js';

interface Line {
  readonly target: TargetName;
  /** What was wrong. */
  readonly why: string;
  readonly case: unknown;
}

/** Every case that a hunt has found a fault by, shrunk. */
function corpus(): Line[] {
  const file = join(root, 'test', 'fuzz', 'corpus.jsonl');
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Line);
}

const { binding } = loadBinding();
const [isa, threads] = [binding?.getIsa(), binding?.getThreads()];
afterAll(() => {
  if (isa !== undefined) binding?.setIsa(isa);
  if (threads !== undefined) setThreads(threads);
});

describe('what hunts have found stays right', () => {
  test.each(corpus())('$target: $why', async ({ target, case: line }) => {
    const opened = openTarget(target);
    await expect(opened.check(opened.expand(line))).resolves.toBeUndefined();
  });

  test.each(TARGET_NAMES)('a case of %s goes through a reproducer’s line', async (name) => {
    const opened = openTarget(name);
    const { default: fc } = await import('fast-check');
    for (const one of fc.sample(opened.cases, { numRuns: 50, seed: 3 })) {
      expect(opened.expand(JSON.parse(JSON.stringify(opened.compact(one))))).toEqual(one);
    }
  });
});
