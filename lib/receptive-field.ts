import { expected } from './errors.js';
import { asOptions, perAxis } from './spec/check.js';

/** What a layer adds to a receptive field. Every convolution layer is one; plain numbers will do. */
export interface ReceptiveFieldLayer {
  /** One number, or one an axis, as the other two. */
  readonly kernelSize: number | readonly number[];
  /** Step of the window. @defaultValue 1 */
  readonly stride?: number | readonly number[];
  /** Distance between the kernel's taps. @defaultValue 1 */
  readonly dilation?: number | readonly number[];
  /** Whether it enlarges by its stride. @defaultValue false */
  readonly transposed?: boolean;
}

/** One entry an axis, in elements of the stack's input. */
export interface ReceptiveField {
  /** Input positions that one output position sees. */
  readonly size: number[];
  /** Input positions between two neighbouring outputs; a fraction where the stack enlarges. */
  readonly stride: number[];
}

/**
 * The receptive field of layers after one another (Araujo, Norris and Sim 2019, "Computing Receptive Fields of
 * Convolutional Neural Networks", Distill, §2). From the last layer to the first, a span of w outputs sees
 * `(w − 1)s + d(K − 1) + 1` inputs, which for a stack of convolutions is `1 + Σ d(K − 1) · Π strides before`. A transposed
 * layer's outputs see `⌊(w − 1 + d(K − 1)) / s⌋ + 1` inputs, the most over its phases. The stride is the product of
 * the strides, transposed ones dividing.
 * @throws ConvolithError `ERR_OPTION`
 * @example
 * console.log(receptiveField([{ kernelSize: [3, 3] }, { kernelSize: [3, 3], dilation: [2, 2] }]).size); // → [ 7, 7 ]
 */
export function receptiveField(layers: readonly ReceptiveFieldLayer[]): ReceptiveField {
  if (!Array.isArray(layers) || layers.length === 0)
    throw expected('ERR_OPTION', 'at least one layer', 'layers', layers);
  const rank = rankOf(layers);
  const size = new Array<number>(rank).fill(1);
  const step = new Array<number>(rank).fill(1);
  for (let index = layers.length - 1; index >= 0; index--) {
    const layer = asOptions(layers[index], `layers[${index}]`);
    const of = (key: string, fill: number | undefined): number[] =>
      perAxis(layer[key] ?? fill, rank, 1, `layers[${index}].${key}`);
    const [kernel, stride, dilation] = [of('kernelSize', undefined), of('stride', 1), of('dilation', 1)];
    for (let axis = 0; axis < rank; axis++) {
      const reach = dilation[axis] * (kernel[axis] - 1);
      if (layer.transposed === true) {
        size[axis] = Math.floor((size[axis] - 1 + reach) / stride[axis]) + 1;
        step[axis] /= stride[axis];
      } else {
        size[axis] = (size[axis] - 1) * stride[axis] + reach + 1;
        step[axis] *= stride[axis];
      }
    }
  }
  return { size, stride: step };
}

/** Arrays say how many axes there are; numbers alone mean one. */
function rankOf(layers: readonly ReceptiveFieldLayer[]): number {
  for (const layer of layers) {
    const { kernelSize, stride, dilation } = asOptions(layer, 'layers');
    for (const value of [kernelSize, stride, dilation]) if (Array.isArray(value)) return value.length;
  }
  return 1;
}
