import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  batchToSpaceND,
  type CompanionKernels,
  concat,
  depthToSpace,
  type Margins,
  type Movable,
  mirrorPad,
  pack,
  pad,
  paddedShape,
  slice,
  spaceToBatchND,
  split,
  stridedSlice,
  tile,
  transpose,
} from '../../lib/companions/index.js';
import { companionsUnderTest } from '../support/companions.js';
import { Random } from '../support/random.js';
import { expectRefusal } from '../support/refusal.js';

beforeAll(() => tf.setBackend('cpu'));

type Shape = readonly number[];
const sizeOf = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);
const random = new Random(11);
const integers = (count: number): Int32Array => Int32Array.from({ length: count }, () => random.integer(-99, 99));

/** The kinds that movement serves; views that begin at odd places. */
const KINDS: readonly ((count: number, values?: ArrayLike<number>) => Movable)[] = [
  (count, values) => view(new Float32Array(count + 1), values),
  (count, values) => view(new Int32Array(count + 1), values),
  (count, values) => view(new Uint8Array(count + 1), values),
];
function view<T extends Movable>(whole: T, values?: ArrayLike<number>): T {
  if (values !== undefined) whole.set(values, 1);
  return whole.subarray(1) as T;
}

/** Runs a movement on each kind, the same values in each, and compares with what TensorFlow.js has. */
function check(
  wanted: tf.Tensor,
  inputs: readonly Int32Array[],
  move: (inputs: Movable[], out: Movable) => void,
): void {
  const values = wanted.dataSync();
  for (const make of KINDS) {
    const out = make(values.length, new Int32Array(values.length).fill(77));
    move(
      inputs.map((input) => make(input.length, input)),
      out,
    );
    // A Uint8Array holds them modulo 256, on both sides.
    expect([...out]).toEqual([...make(values.length, values)]);
  }
}

const tensor = (x: Int32Array, shape: Shape): tf.Tensor => tf.tensor(x, [...shape], 'int32');
const pairs = (margins: Margins): [number, number][] => margins.map(([before, after]) => [before, after]);

const PADS: readonly { readonly shape: Shape; readonly paddings: Margins }[] = [
  {
    shape: [2, 5, 6, 3],
    paddings: [
      [0, 0],
      [1, 1],
      [1, 1],
      [0, 0],
    ],
  },
  {
    shape: [2, 5, 6, 3],
    paddings: [
      [0, 1],
      [2, 0],
      [0, 3],
      [1, 2],
    ],
  },
  {
    shape: [1, 9, 33],
    paddings: [
      [0, 0],
      [0, 0],
      [3, 4],
    ],
  },
  { shape: [7], paddings: [[2, 3]] },
  {
    shape: [3, 4],
    paddings: [
      [0, 0],
      [0, 0],
    ],
  },
  {
    shape: [2, 3, 4, 2, 3],
    paddings: [
      [1, 1],
      [1, 0],
      [0, 1],
      [1, 1],
      [2, 2],
    ],
  },
];
const TRANSPOSED: readonly { readonly shape: Shape; readonly perm: Shape }[] = [
  { shape: [37, 53], perm: [1, 0] },
  { shape: [2, 9, 11, 19], perm: [0, 3, 1, 2] },
  { shape: [2, 19, 9, 11], perm: [0, 2, 3, 1] },
  { shape: [3, 4, 5, 6], perm: [3, 2, 1, 0] },
  { shape: [2, 3, 4, 5, 6], perm: [4, 0, 3, 1, 2] },
  { shape: [5, 1, 7], perm: [2, 1, 0] },
  { shape: [2, 3, 2, 3, 2, 3], perm: [5, 0, 4, 1, 3, 2] },
  { shape: [300, 260], perm: [1, 0] },
];

describe.each(companionsUnderTest())('$label movement', ({ select }) => {
  let kernels: CompanionKernels;
  beforeAll(() => {
    kernels = select();
  });

  test.each(PADS)('pads $shape', ({ shape, paddings }) => {
    const x = integers(sizeOf(shape));
    const wanted = tf.pad(tensor(x, shape), pairs(paddings), 7);
    expect(paddedShape(shape, paddings)).toEqual(wanted.shape);
    check(wanted, [x], ([input], out) => pad(kernels, input, shape, paddings, 7, out));
    for (const mode of ['reflect', 'symmetric'] as const) {
      const inner = paddings.map(([before, after], axis) => {
        const most = shape[axis] - (mode === 'reflect' ? 1 : 0);
        return [Math.min(most, before), Math.min(most, after)] as const;
      });
      const mirrored = tf.mirrorPad(tensor(x, shape), pairs(inner), mode);
      check(mirrored, [x], ([input], out) => mirrorPad(kernels, input, shape, inner, mode, out));
    }
  });

  test('concatenates and packs', () => {
    for (const [head, sizes, tail] of [
      [[], [3, 1, 4], []],
      [[5], [1, 2], []],
      [[2, 7], [3, 16, 5], []],
      [[2], [3, 1, 2], [4, 5]],
      [[], [2, 0, 3], [6]],
    ] as const) {
      const shapes = sizes.map((size) => [...head, size, ...tail]);
      const inputs = shapes.map((shape) => integers(sizeOf(shape)));
      const axis = head.length;
      const wanted = tf.concat(
        inputs.map((input, i) => tensor(input, shapes[i])),
        axis,
      );
      check(wanted, inputs, (sources, out) => concat(kernels, sources, shapes, axis, out));
    }
    const shape = [3, 4, 5];
    const inputs = [integers(60), integers(60), integers(60)];
    for (const axis of [0, 1, 2, 3]) {
      const wanted = tf.stack(
        inputs.map((input) => tensor(input, shape)),
        axis,
      );
      check(wanted, inputs, (sources, out) => pack(kernels, sources, shape, axis, out));
    }
  });

  test('slices and splits', () => {
    const shape = [4, 6, 9, 5];
    const x = integers(sizeOf(shape));
    for (const [begin, size] of [
      [
        [0, 0, 0, 0],
        [4, 6, 9, 5],
      ],
      [
        [1, 2, 3, 1],
        [2, 3, 5, 3],
      ],
      [
        [3, 0, 0, 4],
        [1, 6, 9, 1],
      ],
      [
        [0, 5, 0, 0],
        [4, 0, 9, 5],
      ],
    ]) {
      const wanted = tf.slice(tensor(x, shape), begin, size);
      check(wanted, [x], ([input], out) => slice(kernels, input, shape, begin, size, out));
    }
    for (const [begin, end, strides] of [
      [
        [0, 1, 0, 0],
        [4, 6, 9, 5],
        [2, 2, 3, 1],
      ],
      [
        [3, 5, 8, 4],
        [0, 1, 0, 0],
        [-1, -2, -3, -2],
      ],
    ]) {
      const wanted = tf.stridedSlice(tensor(x, shape), begin, end, strides);
      check(wanted, [x], ([input], out) => stridedSlice(kernels, input, shape, begin, strides, wanted.shape, out));
    }
    const parts = [2, 3, 4];
    const wanted = tf.split(tensor(x, shape), parts, 2);
    const outs = parts.map((size) => new Float32Array(4 * 6 * size * 5));
    split(kernels, Float32Array.from(x), shape, 2, parts, outs);
    outs.forEach((out, i) => {
      expect([...out]).toEqual([...wanted[i].dataSync()]);
    });
  });

  test.each(TRANSPOSED)('transposes $shape by $perm', ({ shape, perm }) => {
    const x = integers(sizeOf(shape));
    const wanted = tf.transpose(tensor(x, shape), [...perm]);
    check(wanted, [x], ([input], out) => transpose(kernels, input, shape, perm, out));
  });

  test('tiles', () => {
    for (const [shape, reps] of [
      [
        [3, 5],
        [2, 3],
      ],
      [
        [2, 3, 4],
        [1, 2, 1],
      ],
      [[7], [4]],
      [
        [1, 2, 1, 3],
        [3, 1, 2, 2],
      ],
    ]) {
      const x = integers(sizeOf(shape));
      const wanted = tf.tile(tensor(x, shape), reps);
      check(wanted, [x], ([input], out) => tile(kernels, input, shape, reps, out));
    }
  });

  test('space to batch, batch to space, depth to space', () => {
    for (const { shape, block, margins } of [
      {
        shape: [2, 6, 8, 3],
        block: [2, 4],
        margins: [
          [0, 0],
          [0, 0],
        ] as const,
      },
      {
        shape: [1, 5, 7, 17],
        block: [2, 3],
        margins: [
          [1, 0],
          [0, 2],
        ] as const,
      },
      {
        shape: [1, 5, 7, 2],
        block: [3, 3],
        margins: [
          [3, 1],
          [2, 3],
        ] as const,
      },
      { shape: [2, 9, 4], block: [3], margins: [[0, 0]] as const },
    ]) {
      const x = integers(sizeOf(shape));
      const blocked = tf.spaceToBatchND(
        tensor(x, shape),
        block,
        margins.map((pair) => [...pair]),
      );
      check(blocked, [x], ([input], out) => spaceToBatchND(kernels, input, shape, block, margins, out));
      const values = Int32Array.from(blocked.dataSync());
      const back = tf.batchToSpaceND(
        blocked,
        block,
        margins.map((pair) => [...pair]),
      );
      check(back, [values], ([input], out) => batchToSpaceND(kernels, input, blocked.shape, block, margins, out));
    }
    for (const [shape, block] of [
      [[2, 3, 4, 12], 2],
      [[1, 2, 5, 9], 3],
    ] as const) {
      const x = integers(sizeOf(shape));
      const wanted = tf.depthToSpace(tf.tensor4d(Float32Array.from(x), [...shape]), block, 'NHWC');
      check(wanted, [x], ([input], out) => depthToSpace(kernels, input, shape, block, out));
    }
  });

  test('large movements, on all threads', () => {
    const shape = [1, 210, 190, 16];
    const x = Float32Array.from({ length: sizeOf(shape) }, (_, i) => i % 65521);
    const out = new Float32Array(212 * 192 * 16);
    pad(
      kernels,
      x,
      shape,
      [
        [0, 0],
        [1, 1],
        [1, 1],
        [0, 0],
      ],
      -1,
      out,
    );
    const turned = new Float32Array(x.length);
    transpose(kernels, x, shape, [0, 3, 1, 2], turned);
    for (let row = 0; row < 212; row++) {
      for (let column = 0; column < 192; column++) {
        for (let c = 0; c < 16; c++) {
          const inside = row > 0 && row < 211 && column > 0 && column < 191;
          const from = ((row - 1) * 190 + column - 1) * 16 + c;
          const is = out[(row * 192 + column) * 16 + c];
          const isTurned = !inside || turned[(c * 210 + row - 1) * 190 + column - 1] === x[from];
          if (is !== (inside ? x[from] : -1) || !isTurned) throw new Error(`Wrong at ${row}, ${column}, ${c}`);
        }
      }
    }
  });

  test('refusals', () => {
    const x = new Float32Array(12);
    const out = new Float32Array(12);
    expectRefusal(() => transpose(kernels, x, [3, 4], [0, 0], out), 'ERR_SHAPE');
    expectRefusal(() => transpose(kernels, x, [3, 4], [1, 0], x), 'ERR_BUFFER');
    expectRefusal(() => transpose<Movable>(kernels, x, [3, 4], [1, 0], new Int32Array(12)), 'ERR_DTYPE');
    expectRefusal(() => slice(kernels, x, [3, 4], [2, 0], [2, 4], new Float32Array(8)), 'ERR_SHAPE');
    expectRefusal(
      () =>
        pad(
          kernels,
          x,
          [3, 4],
          [
            [0, 0],
            [-1, 1],
          ],
          0,
          out,
        ),
      'ERR_SHAPE',
    );
    expectRefusal(() => mirrorPad(kernels, x, [12], [[12, 0]], 'reflect', new Float32Array(24)), 'ERR_SHAPE');
    expectRefusal(
      () =>
        concat(
          kernels,
          [x, x],
          [
            [3, 4],
            [4, 3],
          ],
          0,
          new Float32Array(24),
        ),
      'ERR_SHAPE',
    );
    expectRefusal(() => depthToSpace(kernels, x, [1, 1, 4, 3], 2, out), 'ERR_SHAPE');
  });
});
