import { expectApart, expectLength, expectThat, type Sizes, sizeOf } from './check.js';
import type { CompanionKernels, Movable } from './kernels.js';
import type { Margins } from './movement.js';
import { denseStrides, regions } from './regions.js';

/** One map [batch, spatial…, rest] beside its blocks [block offsets × batch, spatial / block…, rest]. */
interface Blocks {
  /** Offset in the block, on each spatial axis, in row-major order. */
  readonly offsets: readonly Sizes[];
  readonly batch: number;
  readonly rest: number;
  readonly mapSteps: readonly number[];
  readonly blockSteps: readonly number[];
}

/** Sizes of a spatial axis: the whole map's, how many blocks it has, and where a block offset's values lie. */
interface Span {
  /** First block whose value is in the map, and how many are. */
  readonly first: number;
  readonly count: number;
  /** The place in the map of that first value. */
  readonly place: number;
}

/** Blocks p with 0 <= p * block + offset - before < size. */
function spanOf(size: number, blocks: number, block: number, offset: number, before: number): Span {
  const first = Math.max(0, Math.ceil((before - offset) / block));
  const end = Math.min(blocks, Math.ceil((size + before - offset) / block));
  return { first, count: Math.max(0, end - first), place: first * block + offset - before };
}

function blocksOf(mapShape: Sizes, blockedShape: Sizes, blockShape: Sizes): Blocks {
  const axes = blockShape.length;
  let offsets: Sizes[] = [[]];
  for (const block of blockShape) {
    offsets = offsets.flatMap((head) => Array.from({ length: block }, (_, offset) => [...head, offset]));
  }
  const rest = sizeOf(mapShape.slice(1 + axes));
  const flat = (shape: Sizes): number[] => denseStrides([...shape.slice(0, 1 + axes), rest]);
  return { offsets, batch: mapShape[0], rest, mapSteps: flat(mapShape), blockSteps: flat(blockedShape) };
}

/** Copies every value that both sides have, map to blocks or back: a region an offset in the block. */
function moveBlocks<T extends Movable>(
  kernels: CompanionKernels,
  x: T,
  out: T,
  shapes: { readonly map: Sizes; readonly blocked: Sizes },
  blockShape: Sizes,
  before: Sizes,
  toBlocks: boolean,
): void {
  const { offsets, batch, rest, mapSteps, blockSteps } = blocksOf(shapes.map, shapes.blocked, blockShape);
  const list = regions.begin();
  const mapStrides = mapSteps.map(
    (step, axis) => step * (axis > 0 && axis <= blockShape.length ? blockShape[axis - 1] : 1),
  );
  offsets.forEach((offset, index) => {
    const spans = blockShape.map((block, axis) =>
      spanOf(shapes.map[1 + axis], shapes.blocked[1 + axis], block, offset[axis], before[axis]),
    );
    const sizes = [batch, ...spans.map(({ count }) => count), rest];
    let map = 0;
    let blocked = index * batch * blockSteps[0];
    spans.forEach(({ first, place }, axis) => {
      map += place * mapSteps[1 + axis];
      blocked += first * blockSteps[1 + axis];
    });
    if (toBlocks) list.add(0, map, blocked, sizes, mapStrides, blockSteps);
    else list.add(0, blocked, map, sizes, blockSteps, mapStrides);
  });
  list.run(kernels, [x], out);
}

function expectBlocks(x: Movable, xShape: Sizes, blockShape: Sizes, margins: Margins, out: Movable): void {
  expectThat(blockShape.length < xShape.length, () => `fewer than ${xShape.length} axes`, 'blockShape', blockShape);
  expectThat(margins.length === blockShape.length, () => `${blockShape.length} pairs`, 'margins', margins.length);
  for (const block of blockShape)
    expectThat(Number.isInteger(block) && block > 0, 'sizes above 0', 'blockShape', blockShape);
  for (const pair of margins) {
    for (const side of pair) expectThat(Number.isInteger(side) && side >= 0, 'integers of at least 0', 'margins', side);
  }
  expectLength(x, sizeOf(xShape), 'x');
  expectApart(out, x, 'x');
}

/**
 * TensorFlow's SpaceToBatchND: `x` [batch, spatial…, rest], padded with 0 by `paddings`, its values at each offset in the
 * blocks gathered into a map of their own: `out` [product of blockShape × batch, padded spatial / block…, rest].
 * @throws ConvolithError `ERR_SHAPE` where a block does not divide its padded axis.
 */
export function spaceToBatchND<T extends Movable>(
  kernels: CompanionKernels,
  x: T,
  xShape: Sizes,
  blockShape: Sizes,
  paddings: Margins,
  out: T,
): void {
  expectBlocks(x, xShape, blockShape, paddings, out);
  const blocked = [...xShape];
  blocked[0] *= sizeOf(blockShape);
  blockShape.forEach((block, axis) => {
    const padded = xShape[1 + axis] + paddings[axis][0] + paddings[axis][1];
    expectThat(padded % block === 0, () => `a multiple of ${block}`, `padded axis ${1 + axis} of x`, padded);
    blocked[1 + axis] = padded / block;
  });
  expectLength(out, sizeOf(blocked), 'out');
  if (paddings.some(([before, after]) => before + after > 0)) out.fill(0);
  const before = paddings.map(([first]) => first);
  moveBlocks(kernels, x, out, { map: xShape, blocked }, blockShape, before, true);
}

/**
 * TensorFlow's BatchToSpaceND, the inverse: `x` [product of blockShape × batch, spatial…, rest] into `out` [batch,
 * spatial × block - crops…, rest].
 * @throws ConvolithError `ERR_SHAPE` where the blocks do not divide the batch or the crops leave nothing.
 */
export function batchToSpaceND<T extends Movable>(
  kernels: CompanionKernels,
  x: T,
  xShape: Sizes,
  blockShape: Sizes,
  crops: Margins,
  out: T,
): void {
  expectBlocks(x, xShape, blockShape, crops, out);
  const blocks = sizeOf(blockShape);
  expectThat(xShape[0] % blocks === 0, () => `a multiple of ${blocks}`, 'xShape[0]', xShape[0]);
  const map = [...xShape];
  map[0] /= blocks;
  blockShape.forEach((block, axis) => {
    map[1 + axis] = xShape[1 + axis] * block - crops[axis][0] - crops[axis][1];
    expectThat(map[1 + axis] >= 0, 'crops within the map', `crops[${axis}]`, crops[axis]);
  });
  expectLength(out, sizeOf(map), 'out');
  const before = crops.map(([first]) => first);
  moveBlocks(kernels, x, out, { map, blocked: xShape }, blockShape, before, false);
}

/**
 * TensorFlow's DepthToSpace over NHWC: channels [block, block, C] of each pixel become block × block pixels of C
 * channels.
 * @throws ConvolithError `ERR_SHAPE` where block² does not divide the channels.
 */
export function depthToSpace<T extends Movable>(
  kernels: CompanionKernels,
  x: T,
  xShape: Sizes,
  block: number,
  out: T,
): void {
  expectThat(xShape.length === 4, '4 axes', 'xShape', xShape);
  const [batch, height, width, depth] = xShape;
  expectThat(depth % (block * block) === 0, () => `a multiple of ${block * block} channels`, 'xShape[3]', depth);
  expectLength(x, sizeOf(xShape), 'x');
  expectLength(out, x.length, 'out');
  expectApart(out, x, 'x');
  const channels = depth / (block * block);
  const row = width * block * channels;
  const list = regions.begin();
  // The axes of x: batch and row, column, row in the block, column in the block with its channels.
  list.add(
    0,
    0,
    0,
    [batch * height, width, block, block * channels],
    [width * depth, depth, block * channels, 1],
    [block * row, block * channels, row, 1],
  );
  list.run(kernels, [x], out);
}
