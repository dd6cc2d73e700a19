import type { Epilogue, Target, TilePlace } from '../epilogue.js';
import { NR, type Packed } from '../packed-weights.js';
import { STEP_MACS } from './algorithm.js';

/** Rows of a register tile, and of a panel of the left operand. */
export const MR = 4;
export const TILE = `${MR}x${NR}`;

/**
 * The register tile: `c[co ...] = Σ_k a[ao + 4k + i] · b[bo + 4k + j]`, a 4×4 of float64 sums in local variables.
 *
 * Measured on one Zen 5 core, Node 20, k = 576: 4×4 over float32 panels 2.5 GMAC/s, 4×3 2.3, 3×3 2.2, 6×2 2.1, 8×1
 * 1.4; 4×4 over float64 panels, which double the traffic to save the conversions, 1.6.
 */
export function multiplyTile(
  k: number,
  a: Float32Array,
  ao: number,
  b: Float32Array,
  bo: number,
  c: Float64Array,
  co: number,
): void {
  let c00 = 0;
  let c01 = 0;
  let c02 = 0;
  let c03 = 0;
  let c10 = 0;
  let c11 = 0;
  let c12 = 0;
  let c13 = 0;
  let c20 = 0;
  let c21 = 0;
  let c22 = 0;
  let c23 = 0;
  let c30 = 0;
  let c31 = 0;
  let c32 = 0;
  let c33 = 0;
  for (let i = 0; i < k; i++) {
    const b0 = b[bo];
    const b1 = b[bo + 1];
    const b2 = b[bo + 2];
    const b3 = b[bo + 3];
    const a0 = a[ao];
    c00 += a0 * b0;
    c01 += a0 * b1;
    c02 += a0 * b2;
    c03 += a0 * b3;
    const a1 = a[ao + 1];
    c10 += a1 * b0;
    c11 += a1 * b1;
    c12 += a1 * b2;
    c13 += a1 * b3;
    const a2 = a[ao + 2];
    c20 += a2 * b0;
    c21 += a2 * b1;
    c22 += a2 * b2;
    c23 += a2 * b3;
    const a3 = a[ao + 3];
    c30 += a3 * b0;
    c31 += a3 * b1;
    c32 += a3 * b2;
    c33 += a3 * b3;
    ao += 4;
    bo += 4;
  }
  c[co] = c00;
  c[co + 1] = c01;
  c[co + 2] = c02;
  c[co + 3] = c03;
  c[co + 4] = c10;
  c[co + 5] = c11;
  c[co + 6] = c12;
  c[co + 7] = c13;
  c[co + 8] = c20;
  c[co + 9] = c21;
  c[co + 10] = c22;
  c[co + 11] = c23;
  c[co + 12] = c30;
  c[co + 13] = c31;
  c[co + 14] = c32;
  c[co + 15] = c33;
}

/** A packed block of left rows times a range of panels of one group. */
export interface PanelProduct {
  k: number;
  /** Valid rows of the block; the panels are padded to a multiple of MR. */
  rows: number;
  group: number;
  firstPanel: number;
  lastPanel: number;
  groupOut: number;
  packed: Packed;
}

/**
 * Multiplies and stores. A weight panel is the outer loop: it stays in the first-level cache while the rows, a
 * quarter of a megabyte at the most, stream from the second.
 */
export function multiplyPanels(
  a: Float32Array,
  sums: Float64Array,
  product: PanelProduct,
  place: TilePlace,
  epilogue: Epilogue,
  target: Target,
): void {
  const { k, rows, group, groupOut, packed } = product;
  const panels = Math.ceil(groupOut / NR);
  for (let panel = product.firstPanel; panel < product.lastPanel; panel++) {
    const columns = Math.min(NR, groupOut - panel * NR);
    const bo = (group * panels + panel) * packed.panelSize;
    place.channel = group * groupOut + panel * NR;
    for (let row = 0; row < rows; row += MR) {
      multiplyTile(k, a, row * k, packed.data, bo, sums, 0);
      place.from = row;
      epilogue.storeTile(sums, Math.min(MR, rows - row), columns, place, target);
    }
  }
}

/** Floats of packed rows that a block may hold: a quarter of a megabyte, well inside a second-level cache. */
const BLOCK_FLOATS = 65536;

/** Rows of a block: a multiple of MR that suits the caches, no more than there are. */
export function blockRows(k: number, rows: number): number {
  const fitting = Math.floor(BLOCK_FLOATS / Math.max(1, k) / MR) * MR;
  const wanted = Math.min(64, Math.max(MR, fitting));
  return Math.min(wanted, Math.ceil(rows / MR) * MR);
}

/** Panels that a step multiplies by a block, so that it stays near STEP_MACS. */
export function panelsPerStep(rows: number, k: number, panels: number): number {
  return Math.min(panels, Math.max(1, Math.floor(STEP_MACS / (rows * NR * Math.max(1, k)))));
}
