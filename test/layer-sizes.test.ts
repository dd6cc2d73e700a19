import { describe, expect, it } from 'vitest';
import { Conv2d } from '../lib/index.js';
import { enginesUnderTest } from './support/engines.js';

const wave = (length: number) => Float32Array.from({ length }, (_, index) => Math.sin(index * 1.3));

describe.each(await enginesUnderTest())('$label', ({ isa, select }) => {
  // What a plan packs follows the number of rows; a plan for another size must not take it for its own.
  it.each([
    { inChannels: 96, outChannels: 144, kernelSize: 1, padding: 0 },
    { inChannels: 24, outChannels: 80, kernelSize: 3, padding: 1 },
  ])('one layer of $inChannels to $outChannels, kernel $kernelSize, serves maps of any size', (sizes) => {
    select();
    const engine = isa === 'js' ? 'reference' : 'native';
    const weight = wave(sizes.inChannels * sizes.outChannels * sizes.kernelSize ** 2);
    using layer = new Conv2d({ ...sizes, weight, layout: 'NHWC', engine });
    for (const [height, width] of [
      [5, 14],
      [1, 14],
      [1, 1],
      [3, 3],
      [16, 16],
      [1, 7],
    ]) {
      const shape = [1, height, width, sizes.inChannels] as const;
      const input = { data: wave(height * width * sizes.inChannels), shape };
      using alone = new Conv2d({ ...sizes, weight, layout: 'NHWC', engine });
      expect(layer.forward(input)).toEqual(alone.forward(input));
    }
  });
});
