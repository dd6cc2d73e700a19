/** Values that no option, size or buffer should be, by the names that a reproducer writes them under. */
const VALUES: Readonly<Record<string, unknown>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
  '0': 0,
  '-0': -0,
  '-1': -1,
  '1.5': 1.5,
  '1': 1,
  '2': 2,
  '7': 7,
  '1000': 1000,
  '2^16': 2 ** 16,
  '2^30': 2 ** 30,
  '2^31-1': 2 ** 31 - 1,
  '2^31': 2 ** 31,
  '2^32': 2 ** 32,
  '2^53': 2 ** 53,
  '-2^53': -(2 ** 53),
  '1e300': 1e300,
  undefined: undefined,
  null: null,
  true: true,
  text: '3',
  same: 'same',
  reflect: 'reflect',
  'unknown name': 'none of these',
  bigint: 3n,
  symbol: Symbol('hostile'),
  function: () => 3,
  object: {},
  'empty array': [],
  'array of one': [1],
  'array of two': [2, 1],
  'array of pairs': [
    [1, 2],
    [0, 1],
  ],
  'sparse array': new Array(3),
  'nested array': [[[1]]],
  floats: new Float32Array([1, 2, 3]),
  'empty floats': new Float32Array(0),
  doubles: new Float64Array(9),
  bytes: new Uint8Array(36),
  'shared floats': new Float32Array(new SharedArrayBuffer(64)),
  'array buffer': new ArrayBuffer(36),
  'data view': new DataView(new ArrayBuffer(36)),
  'forged floats': Object.create(Float32Array.prototype) as unknown,
  'proxied floats': new Proxy(new Float32Array(9), {}),
  'empty tensor': { data: new Float32Array(0), shape: [] },
  'tensor of zero': { data: new Float32Array(0), shape: [0] },
  date: new Date(0),
};

export const HOSTILE_NAMES: readonly string[] = Object.keys(VALUES);

export function hostileValue(name: string): unknown {
  if (!Object.hasOwn(VALUES, name)) throw new Error(`Expected the name of a hostile value, not ${name}`);
  return VALUES[name];
}

/** Puts `value` where a dotted path leads; false where the way there is no object. */
export function putAt(root: Record<string, unknown>, path: string, value: unknown): boolean {
  const keys = path.split('.');
  const last = keys.pop() as string;
  let at: unknown = root;
  for (const key of keys) at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined;
  if (typeof at !== 'object' || at === null || ArrayBuffer.isView(at)) return false;
  (at as Record<string, unknown>)[last] = value;
  return true;
}
