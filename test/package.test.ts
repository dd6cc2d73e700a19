import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { platformPackage } from '../lib/native/load.js';
import type { Registry } from './support/registry.js';
import { startRegistry } from './support/registry.js';
import { root } from './support/root.js';

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const scratch = mkdtempSync(join(tmpdir(), 'convolith-package-'));
/** The tarballs to test; where none are named, some are made around one addon. */
let tarballs = process.env.CONVOLITH_TEST_TARBALLS ?? '';
const addonToPack = process.env.CONVOLITH_TEST_ADDON ?? join(root, 'out', 'Release', 'convolith.node');
/** Programs of other Nodes that the package must serve; `npm run test:prebuilds` names some. */
const otherNodes = (process.env.CONVOLITH_TEST_NODES ?? '').split(delimiter).filter((program) => program !== '');
let registry: Registry;

const exec = promisify(execFile);
/** npm on a busy machine; what takes longer hangs. */
const LIMIT_MS = 200_000;

/** The environment of a user: nothing of npm's or Convolith's from the run that started this one. */
function environment(changes: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|convolith_|node_options|vitest)/i.test(name));
  return {
    ...Object.fromEntries(own),
    npm_config_registry: registry?.url,
    npm_config_cache: join(scratch, 'cache'),
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
    ...changes,
  };
}

async function run(cwd: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { stdout, stderr } = await exec(command, [...args], { cwd, env: environment(env), timeout: LIMIT_MS });
  return { stdout: stdout.trim(), stderr: stderr.trim() };
}

/** An empty folder in which the user has typed `npm install convolith`. */
async function project(...flags: string[]): Promise<string> {
  const folder = mkdtempSync(join(scratch, 'user-'));
  writeFileSync(join(folder, 'package.json'), '{ "name": "user", "private": true }');
  await run(folder, npm, ['install', 'convolith', ...flags]);
  return folder;
}

async function node(program: string, folder: string, file: string, source: string) {
  writeFileSync(join(folder, file), source);
  return run(folder, program, [file]);
}

const scoped = (folder: string): string[] => readdirSync(join(folder, 'node_modules', '@convolith')).sort();

function bytesUnder(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

beforeAll(async () => {
  if (tarballs === '') {
    await run(root, process.execPath, ['scripts/tarballs.mjs', '--addon', addonToPack, '--out', scratch]);
    tarballs = join(scratch, 'tarballs');
  }
  registry = await startRegistry(tarballs);
}, 240_000);

afterAll(() => {
  registry?.close();
  rmSync(scratch, { recursive: true, force: true });
});

const USE = `
const conv = new Conv2d({ weight: new Float32Array(9).fill(1), inChannels: 1, outChannels: 1, kernelSize: 3 });
const y = conv.forward({ data: new Float32Array(9).fill(1), shape: [1, 1, 3, 3] });
`;

describe('installed with --ignore-scripts, offline', () => {
  let user: string;

  beforeAll(async () => {
    user = await project('--ignore-scripts');
  }, 120_000);

  it('brings the addon of this platform and no other, and is small', () => {
    expect(scoped(user)).toEqual([platformPackage().replace('@convolith/', '')]);
    expect(bytesUnder(join(user, 'node_modules'))).toBeLessThan(5e6);
    expect(bytesUnder(join(user, 'node_modules', ...platformPackage().split('/')))).toBeLessThan(2e6);
    expect(statSync(join(tarballs, `convolith-${version}.tgz`)).size).toBeLessThan(500e3);
  });

  it('has no script to run, whatever it brings', () => {
    const lock = JSON.parse(readFileSync(join(user, 'node_modules', '.package-lock.json'), 'utf8'));
    const packages = Object.entries<{ hasInstallScript?: boolean }>(lock.packages);
    expect(packages.filter(([, { hasInstallScript }]) => hasInstallScript)).toEqual([]);
  });

  describe.each([process.execPath, ...otherNodes])('on %s', (program) => {
    it('is required, with the native engine', async () => {
      const source = `const { Conv2d, info } = require('convolith');${USE}
const addons = Object.keys(require.cache).filter((file) => file.endsWith('.node'));
console.log(y.data[0], info().version, conv.engine, addons.length, addons[0].includes(${JSON.stringify(platformPackage().split('/')[1])}));`;
      const printed = { stdout: `9 ${version} native 1 true`, stderr: '' };
      expect(await node(program, user, 'use.cjs', source)).toEqual(printed);
    });

    it('is imported, as one instance with the required one', async () => {
      const source = `import { createRequire } from 'node:module';
import { Conv2d, ConvolithError } from 'convolith';
import * as all from 'convolith';${USE}
const required = createRequire(import.meta.url)('convolith');
const same = Object.keys(required).every((name) => required[name] === all[name]);
console.log(y.data[0], same, ConvolithError === required.ConvolithError);`;
      expect((await node(program, user, 'use.mjs', source)).stdout).toBe('9 true true');
    });

    it('works in a worker', async () => {
      const source = `const { isMainThread, parentPort, Worker } = require('node:worker_threads');
const { Conv2d } = require('convolith');${USE}
if (isMainThread) new Worker(__filename).on('message', (answer) => console.log(y.data[0], answer));
else parentPort.postMessage([conv.engine, y.data[0]]);`;
      expect((await node(program, user, 'worker.cjs', source)).stdout).toBe("9 [ 'native', 9 ]");
    });

    it('has its command', async () => {
      // npx and the command run on the first node of the path.
      const path = `${dirname(program)}${delimiter}${process.env.PATH}`;
      const env = program === process.execPath ? {} : { PATH: path };
      const { stdout } = await run(user, 'npx', ['convolith', 'info', '--json'], env);
      expect(JSON.parse(stdout)).toMatchObject({ version, engine: 'native' });
    });
  });

  it.each([
    ['CommonJS', 'use.cts'],
    ['an ES module', 'use.mts'],
  ])('has types for a strict project, from %s', async (_, file) => {
    const source = `import { Conv2d, ConvolithError, Sequential, type Tensor, tensor } from 'convolith';
const input = tensor(new Float32Array(9), [1, 1, 3, 3]);
const conv = new Conv2d({ weight: tensor(new Float32Array(9), [1, 1, 3, 3]), layout: 'NCHW', padding: 'same' });
const y: Tensor<[number, number, number, number]> = new Sequential([conv]).forward(input);
const code: string = new ConvolithError('ERR_SHAPE', String(y.shape[3])).code;
// @ts-expect-error the layout of another rank
new Conv2d({ weight: input, layout: 'NCW' });
console.log(code);
`;
    // TypeScript users bring @types/node.
    if (!existsSync(join(user, 'node_modules', '@types', 'node'))) {
      await run(user, npm, ['install', '@types/node', '--ignore-scripts']);
    }
    writeFileSync(join(user, file), source);
    const compilerOptions = { strict: true, noEmit: true, module: 'NodeNext', target: 'ES2022', types: ['node'] };
    writeFileSync(join(user, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    expect((await run(user, process.execPath, [tsc, '-p', '.'])).stdout).toBe('');
  });

  it.each([
    ['cjs', 'bundle.cjs'],
    ['esm', 'bundle.mjs'],
  ])('is left out of a bundle by esbuild, as %s', async (format, file) => {
    writeFileSync(
      join(user, 'app.ts'),
      `import { Conv2d } from 'convolith';${USE}console.log(y.data[0], conv.engine);`,
    );
    const esbuild = join(root, 'node_modules', 'esbuild', 'bin', 'esbuild');
    const flags = ['--bundle', '--platform=node', '--external:convolith', `--format=${format}`, `--outfile=${file}`];
    await run(user, esbuild, ['app.ts', '--log-level=warning', ...flags]);
    expect((await run(user, process.execPath, [file])).stdout).toBe('9 native');
  });
});

describe('installed elsewhere', () => {
  it.each([
    ['linux', 'arm64', 'musl', ['linux-arm64-musl']],
    ['darwin', 'arm64', undefined, ['darwin-arm64']],
    ['win32', 'x64', undefined, ['win32-x64']],
    ['linux', 'riscv64', 'glibc', ['other-cpu', 'source']],
    ['freebsd', 'x64', undefined, ['other-os', 'source']],
  ])('%s %s %s takes what fits', async (os, cpu, libc, expected) => {
    const libcFlag = libc === undefined ? [] : [`--libc=${libc}`];
    expect(scoped(await project('--ignore-scripts', `--os=${os}`, `--cpu=${cpu}`, ...libcFlag))).toEqual(expected);
  });
});

const MAKE = `new Conv2d({ weight: new Float32Array(1), inChannels: 1, outChannels: 1, kernelSize: 1 })`;

/** What the package says without its addon: the engine twice, the code of a forced native one, then each warning. */
const WITHOUT = `const { Conv2d, info } = require('convolith');
process.on('warning', ({ code, message }) => console.log(code, message));
console.log(${MAKE}.engine, ${MAKE}.engine);
console.log(info().loadError);
process.env.CONVOLITH_ENGINE = 'native';
try { ${MAKE}; } catch ({ code, message }) { console.log(code, message); }`;

async function without(folder: string, preamble = ''): Promise<string[]> {
  writeFileSync(join(folder, 'without.cjs'), preamble + WITHOUT);
  return (await run(folder, process.execPath, ['--no-warnings', 'without.cjs'])).stdout.split('\n');
}

/** The fallback serves, both the error and the one warning carry reason and advice. */
function expectFallback(lines: readonly string[], reason: RegExp, advice: RegExp): void {
  expect(lines.length).toBe(4);
  expect(lines[0]).toBe('reference reference');
  expect(lines[1]).toMatch(reason);
  expect(lines[1]).toMatch(advice);
  for (const [line, code] of [
    [lines[2], 'ERR_LOAD'],
    [lines[3], 'CONVOLITH_FALLBACK'],
  ]) {
    expect(line.split(' ', 1)[0]).toBe(code);
    expect(line).toMatch(reason);
    expect(line).toMatch(advice);
  }
  expect(lines[3]).toMatch(/CONVOLITH_ENGINE=reference/);
}

describe('without a working addon', () => {
  let user: string;
  let addon: string;

  beforeAll(async () => {
    user = await project('--ignore-scripts');
    addon = join(user, 'node_modules', ...platformPackage().split('/'), 'convolith.node');
  }, 120_000);

  it('says that the optional package is missing, and how to get it', async () => {
    const folder = await project('--ignore-scripts', '--omit=optional');
    expectFallback(await without(folder), /the optional package @convolith\S+ is not installed/, /--omit=optional/);
  });

  it.each([
    ['cut off', (whole: Buffer) => whole.subarray(0, 5000), /convolith\.node has 5000 bytes where its package says/],
    ['overwritten', (whole: Buffer) => Buffer.alloc(whole.length, 'x'), /convolith\.node/],
    ['gone', () => null, /Cannot find module .*convolith\.node/],
  ])('says what is wrong with an addon that is %s', async (_, damage, reason) => {
    const whole = readFileSync(addon);
    const damaged = damage(whole);
    rmSync(addon);
    if (damaged !== null) writeFileSync(addon, damaged);
    try {
      expectFallback(await without(user), reason, /Remove node_modules and install again/);
    } finally {
      writeFileSync(addon, whole);
    }
  });

  it('refuses an addon of another version', async () => {
    const file = join(user, 'node_modules', 'convolith', 'package.json');
    const manifest = readFileSync(file, 'utf8');
    writeFileSync(file, manifest.replace(`"version": "${version}"`, '"version": "99.0.0"'));
    try {
      const reason = new RegExp(`the addon is of version ${version} and the package of 99\\.0\\.0`);
      expectFallback(await without(user), reason, /install again/);
    } finally {
      writeFileSync(file, manifest);
    }
  });

  it('names the source package where no prebuilt one fits', async () => {
    const elsewhere = "Object.defineProperty(process, 'arch', { value: 'riscv64' });\n";
    expectFallback(
      await without(user, elsewhere),
      /there is no prebuilt addon for linux-riscv64/,
      /npm install @convolith\/source/,
    );
  });
});
