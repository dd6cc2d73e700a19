import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, describe, expect, test } from 'vitest';
import { ConvolithError } from '../lib/errors.js';
import { BufferPool } from '../lib/tfjs/buffer-pool.js';
import { BACKEND_NAME, type RegisterOptions, register } from '../lib/tfjs/index.js';
import { root } from './support/root.js';

register({ tf });
afterAll(() => tf.setBackend('cpu'));

/** A script of test/support on the built package; its last line. */
async function runScript(name: string, flags: readonly string[] = []): Promise<unknown> {
  const script = join(root, 'test', 'support', name);
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, script], { cwd: root, timeout: 110_000 });
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
}

describe('register', () => {
  test('puts the backend in use', async () => {
    await tf.ready();
    expect(tf.getBackend()).toBe(BACKEND_NAME);
  });

  test('again changes nothing but what it names', () => {
    const backend = tf.backend();
    register({ tf, threads: 1 });
    expect(tf.backend()).toBe(backend);
  });

  test.each<[string, unknown, string]>([
    ['no options', 5, 'ERR_OPTION'],
    ['an unknown option', { thread: 1 }, 'ERR_OPTION'],
    ['another library', { tf: {} }, 'ERR_OPTION'],
    ['no threads', { tf, threads: 0 }, 'ERR_OPTION'],
    ['a trace that is none', { tf, trace: 1 }, 'ERR_OPTION'],
    ['a priority that is none', { tf, priority: Number.NaN }, 'ERR_OPTION'],
  ])('refuses %s', (_, options, code) => {
    let refused: unknown;
    try {
      register(options as RegisterOptions);
    } catch (error) {
      refused = error;
    }
    expect(refused).toBeInstanceOf(ConvolithError);
    expect((refused as ConvolithError).code).toBe(code);
  });
});

describe('kernels', () => {
  test('a dilated convolution is that of the CPU backend', async () => {
    const run = async (backend: string): Promise<ArrayLike<number>> => {
      await tf.setBackend(backend);
      return tf.tidy(() => {
        const x = tf.tensor4d(
          Float32Array.from({ length: 2 * 9 * 11 * 4 }, (_, i) => Math.sin(i)),
          [2, 9, 11, 4],
        );
        const filter = tf.tensor4d(
          Float32Array.from({ length: 3 * 3 * 4 * 5 }, (_, i) => Math.cos(i)),
          [3, 3, 4, 5],
        );
        return tf.conv2d(x, filter, 1, 'same', 'NHWC', [2, 3]).dataSync();
      });
    };
    const theirs = await run('cpu');
    const ours = await run(BACKEND_NAME);
    expect(ours.length).toBe(theirs.length);
    for (let i = 0; i < ours.length; i++) expect(Math.abs(ours[i] - theirs[i])).toBeLessThan(1e-5);
  });

  test('a bias that is no vector is added all the same', () => {
    const [x, filter] = [tf.ones([1, 2, 2, 3]), tf.ones([1, 1, 3, 2])] as [tf.Tensor4D, tf.Tensor4D];
    const bias = tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]);
    const y = tf.fused.conv2d({ x, filter, strides: 1, pad: 'same', bias, activation: 'relu6' });
    expect([...y.dataSync()]).toEqual([4, 4, 5, 5, 6, 6, 6, 6]);
    tf.dispose([x, filter, bias, y]);
  });

  test('the mean of a whole map keeps its digits', () => {
    const values = Float32Array.from({ length: 128 * 128 }, (_, i) => 3 * Math.abs(Math.sin(0.37 * i)));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const pooled = tf.tidy(() => tf.avgPool(tf.tensor4d(values, [1, 128, 128, 1]), 128, 1, 'valid').dataSync());
    expect(Math.abs(pooled[0] / mean - 1)).toBeLessThan(1e-6);
  });

  test('what is read stays as it is when its memory is used again', () => {
    const x = tf.ones([64, 64]);
    const kept = tf.tidy(() => tf.add(x, 1).dataSync());
    for (let i = 0; i < 4; i++) tf.tidy(() => tf.add(x, 2 + i).dataSync());
    expect(kept.every((value) => value === 2)).toBe(true);
    x.dispose();
  });

  test('a slice keeps the memory that it lies in', () => {
    const x = tf.ones([64, 64]);
    const whole = tf.add(x, 1);
    const part = tf.slice(whole, [32, 0], [32, 64]);
    whole.dispose();
    for (let i = 0; i < 4; i++) tf.tidy(() => tf.add(x, 2 + i).dataSync());
    expect(part.dataSync().every((value) => value === 2)).toBe(true);
    tf.dispose([x, part]);
  });

  test('a wrong input is refused and leaves no tensor behind', () => {
    const filter = tf.ones([3, 3, 2, 4]) as tf.Tensor4D;
    const before = tf.memory().numTensors;
    expect(() => tf.tidy(() => tf.conv2d(tf.ones([1, 8, 8, 3]) as tf.Tensor4D, filter, 1, 'same'))).toThrow(/depth/);
    expect(tf.memory().numTensors).toBe(before);
    filter.dispose();
  });
});

describe('the pool', () => {
  test.each([1024, 1025, 1500, 4096, 5_000_000])('gives at least %i bytes, and the same again', (bytes) => {
    const pool = new BufferPool();
    const block = pool.take(bytes);
    if (block === null) throw new Error('Expected a block');
    expect(block.buffer.byteLength).toBeGreaterThanOrEqual(bytes);
    expect(block.buffer.byteLength).toBeLessThan(1.3 * bytes);
    block.users++;
    pool.release(block);
    expect(pool.take(bytes)).not.toBe(block);
    pool.release(block);
    expect(pool.take(bytes)).toBe(block);
  });

  test('gives what was let go of last, up to four times as large', () => {
    const pool = new BufferPool();
    const [small, large] = [pool.take(8192), pool.take(32_768)];
    if (small === null || large === null) throw new Error('Expected two blocks');
    pool.release(small);
    pool.release(large);
    expect(pool.take(8192)).toBe(large);
    expect(pool.take(8192)).toBe(small);
    pool.release(large);
    expect(pool.take(4096)).not.toBe(large);
  });
});

interface Memory {
  readonly numTensors: number;
  readonly numBytes: number;
  readonly resident: number;
}

test('10,000 predictions leave memory where it was after the first 100', async () => {
  // V8's young generation grows with any program that makes garbage, to 48 MB; it is held small, so that a leak shows.
  const result = await runScript('tfjs-memory.mjs', ['--expose-gc', '--max-semi-space-size=1']);
  const { before, after } = result as { before: Memory; after: Memory };
  expect(after.numTensors).toBe(before.numTensors);
  expect(after.numBytes).toBe(before.numBytes);
  // V8 itself takes some 10 to 30 MB more, whatever the number of predictions (measured to 150,000); the smallest map that could leak would make it 40 MB.
  expect(after.resident - before.resident).toBeLessThan(36 * 2 ** 20);
});

interface Training {
  readonly losses: readonly number[];
  readonly median: number;
}

test('a small CNN trains on the loss curve of the CPU backend, many times faster', async () => {
  const { cpu, convolith } = (await runScript('tfjs-training.mjs')) as { cpu: Training; convolith: Training };
  expect(convolith.losses.length).toBe(cpu.losses.length);
  convolith.losses.forEach((loss, step) => {
    expect(Math.abs(loss / cpu.losses[step] - 1)).toBeLessThan(1e-3);
  });
  expect(cpu.median / convolith.median).toBeGreaterThan(20);
});
