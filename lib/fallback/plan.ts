import type { Refusal } from '../engine.js';
import { ConvolithError, expected } from '../errors.js';
import type { Algorithm, Problem } from './algorithms/algorithm.js';
import { depthwise } from './algorithms/depthwise.js';
import { dot } from './algorithms/dot.js';
import { grouped } from './algorithms/grouped.js';
import { im2colGemm } from './algorithms/im2col-gemm.js';
import { pointwise } from './algorithms/pointwise.js';
import { reference } from './algorithms/reference.js';
import { separable } from './algorithms/separable.js';
import { strassen } from './algorithms/strassen.js';
import { transposed } from './algorithms/transposed.js';
import { winograd } from './algorithms/winograd.js';
import { ReferencePlan } from './run.js';

/** Every algorithm, best first; the last serves everything. Names and order are those of the native list. */
const CANDIDATES: readonly Algorithm[] = [
  dot,
  grouped,
  strassen,
  pointwise,
  depthwise,
  winograd,
  im2colGemm,
  transposed,
  separable,
  reference,
];

export const ALGORITHM_NAMES: readonly string[] = CANDIDATES.map(({ name }) => name);

/** What the caller asked of a layer: `'auto'` or a name. Throws `ERR_OPTION` where the name is unknown. */
export function requestedAlgorithm(...requests: readonly string[]): string {
  for (const request of requests) {
    if (request !== 'auto' && !ALGORITHM_NAMES.includes(request)) {
      throw expected('ERR_OPTION', `'auto' or one of ${ALGORITHM_NAMES.join(', ')}`, 'algorithm', request);
    }
  }
  return requests.find((request) => request !== 'auto') ?? 'auto';
}

/** The first candidate that does not refuse, or the one asked for: `ERR_UNSUPPORTED` with its reason where it refuses. */
export function makePlan(problem: Problem, request: string): ReferencePlan {
  const refused: Refusal[] = [];
  for (const candidate of CANDIDATES) {
    const asked = candidate.name === request;
    const reason = candidate.refuse(problem);
    if (asked && reason !== null) {
      throw new ConvolithError('ERR_UNSUPPORTED', `Algorithm ${request} cannot serve this layer: ${reason}`);
    }
    const passed =
      reason ?? (request === 'auto' ? candidate.yieldTo(problem) : asked ? null : `${request} was asked for`);
    if (passed !== null) {
      refused.push({ algorithm: candidate.name, reason: passed });
      continue;
    }
    return new ReferencePlan(candidate.prepare(problem), { algorithm: candidate.name, refused });
  }
  throw new ConvolithError('ERR_UNSUPPORTED', 'No algorithm serves this layer');
}
