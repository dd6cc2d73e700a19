import { PoolField, type PoolOp } from '../../companions/kernels.js';

/** The taps of one axis of one window that lie inside of the map. */
interface Span {
  /** The place of the first tap, the step to the next, and how many there are. */
  first: number;
  step: number;
  count: number;
}

/** Axes are 0 to 2: depth, height, width. */
function setSpan(span: Span, block: Int32Array, axis: number, output: number): void {
  const input = block[PoolField.input + axis];
  const window = block[PoolField.window + axis];
  const step = block[PoolField.dilation + axis];
  const corner = output * block[PoolField.stride + axis] - block[PoolField.padding + axis];
  const skipped = corner < 0 ? Math.ceil(-corner / step) : 0;
  const end = Math.min(window, Math.ceil((input - corner) / step));
  span.first = corner + skipped * step;
  span.step = step;
  span.count = Math.max(0, end - skipped);
}

const depths: Span = { first: 0, step: 1, count: 0 };
const rows: Span = { first: 0, step: 1, count: 0 };
const columns: Span = { first: 0, step: 1, count: 0 };

/** What is done with one window: its first output value lies at `at`, its input map begins at `map`. */
type Visit = (block: Int32Array, at: number, map: number) => void;

/** Calls `visit` for each window, with the spans set. */
function eachWindow(block: Int32Array, visit: Visit): void {
  const channels = block[PoolField.channels];
  const [depth, height, width] = block.subarray(PoolField.output, PoolField.output + 3);
  const [inputDepth, inputHeight, inputWidth] = block.subarray(PoolField.input, PoolField.input + 3);
  const mapSize = inputDepth * inputHeight * inputWidth * channels;
  let at = 0;
  for (let batch = 0; batch < block[PoolField.batch]; batch++) {
    for (let z = 0; z < depth; z++) {
      setSpan(depths, block, 0, z);
      for (let y = 0; y < height; y++) {
        setSpan(rows, block, 1, y);
        for (let x = 0; x < width; x++, at += channels) {
          setSpan(columns, block, 2, x);
          visit(block, at, batch * mapSize);
        }
      }
    }
  }
}

/** What is done with one tap of a window, whose channels begin at `from`. */
type Tap = (from: number) => void;

function eachTap(block: Int32Array, map: number, tap: Tap): void {
  const channels = block[PoolField.channels];
  const inputHeight = block[PoolField.input + 1];
  const inputWidth = block[PoolField.input + 2];
  for (let i = 0, z = depths.first; i < depths.count; i++, z += depths.step) {
    for (let j = 0, y = rows.first; j < rows.count; j++, y += rows.step) {
      for (let k = 0, x = columns.first; k < columns.count; k++, x += columns.step) {
        tap(map + ((z * inputHeight + y) * inputWidth + x) * channels);
      }
    }
  }
}

/** Contract: `CompanionKernels.pool`. */
export function pool(op: PoolOp, x: Float32Array, out: Float32Array, block: Int32Array): void {
  const channels = block[PoolField.channels];
  const sums = new Float64Array(channels);
  const takeMax = (from: number): void => {
    for (let c = 0; c < channels; c++) if (x[from + c] > sums[c]) sums[c] = x[from + c];
  };
  const takeSum = (from: number): void => {
    for (let c = 0; c < channels; c++) sums[c] += x[from + c];
  };
  const start = op === 'max' ? Number.NEGATIVE_INFINITY : 0;
  eachWindow(block, (_, at, map) => {
    sums.fill(start);
    eachTap(block, map, op === 'max' ? takeMax : takeSum);
    const taps = depths.count * rows.count * columns.count;
    const count = op === 'max' ? 1 : block[PoolField.emptyIsZero] === 1 ? Math.max(1, taps) : taps;
    for (let c = 0; c < channels; c++) out[at + c] = sums[c] / count;
  });
}

/** Contract: `CompanionKernels.avgPoolGrad`. */
export function avgPoolGrad(dy: Float32Array, dx: Float32Array, block: Int32Array): void {
  const channels = block[PoolField.channels];
  const [depth, height, width] = block.subarray(PoolField.window, PoolField.window + 3);
  const share = 1 / (depth * height * width);
  dx.fill(0);
  eachWindow(block, (_, at, map) => {
    eachTap(block, map, (from) => {
      for (let c = 0; c < channels; c++) dx[from + c] += dy[at + c] * share;
    });
  });
}

/** Contract: `CompanionKernels.maxPoolGrad`. */
export function maxPoolGrad(
  dy: Float32Array,
  x: Float32Array,
  dx: Float32Array,
  block: Int32Array,
  last: boolean,
): void {
  const channels = block[PoolField.channels];
  const largest = new Float64Array(channels);
  const places = new Int32Array(channels);
  dx.fill(0);
  eachWindow(block, (_, at, map) => {
    largest.fill(Number.NEGATIVE_INFINITY);
    places.fill(-1);
    eachTap(block, map, (from) => {
      for (let c = 0; c < channels; c++) {
        const value = x[from + c];
        if (value > largest[c] || (last && value >= largest[c])) {
          largest[c] = value;
          places[c] = from + c;
        }
      }
    });
    for (let c = 0; c < channels; c++) if (places[c] >= 0) dx[places[c]] += dy[at + c];
  });
}
