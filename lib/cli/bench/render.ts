import { color } from '../colors.js';
import { columns, significant } from '../format.js';
import type { BenchReport, ContenderName, ContenderResult, SubjectResult } from './report.js';
import { PEERS } from './report.js';
import type { Spread } from './statistics.js';
import { geometricMean } from './statistics.js';

/** A run's figures as text: against peers one row a subject, otherwise one a contender. */
export function render(report: BenchReport): string {
  const { layers, stacks, limits } = report;
  const machine = [
    `${report.cpu}, ${report.isa}, ${plural(report.threads, 'thread')}, ${plural(report.trials, 'trial')} each`,
  ];
  if (limits.peakGflops !== null) machine.push(`FMA peak ${significant(limits.peakGflops)} GFLOP/s a core`);
  if (limits.bandwidthGBs !== null) machine.push(`memory ${significant(limits.bandwidthGBs)} GB/s a core`);
  return [color.dim(machine.join('; ')), ...[layers, stacks].flatMap((subjects) => section(subjects))].join('\n');
}

function section(subjects: readonly SubjectResult[]): string[] {
  if (subjects.length === 0) return [];
  const peers = PEERS.filter((peer) => subjects.some(({ ratios }) => peer in ratios));
  const table = peers.length > 0 ? comparison(subjects, peers) : figures(subjects);
  return ['', table, ...sums(subjects, peers)];
}

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

const titleOf = ({ name, count }: SubjectResult): string => (count > 1 ? `${name} ×${count}` : name);

const share = (value: number | null | undefined): string => (value == null ? '–' : value.toFixed(2));

const describe = ({ chains }: SubjectResult): string =>
  chains.flat().length === 1 ? chains[0][0] : `${chains.flat().length} layers in ${chains.length} chains`;

/** The names of the plans' algorithms, once each. */
const algorithmsOf = ({ plans }: ContenderResult): string =>
  [...new Set(plans.map((plan) => plan.algorithm))].join(', ');

/** Half of the trials' range as a part of their median; one trial has none. */
const wobble = ({ median, low, high }: Spread): string =>
  low === high ? '–' : `±${Math.round((50 * (high - low)) / median)}%`;

function figures(subjects: readonly SubjectResult[]): string {
  const head = ['layer', 'descriptor', 'engine', 'layout', 'algorithm', 'median ms', 'spread', 'best ms', 'GFLOP/s'];
  const rows = subjects.flatMap((subject) =>
    subject.results.map((found, index) => [
      ...(index > 0 ? ['', ''] : [titleOf(subject), describe(subject)]),
      found.contender,
      found.layout ?? '',
      algorithmsOf(found),
      significant(found.milliseconds.median),
      wobble(found.milliseconds),
      significant(found.bestMs),
      significant(found.gflops),
      share(found.peakShare),
      share(found.bandwidthShare),
    ]),
  );
  return columns([...head, 'of peak', 'of memory'], rows, 5);
}

function comparison(subjects: readonly SubjectResult[], peers: readonly ContenderName[]): string {
  const head = [
    'layer',
    'descriptor',
    'algorithm',
    'ms',
    'NCHW',
    'NHWC',
    ...peers,
    ...peers.map((peer) => `× ${peer}`),
  ];
  const rows = subjects.map((subject) => {
    const find = (name: ContenderName, layout: string | null) =>
      subject.results.find((found) => found.contender === name && (layout === null || found.layout === layout));
    const own = subject.results.some(({ contender }) => contender === 'native') ? 'native' : 'reference';
    const best = find(own, subject.better);
    return [
      titleOf(subject),
      describe(subject),
      best === undefined ? '' : algorithmsOf(best),
      best === undefined ? '' : significant(best.milliseconds.median),
      ...['NCHW', 'NHWC'].map((layout) => share(find(own, layout)?.peakShare)),
      ...peers.map((peer) => share(find(peer, null)?.peakShare)),
      ...peers.map((peer) => ratio(subject.ratios[peer])),
    ];
  });
  return columns(head, rows, 3);
}

function ratio(spread: Spread | undefined): string {
  if (spread === undefined) return '–';
  const text = `${significant(spread.median)} (${significant(spread.low)}–${significant(spread.high)})`;
  return spread.median < 1 ? color.red(text) : text;
}

/** The sum of a network's layers for each contender, and the mean ratio to each peer; nothing for a single layer. */
function sums(subjects: readonly SubjectResult[], peers: readonly ContenderName[]): string[] {
  if (subjects.length === 1) return [];
  const totals = new Map<string, number>();
  for (const { count, results } of subjects) {
    for (const { contender, layout, milliseconds } of results) {
      const key = layout === null ? contender : `${contender} ${layout}`;
      totals.set(key, (totals.get(key) ?? 0) + count * milliseconds.median);
    }
  }
  const lines = [...totals].map(([key, sum]) => `all together, ${key}: ${significant(sum)} ms`);
  const shared = 'shares are of the FMA peak; × is how many times faster than the peer, with its range over the trials';
  for (const peer of peers) {
    const medians = subjects.flatMap(({ ratios }) => ratios[peer]?.median ?? []);
    const slower = medians.filter((value) => value < 1).length;
    lines.push(
      `× ${peer}: geometric mean ${significant(geometricMean(medians))} over ${medians.length}, least ${significant(Math.min(...medians))}, ${slower} below 1`,
    );
  }
  return ['', ...(peers.length > 0 ? [color.dim(shared)] : []), ...lines];
}
