import {
  Conv1d,
  Conv2d,
  type ConvOptions,
  ConvTranspose2d,
  conv2d,
  conv2dInputGrad,
  conv2dWeightGrad,
  DilatedConv2d,
  PointwiseConv2d,
  Sequential,
  tensor,
} from '../../lib/index.js';

const weight = new Float32Array(1);
const sizes = { weight, inChannels: 1, outChannels: 1, kernelSize: 1 } as const;

/** Never called: what matters is that it compiles, and that each marked line would not. */
export function doesNotCompile(): void {
  // @ts-expect-error a 1-D layout
  new Conv2d({ weight, layout: 'NCW' });
  // @ts-expect-error a 2-D layout
  new Conv1d({ weight, layout: 'NHWC' });
  // @ts-expect-error one number too many
  new Conv2d({ weight, stride: [1, 1, 1] });
  // @ts-expect-error padding for three axes
  new Conv2d({ weight, padding: [3, 3, 3] });
  // @ts-expect-error a misspelt option
  new Conv2d({ weight, strides: 2 });
  // @ts-expect-error an unknown activation
  new Conv2d({ weight, activation: 'swish' });
  // @ts-expect-error a parameter of another activation
  new Conv2d({ weight, activation: { type: 'relu', alpha: 1 } });
  // @ts-expect-error prelu needs its slope
  new Conv2d({ weight, activation: 'prelu' });
  // @ts-expect-error the dilation is missing
  new DilatedConv2d({ weight });
  // @ts-expect-error 1×1 by definition
  new PointwiseConv2d({ weight, kernelSize: 3 });
  // @ts-expect-error a transposed layer takes zeros only
  new ConvTranspose2d({ weight, paddingMode: 'reflect' });
  // @ts-expect-error another dtype
  new Conv2d({ weight: new Float64Array(9) });
  // @ts-expect-error a layer of another rank
  new Sequential<2>([new Conv1d(sizes)]);
  // @ts-expect-error forward cannot be aborted
  new Conv1d(sizes).forward({ data: weight, shape: [1, 1, 1] }, { signal: AbortSignal.abort() });
}

/** As above: calls. */
export function callsThatDoNotCompile(): void {
  const [line, plane] = [new Conv1d(sizes), new Conv2d(sizes)];
  const samples = tensor(weight, [1, 1, 1]);
  // @ts-expect-error three dimensions for a layer that takes four
  plane.forward(samples);
  // @ts-expect-error the same, written in place
  plane.forward({ data: weight, shape: [1, 1, 1] });
  // @ts-expect-error the same, as onnxruntime calls it
  plane.forward({ data: weight, dims: [1, 1, 1] });
  // @ts-expect-error the same, on other threads
  void plane.forwardAsync(samples);
  // @ts-expect-error what a plane gives is no line
  line.forward(plane.forward(tensor(weight, [1, 1, 1, 1])));
  // @ts-expect-error the arithmetic knows the rank too
  plane.outputShape([1, 1, 1]);
  // @ts-expect-error the functions as well
  conv2d(samples, weight, sizes);
  // @ts-expect-error options of another rank
  conv2d(tensor(weight, [1, 1, 1, 1]), weight, { layout: 'NWC' });
  const image = tensor(weight, [1, 1, 1, 1]);
  // @ts-expect-error a gradient of another rank
  conv2dInputGrad(samples, weight, [1, 1, 1, 1], sizes);
  // @ts-expect-error a shape of another rank
  conv2dInputGrad(image, weight, [1, 1, 1], sizes);
  // @ts-expect-error the input as well
  conv2dWeightGrad(samples, image, [1, 1, 1, 1]);
  // @ts-expect-error a weight of another rank
  conv2dWeightGrad(image, image, [1, 1, 1]);
  // @ts-expect-error what belongs to the epilogue
  conv2dWeightGrad(image, image, [1, 1, 1, 1], { activation: 'relu' });
  // @ts-expect-error two ranks in one stack
  new Sequential([line, plane]);
  const lineOptions: ConvOptions<1> = { weight, stride: [1] };
  // @ts-expect-error options made for a line
  new Conv2d(lineOptions);
}
