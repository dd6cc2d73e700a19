import { InvalidArgumentError, Option } from 'commander';
import type { LayerDescriptor, NamedLayer } from '../descriptor.js';
import { parseDescriptor } from '../descriptor.js';
import { ConvolithError } from '../errors.js';
import { readNetwork } from './networks.js';

/** Layouts by their 2-D names; 1-D and 3-D layers take the one with the same place for the channels. */
export const LAYOUTS = ['NCHW', 'NHWC'] as const;
export type LayoutName = (typeof LAYOUTS)[number];
export type EngineName = 'native' | 'reference';
export type MathName = 'fast' | 'strict';

/** Refuses an argument with one line; commander puts the option's name in front and the command exits 2. */
function refuse(error: unknown): never {
  if (error instanceof ConvolithError) throw new InvalidArgumentError(error.message);
  throw error;
}

export function descriptorArgument(text: string): LayerDescriptor {
  try {
    return parseDescriptor(text);
  } catch (error) {
    if (error instanceof ConvolithError && !/\s/.test(text.trim())) {
      throw new InvalidArgumentError(`${error.message}; a layer of several words is quoted`);
    }
    refuse(error);
  }
}

/** The layers of a network; `names` are what the option takes. */
export function networkArgument(name: string, names: readonly string[]): NamedLayer[] {
  if (!names.includes(name)) throw new InvalidArgumentError(`expected one of ${names.join(', ')}, got ${name}`);
  try {
    return readNetwork(name);
  } catch (error) {
    refuse(error);
  }
}

/** A parser of whole numbers within bounds. */
export function integerArgument(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < minimum || value > maximum) {
      throw new InvalidArgumentError(`expected a whole number from ${minimum} to ${maximum}, got ${text}`);
    }
    return value;
  };
}

export function secondsArgument(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value > 86_400) {
    throw new InvalidArgumentError(`expected seconds from 0 to 86400, got ${text}`);
  }
  return value;
}

export const threadsOption = (): Option =>
  new Option('--threads <n>', 'threads a run may use').argParser(integerArgument(1, 1024));

export const isaOption = (): Option =>
  new Option('--isa <name>', 'instruction set, one of those that `convolith info` lists');

export const engineOption = (): Option =>
  new Option('--engine <name>', 'the native one where it loads, unless named').choices([
    'native',
    'reference',
  ] satisfies EngineName[]);

export const jsonOption = (): Option => new Option('--json', 'print JSON');

export const layoutOption = (): Option =>
  new Option('--layout <name>', 'channels first or last, in every rank').choices(LAYOUTS).default('NCHW');

export const mathOption = (): Option =>
  new Option('--math <mode>', '`strict` leaves out Winograd, which rounds more')
    .choices(['fast', 'strict'] satisfies MathName[])
    .default('fast');
