import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  descriptorInputShape,
  descriptorWeightShape,
  formatDescriptor,
  parseDescriptor,
  parseNetwork,
} from '../lib/descriptor.js';

const SHAPES = join(__dirname, '..', 'bench', 'shapes');

describe('parseDescriptor', () => {
  it('reads every field of a layer', () => {
    expect(parseDescriptor('n2c64h56w48 o128 k3x5 s2x1 p1x2 d1x3 g4')).toEqual({
      kind: 'conv',
      rank: 2,
      inputShape: [2, 64, 56, 48],
      options: {
        inChannels: 64,
        outChannels: 128,
        kernelSize: [3, 5],
        stride: [2, 1],
        padding: [
          [1, 1],
          [2, 2],
        ],
        dilation: [1, 3],
        groups: 4,
        outputPadding: [0, 0],
      },
    });
  });

  it('leaves stride, padding, dilation and groups at their defaults', () => {
    const { options } = parseDescriptor('n1c3h8w8 o4 k3x3');
    expect(options).toMatchObject({
      stride: [1, 1],
      padding: [
        [0, 0],
        [0, 0],
      ],
      dilation: [1, 1],
      groups: 1,
    });
  });

  it('takes one number for every axis, in any order of fields', () => {
    const { options } = parseDescriptor('n1c4d6h7w8 p1 k3 o8');
    expect(options).toMatchObject({
      kernelSize: [3, 3, 3],
      padding: [
        [1, 1],
        [1, 1],
        [1, 1],
      ],
    });
  });

  it('reads 1-D, 3-D and transposed layers', () => {
    expect(parseDescriptor('n1c64w1000 o64 k3')).toMatchObject({ rank: 1, inputShape: [1, 64, 1000] });
    expect(parseDescriptor('n1c16d8h32w32 o32 k3x3x3')).toMatchObject({ rank: 3, inputShape: [1, 16, 8, 32, 32] });
    const transposed = parseDescriptor('t n1c8h4w4 o6 k3x3 s2 p1 op1');
    expect(transposed).toMatchObject({ kind: 'convTranspose', options: { outputPadding: [1, 1] } });
  });

  it("reads 'same', 'valid' and padding by side", () => {
    expect(parseDescriptor('n1c3h8w8 o4 k3x3 psame').options.padding).toBe('same');
    expect(parseDescriptor('n1c3h8w8 o4 k3x3 pvalid').options.padding).toBe('valid');
    expect(parseDescriptor('n1c3h8w8 o4 k3x3 p0:1x2').options.padding).toEqual([
      [0, 1],
      [2, 2],
    ]);
  });

  it.each([
    ['n1c64h56w56 o64 k3*3', 'expected k3x3, got k3*3'],
    ['n1c64h56w56 o64 k3,5', 'expected k3x5, got k3,5'],
    ['n1c64h56w56 o64 k3x3x3', 'expected k3x3, got k3x3x3'],
    ['n1c64h56w56 o64 k0x3', 'expected k1x3, got k0x3'],
    ['n1c64h56w56 o64 k3x3 s0', 'expected s1x1, got s0'],
    ['n1c64h56w56 o64 k3x3 s-1', 'expected s1x1, got s-1'],
    ['n1c64h56w56 o64 k3x3 p1.5', 'expected p1x5, psame or pvalid, got p1.5'],
    ['n1c64h56w56 o64 k3x3 pfull', 'expected p1x1, psame or pvalid, got pfull'],
    ['n1c64h56w56 o64', 'expected k3x3 (kernel size), got nothing'],
    ['n1c64w100 k3', 'expected o64 (output channels), got nothing'],
    ['n1c64h56w56 o64 k3x3 x2', 'expected one of o, k, s, p, d, g, op, got x2'],
    ['n1c64h56w56 o64 k3x3 s1 s2', 'expected s (stride) once, got s1 and s2'],
    ['n1c64h56w56 o64 k3x3 op1', 'expected t in front of a layer with output padding, got op1'],
    ['n1c64 o64 k3x3', 'expected an input such as n1c64h56w56, got n1c64'],
    ['c64w56 o64 k3', 'expected an input such as n1c64w56, got c64w56'],
    ['N1C64H56W56 o64 k3', 'expected an input such as n1c64h56w56, got N1C64H56W56'],
    ['n1c64h56 o64 k3', 'expected an input such as n1c64h56w56, got n1c64h56'],
    ['1x16x8x32x32 o64 k3', 'expected an input such as n1c16d8h32w32, got 1x16x8x32x32'],
    ['n1c64h56w56 o64 3x3', 'expected k3x3, got 3x3'],
    ['n1c64h56w56 O64 k3', 'expected o64, got O64'],
    ['n1c64h56w56 o64 kernel3', 'expected k3x3, got kernel3'],
    ['n1c0h56w56 o64 k3x3', 'expected input sizes of at least 1, got n1c0h56w56'],
    ['', 'expected an input such as n1c64h56w56, got nothing'],
    ['t', 'expected an input such as n1c64h56w56, got nothing'],
  ])('refuses %j in one line', (text, message) => {
    expect(() => parseDescriptor(text)).toThrowError(expect.objectContaining({ code: 'ERR_OPTION', message }));
  });
});

describe('formatDescriptor', () => {
  it.each([
    'n1c64h56w56 o64 k3x3 s1 p1 d1 g1',
    'n1c192h17w17 o192 k1x7 s1 p0x3 d1 g1',
    'n1c64w1000 o64 k3 s2 p1 d4 g64',
    'n2c16d8h32w32 o32 k3x3x3 s1x2x2 p1 d1 g1',
    'n1c8h9w9 o8 k3x3 s2 psame d1 g1',
    'n1c8h9w9 o8 k3x3 s2 p0:1x1:2 d1 g1',
    't n1c8h9w9 o8 k3x3 s2 p1 d1 g1 op1x0',
  ])('prints %j as it was read', (text) => {
    expect(formatDescriptor(parseDescriptor(text))).toBe(text);
  });
});

describe('shapes of a descriptor', () => {
  it('gives the input in both layouts', () => {
    const descriptor = parseDescriptor('n2c3h8w9 o4 k3x3');
    expect(descriptorInputShape(descriptor, false)).toEqual([2, 3, 8, 9]);
    expect(descriptorInputShape(descriptor, true)).toEqual([2, 8, 9, 3]);
  });

  it("gives the weight in PyTorch's order", () => {
    expect(descriptorWeightShape(parseDescriptor('n1c8h9w9 o6 k3x5 g2'))).toEqual([6, 4, 3, 5]);
    expect(descriptorWeightShape(parseDescriptor('t n1c8h9w9 o6 k3x5 g2'))).toEqual([8, 3, 3, 5]);
  });
});

describe('parseNetwork', () => {
  it('passes over comments and empty lines', () => {
    const layers = parseNetwork('# two layers\n\na.b: n1c3h8w8 o4 k3x3 # the first\nc: t n1c4w8 o2 k2\n', 'net.txt');
    expect(layers.map(({ name }) => name)).toEqual(['a.b', 'c']);
  });

  it('names file and line of a bad one', () => {
    expect(() => parseNetwork('a: n1c3h8w8 o4 k3x3\nb: n1c3h8w8 o4 k3*3', 'net.txt')).toThrowError(
      'net.txt:2: expected k3x3, got k3*3',
    );
    expect(() => parseNetwork('n1c3h8w8 o4 k3x3', 'net.txt')).toThrowError('net.txt:1: expected name: descriptor');
  });

  it.each([
    ['resnet50', 53],
    ['vgg16', 13],
    ['mobilenetv1', 27],
    ['mobilenetv2', 52],
    ['dcgan', 6],
    ['deeplab', 8],
    ['unet', 23],
    ['fsrcnn', 8],
    ['convnext', 58],
    ['resnext', 53],
    ['inception', 94],
    ['effnet', 81],
    ['audio', 31],
    ['video', 16],
    ['table', 30],
    ['odd', 65],
    ['small', 54],
  ])('reads %s whole, every line in its canonical form', (network, count) => {
    const text = readFileSync(join(SHAPES, `${network}.txt`), 'utf8');
    const layers = parseNetwork(text, `${network}.txt`);
    expect(layers).toHaveLength(count);
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(layers.map(({ name, descriptor }) => `${name}: ${formatDescriptor(descriptor)}`)).toEqual(lines);
  });

  it('has no network beside these', () => {
    expect(readdirSync(SHAPES)).toHaveLength(17);
  });
});
