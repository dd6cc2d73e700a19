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

function layerRow(subject) {
  const both = ['NHWC', 'NCHW'].map((layout) => share(find(subject, 'native', layout)));
  return `| ${subject.name} | \`${subject.chains[0][0]}\` | ${both.join(' | ')} | ${share(find(subject, 'onnxruntime'))} | ${share(find(subject, 'tfjs-wasm'))} | ${times(subject.ratios.onnxruntime)} | ${times(subject.ratios['tfjs-wasm'])} |`;
}

function meanRow() {
  const cell = (peer) => times({ median: mean(report.layers.flatMap(({ ratios }) => ratios[peer]?.median ?? [])) });
  return `| geometric mean | | | | | | ${cell('onnxruntime')} | ${cell('tfjs-wasm')} |`;
}

function stackRow(subject) {
  const both = ['NHWC', 'NCHW'].map((layout) => milliseconds(find(subject, 'native', layout)));
  return `| ${subject.name} | ${subject.chains.flat().length} | ${both.join(' | ')} | ${milliseconds(find(subject, 'onnxruntime'))} | ${times(subject.ratios.onnxruntime)} |`;
}

const lines = [
  `${report.cpu}, ${report.isa}, ${report.threads} thread${report.threads === 1 ? '' : 's'}, Node.js ${report.node}, onnxruntime-node ${versionOf('onnxruntime')}, TensorFlow.js WASM ${versionOf('tfjs-wasm')}, ${report.date.slice(0, 10)}. Shares of the f32 FMA peak measured in the same run, ${report.limits.peakGflops.toFixed(0)} GFLOP/s a core: direct-convolution FLOPs over time, so Winograd and left-out taps can pass 1. Medians of ${report.trials} trials.`,
  '',
  '| layer | descriptor | NHWC | NCHW | onnxruntime | tfjs-wasm | × onnxruntime | × tfjs-wasm |',
  '|---|---|---|---|---|---|---|---|',
  ...report.layers.map(layerRow),
  meanRow(),
];
if (report.stacks.length > 0) {
  lines.push(
    '',
    'All convolutions of a network, ReLU after each, in milliseconds: ours as `Sequential`, onnxruntime as one model with its optimiser on.',
    '',
    '| network | layers | NHWC | NCHW | onnxruntime | × onnxruntime |',
    '|---|---|---|---|---|---|',
    ...report.stacks.map(stackRow),
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
