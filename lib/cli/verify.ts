import type { Command } from 'commander';
import { Option } from 'commander';
import { expected } from '../errors.js';
import { color } from './colors.js';
import { columns, significant } from './format.js';
import { nativeBinding } from './native.js';
import { integerArgument, isaOption, jsonOption, secondsArgument } from './options.js';
import { startProgress } from './progress.js';
import { Random } from './random.js';
import { fixedCases, randomCase } from './verify-cases.js';
import type { Difference, Tally } from './verify-compare.js';
import { Comparison } from './verify-compare.js';

interface VerifyOptions {
  readonly isa?: string;
  readonly seconds: number;
  readonly seed: number;
  readonly json?: boolean;
}

interface Verified {
  readonly seed: number;
  readonly fixed: number;
  readonly random: number;
  readonly results: readonly Tally[];
  readonly differences: readonly Difference[];
}

/** Differences printed before the rest are only counted. */
const SHOWN = 10;

/** `convolith verify`: the native engine against the TypeScript one. */
export function addVerify(program: Command): void {
  program
    .command('verify')
    .description('compare the native engine with the TypeScript one: every algorithm on every instruction set here')
    .addOption(isaOption())
    .addOption(
      new Option('--seconds <n>', 'time for random layers after the fixed ones').argParser(secondsArgument).default(10),
    )
    .addOption(
      new Option('--seed <n>', 'seed of the random layers').argParser(integerArgument(0, 0xffffffff)).default(1),
    )
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Whole numbers must agree exactly; random data within a counted number of rounding units (2^-24) of the
output's scale, the sum of |input x weight|. Exits 1 on a difference or where the native engine cannot load.

Examples:
  convolith verify --seconds 60
  convolith verify --isa avx2 --seed 7`,
    )
    .action((options: VerifyOptions) => {
      const verified = verify(options);
      console.log(options.json ? JSON.stringify(verified, null, 2) : render(verified));
      if (verified.differences.length > 0) process.exitCode = 1;
    });
}

function verify(options: VerifyOptions): Verified {
  const binding = nativeBinding();
  const isas = binding.isas();
  if (options.isa !== undefined && !isas.includes(options.isa)) {
    throw expected('ERR_OPTION', `one of ${isas.join(', ')} (this CPU's)`, '--isa', options.isa);
  }
  const random = new Random(options.seed);
  const comparison = new Comparison(options.isa ? [options.isa] : isas, binding.algorithms(), random);

  const fixed = fixedCases();
  const progress = startProgress(1);
  const share = options.seconds === 0 ? 1 : 0.3;
  let drawn = 0;
  try {
    fixed.forEach((tested, index) => {
      progress.update((share * index) / fixed.length, `fixed layers ${index}/${fixed.length}`);
      comparison.check(tested);
    });
    const start = performance.now();
    for (let spent = 0; spent < options.seconds; spent = (performance.now() - start) / 1000) {
      progress.update(share + ((1 - share) * spent) / options.seconds, `random layers ${drawn}`);
      comparison.check(randomCase(random));
      drawn++;
    }
  } finally {
    progress.stop();
  }
  return {
    seed: options.seed,
    fixed: fixed.length,
    random: drawn,
    results: comparison.results(),
    differences: comparison.differences,
  };
}

function render(verified: Verified): string {
  const table = columns(
    ['isa', 'algorithm', 'runs', 'refused', 'values', 'differing', 'worst error (units)'],
    verified.results.map((tally) => [
      tally.isa,
      tally.algorithm,
      String(tally.layers),
      String(tally.refused),
      String(tally.values),
      tally.differing === 0 ? '0' : color.red(String(tally.differing)),
      significant(tally.worstUnits),
    ]),
    2,
  );
  const shown = verified.differences.slice(0, SHOWN).map(line);
  const hidden = verified.differences.length - shown.length;
  if (hidden > 0) shown.push(`and ${hidden} more`);
  const count = `${verified.fixed} fixed and ${verified.random} random layers, seed ${verified.seed}`;
  const verdict =
    verified.differences.length === 0
      ? color.green(`no difference over ${count}`)
      : color.red(`${verified.differences.length} differences over ${count}`);
  return [table, '', ...shown, verdict].join('\n');
}

function line(found: Difference): string {
  return `${found.isa} ${found.algorithm}, ${found.data} data: ${found.layer}: expected ${found.expected} at ${found.index}, got ${found.received}`;
}
