#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import type { ConvolithErrorCode } from '../errors.js';
import { ConvolithError } from '../errors.js';
import { info } from '../index.js';
import { addBench } from './bench/command.js';
import { errorColor } from './colors.js';
import { addExplain } from './explain.js';
import { addInfo } from './info.js';
import { addRun } from './run.js';
import { addVerify } from './verify.js';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** Commands inherit these settings, so they are set before the commands are added. */
function createProgram(): Command {
  const program = new Command('convolith')
    .description('The convolution engine for Node.js: what it runs, how, how fast, and whether it is right')
    .version(info().version, '--version', 'print the version')
    .exitOverride()
    .configureOutput({
      // Commander puts its "Did you mean" on a line of its own; a refusal here is one line.
      outputError: (text, write) => write(`${errorColor.red(text.trim().replace(/\s*\n\s*/g, ' '))}\n`),
    })
    .addHelpText(
      'after',
      `
A DESCRIPTOR is one layer in one line: n1c64h56w56 o64 k3x3 s1 p1 d1 g1
  n batch, c input channels, d h w sizes (w alone in 1-D), o output channels, k kernel, s stride,
  p padding (psame, pvalid, p0x3 an axis each, p0:1 before and after), d dilation, g groups,
  op output padding; t in front for a transposed convolution. s1 p0 d1 g1 may be left out.

Environment:
  CONVOLITH_ENGINE, CONVOLITH_ISA, CONVOLITH_THREADS choose as the options do; NO_COLOR leaves out colours.

Exit codes:
  0  done
  1  the work failed: a difference found, an engine that cannot load, a file that cannot be written
  2  a bad argument: an unknown option or name, a layer that cannot be, a file that is not there or does not fit

Examples:
  convolith info
  convolith explain n1c64h56w56 o64 k3x3 s1 p1
  convolith run --layer "n1c3h224w224 o64 k7x7 s2 p3" --input x.npy --weight w.npy --output y.npy
  convolith COMMAND --help`,
    );
  addInfo(program);
  addExplain(program);
  addRun(program);
  addVerify(program);
  addBench(program);
  return program;
}

/** Refusals that no other argument would avoid. */
const WORK_CODES: readonly ConvolithErrorCode[] = ['ERR_LOAD', 'ERR_ABORTED', 'ERR_DISPOSED'];

/** Whose fault an error is: an option, shape, choice or input file was the caller's; the rest is the work's. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (error instanceof ConvolithError) return WORK_CODES.includes(error.code) ? EXIT_FAILED : EXIT_USAGE;
  return EXIT_FAILED;
}

async function main(): Promise<void> {
  try {
    await createProgram().parseAsync();
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    if (error instanceof CommanderError) return;
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${errorColor.red(`error: ${message.replace(/\s*\n\s*/g, ' ')}`)}\n`);
  }
}

void main();
