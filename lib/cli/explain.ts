import type { Command } from 'commander';
import { Argument } from 'commander';
import type { LayerDescriptor } from '../descriptor.js';
import { descriptorInputShape, formatDescriptor, parseDescriptor } from '../descriptor.js';
import { setThreads } from '../index.js';
import { color } from './colors.js';
import { bytes, columns, facts, quantity } from './format.js';
import { createLayer, isChannelsLast, weightCount } from './layer.js';
import { withIsa } from './native.js';
import type { EngineName, LayoutName, MathName } from './options.js';
import { engineOption, isaOption, jsonOption, layoutOption, mathOption, threadsOption } from './options.js';

interface ExplainOptions {
  readonly layout: LayoutName;
  readonly engine?: EngineName;
  readonly isa?: string;
  readonly threads?: number;
  readonly math: MathName;
  readonly json?: boolean;
}

/** `convolith explain DESCRIPTOR`: the plan of one layer, and why the candidates before it refused. */
export function addExplain(program: Command): void {
  program
    .command('explain')
    .description('show how a layer is computed: algorithm, tile, memory, cost, and what was refused')
    .addArgument(
      new Argument('<descriptor...>', 'the layer in one line, as `convolith --help` spells it out').argParser(
        joinWords,
      ),
    )
    .addOption(layoutOption())
    .addOption(engineOption())
    .addOption(isaOption())
    .addOption(threadsOption())
    .addOption(mathOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  convolith explain n1c64h56w56 o64 k3x3 s1 p1
  convolith explain "t n1c128h32w32 o64 k4x4 s2 p1" --layout NHWC --json`,
    )
    .action((words: string, options: ExplainOptions) => {
      const found = withIsa(options.isa, () => explain(parseDescriptor(words), options));
      console.log(options.json ? JSON.stringify(found, null, 2) : render(found));
    });
}

/** A descriptor may come quoted as one argument or bare as several. */
function joinWords(word: string, previous: string | undefined): string {
  return previous === undefined ? word : `${previous} ${word}`;
}

type Explained = ReturnType<typeof explain>;

function explain(descriptor: LayerDescriptor, options: ExplainOptions) {
  if (options.threads !== undefined) setThreads(options.threads);
  const channelsLast = isChannelsLast(options.layout);
  const inputShape = descriptorInputShape(descriptor, channelsLast);
  const layer = createLayer(descriptor, {
    weight: new Float32Array(weightCount(descriptor)),
    bias: new Float32Array(descriptor.options.outChannels),
    channelsLast,
    engine: options.engine,
    math: options.math,
  });
  try {
    return {
      descriptor: formatDescriptor(descriptor),
      layout: options.layout,
      inputShape,
      outputShape: layer.outputShape(inputShape),
      ...layer.explain(inputShape),
      cost: layer.cost(inputShape),
    };
  } finally {
    layer.dispose();
  }
}

function render(found: Explained): string {
  const { cost } = found;
  const text = facts([
    ['layer', color.bold(found.descriptor)],
    ['input', `[${found.inputShape.join(', ')}] ${found.layout}`],
    ['output', `[${found.outputShape.join(', ')}]`],
    ['algorithm', color.bold(found.algorithm)],
    ['isa', found.isa],
    ['tile', found.tile],
    ['threads', String(found.threads)],
    ['workspace', `${bytes(found.workspaceBytes)} a thread`],
    ['packed weights', bytes(found.packedBytes)],
    ['cost', `${quantity(cost.macs)} MACs, ${quantity(cost.flops)} FLOPs, ${quantity(cost.params)} parameters`],
    ['bytes', `input ${bytes(cost.inputBytes)}, output ${bytes(cost.outputBytes)}, weights ${bytes(cost.weightBytes)}`],
  ]);
  if (found.refused.length === 0) return text;
  const refused = columns(
    ['refused', 'reason'],
    found.refused.map(({ algorithm, reason }) => [algorithm, reason]),
    2,
  );
  return `${text}\n\n${refused}`;
}
