import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { ConvolithError, expected } from '../../errors.js';
import type { LayoutName } from '../options.js';
import { benchFile } from './install.js';
import type { ContenderName, ContenderRefusal, ContenderResult, MachineLimits, SubjectResult } from './report.js';
import { PEERS } from './report.js';
import type { Spread } from './statistics.js';
import { median, spreadOf } from './statistics.js';
import type { TrialRefusal, TrialResult } from './timing.js';
import type { OwnTrialRequest, OwnTrialResult, TrialRequest } from './trial.js';
import type { Workload } from './workload.js';

/** Who takes part: an engine of ours in one layout, or a peer. */
export interface Contender {
  readonly name: ContenderName;
  readonly layout: LayoutName | null;
}

/** What is timed, and under which name. */
export interface Subject {
  readonly name: string;
  readonly count: number;
  readonly workload: Workload;
}

export interface RunOptions {
  readonly contenders: readonly Contender[];
  readonly trials: number;
  readonly seconds: number;
  readonly threads: number;
  readonly isa?: string;
  /** Words in front of each trial's command. */
  readonly prefix: readonly string[];
  readonly bandwidthGBs: number | null;
  /** Told of each trial before it begins. */
  readonly onTrial: (label: string) => void;
}

interface Entrant {
  readonly contender: Contender;
  readonly trials: TrialResult[];
  refused: string | null;
}

/** Two contenders' outputs differ by rounding, Winograd's included; unequal work differs by the scale of the output. */
const TOLERANCE = 1e-3;

/** Garbage is collected by the timed thread alone: helper threads would run on whatever else the machine has to do. */
const NODE_ARGUMENTS = ['--single-threaded-gc'];

/** Times a subject: in each round every contender has one trial in a process of its own, and the order turns. */
export function runSubject(subject: Subject, options: RunOptions): SubjectResult {
  const entrants: Entrant[] = options.contenders.map((contender) => ({ contender, trials: [], refused: null }));
  for (let round = 0; round < options.trials; round++) {
    for (let turn = 0; turn < entrants.length; turn++) {
      const entrant = entrants[(round + turn) % entrants.length];
      options.onTrial(`${subject.name} ${labelOf(entrant.contender)}`);
      if (entrant.refused !== null) continue;
      const result = runTrial(entrant.contender, subject, options);
      if ('refused' in result) entrant.refused = result.refused;
      else entrant.trials.push(result);
    }
  }
  return summarise(subject, entrants, options);
}

const labelOf = ({ name, layout }: Contender): string => (layout === null ? name : `${name} ${layout}`);

const isPeer = (name: ContenderName): boolean => PEERS.some((peer) => peer === name);

function runTrial(
  { name, layout }: Contender,
  { name: subject, workload }: Subject,
  { threads, seconds, isa, prefix }: RunOptions,
): TrialResult | TrialRefusal {
  const common: TrialRequest = { workload, threads, seconds };
  const own = layout === null || isPeer(name) ? null : ownRequest(common, name, layout, isa);
  const file = own === null ? benchFile('peers', `${name}.mjs`) : join(__dirname, 'trial.js');
  try {
    const stdout = runNode([file, JSON.stringify(own ?? common)], prefix);
    return JSON.parse(stdout) as TrialResult | TrialRefusal;
  } catch (cause) {
    if (cause instanceof ConvolithError) throw cause;
    const said = typeof cause === 'object' && cause !== null && 'stderr' in cause ? String(cause.stderr).trim() : '';
    const last = said.split('\n').findLast((line) => /\bError\b/.test(line)) ?? String(cause);
    throw new Error(`Expected a trial of ${name} on ${subject} to end but received: ${last.trim()}`, { cause });
  }
}

/**
 * What a fresh process of Node.js prints. Synchronous, so that this process sleeps meanwhile.
 * @throws ConvolithError `ERR_OPTION` where the prefix's program is not there.
 */
function runNode(words: readonly string[], prefix: readonly string[]): string {
  const [command, ...rest] = [...prefix, process.execPath, ...NODE_ARGUMENTS, ...words];
  try {
    return execFileSync(command, rest, { maxBuffer: 1 << 26, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw expected('ERR_OPTION', 'a program that is there', '--prefix', command);
  }
}

/** GB/s of one core, measured in a trial of its own. */
export function measureBandwidth(prefix: readonly string[]): number {
  return Number(runNode([join(__dirname, 'bandwidth.js')], prefix));
}

function ownRequest(common: TrialRequest, name: ContenderName, layout: LayoutName, isa?: string): OwnTrialRequest {
  return { ...common, engine: name === 'native' ? 'native' : 'reference', layout, isa };
}

const isOwn = (trial: TrialResult): trial is OwnTrialResult => 'plans' in trial;

function summarise(subject: Subject, entrants: readonly Entrant[], options: RunOptions): SubjectResult {
  const { cost } = entrants[0].trials.filter(isOwn)[0];
  const bytes = cost.inputBytes + cost.outputBytes + cost.weightBytes;
  const peaks = entrants.flatMap(({ trials }) => trials.filter(isOwn).flatMap(({ peakGflops }) => peakGflops ?? []));
  const limits: MachineLimits = {
    peakGflops: peaks.length === 0 ? null : median(peaks),
    bandwidthGBs: options.bandwidthGBs,
  };
  const { peakGflops } = limits;
  const wanted = entrants[0].trials[0].sample;
  const results: ContenderResult[] = [];
  const refusals: ContenderRefusal[] = [];
  for (const { contender, trials, refused } of entrants) {
    const { name, layout } = contender;
    if (refused !== null) {
      refusals.push({ contender: name, layout, refused });
      continue;
    }
    const milliseconds = spreadOf(trials.map(({ medianMs }) => medianMs));
    const perSecond = (work: number): number => work / (milliseconds.median * 1e6);
    const share = (rate: number, limit: number | null): number | null =>
      limit === null ? null : rate / (limit * options.threads);
    const gflops = perSecond(cost.flops);
    results.push({
      contender: name,
      layout,
      version: trials[0].version,
      milliseconds,
      bestMs: Math.min(...trials.map(({ bestMs }) => bestMs)),
      firstMs: median(trials.map(({ firstMs }) => firstMs)),
      gflops,
      peakShare: share(gflops, peakGflops),
      bandwidthShare: share(perSecond(bytes), limits.bandwidthGBs),
      plans: trials.filter(isOwn)[0]?.plans ?? [],
      agrees: trials.every(({ sample }) => agree(sample, wanted)),
    });
  }
  const best = fastestOwn(entrants);
  return {
    name: subject.name,
    count: subject.count,
    chains: subject.workload.chains,
    macs: cost.macs,
    bytes,
    peakGflops,
    attainableShare:
      peakGflops === null || limits.bandwidthGBs === null
        ? null
        : Math.min(1, ((cost.flops / bytes) * limits.bandwidthGBs) / peakGflops),
    results,
    refusals,
    better: best.contender.layout ?? 'NCHW',
    ratios: ratiosTo(best, entrants),
  };
}

/** Ours with the least median; the native engine's where it takes part. */
function fastestOwn(entrants: readonly Entrant[]): Entrant {
  const native = entrants.filter(({ contender }) => contender.name === 'native');
  const own = native.length > 0 ? native : entrants.filter(({ contender }) => contender.name === 'reference');
  const time = ({ trials }: Entrant): number => median(trials.map(({ medianMs }) => medianMs));
  return own.reduce((best, entrant) => (time(entrant) < time(best) ? entrant : best));
}

/** Trial by trial, because the two of a round ran closest to each other. */
function ratiosTo(best: Entrant, entrants: readonly Entrant[]): { [peer: string]: Spread } {
  const ratios: { [peer: string]: Spread } = {};
  for (const { contender, trials, refused } of entrants) {
    if (refused !== null || !isPeer(contender.name)) continue;
    ratios[contender.name] = spreadOf(trials.map(({ medianMs }, round) => medianMs / best.trials[round].medianMs));
  }
  return ratios;
}

function agree(sample: readonly number[], wanted: readonly number[]): boolean {
  const scale = Math.max(...wanted.map(Math.abs));
  return (
    sample.length === wanted.length && sample.every((value, at) => Math.abs(value - wanted[at]) <= TOLERANCE * scale)
  );
}
