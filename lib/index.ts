/**
 * Layers, functions, the arithmetic of convolutions, and what is loaded here.
 * @module convolith
 */
export type {
  ConvCost,
  ConvCostSpec,
  Cost,
  OutputSize,
  OutputSizeOptions,
  TransposeOutputSizeOptions,
} from './cost.js';
export { convCost, convOutputSize, convTransposeOutputSize } from './cost.js';
export type { Explanation, Refusal } from './engine.js';
export type { Info } from './engines.js';
export { getThreads, info, setThreads } from './engines.js';
export type { ConvolithErrorCode } from './errors.js';
export { ConvolithError } from './errors.js';
export type { CallOptions, SeparableCallOptions, SeparableWeights, Weight } from './functional.js';
export {
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  depthwiseConv2d,
  pointwiseConv2d,
  separableConv2d,
} from './functional.js';
export type { GradOptions } from './gradients.js';
export {
  conv1dInputGrad,
  conv1dWeightGrad,
  conv2dInputGrad,
  conv2dWeightGrad,
  conv3dInputGrad,
  conv3dWeightGrad,
  convBiasGrad,
  convTranspose1dInputGrad,
  convTranspose1dWeightGrad,
  convTranspose2dInputGrad,
  convTranspose2dWeightGrad,
  convTranspose3dInputGrad,
  convTranspose3dWeightGrad,
  depthwiseConv2dInputGrad,
  depthwiseConv2dWeightGrad,
} from './gradients.js';
export { Conv1d, Conv2d, Conv3d, DepthwiseConv2d, DilatedConv2d, PointwiseConv2d } from './layers/conv.js';
export type { ConvLayer } from './layers/conv-layer.js';
export { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from './layers/conv-transpose.js';
export type { ForwardAsyncOptions, ForwardOptions, Layer } from './layers/layer.js';
export { DepthwiseSeparableConv2d } from './layers/separable.js';
export { Sequential } from './layers/sequential.js';
export type { SequentialExplanation } from './layers/stack-plan.js';
export type {
  Activation,
  ActivationName,
  Axes,
  BatchNorm,
  ConvOptions,
  ConvTransposeOptions,
  DepthwiseConvOptions,
  DilatedConvOptions,
  EngineOptions,
  EpilogueOptions,
  Layout,
  OneRank,
  Padding,
  PerAxis,
  PointwiseConvOptions,
  Rank,
  RankedShape,
  RankedTensor,
  SeparableConvOptions,
  SeparablePointwiseOptions,
  Shape,
  TuneOptions,
} from './options.js';
export type { ReceptiveField, ReceptiveFieldLayer } from './receptive-field.js';
export { receptiveField } from './receptive-field.js';
export type { PaddingMode, WeightLayout } from './spec.js';
export type { Tensor, TensorLike, Vector } from './tensor.js';
export { tensor } from './tensor.js';
