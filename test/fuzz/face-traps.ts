import { detach } from './face-buffers.js';
import { type Change, TRAPS, type Trap } from './face-case.js';
import { HOSTILE_NAMES, hostileValue } from './hostile.js';

/** What a trap throws: the addon must hand it on as it is. */
export const THROWN = new RangeError('thrown by a getter');

/** What traps do besides answering. */
export interface TrapActions {
  readonly dispose: () => void;
  readonly construct: () => void;
  readonly run: () => void;
}

type Bag = Record<string, unknown>;
const isTrap = (name: string): name is Trap => (TRAPS as readonly string[]).includes(name);

/** A number's text is that number, another name itself; so a reproducer's line holds all. */
function named(name: string): unknown {
  if (HOSTILE_NAMES.includes(name)) return hostileValue(name);
  return /^\d+$/.test(name) ? Number(name) : name;
}

/** `root` with every change put into it; the whole of it replaced where a path is empty. */
export function changed(root: unknown, changes: readonly Change[], actions: TrapActions): unknown {
  let whole = root;
  for (const { path, value } of changes) {
    if (path === '') {
      whole = isTrap(value) ? trapped(whole, value, actions) : named(value);
      continue;
    }
    const keys = path.split('.');
    const last = keys.pop() as string;
    let at: unknown = whole;
    for (const key of keys) at = isObject(at) ? at[key] : undefined;
    if (!isObject(at) || ArrayBuffer.isView(at) || !Object.isExtensible(at)) continue;
    const before = at[last];
    if (!isTrap(value)) define(at, last, { value: named(value) });
    else if (value.endsWith('proxy')) define(at, last, { value: trapped(before, value, actions) });
    else define(at, last, { get: () => answer(before, value, { root: whole, actions }) });
  }
  return whole;
}

const isObject = (value: unknown): value is Bag => typeof value === 'object' && value !== null;

function define(object: Bag, key: string, property: PropertyDescriptor): void {
  Reflect.defineProperty(object, key, { ...property, configurable: true, enumerable: true });
}

/** A value behind a proxy, which answers as it would or does what the trap says at every question. */
function trapped(value: unknown, trap: Trap, actions: TrapActions): unknown {
  if (!isObject(value)) return value;
  if (trap === 'proxy') return new Proxy(value, {});
  return new Proxy(value, {
    get: (target, key) =>
      trap === 'throwing proxy' ? fail() : answer(Reflect.get(target, key), trap, { root: value, actions }),
  });
}

const fail = (): never => {
  throw THROWN;
};

let changing = 0;

function answer(value: unknown, trap: Trap, { root, actions }: { root: unknown; actions: TrapActions }): unknown {
  switch (trap) {
    case 'throws':
      return fail();
    case 'changes':
      return changing++ % 2 === 0 ? value : new Float32Array(1);
    case 'disposes':
      actions.dispose();
      return value;
    case 'detaches':
      if (isObject(root)) for (const key of ['weight', 'bias']) detach(plainValue(root, key));
      return value;
    case 'constructs':
      actions.construct();
      return value;
    case 'runs':
      actions.run();
      return value;
    default:
      return value;
  }
}

/** A property that is not a trap itself, so that one does not set off another without end. */
function plainValue(object: Bag, key: string): unknown {
  return Reflect.getOwnPropertyDescriptor(object, key)?.value;
}
