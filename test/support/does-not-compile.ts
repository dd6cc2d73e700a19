import { Conv1d, Conv2d, ConvTranspose2d, DilatedConv2d, PointwiseConv2d, Sequential } from '../../lib/index.js';

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
