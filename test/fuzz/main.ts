import { fork } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import { Command, InvalidArgumentError, Option } from 'commander';
import { root } from '../support/root.js';
import { type Failure, type HuntOptions, hunt, type Report, runCase, shrinkCrash } from './child.js';
import type { Row } from './tally.js';
import { TARGET_NAMES, type TargetName } from './targets.js';
import { watchHang } from './watch.js';

interface Options {
  readonly target: TargetName;
  readonly seconds?: number;
  readonly cases?: number;
  readonly seed: number;
  readonly jobs: number;
  readonly case?: string;
  readonly here?: true;
  readonly keep: boolean;
  readonly hunt?: string;
}

/** A case that takes longer hangs. */
const LIMIT_MS = 60_000;
/** A process that has grown to this leaks, or allocates what it should have refused. */
const MOST_RESIDENT = 3 * 2 ** 30;
const MOST_FAILURES = 20;
/** Where neither a time nor a number of cases is named. */
const DEFAULT_SECONDS = 60;
const NO_LIMIT = Number.MAX_SAFE_INTEGER;
/** Between two lines that say how far a hunt is. */
const PROGRESS_MS = 60_000;
/** Asked to end early, a hunt ends well: with its counts. */
const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const STOP = 'stop';

const integer = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('Expected an integer of at least 0.');
  return value;
};

const program = new Command('npm run fuzz --')
  .description('compare both engines on random layers, or call the addon as no program would, until the time is over')
  .addOption(new Option('--target <name>', 'what to hunt in').choices([...TARGET_NAMES]).default('layers'))
  .option('--seconds <n>', 'how long; 60 where no number of cases is named', integer)
  .option('--cases <n>', 'how many at the most', integer)
  .option('--seed <n>', 'where the cases come from', integer, 1)
  .option('--jobs <n>', 'processes at once', integer, availableParallelism())
  .option('--case <json>', 'one case alone, as a failure prints it')
  .option('--no-keep', 'do not add failures to test/fuzz/corpus.jsonl')
  .addOption(new Option('--here', 'run the case in this process').hideHelp())
  .addOption(new Option('--hunt <json>', 'be one of the processes').hideHelp());

async function main(): Promise<void> {
  const options = program.parse().opts<Options>();
  if (options.hunt !== undefined) return runHunt(JSON.parse(options.hunt) as HuntOptions);
  if (options.case !== undefined) return runOne(options, options.case);
  const hunted = await huntAll(options);
  print(options, hunted);
  if (hunted.failures.length > 0) process.exitCode = 1;
}

/** One of the processes: it ends when it is told, not by a terminal's signal, and never outlives the one that started it. */
async function runHunt(options: HuntOptions): Promise<void> {
  for (const signal of STOP_SIGNALS) process.on(signal, () => undefined);
  process.on('disconnect', () => process.exit());
  const stop = new AbortController();
  process.on('message', (message) => {
    if (message === STOP) stop.abort();
  });
  await hunt(options, stop.signal, (report) => void process.send?.(report));
  process.disconnect();
}

async function runOne(options: Options, line: string): Promise<void> {
  await runCase(options.target, JSON.parse(line));
  if (!options.here) console.log('No difference.');
}

interface Hunted {
  readonly rows: Map<string, Row>;
  readonly codes: Map<string, number>;
  readonly failures: Failure[];
  cases: number;
  mostResident: number;
}

async function huntAll(options: Options): Promise<Hunted> {
  const total: Hunted = { rows: new Map(), codes: new Map(), failures: [], cases: 0, mostResident: 0 };
  const folder = join(root, '.cache', 'fuzz');
  mkdirSync(folder, { recursive: true });
  const start = performance.now();
  const ticking = setInterval(() => {
    const seconds = (performance.now() - start) / 1000;
    console.log(`${seconds.toFixed(0)} s: ${total.cases} cases, ${total.failures.length} failures`);
  }, PROGRESS_MS);
  const stop = new AbortController();
  for (const signal of STOP_SIGNALS) process.once(signal, () => stop.abort());
  const jobs = Array.from({ length: options.jobs }, (_, job) =>
    huntJob({
      options,
      job,
      start,
      total,
      stop: stop.signal,
      progress: join(folder, `progress-${options.target}-${job}`),
    }),
  );
  await Promise.all(jobs).finally(() => clearInterval(ticking));
  return total;
}

interface Job {
  readonly options: Options;
  readonly job: number;
  readonly start: number;
  readonly total: Hunted;
  readonly stop: AbortSignal;
  readonly progress: string;
}

/** Children one after the other: one that dies is looked into, and the next goes on behind the chunk it died in. */
async function huntJob({ options, job, start, total, stop, progress }: Job): Promise<void> {
  let first = job;
  let cases = Math.ceil((options.cases ?? NO_LIMIT) / options.jobs);
  const limit = options.seconds ?? (options.cases === undefined ? DEFAULT_SECONDS : NO_LIMIT);
  for (;;) {
    const seconds = limit - (performance.now() - start) / 1000;
    if (seconds <= 0 || cases <= 0 || stop.aborted || total.failures.length >= MOST_FAILURES) return;
    const hunting = { target: options.target, seed: options.seed, first, step: options.jobs, seconds, cases, progress };
    let last: Report | null = null;
    const ended = await runChild(hunting, stop, (report) => {
      cases -= report.cases;
      total.cases += report.cases;
      last = report;
      total.mostResident = Math.max(total.mostResident, report.residentBytes);
      if (report.failure !== null) fail(options, total, report.failure);
    });
    if (last !== null) add(total, last);
    if (ended === null) return;
    const [chunk, index] = readFileSync(progress, 'utf8').split(' ').map(Number);
    console.log(`A process ended with ${ended} in chunk ${chunk}, case ${index}; shrinking`);
    const { target, seed } = options;
    fail(options, total, await shrinkCrash({ target, seed, chunk, index, limitMs: LIMIT_MS }));
    total.cases += index;
    first = chunk + options.jobs;
  }
}

/** Null where it came to its end by itself, else what ended it. */
function runChild(hunting: HuntOptions, stop: AbortSignal, onReport: (report: Report) => void): Promise<string | null> {
  return new Promise((resolve) => {
    // The watch looks at its age, which must not be that of an earlier process.
    writeFileSync(hunting.progress, '');
    const child = fork(process.argv[1], ['--hunt', JSON.stringify(hunting)], { execArgv: ['--expose-gc'] });
    let why: string | null = null;
    const tell = (): void => void child.send(STOP);
    stop.addEventListener('abort', tell);
    const progress = () => statSync(hunting.progress, { throwIfNoEntry: false })?.mtimeMs;
    const unwatch = watchHang(child, { limitMs: LIMIT_MS, progress }, () => {
      why = `no progress in ${LIMIT_MS / 1000} s of computing`;
      child.kill('SIGKILL');
    });
    child.on('message', (message) => {
      const report = message as Report;
      onReport(report);
      if (report.residentBytes < MOST_RESIDENT) return;
      why = `${Math.round(report.residentBytes / 2 ** 20)} MiB resident`;
      child.kill('SIGKILL');
    });
    child.on('exit', (code, signal) => {
      unwatch();
      stop.removeEventListener('abort', tell);
      resolve(why ?? (code === 0 ? null : (signal ?? `code ${code}`)));
    });
  });
}

/** Failures alike but for their numbers are one. */
const kindOf = ({ message }: Failure): string => message.replace(/[-\d.e]+/g, '#');

function fail(options: Options, total: Hunted, failure: Failure): void {
  if (total.failures.some((known) => kindOf(known) === kindOf(failure))) return;
  total.failures.push(failure);
  console.log(`FAILED: ${failure.message}\n  ${reproducer(options, failure)}`);
  if (!options.keep || failure.case === null) return;
  const line = JSON.stringify({ target: options.target, why: failure.message, case: failure.case });
  appendFileSync(join(root, 'test', 'fuzz', 'corpus.jsonl'), `${line}\n`);
}

function reproducer({ target }: Options, failure: Failure): string {
  const named = target === 'layers' ? '' : `--target ${target} `;
  return `npm run fuzz -- ${named}--case '${JSON.stringify(failure.case)}'`;
}

/** A child's counts, which it gives from its start on, so only its last report counts. */
function add(total: Hunted, { rows, codes }: Report): void {
  for (const row of rows) {
    const key = `${row.isa} ${row.algorithm}`;
    const sum = total.rows.get(key) ?? { ...row, served: 0, values: 0, rounded: 0, refused: 0 };
    sum.served += row.served;
    sum.values += row.values;
    sum.rounded += row.rounded;
    sum.refused += row.refused;
    total.rows.set(key, sum);
  }
  for (const [code, count] of Object.entries(codes)) total.codes.set(code, (total.codes.get(code) ?? 0) + count);
}

function print({ target, seed }: Options, total: Hunted): void {
  const table = new Table({
    head: ['isa', 'algorithm', 'served', 'values', 'rounded', 'refused'],
    style: { head: [], border: [] },
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right'],
  });
  const rows = [...total.rows.values()].sort((a, b) =>
    `${a.isa} ${a.algorithm}`.localeCompare(`${b.isa} ${b.algorithm}`),
  );
  for (const { isa, algorithm, served, values, rounded, refused } of rows) {
    table.push([isa, algorithm, served, values, rounded, refused]);
  }
  console.log(table.toString());
  const codes = [...total.codes].sort().map(([code, count]) => `${code} ${count}`);
  console.log(
    `Refusals: ${codes.join(', ') || 'none'}. At most ${Math.round(total.mostResident / 2 ** 20)} MiB resident.`,
  );
  const calls = rows.reduce((sum, { served, refused }) => sum + served + refused, 0);
  console.log(`${total.cases} cases of ${target}, ${calls} calls, seed ${seed}: ${total.failures.length} failures`);
  for (const failure of total.failures)
    console.log(`  ${failure.message}\n    ${reproducer({ target } as Options, failure)}`);
}

await main();
