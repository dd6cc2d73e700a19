import { describe, expectTypeOf, it } from 'vitest';
import {
  Conv1d,
  Conv2d,
  type ConvOptions,
  conv2dInputGrad,
  conv2dWeightGrad,
  convOutputSize,
  type Layer,
  PointwiseConv2d,
  Sequential,
  type Shape,
  type Tensor,
  type TensorLike,
  tensor,
} from '../lib/index.js';

const weight = new Float32Array(1);
const sizes = { weight, inChannels: 1, outChannels: 1, kernelSize: 1, engine: 'reference' } as const;

describe('the types', () => {
  it('carry rank and layout', () => {
    const first = new Conv2d(sizes);
    const last = new Conv2d({ ...sizes, layout: 'NHWC' });
    expectTypeOf(first.layout).toEqualTypeOf<'NCHW'>();
    expectTypeOf(last.layout).toEqualTypeOf<'NHWC'>();
    expectTypeOf(first.rank).toEqualTypeOf<2>();
    expectTypeOf(first.forward).returns.toEqualTypeOf<Tensor<[number, number, number, number]>>();
    expectTypeOf(new Conv1d(sizes).outputShape([1, 1, 1])).toEqualTypeOf<[number, number, number]>();
  });

  it('take both layouts in one stack, and options as a value', () => {
    const options: ConvOptions<2> = {
      ...sizes,
      padding: [
        [1, 2],
        [0, 1],
      ],
      stride: [1, 2],
    };
    expectTypeOf(
      new Sequential([new Conv2d(sizes), new PointwiseConv2d({ weight, inChannels: 1, outChannels: 1 })]).rank,
    ).toEqualTypeOf<2>();
    expectTypeOf(new Conv2d(options).layout).toEqualTypeOf<'NCHW' | 'NHWC'>();
  });

  it('take shapes whose length they cannot know, and those of their own rank', () => {
    const conv = new Conv2d(sizes);
    const unknownShape: number[] = [1, 1, 1, 1];
    const someTensor: TensorLike = { data: weight, shape: unknownShape };
    expectTypeOf(conv.forward({ data: weight, shape: unknownShape })).toEqualTypeOf<Tensor<Shape<2>>>();
    expectTypeOf(conv.forward(someTensor)).toEqualTypeOf<Tensor<Shape<2>>>();
    expectTypeOf(conv.forward({ data: weight, dims: [1, 1, 1, 1] })).toEqualTypeOf<Tensor<Shape<2>>>();
    expectTypeOf(conv.forward(conv.forward(someTensor))).toEqualTypeOf<Tensor<Shape<2>>>();
    const anyLayer: Layer = conv;
    expectTypeOf(anyLayer.forward(someTensor)).toEqualTypeOf<Tensor<Shape>>();
  });

  it('carry the rank through the gradients', () => {
    const [x, shape] = [tensor(weight, [1, 1, 1, 1]), [1, 1, 1, 1] as number[]];
    const options = { engine: 'reference' } as const;
    expectTypeOf(conv2dInputGrad(x, x, [1, 1, 1, 1], options)).toEqualTypeOf<Tensor<Shape<2>>>();
    expectTypeOf(conv2dWeightGrad(x, { data: weight, shape }, shape, options)).toEqualTypeOf<Tensor<Shape<2>>>();
  });

  it('know a stack by its layers', () => {
    const stack = new Sequential([new Conv2d({ ...sizes, layout: 'NHWC' }), new Conv2d({ ...sizes, layout: 'NHWC' })]);
    expectTypeOf(stack).toEqualTypeOf<Sequential<2, 'NHWC'>>();
    expectTypeOf(stack.layout).toEqualTypeOf<'NHWC'>();
    const layers: Layer<2>[] = [new Conv2d(sizes)];
    expectTypeOf(new Sequential(layers).rank).toEqualTypeOf<2>();
    const mixed: Layer[] = layers;
    expectTypeOf(new Sequential(mixed).rank).toEqualTypeOf<1 | 2 | 3>();
  });

  it('follow the form of the arithmetic’s input', () => {
    expectTypeOf(convOutputSize({ input: 8, kernel: 3 })).toEqualTypeOf<number>();
    expectTypeOf(convOutputSize({ input: [8, 9], kernel: 3 })).toEqualTypeOf<number[]>();
  });
});
