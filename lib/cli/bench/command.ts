import type { Command } from 'commander';
import { Option } from 'commander';
import type { LayerDescriptor, NamedLayer } from '../../descriptor.js';
import { descriptorInputShape, formatDescriptor } from '../../descriptor.js';
import { info } from '../../index.js';
import { errorColor } from '../colors.js';
import { createLayer, weightCount } from '../layer.js';
import { withIsa } from '../native.js';
import { networkNames, readNetwork } from '../networks.js';
import {
  descriptorArgument,
  integerArgument,
  isaOption,
  LAYOUTS,
  type LayoutName,
  networkArgument,
  secondsArgument,
  threadsOption,
} from '../options.js';
import { writeOutput } from '../output-file.js';
import { startProgress } from '../progress.js';
import { ensureInstalled } from './install.js';
import { writePage } from './page.js';
import { render } from './render.js';
import type { BenchReport } from './report.js';
import { PEERS } from './report.js';
import type { Contender, RunOptions, Subject } from './run.js';
import { measureBandwidth, runSubject } from './run.js';
import { median } from './statistics.js';
import { chainsOf } from './workload.js';

interface BenchOptions {
  readonly network?: NamedNetwork;
  readonly layer?: LayerDescriptor;
  readonly stack?: NamedNetwork;
  readonly peers?: boolean;
  readonly threads: number;
  readonly isa?: string;
  readonly layout: LayoutName | 'both';
  readonly engine?: 'native' | 'reference' | 'both';
  readonly trials: number;
  readonly seconds: number;
  readonly prefix?: string;
  /** A file, or true for stdout. */
  readonly json?: string | true;
  readonly report?: string;
}

/** A network, or all of them, by name. */
type NamedNetwork = readonly { readonly name: string; readonly layers: readonly NamedLayer[] }[];

/** Networks whose layers are not one network's. */
const COLLECTIONS: readonly string[] = ['table', 'odd', 'audio', 'video', 'small'];

/** `convolith bench`: how fast each layer is, beside what the machine allows and what others reach. */
export function addBench(program: Command): void {
  program
    .command('bench')
    .description('time layers, beside the FMA peak and the memory bandwidth measured in the same run, and beside peers')
    .addOption(
      new Option('--network <name>', `layers of a network, one by one: all, ${networkNames().join(', ')}`).argParser(
        networks,
      ),
    )
    .addOption(
      new Option('--layer <descriptor>', 'one layer, quoted').argParser(descriptorArgument).conflicts('network'),
    )
    .addOption(
      new Option('--stack <name>', `all convolutions of a network as one: all, ${stackNames().join(', ')}`).argParser(
        stacks,
      ),
    )
    .addOption(
      new Option(
        '--peers',
        `also ${PEERS.join(', ')}: installed into bench/peers on first use (400 MB), oneDNN by you`,
      ),
    )
    .addOption(threadsOption().default(1))
    .addOption(isaOption())
    .addOption(new Option('--layout <name>', 'layout').choices([...LAYOUTS, 'both']).default('both'))
    .addOption(
      new Option('--engine <name>', 'engine; the native one where it loads, unless named').choices([
        'native',
        'reference',
        'both',
      ]),
    )
    .addOption(
      new Option('--trials <n>', 'trials of each contender, each a fresh process, in turn')
        .argParser(integerArgument(1, 1000))
        .default(3),
    )
    .addOption(new Option('--seconds <n>', 'timed in each trial').argParser(secondsArgument).default(0.25))
    .addOption(new Option('--prefix <command>', 'in front of each trial, such as "taskset -c 1"'))
    .addOption(new Option('--json [file]', 'print every figure as JSON, or write them to a file'))
    .addOption(new Option('--report <file.html>', 'write one self-contained page: roofline, bars against peers, plans'))
    .addHelpText(
      'after',
      `
Without --network, --layer and --stack, the layers of the network "table" are timed. Times are of forward() with out
given, batch and bias included; peers run as their users call them, with fresh outputs. Peak shares are
direct-convolution FLOPs over time over peak: Winograd, and taps left out, can pass 1. Memory shares count input,
output and weights once: layers that stay in cache can pass 1. tfjs-wasm has one thread whatever --threads says.
onednn needs a C++ compiler and the system's library (Debian: apt install libdnnl-dev); input and output stay in its
own formats.
On a machine that others use, pin each trial: --prefix "taskset -c 1".

Examples:
  convolith bench --network resnet50
  convolith bench --layer "n1c64h56w56 o64 k3x3 s1 p1" --layout NHWC --json result.json
  convolith bench --network table --peers --report report.html
  convolith bench --stack mobilenetv1 --peers`,
    )
    .action((options: BenchOptions) => {
      if (options.peers) ensureInstalled('peers');
      if (options.report !== undefined) ensureInstalled('report');
      const report = bench(options);
      const json = JSON.stringify(report, null, 2);
      // Printed first: a file that cannot be written must not cost a long run's figures.
      console.log(options.json === true ? json : render(report));
      if (typeof options.json === 'string') writeOutput(options.json, `${json}\n`);
      if (options.report !== undefined) writePage(report, options.report);
      if (!allAgree(report)) process.exitCode = 1;
    });
}

const stackNames = (): string[] => networkNames().filter((name) => !COLLECTIONS.includes(name));

const networks = (name: string): NamedNetwork => named(name, networkNames());
const stacks = (name: string): NamedNetwork => named(name, stackNames());

function named(name: string, known: readonly string[]): NamedNetwork {
  if (name === 'all') return known.map((each) => ({ name: each, layers: readNetwork(each) }));
  return [{ name, layers: networkArgument(name, ['all', ...known]) }];
}

function bench(options: BenchOptions): BenchReport {
  const contenders = contendersOf(options);
  const native = contenders.some(({ name }) => name === 'native');
  // An unknown instruction set is refused before anything is timed.
  if (options.isa !== undefined) withIsa(options.isa, () => undefined);
  const layers = layersOf(options);
  const whole = (options.stack ?? []).map(stackOf);
  const prefix = options.prefix?.split(/\s+/).filter(Boolean) ?? [];
  const bandwidthGBs = native ? measureBandwidth(prefix) : null;

  let done = 0;
  const progress = startProgress((layers.length + whole.length) * contenders.length * options.trials);
  const settings: RunOptions = {
    contenders,
    trials: options.trials,
    seconds: options.seconds,
    threads: options.threads,
    isa: options.isa,
    prefix,
    bandwidthGBs,
    onTrial: (label) => progress.update(done++, label),
  };
  const measured = [];
  const measuredStacks = [];
  try {
    for (const subject of layers) measured.push(runSubject(subject, settings));
    // The TypeScript WASM peer is compared layer by layer only: its users build networks of other parts.
    const compared = contenders.filter(({ name }) => name !== 'tfjs-wasm');
    for (const subject of whole) measuredStacks.push(runSubject(subject, { ...settings, contenders: compared }));
  } finally {
    progress.stop();
  }
  const peaks = [...measured, ...measuredStacks].flatMap(({ peakGflops }) => peakGflops ?? []);
  const { version, cpu, isa } = info();
  return {
    version,
    date: new Date().toISOString(),
    cpu,
    node: process.version,
    isa: options.isa ?? isa,
    threads: options.threads,
    trials: options.trials,
    command: ['convolith', ...process.argv.slice(2).map(quoted)].join(' '),
    limits: { peakGflops: peaks.length === 0 ? null : median(peaks), bandwidthGBs },
    layers: measured,
    stacks: measuredStacks,
  };
}

const quoted = (word: string): string => (/\s/.test(word) ? `"${word}"` : word);

/** The native engine unless another is named; the TypeScript one where nothing else loads. */
function contendersOf(options: BenchOptions): Contender[] {
  const layouts = options.layout === 'both' ? LAYOUTS : [options.layout];
  const engines = enginesOf(options);
  const own = layouts.flatMap((layout) => engines.map((name): Contender => ({ name, layout })));
  return options.peers ? [...own, ...PEERS.map((name): Contender => ({ name, layout: null }))] : own;
}

function enginesOf({ engine, isa }: BenchOptions): ('native' | 'reference')[] {
  if (engine === 'both') return ['native', 'reference'];
  if (engine !== undefined) return [engine];
  if (isa !== undefined || info().engine === 'native') return ['native'];
  process.stderr.write('The native engine is not in use here: see `convolith info`. Timing the TypeScript one.\n');
  return ['reference'];
}

/** What is timed layer by layer: a descriptor once, however often a network has it. */
function layersOf(options: BenchOptions): Subject[] {
  const single = (name: string, descriptor: string): Subject => ({
    name,
    count: 1,
    workload: { chains: [[descriptor]], activation: 'linear' },
  });
  if (options.layer) return [single('layer', formatDescriptor(options.layer))];
  if (options.stack && !options.network) return [];
  const merged = new Map<string, Subject>();
  for (const { layers } of options.network ?? networks('table')) {
    for (const { name, descriptor } of layers) {
      const key = formatDescriptor(descriptor);
      const before = merged.get(key);
      merged.set(key, before ? { ...before, count: before.count + 1 } : single(name, key));
    }
  }
  return [...merged.values()];
}

/** All convolutions of a network, with ReLU after each as most have it. */
function stackOf({ name, layers }: NamedNetwork[number]): Subject {
  const sized = layers.map(({ descriptor }) => {
    const weight = new Float32Array(weightCount(descriptor));
    using layer = createLayer(descriptor, { weight, channelsLast: false, engine: 'reference' });
    const inputShape = descriptorInputShape(descriptor, false);
    return { descriptor: formatDescriptor(descriptor), inputShape, outputShape: layer.outputShape(inputShape) };
  });
  return { name, count: 1, workload: { chains: chainsOf(sized), activation: 'relu' } };
}

/** Says which outputs differ: a figure of unequal work must not pass in silence. */
function allAgree({ layers, stacks: whole }: BenchReport): boolean {
  let agreed = true;
  for (const { name, results } of [...layers, ...whole]) {
    for (const { contender, layout, agrees } of results) {
      if (agrees) continue;
      agreed = false;
      process.stderr.write(
        errorColor.red(`${name}: outputs of ${contender} ${layout ?? ''} differ from the first one's\n`),
      );
    }
  }
  return agreed;
}
