import { type MatMulActivation, type MatMulEpilogue, MatMulField } from '../../companions/kernels.js';
import { MR, multiplyTile } from '../algorithms/gemm.js';
import { NR } from '../packed-weights.js';

type Activate = (value: number, alpha: number, slope: number) => number;

/** On a float64 sum; the store rounds. */
const ACTIVATIONS: { readonly [name in MatMulActivation]: Activate } = {
  linear: (value) => value,
  relu: (value) => Math.max(0, value),
  relu6: (value) => Math.min(Math.max(0, value), 6),
  leakyRelu: (value, alpha) => (value < 0 ? alpha * value : value),
  elu: (value) => (value < 0 ? Math.expm1(value) : value),
  sigmoid: (value) => 1 / (1 + Math.exp(-value)),
  prelu: (value, _, slope) => (value < 0 ? slope * value : value),
};

/** A matrix as its lines lie: value j of line i at `from + i * line + j * step`. */
interface Lines {
  readonly data: Float32Array;
  from: number;
  readonly line: number;
  readonly step: number;
  readonly lines: number;
}

/** Lines `first` to `first + 4` into a panel [k][4], zeros where there are no more lines. */
function packPanel(
  { data, from, line, step, lines }: Lines,
  first: number,
  k: number,
  panel: Float32Array,
  at: number,
): void {
  for (let i = 0; i < 4; i++) {
    let source = from + (first + i) * line;
    for (let j = 0, to = at + i; j < k; j++, to += 4, source += step) panel[to] = first + i < lines ? data[source] : 0;
  }
}

/** Contract: `CompanionKernels.matMul`. Panels of four rows and of four columns meet in the 4×4 tile of the convolutions. */
export function matMul(
  a: Float32Array,
  b: Float32Array,
  out: Float32Array,
  block: Int32Array,
  epilogue: MatMulEpilogue,
): void {
  const [batch, batchA, batchB, m, n, k] = block;
  const { bias, slope, alpha } = epilogue;
  const activate = ACTIVATIONS[epilogue.activation];
  const transposeA = block[MatMulField.transposeA] === 1;
  const transposeB = block[MatMulField.transposeB] === 1;
  const left: Lines = { data: a, from: 0, line: transposeA ? 1 : k, step: transposeA ? m : 1, lines: m };
  const right: Lines = { data: b, from: 0, line: transposeB ? k : 1, step: transposeB ? 1 : n, lines: n };
  const leftPanels = new Float32Array(Math.ceil(m / MR) * MR * k);
  const rightPanel = new Float32Array(NR * k);
  const sums = new Float64Array(MR * NR);
  for (let i = 0; i < batch; i++) {
    left.from = (i % batchA) * m * k;
    right.from = (i % batchB) * k * n;
    for (let row = 0; row < m; row += MR) packPanel(left, row, k, leftPanels, row * k);
    for (let column = 0; column < n; column += NR) {
      packPanel(right, column, k, rightPanel, 0);
      const columns = Math.min(NR, n - column);
      for (let row = 0; row < m; row += MR) {
        multiplyTile(k, leftPanels, row * k, rightPanel, 0, sums, 0);
        const rows = Math.min(MR, m - row);
        for (let r = 0; r < rows; r++) {
          const to = (i * m + row + r) * n + column;
          for (let c = 0; c < columns; c++) {
            const value = sums[r * NR + c] + (bias === null ? 0 : bias[column + c]);
            out[to + c] = activate(value, alpha, slope === null ? 0 : slope[column + c]);
          }
        }
      }
    }
  }
}
