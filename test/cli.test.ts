import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { timeRuns } from '../lib/cli/bench/timing.js';
import { readNpy, writeNpy } from '../lib/cli/npy.js';
import { conv2d, convTranspose2d } from '../lib/index.js';
import { Random } from './support/random.js';

const MAIN = join(__dirname, '..', 'dist', 'cli', 'main.js');
const TINY = 'n1c4h9w9 o8 k3x3 s1 p1 d1 g1';

/** The environment without what says whether to colour. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const { NO_COLOR: _, FORCE_COLOR: __, ...rest } = process.env;
  return rest;
}

/** Runs the command as its user would, with no terminal. */
function convolith(args: readonly string[], env: Readonly<Record<string, string>> = { NO_COLOR: '1' }) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    // Without an addon Node would warn once of the slower engine; what the command itself says is looked at here.
    env: { ...plainEnvironment(), NODE_NO_WARNINGS: '1', ...env },
    timeout: 120_000,
  });
  return { status, stdout, stderr };
}

const native = (): boolean => JSON.parse(convolith(['info', '--json']).stdout).engine === 'native';

describe('convolith info', () => {
  it('prints what runs here', () => {
    const { status, stdout } = convolith(['info']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^version +\d+\.\d+\.\d+$/m);
    expect(stdout).toMatch(/^threads +\d+$/m);
  });

  it('prints JSON', () => {
    const found = JSON.parse(convolith(['info', '--json']).stdout);
    expect(Object.keys(found)).toEqual(expect.arrayContaining(['version', 'engine', 'isa', 'isas', 'threads', 'cpu']));
  });
});

describe('convolith explain', () => {
  it('takes a descriptor bare or quoted', () => {
    const bare = convolith(['explain', ...TINY.split(' ')]);
    expect(bare).toMatchObject({ status: 0, stderr: '' });
    expect(bare.stdout).toMatch(/^output +\[1, 8, 9, 9\]$/m);
    expect(convolith(['explain', TINY]).stdout).toBe(bare.stdout);
  });

  it('prints plan, cost and refusals as JSON', () => {
    const found = JSON.parse(
      convolith(['explain', `t ${TINY}`, '--layout', 'NHWC', '--engine', 'reference', '--json']).stdout,
    );
    expect(found).toMatchObject({
      descriptor: `t ${TINY}`,
      inputShape: [1, 9, 9, 4],
      outputShape: [1, 9, 9, 8],
      isa: 'js',
      cost: { macs: 9 * 4 * 9 * 9 * 8, params: 9 * 4 * 8 + 8 },
    });
    expect(found.refused.length).toBeGreaterThan(0);
    expect(found.algorithm).not.toBe('');
  });

  it('runs in every rank', () => {
    expect(convolith(['explain', 'n1c4w30 o8 k3']).stdout).toMatch(/^output +\[1, 8, 28\]$/m);
    expect(convolith(['explain', 'n1c4d5h6w7 o8 k3x3x3']).stdout).toMatch(/^output +\[1, 8, 3, 4, 5\]$/m);
  });
});

describe('convolith run', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'convolith-run-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function saved(name: string, shape: readonly number[]) {
    const data = new Random(name.length).reals(shape.reduce((count, size) => count * size, 1));
    const path = join(folder, name);
    writeNpy(path, data, shape);
    return { path, data, shape };
  }

  it('computes what the function computes, in every place that takes a file', () => {
    const [input, weight] = [saved('x.npy', [1, 4, 9, 9]), saved('w.npy', [8, 4, 3, 3])];
    const [bias, residual] = [saved('bias.npy', [8]), saved('residual.npy', [1, 8, 9, 9])];
    const output = join(folder, 'y.npy');
    const files = ['--input', input.path, '--weight', weight.path, '--bias', bias.path, '--residual', residual.path];
    const more = ['--activation', 'relu', '--padding-mode', 'reflect', '--output', output];
    const { status, stdout, stderr } = convolith(['run', '--layer', TINY, ...files, ...more, '--json']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const expected = conv2d(input, weight, {
      bias: bias.data,
      padding: 1,
      paddingMode: 'reflect',
      activation: 'relu',
      residual,
    });
    expect(readNpy(output)).toEqual({ ...expected, dtype: '<f4' });
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ descriptor: TINY, layout: 'NCHW', inputShape: [1, 4, 9, 9], output });
    expect(report.outputShape).toEqual([1, 8, 9, 9]);
    expect(report.values.max).toBe(Math.max(...expected.data));
    expect(report.values.min).toBe(0);
    expect(report.milliseconds).toBeGreaterThan(0);
  });

  it('takes channels last and the order of TensorFlow, transposed too', () => {
    const [input, weight] = [saved('nhwc.npy', [1, 5, 5, 4]), saved('hwio.npy', [3, 3, 2, 4])];
    const output = join(folder, 'up.npy');
    const files = ['--input', input.path, '--weight', weight.path, '--output', output];
    const layouts = ['--layout', 'NHWC', '--weight-layout', 'HWIO', '--engine', 'reference'];
    const { status, stdout } = convolith(['run', '--layer', 't n1c4h5w5 o2 k3x3 s2', ...files, ...layouts]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^output +\[1, 11, 11, 2\] in /m);
    const options = { stride: 2, layout: 'NHWC', weightLayout: 'HWIO', engine: 'reference' } as const;
    expect(readNpy(output).data).toEqual(convTranspose2d(input, weight, options).data);
  });

  it.each([
    ['an input of another shape', { input: [1, 4, 9, 8] }, [], 'Expected [1, 4, 9, 9] (the input of the layer) for '],
    [
      'a weight of another shape',
      { weight: [8, 4, 9] },
      [],
      'Expected [8, 4, 3, 3] (the weight, OIHW of the layer) for ',
    ],
    ['an unknown activation', {}, ['--activation', 'rulu'], "'rulu' is invalid. Allowed choices are linear, relu,"],
    ['an unknown padding mode', {}, ['--padding-mode', 'mirror'], 'Allowed choices are zeros, reflect,'],
    ['an absent bias', {}, ['--bias', 'absent.npy'], 'ENOENT'],
    ['a bad layer', {}, ['--layer', 'n1c4h9w9 o8 k3*3'], 'expected k3x3, got k3*3'],
    ['a layer that lost its quotes', {}, ['--layer', 'n1c4h9w9'], 'got nothing; a layer of several words is quoted'],
  ] as const)('refuses %s and writes nothing', (_, shapes, more, message) => {
    const { input: inputShape = [1, 4, 9, 9], weight: weightShape = [8, 4, 3, 3] } = shapes as {
      readonly input?: readonly number[];
      readonly weight?: readonly number[];
    };
    const [input, weight] = [saved('x.npy', inputShape), saved('w.npy', weightShape)];
    const output = join(folder, 'never.npy');
    const files = ['--input', input.path, '--weight', weight.path, '--output', output];
    const { status, stdout, stderr } = convolith(['run', '--layer', TINY, ...files, ...more]);
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(existsSync(output)).toBe(false);
  });

  it('exits 1 where the output cannot be written', () => {
    const [input, weight] = [saved('x.npy', [1, 4, 9, 9]), saved('w.npy', [8, 4, 3, 3])];
    const output = join(folder, 'absent', 'y.npy');
    const files = ['--input', input.path, '--weight', weight.path, '--output', output];
    const { status, stderr } = convolith(['run', '--layer', TINY, ...files]);
    expect(stderr).toBe(
      `error: Expected a file that can be written for ${output} but received ENOENT, a folder that is not there\n`,
    );
    expect(status).toBe(1);
  });
});

describe('convolith verify', () => {
  it('finds the engines equal', () => {
    const { status, stdout, stderr } = convolith(['verify', '--seconds', '1', '--seed', '3', '--json']);
    if (!native()) {
      expect(status).toBe(1);
      expect(stderr).toMatch(/^error: Expected a loadable addon /);
      return;
    }
    const found = JSON.parse(stdout);
    expect(found.differences).toEqual([]);
    expect(status).toBe(0);
    expect(found.random).toBeGreaterThan(0);
    for (const { layers, refused } of found.results) expect(layers + refused).toBeGreaterThan(0);
  });
});

describe('convolith bench', () => {
  it('times a layer that runs more often than a call takes arguments', async () => {
    const { runs, bestMs, medianMs } = await timeRuns(() => undefined, 5);
    expect(runs).toBe(200_000);
    expect(bestMs).toBeLessThanOrEqual(medianMs);
  });

  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'convolith-bench-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('times one layer on both engines, trial by trial, and writes JSON', () => {
    const file = join(folder, 'result.json');
    const quick = [
      '--layout',
      'NHWC',
      '--engine',
      native() ? 'both' : 'reference',
      '--trials',
      '2',
      '--seconds',
      '0.02',
    ];
    const { status, stdout } = convolith(['bench', '--layer', TINY, ...quick, '--json', file]);
    expect(status).toBe(0);
    expect(stdout).toContain(TINY);
    const report = JSON.parse(readFileSync(file, 'utf8'));
    const [layer] = report.layers;
    expect(layer).toMatchObject({ chains: [[TINY]], macs: 9 * 4 * 8 * 81, better: 'NHWC', refusals: [], ratios: {} });
    expect(layer.results.map(({ contender }: { contender: string }) => contender)).toEqual(
      native() ? ['native', 'reference'] : ['reference'],
    );
    for (const { milliseconds, bestMs, gflops, agrees } of layer.results) {
      expect(agrees).toBe(true);
      expect(milliseconds.low).toBeGreaterThanOrEqual(bestMs);
      expect(milliseconds.high).toBeGreaterThanOrEqual(milliseconds.median);
      expect(gflops).toBeGreaterThan(0);
    }
    if (native()) {
      expect(report.limits.peakGflops).toBeGreaterThan(0);
      expect(layer.results[0].peakShare).toBeGreaterThan(0);
      expect(layer.results[0].bandwidthShare).toBeGreaterThan(0);
      expect(layer.attainableShare).toBeGreaterThan(0);
    }
  });

  it('times the convolutions of a network as one', () => {
    const file = join(folder, 'stack.json');
    const quick = ['--layout', 'NCHW', '--trials', '1', '--seconds', '0.01'];
    expect(convolith(['bench', '--stack', 'fsrcnn', ...quick, '--json', file]).status).toBe(0);
    const { layers, stacks } = JSON.parse(readFileSync(file, 'utf8'));
    expect(layers).toEqual([]);
    expect(stacks).toHaveLength(1);
    expect(stacks[0].chains).toHaveLength(1);
    expect(stacks[0].results[0].plans).toHaveLength(8);
  });

  it('prints JSON alone where no file is named, and says once what it times instead of the native engine', () => {
    const quick = ['--layer', TINY, '--trials', '1', '--seconds', '0.01', '--json'];
    const { status, stdout, stderr } = convolith(['bench', ...quick], { CONVOLITH_ENGINE: 'reference' });
    expect(status).toBe(0);
    expect(JSON.parse(stdout).layers[0].results).toHaveLength(2);
    expect(stderr.match(/Timing the TypeScript one/g)).toHaveLength(1);
  });

  it.runIf(native())('draws a report that needs nothing else', () => {
    const file = join(folder, 'report.html');
    const quick = ['--trials', '1', '--seconds', '0.01', '--report', file];
    expect(convolith(['bench', '--network', 'fsrcnn', '--stack', 'fsrcnn', ...quick]).status).toBe(0);
    const page = readFileSync(file, 'utf8');
    // Roofline and shares, each for wide and for narrow screens; the bars of whole networks are beside peers only.
    expect(page.match(/<svg/g)).toHaveLength(4);
    expect(page).toContain('n1c12h64w64 o12 k3x3 s1 p1 d1 g1');
    expect(page).not.toMatch(/<script|<link|src=|href="http|NaN|undefined/);
  });
});

describe('bad arguments', () => {
  it.each([
    [['explain', 'n1c64h56w56', 'o64', 'k3*3'], 'expected k3x3, got k3*3'],
    [['explain'], "missing required argument 'descriptor'"],
    [['explain', TINY, '--layout', 'NCWH'], 'Allowed choices are NCHW, NHWC'],
    [['explain', 'n1c4h9w9 o8 k3x3 g3'], 'groups'],
    [['explain', 'n1c4h2w2 o8 k3x3'], 'output'],
    [['bench', '--network', 'resnet51'], 'expected one of all, audio, convnext, dcgan'],
    [['bench', '--layer', 'n1c4h9w9 o8'], 'expected k3x3 (kernel size), got nothing'],
    [['bench', '--layer', TINY, '--network', 'table'], 'cannot be used with'],
    [['bench', '--stack', 'table'], 'expected one of all, convnext, dcgan'],
    [['bench', '--layer', TINY, '--prefix', 'absent 1'], 'Expected a program that is there for --prefix'],
    [['bench', '--trials', '0'], 'expected a whole number from 1 to 1000, got 0'],
    [['bench', '--threads', '0'], 'expected a whole number from 1 to 1024, got 0'],
    [['verify', '--seconds', 'many'], 'expected seconds from 0 to 86400, got many'],
    [['verify', '--seed', '1.5'], 'expected a whole number from 0 to 4294967295, got 1.5'],
    [['info', '--jsno'], "unknown option '--jsno'"],
    [['binch'], "unknown command 'binch'"],
  ])('%j exits 2 with one line', (args, message) => {
    const { status, stdout, stderr } = convolith(args);
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  it.each([
    [['verify', '--isa', 'sse9']],
    [['explain', TINY, '--isa', 'sse9']],
    [['bench', '--layer', TINY, '--isa', 'sse9']],
  ])('%j names the instruction set, or says that there are none', (args) => {
    const { status, stderr } = convolith(args);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toContain(native() ? '"sse9"' : 'Expected a loadable addon');
    expect(status).toBe(native() ? 2 : 1);
  });

  it('writes exit codes and examples in the help', () => {
    const { status, stdout } = convolith(['--help']);
    expect(status).toBe(0);
    expect(stdout).toContain('Exit codes:');
    expect(stdout).toContain('Examples:');
  });

  it.each(commands())('explains convolith %s with examples and JSON', (command) => {
    const { status, stdout } = convolith([command, '--help']);
    expect(status).toBe(0);
    expect(stdout).toContain(`Usage: convolith ${command}`);
    expect(stdout).toMatch(new RegExp(`Examples:\\n.*convolith ${command}`));
    expect(stdout).toContain('--json');
  });
});

/** The commands that the help lists. */
function commands(): string[] {
  const { stdout } = convolith(['--help']);
  const listed = stdout.slice(stdout.indexOf('Commands:')).split('\n\n')[0];
  return [...listed.matchAll(/^ {2}([a-z]+) /gm)].map((match) => match[1]).filter((name) => name !== 'help');
}

describe('colours', () => {
  it('are left out where there is no terminal', () => {
    expect(convolith(['explain', TINY], { CI: 'true' }).stdout).not.toContain('\x1b[');
    expect(convolith(['binch'], {}).stderr).not.toContain('\x1b[');
  });

  it('come where they are forced, unless NO_COLOR says otherwise', () => {
    expect(convolith(['explain', TINY], { FORCE_COLOR: '1' }).stdout).toContain('\x1b[');
    expect(convolith(['explain', TINY], { FORCE_COLOR: '1', NO_COLOR: '1' }).stdout).not.toContain('\x1b[');
  });

  it.runIf(existsSync('/usr/bin/script'))('come on a terminal, unless NO_COLOR says otherwise', () => {
    const onTerminal = (env: Readonly<Record<string, string>>): string =>
      spawnSync('script', ['-qec', `"${process.execPath}" "${MAIN}" explain ${TINY}`, '/dev/null'], {
        encoding: 'utf8',
        env: { ...plainEnvironment(), TERM: 'xterm', CI: '', ...env },
        timeout: 60_000,
      }).stdout;
    expect(onTerminal({})).toContain('\x1b[');
    expect(onTerminal({ NO_COLOR: '1' })).not.toContain('\x1b[');
  });
});
