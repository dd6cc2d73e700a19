import type { Backend } from './backend.js';
import { type ConvSetup, siteFor } from './conv-cache.js';
import { DeferredConv } from './deferred.js';
import { DeferredPad, type Margins } from './deferred-pad.js';
import type { Step } from './epilogue.js';
import type { TensorInfo } from './kernel.js';

/** A call of a convolution kernel. */
export interface ConvRequest {
  readonly backend: Backend;
  readonly kernel: string;
  readonly x: TensorInfo;
  readonly filter: TensorInfo;
  /** What of the attributes the result depends on, in an order of the kernel's own. */
  readonly attrs: readonly unknown[];
  /** Whether zeros around the input are padding: a convolution of an NHWC map. */
  readonly takesMargins: boolean;
  /** What the kernel itself does to the sums, in an order that one pass can do. */
  readonly steps: readonly Step[];
}

/** A convolution, to be computed when it is read; `null` for what the CPU backend has to serve or refuse. */
export function convolve(request: ConvRequest, setup: () => ConvSetup | null): TensorInfo | null {
  const { backend, kernel, x, filter, steps } = request;
  let { attrs } = request;
  let input = backend.operand(x);
  if (input === null || filter.dtype !== 'float32') return null;
  let inputShape: readonly number[] = x.shape;
  let settle = setup;
  const { deferred } = input;
  if (request.takesMargins && deferred instanceof DeferredPad) {
    const { source, inner, margins } = deferred;
    [input, inputShape, attrs] = [source, inner, [attrs, margins]];
    settle = () => within(setup(), margins);
  }
  const weights = backend.record(filter);
  const site = siteFor({ kernel, filter: weights, attrs, inputShape }, settle);
  if (site === null) return null;
  if (deferred instanceof DeferredPad && inputShape === deferred.inner) deferred.bypass();
  const result = backend.defer(site.setup.outShape, new DeferredConv(backend, site, input, weights, steps));
  // What its owner may write to is read now.
  if (!input.isOurs) void backend.record(result).array;
  return result;
}

/** The convolution of a map with margins of zeros, as one of the map within that pads more. */
function within(setup: ConvSetup | null, [rows, columns]: Margins): ConvSetup | null {
  if (setup === null) return null;
  const { geometry } = setup;
  const { input, padBefore, padAfter } = geometry;
  return {
    ...setup,
    geometry: {
      ...geometry,
      input: [input[0], input[1] - rows[0] - rows[1], input[2] - columns[0] - columns[1]],
      padBefore: [padBefore[0], padBefore[1] + rows[0], padBefore[2] + columns[0]],
      padAfter: [padAfter[0], padAfter[1] + rows[1], padAfter[2] + columns[1]],
    },
  };
}
