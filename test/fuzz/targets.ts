import { faceTarget } from './face-target.js';
import { layerTarget } from './layer-target.js';
import type { Target } from './target.js';

/** What `npm run fuzz` hunts in, by the names that `--target` takes. */
const TARGETS = { layers: layerTarget, face: faceTarget } as const;
export type TargetName = keyof typeof TARGETS;
export const TARGET_NAMES = Object.keys(TARGETS) as readonly TargetName[];

/** Cases go in and out as JSON, so what form they have is the target's own affair. */
export function openTarget(name: TargetName): Target<unknown> {
  return TARGETS[name]() as unknown as Target<unknown>;
}
