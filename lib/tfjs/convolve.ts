import type { Backend } from './backend.js';
import { type ConvSetup, siteFor } from './conv-cache.js';
import { DeferredConv } from './deferred.js';
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
  /** What the kernel itself does to the sums, in an order that one pass can do. */
  readonly steps: readonly Step[];
}

/** A convolution, to be computed when it is read; `null` for what the CPU backend has to serve or refuse. */
export function convolve(request: ConvRequest, setup: () => ConvSetup | null): TensorInfo | null {
  const { backend, kernel, x, filter, attrs, steps } = request;
  const input = backend.operand(x);
  if (input === null || filter.dtype !== 'float32') return null;
  const weights = backend.record(filter);
  const site = siteFor({ kernel, filter: weights, attrs, inputShape: x.shape }, setup);
  if (site === null) return null;
  const result = backend.defer(site.setup.outShape, new DeferredConv(backend, site, input, weights, steps));
  // What its owner may write to is read now.
  if (!input.isOurs) void backend.record(result).array;
  return result;
}
