import type { Movable } from '../companions/index.js';

/** A buffer that the pool made. `users` counts the tensors that lie in it: a slice lies in its source's. */
export interface Block {
  readonly buffer: ArrayBuffer;
  readonly sizeClass: number;
  users: number;
  /** The last array made over it, used again where kind and length are the same. */
  view: Movable | null;
  /** When it was last released: the later, the likelier it is still in a cache. */
  released: number;
}

/** The least that is pooled: below it an allocation costs less than the bookkeeping. */
const MIN_BYTES = 1024;

/** The most that is pooled: sizes are computed in 32 bits. */
const MAX_BYTES = 2 ** 30;

/** What is kept idle at the most; the rest goes to the garbage collector. */
const MAX_IDLE_BYTES = 512 * 2 ** 20;

/** Four sizes a doubling, so that at most a fifth of a buffer is not used. */
const STEPS = 4;

function sizeClassOf(bytes: number): number {
  const doubling = 31 - Math.clz32(Math.max(bytes - 1, 1));
  const step = 2 ** doubling / STEPS;
  return doubling * STEPS + Math.ceil((bytes - 2 ** doubling) / step);
}

function bytesOf(sizeClass: number): number {
  const doubling = Math.floor(sizeClass / STEPS);
  return 2 ** doubling + (sizeClass % STEPS) * (2 ** doubling / STEPS);
}

/**
 * How many sizes larger than what is asked for a buffer may be: up to four times. What was let go of last is likeliest in
 * a cache. With buffers of the right size only, a network's lay in 14 MB where 4.4 were in use at once (movenet; now 6.6,
 * 6% faster), or in 94 for 23 (centernet; now 60, 8%).
 */
const REACH = 8;

/**
 * Recycles the memory of outputs. The first touch of a fresh megabyte costs up to 9 ms on a virtual machine (page
 * faults), more than most layers; a buffer used before costs 0.04 ms and is often still in the cache.
 */
export class BufferPool {
  readonly #idle: Block[][] = [];
  #idleBytes = 0;
  #releases = 0;

  /** Memory that waits to be taken again. */
  get idleBytes(): number {
    return this.#idleBytes;
  }

  /** A block of at least `bytes`, whose values are arbitrary; `null` where pooling does not pay. */
  take(bytes: number): Block | null {
    if (bytes < MIN_BYTES || bytes > MAX_BYTES) return null;
    const sizeClass = sizeClassOf(bytes);
    let best: Block[] | undefined;
    let latest = -1;
    for (let at = sizeClass; at <= sizeClass + REACH; at++) {
      const stack = this.#idle[at];
      if (stack === undefined || stack.length === 0) continue;
      const { released } = stack[stack.length - 1];
      if (released > latest) [best, latest] = [stack, released];
    }
    const idle = best?.pop();
    if (idle === undefined) {
      return { buffer: new ArrayBuffer(bytesOf(sizeClass)), sizeClass, users: 1, view: null, released: 0 };
    }
    this.#idleBytes -= idle.buffer.byteLength;
    idle.users = 1;
    return idle;
  }

  /** One tensor less lies in `block`; after the last it may be taken again. */
  release(block: Block): void {
    if (--block.users > 0) return;
    const bytes = block.buffer.byteLength;
    if (this.#idleBytes + bytes > MAX_IDLE_BYTES) return;
    this.#idleBytes += bytes;
    block.released = ++this.#releases;
    this.#idle[block.sizeClass] ??= [];
    this.#idle[block.sizeClass].push(block);
  }

  /** Lets go of everything idle. */
  clear(): void {
    this.#idle.length = 0;
    this.#idleBytes = 0;
  }
}
