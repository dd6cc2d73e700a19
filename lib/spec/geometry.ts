import { ConvolithError, expected, show } from '../errors.js';
import type { ConvGeometry, ConvSpec, Triple } from '../spec.js';
import { axesOf, MAX_ELEMENTS, product } from './check.js';
import { AXIS_NAMES, channelsOf, LAYOUTS, shapeOf, spatialOf } from './layout.js';
import type { PaddingRule } from './padding.js';

/** What a layer knows of its sizes before an input comes. */
export interface SizeRule {
  readonly spec: ConvSpec;
  readonly padding: PaddingRule;
  /** Transposed layers: elements added at the end; zeros otherwise. */
  readonly outputPadding: Triple;
  /** Transposed layers: the output's spatial sizes where the user named them, and its batch where that was named too. */
  readonly outputShape: { readonly batch: number | null; readonly spatial: Triple } | null;
  /** How the weight gives the input channels, for messages: `weight.shape[1] * groups`. */
  readonly channelsFrom: string;
}

/** Sizes of one axis. All in elements. */
export interface AxisSizes {
  readonly output: number;
  readonly before: number;
  readonly after: number;
}

/** Kernel, stride, dilation of one axis. */
export interface AxisWindow {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
}

/** Elements between the first and the last tap of a kernel, both counted: `d(K − 1) + 1`. */
export function effectiveKernel({ kernel, dilation }: AxisWindow): number {
  return dilation * (kernel - 1) + 1;
}

/** TensorFlow's SAME: `total = max((⌈I / s⌉ − 1)s + d(K − 1) + 1 − I, 0)`, the odd element after. */
function samePads(input: number, output: number, window: AxisWindow): { before: number; after: number } {
  const total = Math.max((output - 1) * window.stride + effectiveKernel(window) - input, 0);
  const before = Math.floor(total / 2);
  return { before, after: total - before };
}

/** `O = ⌊(I + before + after − d(K − 1) − 1) / s⌋ + 1`; `null` pads are `'same'`: `O = ⌈I / s⌉`. */
export function convAxis(input: number, window: AxisWindow, pads: { before: number; after: number } | null): AxisSizes {
  if (pads === null) {
    const output = Math.ceil(input / window.stride);
    return { output, ...samePads(input, output, window) };
  }
  const { before, after } = pads;
  const room = input + before + after - effectiveKernel(window);
  return { output: Math.floor(room / window.stride) + 1, before, after };
}

/** `O = (I − 1)s − before − after + d(K − 1) + 1 + extra`; `null` pads are `'same'`: `O = I·s`, pads as from output to input. */
export function convTransposeAxis(
  input: number,
  window: AxisWindow,
  pads: { before: number; after: number } | null,
  extra: number,
): AxisSizes {
  if (pads === null) {
    const output = input * window.stride;
    return { output, ...samePads(output, input, window) };
  }
  const { before, after } = pads;
  return { output: (input - 1) * window.stride - before - after + effectiveKernel(window) + extra, before, after };
}

/**
 * The sizes that a layer has for one input.
 * @throws ConvolithError `ERR_SHAPE` where the input does not fit or the output would be empty, `ERR_MEMORY` beyond
 * 2^31 - 1 elements.
 */
export function resolveGeometry(rule: SizeRule, inputShape: readonly number[], name = 'input.shape'): ConvGeometry {
  const { spec } = rule;
  checkInput(rule, inputShape, name);
  const spatial = spatialOf(inputShape, spec.channelsLast);
  const sizes = spatial.map((size, index) => axisSizes(rule, inputShape, size, index + 3 - spec.rank));
  const at = (index: number, fill: number, pick: (axis: AxisSizes) => number): number =>
    index < 3 - spec.rank ? fill : pick(sizes[index - (3 - spec.rank)]);
  const tripleOf = (fill: number, pick: (axis: AxisSizes) => number): Triple =>
    Object.freeze([at(0, fill, pick), at(1, fill, pick), at(2, fill, pick)] as const);
  const input: Triple = Object.freeze([spatial.at(-3) ?? 1, spatial.at(-2) ?? 1, spatial.at(-1) ?? 1] as const);
  const geometry: ConvGeometry = Object.freeze({
    batch: inputShape[0],
    input,
    output: tripleOf(1, (axis) => axis.output),
    padBefore: tripleOf(0, (axis) => axis.before),
    padAfter: tripleOf(0, (axis) => axis.after),
  });
  product(outputShapeOf(spec, geometry), 'the output');
  return geometry;
}

/** The output's whole shape in the layer's layout. */
export function outputShapeOf(spec: ConvSpec, geometry: ConvGeometry): number[] {
  return shapeOf(geometry.batch, spec.outChannels, axesOf(geometry.output, spec.rank), spec.channelsLast);
}

function checkInput({ spec, channelsFrom, outputShape }: SizeRule, shape: readonly number[], name: string): void {
  if (shape.length !== spec.rank + 2) {
    const layout = LAYOUTS[spec.rank][spec.channelsLast ? 1 : 0];
    const hint = shape.length === spec.rank + 1 ? ' (a single one is a batch of 1)' : '';
    throw expected('ERR_SHAPE', `${spec.rank + 2} dimensions, ${layout},${hint}`, name, shape);
  }
  const channels = channelsOf(shape, spec.channelsLast);
  if (channels !== spec.inChannels) {
    throw new ConvolithError(
      'ERR_SHAPE',
      `Expected input channels ${spec.inChannels} (${channelsFrom}) but received ${channels} in ${name} ${show(shape)}`,
    );
  }
  if (outputShape?.batch != null && outputShape.batch !== shape[0]) {
    throw new ConvolithError(
      'ERR_SHAPE',
      `Expected batch ${outputShape.batch} (outputShape[0]) but received ${shape[0]} in ${name} ${show(shape)}`,
    );
  }
  product(shape, name);
}

function axisSizes(rule: SizeRule, inputShape: readonly number[], input: number, axis: number): AxisSizes {
  const { spec, padding } = rule;
  const window = { kernel: spec.kernel[axis], stride: spec.stride[axis], dilation: spec.dilation[axis] };
  const pads = padding.same ? null : { before: padding.before[axis], after: padding.after[axis] };
  const sizes = spec.transposed
    ? namedOutput(rule, convTransposeAxis(input, window, pads, rule.outputPadding[axis]), axis, input)
    : convAxis(input, window, pads);
  if (sizes.output < 1) {
    throw new ConvolithError(
      'ERR_SHAPE',
      `Expected an output of at least 1 for ${AXIS_NAMES[axis]} but input.shape ${show(inputShape)} gives ${sizes.output} ` +
        `(kernel ${window.kernel}, stride ${window.stride}, dilation ${window.dilation}, padding ${sizes.before} and ${sizes.after})`,
    );
  }
  checkPadding(spec, sizes, input, axis);
  if (sizes.output > MAX_ELEMENTS)
    throw expected('ERR_MEMORY', 'at most 2^31 - 1 elements', 'the output', sizes.output);
  return sizes;
}

/** Replaces the base size by the one that the user named, where the stride allows it. */
function namedOutput(
  { spec, padding, outputShape }: SizeRule,
  base: AxisSizes,
  axis: number,
  input: number,
): AxisSizes {
  if (outputShape === null) return base;
  const wanted = outputShape.spatial[axis];
  const stride = spec.stride[axis];
  // With 'same' the forward convolution takes ⌈O / s⌉ = I: the named sizes end at I·s; otherwise they begin at the base.
  const least = padding.same ? base.output - stride + 1 : base.output;
  if (wanted < least || wanted >= least + stride) {
    throw new ConvolithError(
      'ERR_SHAPE',
      `Expected ${least} to ${least + stride - 1} (input ${input}, stride ${stride}) for the ${AXIS_NAMES[axis]} of ` +
        `outputShape but received ${wanted}`,
    );
  }
  if (!padding.same) return { ...base, output: wanted };
  const window = { kernel: spec.kernel[axis], stride, dilation: spec.dilation[axis] };
  return { output: wanted, ...samePads(wanted, input, window) };
}

function checkPadding(spec: ConvSpec, sizes: AxisSizes, input: number, axis: number): void {
  const pad = Math.max(sizes.before, sizes.after);
  // 'same' makes as much of it as the dilation asks for.
  if (pad > MAX_ELEMENTS) throw expected('ERR_SHAPE', 'padding of at most 2^31 - 1', AXIS_NAMES[axis], pad);
  const most = spec.paddingMode === 'reflect' ? input - 1 : spec.paddingMode === 'circular' ? input : pad;
  if (pad > most) {
    throw new ConvolithError(
      'ERR_SHAPE',
      `Expected padding of at most ${most} (input ${input}, paddingMode '${spec.paddingMode}') for ${AXIS_NAMES[axis]} but received ${pad}`,
    );
  }
}
