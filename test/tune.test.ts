import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Conv2d, DepthwiseConv2d, Sequential, tensor } from '../lib/index.js';
import { loadBinding } from '../lib/native/load.js';
import { expectRefusal, untyped } from './support/refusal.js';

const engines = loadBinding().binding === null ? (['reference'] as const) : (['native', 'reference'] as const);

const filled = (...shape: number[]) =>
  tensor(
    Float32Array.from({ length: shape.reduce((all, size) => all * size) }, (_, index) => ((index * 7) % 5) - 2),
    shape,
  );

describe.each(engines)('tune on the %s engine', (engine) => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'convolith-tune-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const weight = filled(16, 8, 3, 3);
  const input = filled(1, 8, 12, 12);

  it('takes an algorithm that it timed, and says what the others took', async () => {
    // What two algorithms serve, in whole numbers, where both give the same.
    const small = filled(16, 8, 1, 1);
    using plain = new Conv2d({ weight: small, engine });
    using tuned = new Conv2d({ weight: small, engine, tune: true });
    expect(tuned.forward(input)).toEqual(plain.forward(input));
    expect(await tuned.forwardAsync(input)).toEqual(plain.forward(input));
    const { algorithm, refused } = tuned.explain(input.shape);
    expect(algorithm).not.toBe('reference');
    expect(refused.length).toBeGreaterThan(0);
    for (const { reason } of refused)
      expect(reason).toMatch(new RegExp(`^took [\\d.]+ ms where ${algorithm} took [\\d.]+$`));
  });

  it('keeps choices in the file that is named, and obeys it', () => {
    const file = join(folder, 'choices.json');
    using first = new Conv2d({ weight, padding: 1, engine, math: 'strict', tune: file });
    const { algorithm } = first.explain(input.shape);
    const [[key, kept]] = Object.entries(JSON.parse(readFileSync(file, 'utf8')));
    expect(kept).toBe(algorithm);
    expect(key).toContain('n1 c8 1x12x12 o16 k1x3x3 s1x1x1');
    writeFileSync(file, JSON.stringify({ [key]: 'reference', other: 'kept' }));
    using second = new Conv2d({ weight, padding: 1, engine, math: 'strict', tune: file });
    const explained = second.explain(input.shape);
    expect(explained.algorithm).toBe('reference');
    expect(explained.refused[0].reason).toBe('reference was the fastest when this layer was tuned');
    expect(second.forward(input)).toEqual(first.forward(input));
    second.explain([2, 8, 12, 12]);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ [key]: 'reference', other: 'kept' });
  });

  it('leaves a named algorithm alone, and its layers in a stack as they are', () => {
    using named = new Conv2d({ weight, engine, tune: true, algorithm: 'im2col-gemm' });
    expect(named.explain(input.shape).algorithm).toBe('im2col-gemm');
    using stack = new Sequential([
      new DepthwiseConv2d({ weight: filled(8, 1, 3, 3), engine, tune: true }),
      new Conv2d({ weight: filled(4, 8, 1, 1), engine, tune: true }),
    ]);
    // No turned input and no turned output: the map between alone.
    expect(stack.explain(input.shape).mapBytes).toBe(4 * 8 * 100);
  });

  it('refuses other values, and files of something else', () => {
    expectRefusal(() => new Conv2d({ weight, engine, tune: untyped(1) }), 'ERR_OPTION', 'a boolean', 'tune', '1');
    expectRefusal(() => new Conv2d({ weight, engine, tune: '' }), 'ERR_OPTION', 'the name of a file', 'tune');
    const file = join(folder, 'broken.json');
    for (const text of ['{', '[1]', '{"a": 1}']) {
      writeFileSync(file, text);
      using layer = new Conv2d({ weight, engine, tune: file });
      expectRefusal(() => layer.forward(input), 'ERR_OPTION', 'a file that tune wrote', 'tune');
    }
    using nowhere = new Conv2d({ weight, engine, tune: join(folder, 'none', 'choices.json') });
    expectRefusal(() => nowhere.forward(input), 'ERR_OPTION', 'a writable file', 'tune');
    using directory = new Conv2d({ weight, engine, tune: folder });
    expectRefusal(() => directory.forward(input), 'ERR_OPTION', 'a readable file', 'tune');
  });
});
