import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { replaceEngine } from '../lib/engines.js';
import {
  Conv1d,
  Conv2d,
  Conv3d,
  type ConvOptions,
  ConvTranspose2d,
  type ConvTransposeOptions,
  convOutputSize,
  convTransposeOutputSize,
} from '../lib/index.js';
import type { ConvGeometry } from '../lib/spec.js';
import { FakeEngine } from './support/fake-engine.js';
import { expectRefusal, untyped } from './support/refusal.js';

let fake: FakeEngine;
let restore: () => void;
beforeAll(() => {
  restore = replaceEngine(new FakeEngine());
});
beforeEach(() => {
  fake = new FakeEngine();
  replaceEngine(fake);
});
afterAll(() => restore());

const bare = { inChannels: 1, outChannels: 1, engine: 'reference' } as const;

function geometry(options: Omit<ConvOptions<2>, 'weight'>, input: readonly [number, number]): ConvGeometry {
  const [h, w] =
    typeof options.kernelSize === 'number' ? [options.kernelSize, options.kernelSize] : (options.kernelSize ?? [1, 1]);
  new Conv2d({ ...bare, ...options, weight: new Float32Array(h * w) }).explain([1, 1, ...input]);
  return fake.geometries[fake.geometries.length - 1];
}

function transposed(
  options: Omit<ConvTransposeOptions<2>, 'weight' | 'kernelSize'>,
  kernel: number,
  input: number,
): ConvGeometry {
  const weight = new Float32Array(kernel * kernel);
  new ConvTranspose2d({ ...bare, ...options, weight, kernelSize: kernel }).explain([1, 1, input, input]);
  return fake.geometries[fake.geometries.length - 1];
}

describe('the geometry of a convolution', () => {
  it('takes every form of padding', () => {
    const of = (padding: ConvOptions<2>['padding']) => {
      const { padBefore, padAfter, output } = geometry({ kernelSize: 3, padding }, [8, 9]);
      return [padBefore, padAfter, output];
    };
    expect(of(undefined)).toEqual([
      [0, 0, 0],
      [0, 0, 0],
      [1, 6, 7],
    ]);
    expect(of('valid')).toEqual(of(0));
    expect(of(2)).toEqual([
      [0, 2, 2],
      [0, 2, 2],
      [1, 10, 11],
    ]);
    expect(of([1, 2])).toEqual([
      [0, 1, 2],
      [0, 1, 2],
      [1, 8, 11],
    ]);
    expect(
      of([
        [1, 2],
        [0, 1],
      ]),
    ).toEqual([
      [0, 1, 0],
      [0, 2, 1],
      [1, 9, 8],
    ]);
    expect(of('same')).toEqual([
      [0, 1, 1],
      [0, 1, 1],
      [1, 8, 9],
    ]);
  });

  it('puts the odd element of TensorFlow’s SAME after', () => {
    // ceil(5 / 2) = 3 rows need (3 - 1) * 2 + 3 = 7: 1 and 1. ceil(6 / 2) = 3 need 7: 0 and 1.
    expect(geometry({ kernelSize: 3, stride: 2, padding: 'same' }, [5, 6])).toEqual({
      batch: 1,
      input: [1, 5, 6],
      output: [1, 3, 3],
      padBefore: [0, 1, 0],
      padAfter: [0, 1, 1],
    });
    // A kernel smaller than the stride needs none.
    expect(geometry({ kernelSize: 1, stride: 3, padding: 'same' }, [7, 9])).toMatchObject({
      output: [1, 3, 3],
      padAfter: [0, 0, 0],
    });
  });

  it('floors the last partial step, and dilates', () => {
    // floor((10 - 2 * (3 - 1) - 1) / 2) + 1 = 3
    expect(geometry({ kernelSize: 3, stride: 2, dilation: 2 }, [10, 9]).output).toEqual([1, 3, 3]);
    expect(geometry({ kernelSize: [1, 3], stride: [2, 1] }, [4, 4]).output).toEqual([1, 2, 2]);
  });

  it('serves 1-D and 3-D, channels first and last', () => {
    const one = new Conv1d({ ...bare, weight: new Float32Array(3), kernelSize: 3, layout: 'NWC' });
    expect(one.outputShape([2, 10, 1])).toEqual([2, 8, 1]);
    const three = new Conv3d({ ...bare, weight: new Float32Array(6), kernelSize: [1, 2, 3] });
    expect(three.outputShape([2, 1, 4, 5, 6])).toEqual([2, 1, 4, 4, 4]);
  });

  it('refuses what is not a padding', () => {
    expectRefusal(
      () => geometry({ kernelSize: 3, padding: untyped([1, 2, 3]) }, [8, 8]),
      'ERR_OPTION',
      '2 entries',
      '[1, 2, 3]',
    );
    expectRefusal(() => geometry({ kernelSize: 3, padding: -1 }, [8, 8]), 'ERR_OPTION', 'at least 0', 'padding', '-1');
    expectRefusal(
      () => geometry({ kernelSize: 3, padding: untyped('full') }, [8, 8]),
      'ERR_OPTION',
      "'same'",
      '"full"',
    );
    const pair = { ...bare, weight: new Float32Array(3), kernelSize: 3, padding: untyped([1, 2]) };
    expectRefusal(() => new Conv1d(pair), 'ERR_OPTION', '[[before, after]]');
  });

  it('refuses padding that its mode cannot fill', () => {
    expect(geometry({ kernelSize: 3, padding: 3, paddingMode: 'reflect' }, [4, 4]).output).toEqual([1, 8, 8]);
    expectRefusal(
      () => geometry({ kernelSize: 3, padding: 4, paddingMode: 'reflect' }, [4, 9]),
      'ERR_SHAPE',
      'at most 3',
      'reflect',
      'height',
      '4',
    );
    expect(geometry({ kernelSize: 3, padding: 4, paddingMode: 'circular' }, [4, 4]).output).toEqual([1, 10, 10]);
    expectRefusal(
      () => geometry({ kernelSize: 3, padding: 5, paddingMode: 'circular' }, [9, 4]),
      'ERR_SHAPE',
      'at most 4',
      'width',
    );
    expect(geometry({ kernelSize: 3, padding: 5, paddingMode: 'replicate' }, [1, 1]).output).toEqual([1, 9, 9]);
  });
});

describe('the geometry of a transposed convolution', () => {
  it('follows (I - 1)s - 2p + d(K - 1) + outputPadding + 1', () => {
    expect(transposed({ stride: 2, padding: 1 }, 4, 7).output).toEqual([1, 14, 14]);
    expect(transposed({ stride: 2, padding: 1, outputPadding: 1 }, 3, 7).output).toEqual([1, 14, 14]);
    expect(transposed({ stride: 3, dilation: 2, padding: 'valid' }, 2, 4).output).toEqual([1, 12, 12]);
  });

  it('takes TensorFlow’s SAME: I * s, padded as the convolution back', () => {
    // From 8 back to 4 by k3 s2: (4 - 1) * 2 + 3 - 8 = 1: 0 before, 1 after.
    expect(transposed({ stride: 2, padding: 'same' }, 3, 4)).toMatchObject({
      output: [1, 8, 8],
      padBefore: [0, 0, 0],
      padAfter: [0, 1, 1],
    });
    expect(transposed({ stride: 3, padding: 'same' }, 1, 4)).toMatchObject({
      output: [1, 12, 12],
      padAfter: [0, 0, 0],
    });
  });

  it('takes an output shape that the stride can reach', () => {
    // Base (4 - 1) * 2 + 3 = 9; stride 2 reaches 9 and 10.
    expect(transposed({ stride: 2, outputShape: [10, 9] }, 3, 4).output).toEqual([1, 10, 9]);
    expect(transposed({ stride: 2, outputShape: [1, 1, 10, 10] }, 3, 4).output).toEqual([1, 10, 10]);
    expectRefusal(() => transposed({ stride: 2, outputShape: [11, 9] }, 3, 4), 'ERR_SHAPE', '9 to 10', 'height', '11');
    expectRefusal(() => transposed({ stride: 2, outputShape: [8, 9] }, 3, 4), 'ERR_SHAPE', '9 to 10', '8');
    expectRefusal(() => transposed({ stride: 2, outputShape: [3, 1, 10, 10] }, 3, 4), 'ERR_SHAPE', 'batch 3');
    expectRefusal(() => transposed({ stride: 2, outputShape: [1, 3, 10, 10] }, 3, 4), 'ERR_SHAPE', 'output channels 1');
    // SAME reaches 7 and 8: both go back to 4.
    expect(transposed({ stride: 2, padding: 'same', outputShape: [7, 8] }, 3, 4)).toMatchObject({
      output: [1, 7, 8],
      padBefore: [0, 1, 0],
      padAfter: [0, 1, 1],
    });
  });

  it('refuses options that make no sense together', () => {
    expectRefusal(
      () => transposed({ stride: 2, outputPadding: 2 }, 3, 4),
      'ERR_OPTION',
      'less than 2',
      'outputPadding',
    );
    expect(transposed({ stride: 1, dilation: 2, outputPadding: 1 }, 3, 4).output).toEqual([1, 9, 9]);
    expectRefusal(() => transposed({ stride: 2, padding: 'same', outputPadding: 1 }, 3, 4), 'ERR_OPTION', "'same'");
    expectRefusal(
      () => transposed({ stride: 2, outputPadding: 1, outputShape: [10, 10] }, 3, 4),
      'ERR_OPTION',
      'beside outputShape',
    );
    expectRefusal(() => transposed(untyped({ paddingMode: 'reflect' }), 3, 4), 'ERR_OPTION', "'zeros'", '"reflect"');
    expectRefusal(() => transposed({ padding: 4 }, 3, 4), 'ERR_SHAPE', 'an output of at least 1');
  });
});

describe('the arithmetic alone', () => {
  it('gives the output size of a convolution', () => {
    expect(convOutputSize({ input: 224, kernel: 7, stride: 2, padding: 3 })).toBe(112);
    expect(convOutputSize({ input: 32, kernel: 5 })).toBe(28);
    expect(convOutputSize({ input: 33, kernel: 3, dilation: 6, padding: 6 })).toBe(33);
    expect(convOutputSize({ input: 10, kernel: 3, padding: [1, 2] })).toBe(11);
    expect(convOutputSize({ input: 7, kernel: 3, stride: 2, padding: 'same' })).toBe(4);
    expect(convOutputSize({ input: [224, 320], kernel: 3, stride: [2, 1], padding: 1 })).toEqual([112, 320]);
    expectRefusal(() => convOutputSize({ input: 2, kernel: 3 }), 'ERR_SHAPE', 'at least 1');
    expectRefusal(() => convOutputSize(untyped({ input: 2, kernal: 3 })), 'ERR_OPTION', "'kernel'");
  });

  it('gives the output size of a transposed convolution', () => {
    expect(convTransposeOutputSize({ input: 8, kernel: 4, stride: 2, padding: 1 })).toBe(16);
    expect(convTransposeOutputSize({ input: 7, kernel: 3, stride: 2, padding: 1, outputPadding: 1 })).toBe(14);
    expect(convTransposeOutputSize({ input: 64, kernel: 9, stride: 3, padding: 4 })).toBe(190);
    expect(convTransposeOutputSize({ input: [4, 5], kernel: 3, stride: 2, padding: 'same' })).toEqual([8, 10]);
    expectRefusal(
      () => convTransposeOutputSize({ input: 7, kernel: 3, outputPadding: 1 }),
      'ERR_OPTION',
      'outputPadding',
    );
  });
});
