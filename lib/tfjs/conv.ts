import type * as tfc from '@tensorflow/tfjs-core';
import type { EngineActivation } from '../spec.js';
import type { Backend } from './backend.js';
import { convGeometry, isEmpty, window2d, window3d } from './conv-geometry.js';
import { type LayerShape, LINEAR } from './conv-spec.js';
import { convolve } from './convolve.js';
import { activationStep, addStep, type Step } from './epilogue.js';
import { applySeparately, type FusedAttrs, type FusedInputs, perChannel } from './fused.js';
import { defineKernel, type Kernel, type TensorInfo } from './kernel.js';

export interface ConvInputs {
  readonly x: TensorInfo;
  readonly filter: TensorInfo;
}

type FusedConvInputs = ConvInputs & FusedInputs;
type Conv2DAttrs = tfc.Conv2DAttrs;
type FusedConvAttrs = Conv2DAttrs & FusedAttrs;

/** What TensorFlow.js may fuse, as the engine names it. `prelu` gets its slopes when the layer is made. */
const ACTIVATIONS: ReadonlyMap<string, EngineActivation> = new Map([
  ['linear', LINEAR],
  ['relu', { ...LINEAR, min: 0 }],
  ['relu6', { ...LINEAR, min: 0, max: 6 }],
  ['elu', { ...LINEAR, op: 'elu', alpha: 1 }],
  ['leakyrelu', { ...LINEAR, op: 'leakyRelu', alpha: 0.2 }],
  ['sigmoid', { ...LINEAR, op: 'sigmoid' }],
  ['prelu', { ...LINEAR, op: 'prelu' }],
]);

function activationOf(name: string | undefined, alpha: number | undefined): EngineActivation | null {
  const found = ACTIVATIONS.get(name ?? 'linear') ?? null;
  return found?.op === 'leakyRelu' && alpha !== undefined && alpha !== null ? { ...found, alpha } : found;
}

/** What depends on the kernel and not on the epilogue. */
type Layer = Omit<LayerShape, 'transposed'> & { readonly outShape: number[] };

interface ConvCall {
  readonly kernel: string;
  readonly inputs: ConvInputs;
  readonly attrs: readonly unknown[];
  readonly backend: Backend;
  readonly isChannelsFirst: boolean;
  /** Settles the sizes; called where no site is kept. */
  readonly layer: () => Layer;
}

function run(
  { backend, kernel, inputs, attrs, layer, isChannelsFirst }: ConvCall,
  steps: readonly Step[] = [],
): TensorInfo | null {
  const takesMargins = inputs.x.shape.length === 4 && !isChannelsFirst;
  return convolve({ backend, kernel, x: inputs.x, filter: inputs.filter, attrs, steps, takesMargins }, () => {
    const { outShape, ...shape } = layer();
    const { window, inChannels, outChannels } = shape;
    if (isEmpty(window, inChannels * outChannels)) return null;
    return { shape: { ...shape, transposed: false }, geometry: convGeometry(window), outShape };
  });
}

/** The conv kernel whose fused form is called `Fused…`, and how its sizes follow from shapes and attributes. */
function conv2dCall(inputs: ConvInputs, attrs: Conv2DAttrs, backend: Backend): ConvCall {
  const { strides, pad, dataFormat, dilations, dimRoundingMode } = attrs;
  return {
    kernel: 'Conv2D',
    inputs,
    attrs: [strides, pad, dataFormat, dilations, dimRoundingMode],
    backend,
    isChannelsFirst: dataFormat === 'NCHW',
    layer() {
      const { backend_util: util } = backend.tf;
      const info = util.computeConv2DInfo(
        inputs.x.shape as Shape4,
        inputs.filter.shape as Shape4,
        strides,
        dilations,
        pad,
        dimRoundingMode,
        false,
        util.convertConv2DDataFormat(dataFormat),
      );
      return { ...layerOf(info), window: window2d(info), groups: 1, rank: 2 };
    },
  };
}

type Shape4 = [number, number, number, number];
type Shape5 = [number, number, number, number, number];

function depthwiseCall(inputs: ConvInputs, attrs: Conv2DAttrs, backend: Backend): ConvCall {
  const { strides, pad, dimRoundingMode } = attrs;
  const dilations = attrs.dilations ?? [1, 1];
  return {
    kernel: 'DepthwiseConv2dNative',
    inputs,
    attrs: [strides, pad, dilations, dimRoundingMode],
    backend,
    isChannelsFirst: false,
    layer() {
      const { backend_util: util } = backend.tf;
      const [x, filter] = [inputs.x.shape as Shape4, inputs.filter.shape as Shape4];
      backend.tf.util.assert(
        util.eitherStridesOrDilationsAreOne(strides, dilations),
        () =>
          `Error in depthwiseConv2d: Either strides or dilations must be 1. Got strides ${strides} and dilations '${dilations}'`,
      );
      const info = util.computeConv2DInfo(x, filter, strides, dilations, pad, dimRoundingMode, true);
      return { ...layerOf(info), window: window2d(info), groups: info.inChannels, rank: 2 };
    },
  };
}

function conv3dCall(inputs: ConvInputs, attrs: tfc.Conv3DAttrs, backend: Backend): ConvCall {
  const { strides, pad, dilations } = attrs;
  return {
    kernel: 'Conv3D',
    inputs,
    attrs: [strides, pad, dilations],
    backend,
    isChannelsFirst: false,
    layer() {
      const [x, filter] = [inputs.x.shape as Shape5, inputs.filter.shape as Shape5];
      const info = backend.tf.backend_util.computeConv3DInfo(x, filter, strides, dilations, pad);
      return { ...layerOf(info), window: window3d(info), groups: 1, rank: 3 };
    },
  };
}

function layerOf(info: tfc.backend_util.Conv2DInfo | tfc.backend_util.Conv3DInfo) {
  const { outShape, inChannels, outChannels, dataFormat } = info;
  return { outShape, inChannels, outChannels, channelsLast: dataFormat === 'channelsLast' };
}

function fused(call: ConvCall, inputs: FusedConvInputs, attrs: FusedConvAttrs): TensorInfo | null {
  const channelsFirst = call.isChannelsFirst;
  const activation = activationOf(attrs.activation, attrs.leakyreluAlpha);
  if (activation === null) return null;
  const outChannels = outChannelsOf(call);
  const bias = perChannel(inputs.bias, outChannels, channelsFirst);
  const slope =
    activation.op === 'prelu' ? perChannel(inputs.preluActivationWeights, outChannels, channelsFirst) : null;
  if (bias !== undefined && slope !== undefined && (activation.op === 'prelu') === (slope !== null)) {
    const { backend } = call;
    const steps: Step[] = bias === null ? [] : [addStep(backend.record(bias))];
    if (activation !== LINEAR) steps.push(activationStep(activation, slope && backend.record(slope)));
    return run(call, steps);
  }
  const result = run(call);
  return result === null ? null : applySeparately(call.backend, result, inputs, attrs, channelsFirst);
}

function outChannelsOf({ kernel, inputs: { filter } }: ConvCall): number {
  const [, , minor, major] = filter.shape;
  return kernel === 'Conv2D' ? major : minor * major;
}

/** Convolutions of the CPU backend's names, plain and fused, on the convolution engine. */
export const convKernels: readonly Kernel[] = [
  defineKernel<ConvInputs, Conv2DAttrs>('Conv2D', ({ inputs, attrs, backend }) =>
    run(conv2dCall(inputs, attrs, backend)),
  ),
  defineKernel<FusedConvInputs, FusedConvAttrs>('FusedConv2D', ({ inputs, attrs, backend }) =>
    fused(conv2dCall(inputs, attrs, backend), inputs, attrs),
  ),
  defineKernel<ConvInputs, Conv2DAttrs>('DepthwiseConv2dNative', ({ inputs, attrs, backend }) =>
    run(depthwiseCall(inputs, attrs, backend)),
  ),
  defineKernel<FusedConvInputs, FusedConvAttrs>('FusedDepthwiseConv2D', ({ inputs, attrs, backend }) =>
    fused(depthwiseCall(inputs, attrs, backend), inputs, attrs),
  ),
  defineKernel<ConvInputs, tfc.Conv3DAttrs>('Conv3D', ({ inputs, attrs, backend }) =>
    run(conv3dCall(inputs, attrs, backend)),
  ),
];
