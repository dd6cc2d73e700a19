import type { EngineOperation } from '../engine.js';

/** A network's gradients: as many as its layers, for a batch size or two. */
const MAX_OPERATIONS = 256;

/** Operations that take their weights with each run, kept by what they depend on; the one longest unused goes first. */
export class OperationCache {
  readonly #kept = new Map<string, EngineOperation>();

  /** `key` names the kernel and everything of the call but the data; `make` gives `null` where the engine does not serve. */
  find(key: string, make: () => EngineOperation | null): EngineOperation | null {
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, kept);
      return kept;
    }
    const made = make();
    if (made === null) return null;
    if (this.#kept.size === MAX_OPERATIONS) {
      for (const [oldest, operation] of this.#kept) {
        operation.dispose();
        this.#kept.delete(oldest);
        break;
      }
    }
    this.#kept.set(key, made);
    return made;
  }

  dispose(): void {
    for (const operation of this.#kept.values()) operation.dispose();
    this.#kept.clear();
  }
}
