// node scripts/speed-table.mjs RESULT.json [--write]
// The tables of README's section on speed from a run of `convolith bench --network table --stack all --peers --json
// RESULT.json`. --write puts them between the marks.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = new URL('..', import.meta.url);
const README = new URL('README.md', ROOT);
const [BEGIN, END] = ['<!-- speed:begin -->', '<!-- speed:end -->'];

const { values: options, positionals } = parseArgs({ options: { write: { type: 'boolean' } }, allowPositionals: true });
const report = JSON.parse(readFileSync(positionals[0], 'utf8'));

const find = ({ results }, contender, layout) =>
  results.find((found) => found.contender === contender && (layout === undefined || found.layout === layout));
const share = (found) => (found ? found.peakShare.toFixed(2) : '–');
const times = (ratio) => (ratio ? `${ratio.median >= 10 ? ratio.median.toFixed(0) : ratio.median.toFixed(2)}×` : '–');
const milliseconds = (found) => (found ? Number(found.milliseconds.median.toPrecision(3)) : '–');
const mean = (values) => Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

const versionOf = (contender) =>
  [...report.layers, ...report.stacks].map((subject) => find(subject, contender)).find(Boolean)?.version;

/** Peers in the order of their columns; oneDNN where the run had it. */
const PEERS = ['onednn', 'onnxruntime', 'tfjs-wasm'].filter((peer) => versionOf(peer) !== undefined);
const STACK_PEERS = PEERS.filter((peer) => peer !== 'tfjs-wasm');
const TITLES = { onednn: 'oneDNN', onnxruntime: 'onnxruntime', 'tfjs-wasm': 'tfjs-wasm' };
const LAYOUTS = ['NHWC', 'NCHW'];

const row = (cells) => `| ${cells.join(' | ')} |`;
const heading = (cells, peers) => [
  row([...cells, ...LAYOUTS, ...peers.map((peer) => TITLES[peer]), ...peers.map((peer) => `× ${TITLES[peer]}`)]),
  `|${'---|'.repeat(cells.length + LAYOUTS.length + 2 * peers.length)}`,
];

function subjectRow(subject, cells, peers, figure) {
  const ours = LAYOUTS.map((layout) => figure(find(subject, 'native', layout)));
  const theirs = peers.map((peer) => figure(find(subject, peer)));
  return row([...cells, ...ours, ...theirs, ...peers.map((peer) => times(subject.ratios[peer]))]);
}

function meanRow(subjects, cells, peers) {
  const means = peers.map((peer) =>
    times({ median: mean(subjects.flatMap(({ ratios }) => ratios[peer]?.median ?? [])) }),
  );
  return row(['geometric mean', ...Array(cells + LAYOUTS.length + peers.length - 1).fill(''), ...means]);
}

const lines = [
  `${report.cpu}, ${report.isa}, ${report.threads} thread${report.threads === 1 ? '' : 's'}, Node.js ${report.node}, ${PEERS.map((peer) => `${TITLES[peer]} ${versionOf(peer)}`).join(', ')}, ${report.date.slice(0, 10)}. Shares of the f32 FMA peak measured in the same run, ${report.limits.peakGflops.toFixed(0)} GFLOP/s a core: direct-convolution FLOPs over time, so Winograd and left-out taps can pass 1. Medians of ${report.trials} trials.`,
  '',
  ...heading(['layer', 'descriptor'], PEERS),
  ...report.layers.map((subject) => subjectRow(subject, [subject.name, `\`${subject.chains[0][0]}\``], PEERS, share)),
  meanRow(report.layers, 2, PEERS),
];
if (report.stacks.length > 0) {
  lines.push(
    '',
    'All convolutions of a network, ReLU after each, in milliseconds: ours as `Sequential`, onnxruntime as one model with its optimiser on, oneDNN layer by layer in its own formats.',
    '',
    ...heading(['network', 'layers'], STACK_PEERS),
    ...report.stacks.map((subject) =>
      subjectRow(subject, [subject.name, subject.chains.flat().length], STACK_PEERS, milliseconds),
    ),
    meanRow(report.stacks, 2, STACK_PEERS),
  );
}

if (options.write) {
  const text = readFileSync(README, 'utf8');
  const [before, after] = [text.slice(0, text.indexOf(BEGIN) + BEGIN.length), text.slice(text.indexOf(END))];
  writeFileSync(README, `${before}\n\n${lines.join('\n')}\n\n${after}`);
  spawnSync('npx', ['biome', 'format', '--write', fileURLToPath(README)], {
    cwd: fileURLToPath(ROOT),
    stdio: 'inherit',
    timeout: 60_000,
  });
} else {
  console.log(lines.join('\n'));
}
