import { describe, expect, test } from 'vitest';
import type { Engine } from '../lib/engine.js';
import { ConvolithError } from '../lib/errors.js';
import { createReferenceEngine } from '../lib/fallback/engine.js';
import { enginesUnderTest } from './support/engines.js';
import { Random } from './support/random.js';
import { createLayer } from './support/run-case.js';
import { buildSpec, type CaseOptions, type PointwiseOptions, pointwiseAfter, weightLength } from './support/spec.js';

const engine = createReferenceEngine();

function plan(options: CaseOptions, second?: PointwiseOptions, by: Engine = engine) {
  const first = buildSpec(options);
  const stages = [first, ...(second === undefined ? [] : [pointwiseAfter(first, second)])].map(({ spec }) => ({
    spec,
    weight: new Random(1).integers(weightLength(spec)),
    bias: null,
  }));
  return createLayer(by, stages, options.algorithm ?? 'auto').plan(first.geometry);
}

function refusal(options: CaseOptions, second?: PointwiseOptions): ConvolithError {
  try {
    plan(options, second);
  } catch (error) {
    if (error instanceof ConvolithError) return error;
    throw error;
  }
  throw new Error('Nothing was refused');
}

const square = (channels: number, size: number): CaseOptions => ({
  inChannels: channels,
  outChannels: channels,
  size: [size, size],
  kernel: [3, 3],
  padding: 1,
});

describe('the reference engine', () => {
  test('names its algorithms best first, the reference last', () => {
    expect(engine.algorithms).toEqual([
      'dot',
      'grouped',
      'strassen',
      'pointwise',
      'depthwise',
      'winograd',
      'im2col-gemm',
      'transposed',
      'separable',
      'reference',
    ]);
    expect(engine).toMatchObject({ name: 'reference', isa: 'js' });
  });

  test.each<[string, CaseOptions, string]>([
    ['3x3 of a residual network', square(64, 56), 'winograd'],
    ['3x3 at 7x7', square(512, 7), 'winograd'],
    ['3x3 on 2x2 images', square(64, 2), 'im2col-gemm'],
    ['3x3 of few channels', { ...square(64, 56), inChannels: 3 }, 'im2col-gemm'],
    ['3x3 strict', { ...square(64, 56), math: 'strict' }, 'im2col-gemm'],
    ['3x3 stride 2', { ...square(64, 56), stride: 2 }, 'im2col-gemm'],
    ['3x3 dilated', { ...square(64, 56), dilation: 2 }, 'im2col-gemm'],
    ['3x3 in groups', { ...square(64, 56), groups: 2 }, 'im2col-gemm'],
    ['3x3 in groups of two', { ...square(64, 56), groups: 32 }, 'grouped'],
    ['7x7 stride 2', { ...square(64, 56), inChannels: 3, kernel: [7, 7], stride: 2 }, 'im2col-gemm'],
    ['1x1', { ...square(64, 14), kernel: [1, 1], padding: 0 }, 'pointwise'],
    ['1x1 stride 2', { ...square(64, 14), kernel: [1, 1], padding: 0, stride: 2 }, 'pointwise'],
    ['1x1 of many channels', { ...square(256, 14), kernel: [1, 1], padding: 0 }, 'strassen'],
    ['1x1 in groups', { ...square(64, 14), kernel: [1, 1], padding: 0, groups: 4 }, 'pointwise'],
    ['1x1 to one channel', { ...square(64, 14), outChannels: 1, kernel: [1, 1], padding: 0 }, 'dot'],
    ['9x9 transposed to one channel', { ...square(56, 8), outChannels: 1, transposed: true, stride: 2 }, 'dot'],
    ['1x1 padded', { ...square(64, 14), kernel: [1, 1] }, 'im2col-gemm'],
    ['1x1 of a channel each', { ...square(64, 14), kernel: [1, 1], padding: 0, groups: 64 }, 'depthwise'],
    ['depthwise', { ...square(32, 28), groups: 32 }, 'depthwise'],
    ['depthwise, multiplier 2', { ...square(32, 28), groups: 32, outChannels: 64 }, 'depthwise'],
    ['depthwise, multiplier 8', { ...square(4, 28), groups: 4, outChannels: 32 }, 'im2col-gemm'],
    ['depthwise 1-D', { inChannels: 8, outChannels: 8, groups: 8, size: [99], kernel: [5] }, 'depthwise'],
    ['3-D', { inChannels: 8, outChannels: 8, size: [5, 6, 7], kernel: [3, 3, 3] }, 'im2col-gemm'],
    ['transposed', { ...square(64, 8), transposed: true, stride: 2 }, 'transposed'],
    ['transposed 1x1', { ...square(64, 8), transposed: true, kernel: [1, 1], padding: 0 }, 'transposed'],
    ['transposed depthwise', { ...square(8, 8), transposed: true, groups: 8, stride: 2 }, 'transposed'],
  ])('plans %s', (_, options, algorithm) => {
    for (const channelsLast of [false, true]) {
      expect(plan({ ...options, channelsLast }).explain().algorithm).toBe(algorithm);
    }
  });

  test('plans a separable layer as one pass', () => {
    expect(plan({ ...square(32, 28), groups: 32 }, { outChannels: 64 }).explain().algorithm).toBe('separable');
  });

  test('explains each candidate that it passed over', () => {
    const { refused, isa, threads, tile } = plan({ ...square(64, 56), math: 'strict' }).explain();
    expect({ isa, threads, tile }).toEqual({ isa: 'js', threads: 1, tile: '4x4' });
    expect(refused).toEqual([
      { algorithm: 'dot', reason: '64 output channels, not at most 4' },
      { algorithm: 'grouped', reason: 'one group, not several' },
      { algorithm: 'strassen', reason: "math is 'strict', and its sums round beyond the order of summation" },
      { algorithm: 'pointwise', reason: 'kernel is 1x3x3, not 1x1x1' },
      { algorithm: 'depthwise', reason: 'groups 1 of 64 input channels' },
      { algorithm: 'winograd', reason: "math is 'strict', and its transforms round beyond the order of summation" },
    ]);
    const forced = plan({ ...square(64, 56), algorithm: 'reference' }).explain();
    expect(forced.refused).toContainEqual({ algorithm: 'winograd', reason: 'reference was asked for' });
  });

  test('explains its packed weights and its scratch in bytes', () => {
    const { packedBytes, workspaceBytes } = plan({ ...square(64, 56), algorithm: 'im2col-gemm' }).explain();
    expect(packedBytes).toBe(64 * 64 * 9 * 4);
    // 64 rows of K = 576 floats, 9 reads and one offset each, and a tile of sums.
    expect(workspaceBytes).toBe(64 * (576 + 9 + 1) * 4 + 16 * 8);
    expect(plan(square(64, 56)).explain().packedBytes).toBe(64 * 64 * 36 * 4);
    expect(plan({ ...square(64, 56), algorithm: 'reference' }).explain().packedBytes).toBe(0);
  });

  test('leaves out taps that only ever meet padding', () => {
    const far = { ...square(8, 5), dilation: 6, padding: 6 };
    expect(plan(far).explain().packedBytes).toBe(8 * 8 * 4);
  });

  test('holds no im2col matrix and no map between two stages', () => {
    const wide: CaseOptions = { ...square(64, 448), algorithm: 'im2col-gemm' };
    expect(plan(wide).explain().workspaceBytes).toBe(plan({ ...wide, size: [56, 56] }).explain().workspaceBytes);
    const two = plan({ ...square(64, 448), groups: 64 }, { outChannels: 64 }).explain();
    expect(two.workspaceBytes).toBeLessThan(2 ** 17);
  });

  test.each<[string, CaseOptions, string]>([
    ['strassen', square(16, 8), 'kernel is 1x3x3'],
    ['strassen', { ...square(16, 8), kernel: [1, 1], padding: 0, math: 'strict' }, 'strict'],
    ['strassen', { ...square(15, 8), kernel: [1, 1], padding: 0 }, 'channels are 15 and 15'],
    ['pointwise', square(16, 8), 'kernel is 1x3x3'],
    ['pointwise', { ...square(16, 8), kernel: [1, 1] }, 'padded'],
    ['depthwise', square(16, 8), 'groups 1 of 16 input channels'],
    ['dot', square(16, 8), '16 output channels'],
    ['dot', { ...square(16, 8), outChannels: 4, groups: 4 }, '4 groups'],
    ['grouped', square(16, 8), 'one group'],
    ['grouped', { ...square(16, 8), groups: 2 }, '8 output channels a group'],
    ['winograd', { ...square(16, 8), stride: 2 }, 'stride is 2x2'],
    ['winograd', { ...square(16, 8), math: 'strict' }, 'strict'],
    ['im2col-gemm', { ...square(16, 8), transposed: true }, 'transposed'],
    ['transposed', square(16, 8), 'not transposed'],
    ['separable', square(16, 8), 'a depthwise and a pointwise stage'],
  ])('refuses a forced %s with the reason', (algorithm, options, reason) => {
    const error = refusal({ ...options, algorithm });
    expect(error.code).toBe('ERR_UNSUPPORTED');
    expect(error.message).toContain(algorithm);
    expect(error.message).toContain(reason);
  });

  test.each(['dot', 'grouped', 'strassen', 'pointwise', 'depthwise', 'winograd', 'im2col-gemm', 'transposed'])(
    'refuses a forced %s for a separable layer',
    (algorithm) => {
      const error = refusal({ ...square(16, 8), groups: 16, algorithm }, { outChannels: 4 });
      expect(error.code).toBe('ERR_UNSUPPORTED');
    },
  );

  test('lists the known names where one is unknown', () => {
    const error = refusal({ ...square(16, 8), algorithm: 'fft' });
    expect(error.code).toBe('ERR_OPTION');
    expect(error.message).toContain(engine.algorithms.join(', '));
    expect(error.message).toContain('"fft"');
  });

  test('a disposed layer makes no plan', () => {
    const { spec, geometry } = buildSpec(square(4, 4));
    const layer = engine.createConv({ spec, weight: new Float32Array(weightLength(spec)), bias: null });
    layer.dispose();
    layer.dispose();
    expect(() => layer.plan(geometry)).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
  });
});

const manyToMany: CaseOptions = { ...square(256, 14), kernel: [1, 1], padding: 0, channelsLast: true };

const natives = (await enginesUnderTest()).filter(({ label }) => label.startsWith('native'));
describe.each(natives.filter(({ isa }) => isa.startsWith('avx')))('$label', ({ select }) => {
  test.each<[string, CaseOptions, string]>([
    ['1x1 of many channels', manyToMany, 'strassen'],
    ['1x1 of many channels, strided', { ...manyToMany, stride: 2, size: [28, 28] }, 'strassen'],
    ['1x1 of many channels, strict', { ...manyToMany, math: 'strict' }, 'pointwise'],
    ['1x1 of many channels, first', { ...manyToMany, channelsLast: false }, 'pointwise'],
    ['1x1 of few pixels', { ...manyToMany, size: [6, 6] }, 'pointwise'],
  ])('plans %s', (_, options, algorithm) => {
    expect(plan(options, undefined, select()).explain().algorithm).toBe(algorithm);
  });
});

describe.each(natives.filter(({ isa }) => isa === 'avx2'))('$label', ({ select }) => {
  test.each<[string, Partial<CaseOptions>, string]>([
    ['many channels', { inChannels: 160, outChannels: 256 }, 'of 49/64'],
    ['channels that fill no panel of each quarter', { inChannels: 160, outChannels: 288 }, 'of 7/8'],
    ['too few channels', { inChannels: 144, outChannels: 256 }, 'of 7/8'],
    ['too few pixels', { inChannels: 160, outChannels: 256, size: [4, 19] }, 'of 7/8'],
  ])('multiplies by Strassen %s', (_, options, share) => {
    const layer = { ...manyToMany, size: [7, 11], ...options };
    expect(plan(layer, undefined, select()).explain().tile).toContain(share);
  });
});

describe.each(natives)('$label', ({ select }) => {
  test.each<[string, CaseOptions, string]>([
    ['1x1', { ...square(64, 14), kernel: [1, 1], padding: 0 }, 'pointwise'],
    ['1x1 stride 2', { ...square(64, 14), kernel: [1, 1], padding: 0, stride: 2 }, 'pointwise'],
    ['depthwise', { ...square(32, 28), groups: 32 }, 'depthwise'],
    ['depthwise, strided and dilated', { ...square(32, 28), groups: 32, stride: 2, dilation: 2 }, 'depthwise'],
    ['depthwise, multiplier 2', { ...square(32, 28), groups: 32, outChannels: 64 }, 'depthwise'],
    ['3x3 strict', { ...square(64, 28), math: 'strict' }, 'im2col-gemm'],
    ['3x3 to one channel', { ...square(64, 28), outChannels: 1 }, 'dot'],
    ['1x1 to one channel', { ...square(64, 28), outChannels: 1, kernel: [1, 1], padding: 0 }, 'dot'],
    [
      '9x9 transposed to one',
      { ...square(56, 32), outChannels: 1, kernel: [9, 9], transposed: true, stride: 3 },
      'winograd',
    ],
    ['3x3 stride 2', { ...square(64, 56), stride: 2 }, 'winograd'],
    ['3x3 stride 2 strict', { ...square(64, 28), stride: 2, math: 'strict' }, 'im2col-gemm'],
    ['5x5 stride 2', { ...square(64, 28), kernel: [5, 5], padding: 2, stride: 2 }, 'winograd'],
    ['5x5', { ...square(64, 28), kernel: [5, 5], padding: 2 }, 'winograd'],
    ['2x2', { ...square(64, 28), kernel: [2, 2], padding: 0 }, 'winograd'],
    [
      '1x3',
      {
        ...square(64, 28),
        kernel: [1, 3],
        padding: [
          [0, 0],
          [1, 1],
        ],
      },
      'winograd',
    ],
    [
      '1x7',
      {
        ...square(64, 28),
        kernel: [1, 7],
        padding: [
          [0, 0],
          [3, 3],
        ],
      },
      'winograd',
    ],
    ['3x3', square(64, 28), 'winograd'],
    ['3x3 on 7x7', square(512, 7), 'winograd'],
    ['3x3 dilated', { ...square(64, 28), dilation: 2 }, 'winograd'],
    ['3x3 of a dilation that meets mostly padding', { ...square(32, 33), dilation: 18, padding: 18 }, 'im2col-gemm'],
    ['11x11', { ...square(32, 28), kernel: [11, 11], padding: 5 }, 'winograd'],
    ['3x3 in groups of two', { ...square(64, 28), groups: 32 }, 'grouped'],
    ['3x3 in groups of two, stride 2', { ...square(64, 28), groups: 32, stride: 2 }, 'grouped'],
    ['5x5 in groups of one and two', { ...square(32, 28), outChannels: 64, groups: 32, kernel: [5, 5] }, 'depthwise'],
    ['3x3 on few channels', square(4, 28), 'im2col-gemm'],
    ['3x3 strided in groups', { ...square(64, 28), groups: 2, stride: 2 }, 'im2col-gemm'],
    ['7x7 stride 2', { ...square(64, 56), inChannels: 3, kernel: [7, 7], stride: 2 }, 'winograd'],
    ['1-D', { inChannels: 8, outChannels: 8, size: [99], kernel: [5] }, 'im2col-gemm'],
    ['3-D', { inChannels: 32, outChannels: 32, size: [8, 16, 16], kernel: [3, 3, 3] }, 'winograd'],
    ['3-D on few channels', { inChannels: 4, outChannels: 4, size: [5, 6, 7], kernel: [3, 3, 3] }, 'im2col-gemm'],
    ['transposed', { ...square(64, 8), transposed: true, stride: 2 }, 'winograd'],
    ['transposed strict', { ...square(64, 8), transposed: true, stride: 2, math: 'strict' }, 'transposed'],
    ['transposed 1x1', { ...square(64, 8), transposed: true, kernel: [1, 1], padding: 0 }, 'transposed'],
    ['transposed depthwise', { ...square(8, 8), transposed: true, groups: 8, stride: 2 }, 'transposed'],
  ])('plans %s', (_, options, algorithm) => {
    for (const channelsLast of [false, true]) {
      expect(plan({ ...options, channelsLast }, undefined, select()).explain().algorithm).toBe(algorithm);
    }
  });

  test.each<[string, CaseOptions, string]>([
    ['5x5', { ...square(32, 28), kernel: [5, 5], padding: 2 }, 'F(4x4,5x5)'],
    ['7x7', { ...square(32, 28), kernel: [7, 7], padding: 3 }, 'F(5x5,4x4) in 2x2 parts'],
    ['3x3 on a large map', square(64, 224), 'F(6x6,3x3)'],
    ['3x3 whose weights would come from memory', square(512, 20), 'F(4x4,3x3)'],
  ])('plans %s by the cheaper tiles', (_, options, filter) => {
    expect(plan(options, undefined, select()).explain().tile).toContain(filter);
  });

  test('a block of points that leap over columns stages few of them', () => {
    const leaping = { ...square(1, 4), outChannels: 5, size: [300_000_000], kernel: [3], stride: 3_000_000 };
    expect(plan({ ...leaping, algorithm: 'im2col-gemm' }, undefined, select()).explain().workspaceBytes).toBeLessThan(
      2 ** 24,
    );
  });

  test('a depthwise plan of a very wide map lists nothing a column', () => {
    const wide = { ...square(16, 4), groups: 16, size: [3, 40_000_000], channelsLast: true };
    const before = process.memoryUsage.rss();
    expect(plan(wide, undefined, select()).explain().algorithm).toBe('depthwise');
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 24);
  });

  test('plans a separable layer as one pass', () => {
    const two = plan({ ...square(32, 28), groups: 32 }, { outChannels: 64 }, select());
    expect(two.explain().algorithm).toBe('separable');
  });
});
