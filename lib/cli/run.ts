import type { Command } from 'commander';
import { Option } from 'commander';
import type { LayerDescriptor } from '../descriptor.js';
import { descriptorInputShape, descriptorWeightShape, formatDescriptor } from '../descriptor.js';
import { ConvolithError } from '../errors.js';
import type { ActivationName, PaddingMode, TensorLike, WeightLayout } from '../index.js';
import { setThreads } from '../index.js';
import { color } from './colors.js';
import { facts, significant } from './format.js';
import { createLayer, isChannelsLast } from './layer.js';
import { withIsa } from './native.js';
import type { NpyArray } from './npy.js';
import { readNpy, writeNpy } from './npy.js';
import type { EngineName, LayoutName, MathName } from './options.js';
import {
  descriptorArgument,
  engineOption,
  isaOption,
  jsonOption,
  layoutOption,
  mathOption,
  threadsOption,
} from './options.js';
import { startProgress } from './progress.js';

const PADDING_MODES = ['zeros', 'reflect', 'replicate', 'circular'] as const satisfies readonly PaddingMode[];
/** Those that need no parameter. */
const ACTIVATIONS = [
  'linear',
  'relu',
  'relu6',
  'leakyRelu',
  'elu',
  'sigmoid',
  'tanh',
  'hardSwish',
  'hardSigmoid',
  'silu',
  'gelu',
] as const satisfies readonly ActivationName[];
type RunActivation = (typeof ACTIVATIONS)[number];

interface RunOptions {
  readonly layer: LayerDescriptor;
  readonly input: string;
  readonly weight: string;
  readonly bias?: string;
  readonly residual?: string;
  readonly output: string;
  readonly layout: LayoutName;
  readonly weightLayout: WeightLayout;
  readonly paddingMode: PaddingMode;
  readonly activation: RunActivation;
  readonly algorithm?: string;
  readonly engine?: EngineName;
  readonly isa?: string;
  readonly threads?: number;
  readonly math: MathName;
  readonly json?: boolean;
}

/** What one run did. */
interface Ran {
  readonly descriptor: string;
  readonly layout: LayoutName;
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  readonly algorithm: string;
  readonly isa: string;
  readonly threads: number;
  readonly milliseconds: number;
  /** Of the output's values. A NaN makes all three NaN, which JSON writes as null. */
  readonly values: { readonly min: number; readonly max: number; readonly mean: number };
  readonly output: string;
}

/** `convolith run`: one layer on NumPy files. */
export function addRun(program: Command): void {
  program
    .command('run')
    .description('run one layer on NumPy files')
    .addOption(
      new Option('--layer <descriptor>', 'the layer, quoted').argParser(descriptorArgument).makeOptionMandatory(),
    )
    .addOption(new Option('--input <x.npy>', 'the input, shaped as --layer and --layout say').makeOptionMandatory())
    .addOption(
      new Option('--weight <w.npy>', '[out, in / groups, …kernel], or as --weight-layout says').makeOptionMandatory(),
    )
    .addOption(new Option('--bias <b.npy>', '[out]'))
    .addOption(new Option('--residual <r.npy>', 'shaped as the output; added before the activation'))
    .addOption(new Option('--output <y.npy>', 'where the result goes, float32').makeOptionMandatory())
    .addOption(layoutOption())
    .addOption(
      new Option('--weight-layout <order>', "PyTorch's or TensorFlow's")
        .choices(['OIHW', 'HWIO'] satisfies WeightLayout[])
        .default('OIHW'),
    )
    .addOption(new Option('--padding-mode <name>', 'what lies in the padding').choices(PADDING_MODES).default('zeros'))
    .addOption(
      new Option('--activation <name>', 'applied last, with its default parameters')
        .choices(ACTIVATIONS)
        .default('linear'),
    )
    .addOption(new Option('--algorithm <name>', 'one of those that `convolith explain` names'))
    .addOption(engineOption())
    .addOption(isaOption())
    .addOption(threadsOption())
    .addOption(mathOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Files are NumPy's .npy with numbers of up to 64 bits, rounded to float32; Fortran order is put in row-major order.
The output appears whole or not at all.

Examples:
  convolith run --layer "n1c3h224w224 o64 k7x7 s2 p3" --input x.npy --weight w.npy --bias b.npy --output y.npy
  convolith run --layer "n1c64h28w28 o64 k3x3 psame" --layout NHWC --weight-layout HWIO --activation relu \\
    --input x.npy --weight w.npy --output y.npy --json`,
    )
    .action((options: RunOptions) => {
      const ran = withIsa(options.isa, () => runLayer(options));
      console.log(options.json ? JSON.stringify(ran, null, 2) : render(ran));
    });
}

function runLayer(options: RunOptions): Ran {
  const { layer: descriptor, layout } = options;
  if (options.threads !== undefined) setThreads(options.threads);
  if (descriptor.kind === 'convTranspose' && options.paddingMode !== 'zeros') {
    throw new ConvolithError(
      'ERR_OPTION',
      `Expected zeros (a transposed layer takes no other) for --padding-mode but received ${options.paddingMode}`,
    );
  }
  const progress = startProgress(3);
  try {
    progress.update(0, 'reading');
    const files = readFiles(options);
    const layer = createLayer(descriptor, {
      weight: files.weight.data,
      weightLayout: options.weightLayout,
      bias: files.bias?.data,
      channelsLast: isChannelsLast(layout),
      engine: options.engine,
      algorithm: options.algorithm,
      math: options.math,
      paddingMode: options.paddingMode,
      activation: options.activation,
    });
    try {
      const { shape } = files.input;
      const { algorithm, isa, threads } = layer.explain(shape);
      progress.update(1, algorithm);
      const start = performance.now();
      const output = layer.forward(files.input, files.residual === null ? {} : { residual: files.residual });
      // To the microsecond; the clock's further digits say nothing.
      const milliseconds = Number((performance.now() - start).toFixed(3));
      progress.update(2, 'writing');
      writeNpy(options.output, output.data, output.shape);
      return {
        descriptor: formatDescriptor(descriptor),
        layout,
        inputShape: shape,
        outputShape: output.shape,
        algorithm,
        isa,
        threads,
        milliseconds,
        values: summary(output.data),
        output: options.output,
      };
    } finally {
      layer.dispose();
    }
  } finally {
    progress.stop();
  }
}

interface Files {
  readonly input: NpyArray;
  readonly weight: NpyArray;
  readonly bias: NpyArray | null;
  readonly residual: TensorLike | null;
}

function readFiles(options: RunOptions): Files {
  const { layer: descriptor, layout, weightLayout } = options;
  const [outer, inner, ...kernel] = descriptorWeightShape(descriptor);
  const weightShape = weightLayout === 'OIHW' ? [outer, inner, ...kernel] : [...kernel, inner, outer];
  return {
    input: readShaped(options.input, descriptorInputShape(descriptor, isChannelsLast(layout)), 'the input'),
    weight: readShaped(options.weight, weightShape, `the weight, ${weightLayout}`),
    bias: options.bias === undefined ? null : readShaped(options.bias, [descriptor.options.outChannels], 'the bias'),
    residual: options.residual === undefined ? null : readNpy(options.residual),
  };
}

/** The descriptor says what a file must hold; a file of another shape was meant for another layer. */
function readShaped(path: string, shape: readonly number[], what: string): NpyArray {
  const found = readNpy(path);
  if (found.shape.length !== shape.length || found.shape.some((size, axis) => size !== shape[axis])) {
    throw new ConvolithError(
      'ERR_SHAPE',
      `Expected [${shape.join(', ')}] (${what} of the layer) for ${path} but received [${found.shape.join(', ')}]`,
    );
  }
  return found;
}

function summary(values: Float32Array): Ran['values'] {
  let [min, max, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
  }
  return { min, max, mean: sum / values.length };
}

function render(ran: Ran): string {
  const { min, max, mean } = ran.values;
  return facts([
    ['layer', color.bold(ran.descriptor)],
    ['input', `[${ran.inputShape.join(', ')}] ${ran.layout}`],
    ['output', `[${ran.outputShape.join(', ')}] in ${ran.output}`],
    ['values', `from ${significant(min)} to ${significant(max)}, mean ${significant(mean)}`],
    ['algorithm', `${ran.algorithm}, ${ran.isa}, ${ran.threads} thread${ran.threads === 1 ? '' : 's'}`],
    ['time', `${significant(ran.milliseconds)} ms, planning and packing included`],
  ]);
}
