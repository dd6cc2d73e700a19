import { hostileValue } from './hostile.js';
import { channelsOf, EXACT_ACTIVATIONS, type LayerCase } from './layer-case.js';

const UNIT = 2 ** -24;
/** Rounding units allowed to sums of another order, and to transforms (Winograd), of the largest sum of magnitudes. */
const REORDERED = 8;
const TRANSFORMED = 128;
/** Relative and absolute error of an activation that is computed by a polynomial. */
const CURVED = 2e-6;

/**
 * True where both outputs have the same bits (zeros of either sign count as equal). Throws where they differ by more
 * than they may: not at all for whole numbers under 'strict', by rounding where `math: 'fast'` transforms.
 */
export function compare(one: LayerCase, expected: Float32Array, received: Float32Array): boolean {
  if (received.length !== expected.length) {
    throw new Error(`gave ${received.length} values, plain loops ${expected.length}`);
  }
  const curved = !(EXACT_ACTIVATIONS as readonly string[]).includes(one.activation);
  const exact = isExact(one) && !curved;
  const allowed = exact ? 0 : roundingOf(one) * slopeOf(one);
  let equal = true;
  for (let at = 0; at < received.length; at++) {
    if (received[at] === expected[at]) continue;
    equal = false;
    const error = Math.abs(received[at] - expected[at]);
    const here = curved ? allowed + CURVED * (1 + Math.abs(expected[at])) : allowed;
    if (!(error <= here)) {
      throw new Error(
        `output ${at} of ${received.length} is ${received[at]}, by plain loops ${expected[at]} (± ${here})`,
      );
    }
  }
  return equal;
}

/** Options overwritten by a value that happens to be valid may ask for transforms, or make fractions of the weights. */
function keepsItsOptions({ spoil }: LayerCase): boolean {
  return spoil === null || !spoil.place.startsWith('options.');
}

/** An overwritten slope multiplies what it is given, rounding included. */
function slopeOf({ spoil }: LayerCase): number {
  if (spoil === null || !/^options\.activation\.(?:alpha|slope)$/.test(spoil.place)) return 1;
  const value = hostileValue(spoil.value);
  return typeof value === 'number' && Number.isFinite(value) ? Math.max(1, Math.abs(value)) : 1;
}

function isExact(one: LayerCase): boolean {
  return one.data === 'whole' && one.strict && keepsItsOptions(one);
}

/** What rounding may do to an output: units times the largest sum of |input × weight| that the case can have. */
function roundingOf(one: LayerCase): number {
  const { inChannels, between } = channelsOf(one);
  const taps = one.axes.reduce((all, { kernel }) => all * kernel, 1);
  const largest = one.data === 'whole' ? 4 : 1;
  // A folded batch norm multiplies a weight by its scale over a deviation of at least a half.
  const weight = one.norm ? 2 * largest ** 2 : largest;
  const units = UNIT * (one.strict && keepsItsOptions(one) ? REORDERED : TRANSFORMED);
  const added = (one.bias ? 1 : 0) + (one.norm ? 3 : 0) + (one.residual ? 1 : 0);
  const first = (taps * inChannels * weight * largest) / one.groups + added * weight;
  if (one.kind !== 'separable') return isExact(one) ? 0 : units * (first + 1);
  // The depthwise stage ends in relu6; its own error goes through the pointwise weights.
  const second = between * weight * (6 + first) + added * weight;
  return isExact(one) ? 0 : units * (second + 1);
}
