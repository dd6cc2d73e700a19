import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { Option } from 'commander';
import color from 'picocolors';
import type { LayerDescriptor, NamedLayer } from '../descriptor.js';
import { formatDescriptor } from '../descriptor.js';
import { info, setThreads } from '../index.js';
import type { MachineLimits, Measurement } from './bench-measure.js';
import { measure, median } from './bench-measure.js';
import { columns, significant } from './format.js';
import { nativeBinding, withIsa } from './native.js';
import { networkNames, readNetwork } from './networks.js';
import type { EngineName, LayoutName } from './options.js';
import { descriptorArgument, engineOption, isaOption, LAYOUTS, networkArgument, threadsOption } from './options.js';
import { startProgress } from './progress.js';

interface BenchOptions {
  readonly network?: NamedLayer[];
  readonly layer?: LayerDescriptor;
  readonly threads: number;
  readonly isa?: string;
  readonly layout: LayoutName | 'both';
  readonly engine?: EngineName;
  readonly json?: string;
}

interface BenchReport {
  readonly version: string;
  readonly cpu: string;
  readonly isa: string;
  readonly threads: number;
  /** A core's limits, measured in this run; the peak is the median of one measurement a layer. */
  readonly limits: MachineLimits;
  readonly layers: readonly Measurement[];
}

/** What is timed: one descriptor, however often a network has it. */
interface BenchLayer {
  readonly name: string;
  readonly count: number;
  readonly descriptor: LayerDescriptor;
}

/** `convolith bench`: how fast each layer is, beside what the machine allows. */
export function addBench(program: Command): void {
  program
    .command('bench')
    .description('time layers, beside the FMA peak and the memory bandwidth measured in the same run')
    .addOption(
      new Option('--network <name>', `layers of a network: ${networkNames().join(', ')}`).argParser(networkArgument),
    )
    .addOption(
      new Option('--layer <descriptor>', 'one layer, quoted').argParser(descriptorArgument).conflicts('network'),
    )
    .addOption(threadsOption().default(1))
    .addOption(isaOption())
    .addOption(new Option('--layout <name>', 'layout').choices([...LAYOUTS, 'both']).default('both'))
    .addOption(engineOption())
    .addOption(new Option('--json <file>', 'write every figure to a file'))
    .addHelpText(
      'after',
      `
Without --network and --layer, the layers of the network "table" are timed. Without --engine, both engines
are, the TypeScript one with fewer repeats. Times are of forward() with out given, batch and bias included.
Peak shares are direct-convolution FLOPs over time over peak: Winograd, and taps left out, can pass 1.
Memory shares count input, output and weights once: layers that stay in cache can pass 1.

Examples:
  convolith bench --network resnet50 --engine native
  convolith bench --layer "n1c64h56w56 o64 k3x3 s1 p1" --layout NHWC --json result.json`,
    )
    .action((options: BenchOptions) => {
      const report = withIsa(options.isa, () => bench(options));
      // Printed first: a file that cannot be written must not cost a long run's figures.
      console.log(render(report));
      if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
    });
}

function bench(options: BenchOptions): BenchReport {
  setThreads(options.threads);
  const engines = enginesOf(options);
  const layouts = options.layout === 'both' ? LAYOUTS : [options.layout];
  const layers = layersOf(options);
  const bandwidthGBs = engines.includes('native') ? nativeBinding().memoryBandwidth() : null;

  const measured: Measurement[] = [];
  const total = layers.length * layouts.length * engines.length;
  const progress = startProgress(total);
  try {
    for (const layer of layers) {
      for (const layout of layouts) {
        // Beside each layer, because the clock of a shared machine wanders within a run.
        const peakGflops = engines.includes('native') ? nativeBinding().fmaPeak() : null;
        for (const engine of engines) {
          progress.update(measured.length, `${layer.name} ${layout} ${engine}`);
          const limits = { peakGflops, bandwidthGBs };
          measured.push(measure({ ...layer, engine, layout, threads: options.threads, limits }));
        }
      }
    }
  } finally {
    progress.stop();
  }
  const { version, cpu, isa } = info();
  const peaks = measured.flatMap(({ peakGflops }) => (peakGflops === null ? [] : [peakGflops]));
  const peakGflops = peaks.length === 0 ? null : median(peaks);
  return { version, cpu, isa, threads: options.threads, limits: { peakGflops, bandwidthGBs }, layers: measured };
}

/** Both unless one is named; the native one alone where an instruction set is; the TypeScript one where nothing else loads. */
function enginesOf(options: BenchOptions): EngineName[] {
  if (options.engine !== undefined) return [options.engine];
  if (options.isa !== undefined) return ['native'];
  if (info().engine === 'native') return ['native', 'reference'];
  process.stderr.write('The native engine is not in use here: see `convolith info`. Timing the TypeScript one.\n');
  return ['reference'];
}

function layersOf(options: BenchOptions): BenchLayer[] {
  if (options.layer) return [{ name: 'layer', count: 1, descriptor: options.layer }];
  const merged = new Map<string, BenchLayer>();
  for (const { name, descriptor } of options.network ?? readNetwork('table')) {
    const key = formatDescriptor(descriptor);
    const before = merged.get(key);
    merged.set(key, before ? { ...before, count: before.count + 1 } : { name, count: 1, descriptor });
  }
  return [...merged.values()];
}

function render(report: BenchReport): string {
  const { limits, layers } = report;
  const machine = [`${report.cpu}, ${report.isa}, ${report.threads} thread${report.threads === 1 ? '' : 's'}`];
  if (limits.peakGflops !== null) machine.push(`FMA peak ${significant(limits.peakGflops)} GFLOP/s a core`);
  if (limits.bandwidthGBs !== null) machine.push(`memory ${significant(limits.bandwidthGBs)} GB/s a core`);
  const table = columns(
    ['layer', 'descriptor', 'engine', 'layout', 'algorithm', 'median ms', 'best ms', 'GFLOP/s', 'of peak', 'of memory'],
    layers.map((found, index) => [
      ...(found.descriptor === layers[index - 1]?.descriptor ? ['', ''] : [titleOf(found), found.descriptor]),
      found.engine,
      found.layout,
      found.algorithm,
      significant(found.medianMs),
      significant(found.bestMs),
      significant(found.gflops),
      share(found.peakShare),
      share(found.bandwidthShare),
    ]),
    5,
  );
  return [color.dim(machine.join('; ')), '', table, ...totals(layers)].join('\n');
}

const titleOf = ({ name, count }: Measurement): string => (count > 1 ? `${name} ×${count}` : name);

const share = (value: number | null): string => (value === null ? '–' : value.toFixed(2));

/** The sum of a network's layers for each engine and layout; nothing for a single layer. */
function totals(layers: readonly Measurement[]): string[] {
  const sums = new Map<string, number>();
  for (const { engine, layout, count, medianMs } of layers) {
    const key = `${engine} ${layout}`;
    sums.set(key, (sums.get(key) ?? 0) + count * medianMs);
  }
  if (layers.length === sums.size) return [];
  return ['', ...[...sums].map(([key, sum]) => `all layers, ${key}: ${significant(sum)} ms`)];
}
