import fc from 'fast-check';
import { HOSTILE_NAMES } from './hostile.js';

/** What stands in the place of a property: a hostile value by its name, or something that runs while it is read. */
export const TRAPS = [
  'throws',
  'changes',
  'disposes',
  'detaches',
  'constructs',
  'runs',
  'proxy',
  'throwing proxy',
] as const;
export type Trap = (typeof TRAPS)[number];

export interface Change {
  readonly path: string;
  readonly value: string;
}

/** What an argument that should be a Float32Array is. */
export const BUFFER_KINDS = [
  'right',
  'offset',
  'short',
  'long',
  'empty',
  'detached',
  'resizable',
  'tracking',
  'shrunk',
  'shared',
  'shared tracking',
  'doubles',
  'integers',
  'proxied',
  'the input',
  'overlapping',
] as const;
export type BufferKind = (typeof BUFFER_KINDS)[number];

/** What JavaScript does to a run under way. */
export const INTERFERENCES = [
  'none',
  'detach input',
  'detach output',
  'detach residual',
  'shrink output',
  'overwrite input',
  'dispose',
  'cancel',
  'run again',
  'drop all',
] as const;
export type Interference = (typeof INTERFERENCES)[number];

export const TOKENS = ['null', 'missing', 'live', 'cancelled', 'forged', 'hostile'] as const;
export type TokenKind = (typeof TOKENS)[number];

/** Ways to call what is not there to be called so. */
export const MISUSES = [
  'Conv without new',
  'token without new',
  'plan constructor',
  'plan of a plan',
  'run of a conv',
  'run of an object',
  'run of a prototype',
  'cancel of a conv',
  'subclass',
  'foreign new target',
  'bound function as new target',
  'extracted methods',
] as const;
export type Misuse = (typeof MISUSES)[number];

/** One call of the addon. Numbers that choose among objects are taken modulo how many there are. */
export type Step =
  | { readonly op: 'construct'; readonly changes: readonly Change[]; readonly second: 'none' | 'pointwise' | 'hostile' }
  | { readonly op: 'plan'; readonly conv: number; readonly changes: readonly Change[] }
  | {
      readonly op: 'run';
      readonly plan: number;
      readonly input: BufferKind;
      readonly output: BufferKind;
      readonly residual: BufferKind | 'none';
      /** A hostile value in the place of one argument. */
      readonly hostile: { readonly argument: number; readonly value: string } | null;
      /** Null for a run that ends before it returns. */
      readonly async: { readonly token: TokenKind; readonly interference: Interference } | null;
    }
  | { readonly op: 'explain'; readonly plan: number }
  | { readonly op: 'dispose'; readonly conv: number }
  | { readonly op: 'misuse'; readonly what: Misuse }
  /** Any function that the addon exports, with arguments of any kind. */
  | { readonly op: 'export'; readonly index: number; readonly args: readonly string[] }
  | { readonly op: 'collect' }
  | { readonly op: 'wait' };

const STAGE_PATHS = [
  ...['', 'weight', 'bias', 'spec', 'spec.transposed', 'spec.rank', 'spec.channelsLast', 'spec.inChannels'],
  ...['spec.outChannels', 'spec.groups', 'spec.kernel', 'spec.kernel.0', 'spec.kernel.1', 'spec.kernel.2'],
  ...['spec.stride', 'spec.stride.2', 'spec.dilation', 'spec.dilation.1', 'spec.paddingMode', 'spec.activation'],
  ...['spec.activation.op', 'spec.activation.min', 'spec.activation.max', 'spec.activation.alpha'],
  ...['spec.activation.slope', 'spec.algorithm', 'spec.math'],
];
const GEOMETRY_PATHS = [
  ...['', 'batch', 'input', 'input.0', 'input.1', 'input.2', 'output', 'output.0', 'output.1', 'output.2'],
  ...['padBefore', 'padBefore.0', 'padBefore.1', 'padBefore.2', 'padAfter', 'padAfter.0', 'padAfter.1', 'padAfter.2'],
];
/** Values that make other layers out of the one that all start from, and are right or not by what else changes. */
const SPEC_VALUES = [
  'avx',
  'reference',
  'winograd',
  'replicate',
  'reflect',
  'circular',
  'fast',
  'prelu',
  'gelu',
  '4',
  '6',
];

const hostileName = fc.constantFrom(...HOSTILE_NAMES);
const changes = (paths: readonly string[], most: number): fc.Arbitrary<Change[]> =>
  fc.array(
    fc.record({
      path: fc.constantFrom(...paths),
      value: fc.oneof(
        { weight: 6, arbitrary: hostileName },
        { weight: 3, arbitrary: fc.constantFrom<string>(...TRAPS) },
        { weight: 1, arbitrary: fc.constantFrom(...SPEC_VALUES) },
      ),
    }),
    { maxLength: most },
  );

const often = <T>(usual: T, times: number, rare: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: times, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: rare });
const bufferKind = often<BufferKind>('right', 2, fc.constantFrom(...BUFFER_KINDS));
const which = fc.nat(7);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constant('construct' as const),
      changes: changes(STAGE_PATHS, 2),
      second: often<'none' | 'pointwise' | 'hostile'>('none', 4, fc.constantFrom('pointwise', 'hostile')),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ op: fc.constant('plan' as const), conv: which, changes: changes(GEOMETRY_PATHS, 2) }),
  },
  {
    weight: 16,
    arbitrary: fc.record({
      op: fc.constant('run' as const),
      plan: which,
      input: bufferKind,
      output: bufferKind,
      residual: often<BufferKind | 'none'>('none', 2, bufferKind),
      hostile: often<{ argument: number; value: string } | null>(
        null,
        4,
        fc.record({ argument: fc.nat(3), value: hostileName }),
      ),
      async: fc.oneof(
        { weight: 2, arbitrary: fc.constant(null) },
        {
          weight: 1,
          arbitrary: fc.record({
            token: often<TokenKind>('null', 2, fc.constantFrom(...TOKENS)),
            interference: fc.constantFrom(...INTERFERENCES),
          }),
        },
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('explain' as const), plan: which }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('dispose' as const), conv: which }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('misuse' as const), what: fc.constantFrom(...MISUSES) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('export' as const),
      index: fc.nat(63),
      args: fc.array(fc.oneof(hostileName, fc.constantFrom<string>(...BUFFER_KINDS)), { maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('wait' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('collect' as const) }) },
);

/** A program of calls, each with no more in common with a right one than the case needs to reach behind the checks. */
export interface FaceCase {
  readonly steps: readonly Step[];
}

export const faceCases: fc.Arbitrary<FaceCase> = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }),
});
