import { afterAll, describe, expect, test } from 'vitest';
import { loadBinding } from '../lib/native/load.js';
import type { ContractCase } from './contract/case.js';
import { relu6 } from './contract/case.js';
import { enginesUnderTest } from './support/engines.js';
import { createLayer, prepareCase } from './support/run-case.js';

const { binding } = loadBinding();
const before = { threads: binding?.getThreads() ?? 1, isa: binding?.getIsa() };
afterAll(() => {
  binding?.setThreads(before.threads);
  if (before.isa !== undefined) binding?.setIsa(before.isa);
});

const LINE = 16;
const SENTINEL = 0x7fc0_5a5a;

/** Layers that store differently by where in a cache line their outputs begin: 2 MiB of them and more, or depthwise. */
const base = { pointwise: null, bias: true, residual: true };
const last = { channelsLast: true };
const CASES: (ContractCase & { algorithm: string })[] = [
  {
    ...base,
    name: '1x1',
    algorithm: 'pointwise',
    options: { ...last, inChannels: 7, outChannels: 64, size: [97, 86], kernel: [1, 1], activation: relu6 },
  },
  {
    ...base,
    name: '1x1 by 2, of two images',
    algorithm: 'pointwise',
    residual: false,
    options: { ...last, batch: 2, inChannels: 5, outChannels: 96, size: [109, 103], kernel: [1, 1], stride: 2 },
  },
  {
    ...base,
    name: '1x1 of many channels in few pixels',
    algorithm: 'pointwise',
    options: { ...last, inChannels: 3, outChannels: 2560, size: [11, 19], kernel: [1, 1] },
  },
  {
    ...base,
    name: '3x3 with borders',
    algorithm: 'im2col-gemm',
    options: { ...last, inChannels: 16, outChannels: 64, size: [90, 96], kernel: [3, 3], padding: 1 },
  },
  ...[
    { channels: 64, kernel: 3, stride: 1 },
    { channels: 128, kernel: 3, stride: 1 },
    { channels: 512, kernel: 3, stride: 1 },
    { channels: 64, kernel: 3, stride: 2 },
    { channels: 256, kernel: 3, stride: 2 },
    { channels: 96, kernel: 3, stride: 2 },
    { channels: 40, kernel: 3, stride: 2 },
    { channels: 48, kernel: 5, stride: 2 },
    { channels: 32, kernel: 5, stride: 1 },
    { channels: 64, kernel: 2, stride: 1 },
    { channels: 144, kernel: 7, stride: 2 },
    { channels: 160, kernel: 3, stride: 3 },
  ].map(({ channels, kernel, stride }) => ({
    ...base,
    name: `depthwise ${kernel}x${kernel} of ${channels} channels by ${stride}`,
    algorithm: 'depthwise',
    residual: channels === 64 || channels === 96,
    options: {
      ...last,
      inChannels: channels,
      outChannels: channels,
      groups: channels,
      size: [13, 21],
      kernel: [kernel, kernel],
      padding: 1,
      stride,
    },
  })),
  ...[3, 4].map((kernel) => ({
    ...base,
    name: `transposed depthwise ${kernel}x${kernel} of 8 channels by 2`,
    algorithm: 'transposed',
    options: {
      ...last,
      transposed: true,
      inChannels: 8,
      outChannels: 8,
      groups: 8,
      size: [9, 11],
      kernel: [kernel, kernel],
      padding: 1,
      stride: 2,
    },
  })),
];

/** `data` from each place of a line on: a large array begins at the same one, on any system. */
function placed(data: Float32Array, at: number): Float32Array {
  const view = new Float32Array(data.length + 2 * LINE).subarray(at, at + data.length);
  view.set(data);
  return view;
}

describe.each(enginesUnderTest().filter(({ isa }) => isa !== 'js'))('$label', ({ select }) => {
  test.each(CASES)('$name: the same bits wherever in a line arrays begin', (row) => {
    const engine = select();
    const data = prepareCase(row, 'reals');
    const layer = createLayer(engine, data.stages, row.algorithm);
    try {
      const plan = layer.plan(data.first.geometry);
      let expected: Uint32Array | undefined;
      for (const threads of [1, 7]) {
        binding?.setThreads(threads);
        for (let at = 0; at < LINE; at++) {
          const bits = new Uint32Array(data.outputLength + 2 * LINE).fill(SENTINEL);
          const output = new Float32Array(bits.buffer, at * 4, data.outputLength);
          const residual = data.residual === null ? null : placed(data.residual, (at * 3) % LINE);
          plan.run(placed(data.input, (at * 5) % LINE), output, residual);
          const written = bits.slice(at, at + data.outputLength);
          expected ??= written;
          expect(Buffer.compare(Buffer.from(written.buffer), Buffer.from(expected.buffer)), `from ${at} on`).toBe(0);
          const outside = [...bits.subarray(0, at), ...bits.subarray(at + data.outputLength)];
          expect(outside.every((word) => word === SENTINEL)).toBe(true);
          expect(written.includes(SENTINEL)).toBe(false);
        }
      }
    } finally {
      layer.dispose();
    }
  });
});
