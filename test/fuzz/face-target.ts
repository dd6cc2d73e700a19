import { type FaceCase, faceCases } from './face-case.js';
import { FaceCheck } from './face-check.js';
import { Tally } from './tally.js';
import type { Target } from './target.js';

/** Programs of calls around the TypeScript checks. */
export function faceTarget(): Target<FaceCase> {
  const tally = new Tally();
  const check = new FaceCheck(tally);
  return {
    cases: faceCases,
    check: (one) => check.run(one),
    tally,
    compact: ({ steps }) => steps,
    expand: (line) => ({ steps: line as FaceCase['steps'] }),
  };
}
