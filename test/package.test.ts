import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
let project: string;

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

const manifest: Manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Runs a command in the user's project; the TypeScript engine, so that no build of the addon is needed here. */
function run(command: string, args: readonly string[], cwd = project): string {
  const env = { ...process.env, CONVOLITH_ENGINE: 'reference' };
  return execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function node(file: string, source: string): string {
  writeFileSync(join(project, file), source);
  return run(process.execPath, [file]).trim();
}

/** The packed tarball unpacked where npm would put it; what it depends on comes from this checkout, not from a network. */
beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'convolith-package-'));
  run(npm, ['run', 'build:ts'], root);
  run(npm, ['pack', '--ignore-scripts', '--pack-destination', project], root);
  const tarball = readdirSync(project).find((name) => name.endsWith('.tgz'));
  const modules = join(project, 'node_modules');
  mkdirSync(join(modules, manifest.name), { recursive: true });
  run('tar', ['-xzf', String(tarball), '--strip-components=1', '-C', join('node_modules', manifest.name)]);
  // `bindings` needs one package of its own, and TypeScript users bring @types/node.
  for (const name of [...Object.keys(manifest.dependencies), 'file-uri-to-path', '@types/node', 'undici-types']) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(modules, name), 'junction');
  }
  writeFileSync(join(project, 'package.json'), '{ "name": "user", "private": true }');
}, 120_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

const USE = `
  const conv = new Conv2d({ weight: new Float32Array(9).fill(1), inChannels: 1, outChannels: 1, kernelSize: 3 });
  const y = conv.forward({ data: new Float32Array(9).fill(1), shape: [1, 1, 3, 3] });
`;

describe('the packed package', () => {
  it('is required', () => {
    const source = `const { Conv2d, info } = require('convolith');${USE}console.log(y.data[0], info().version);`;
    expect(node('use.cjs', source)).toBe(`9 ${manifest.version}`);
  });

  it('is imported, as one instance with the required one', () => {
    const source = `import { createRequire } from 'node:module';
import { Conv2d, ConvolithError } from 'convolith';
import * as all from 'convolith';${USE}
const required = createRequire(import.meta.url)('convolith');
const same = Object.keys(required).every((name) => required[name] === all[name]);
console.log(y.data[0], same, ConvolithError === required.ConvolithError);`;
    expect(node('use.mjs', source)).toBe('9 true true');
  });

  it.each([
    ['CommonJS', 'use.cts'],
    ['an ES module', 'use.mts'],
  ])('has types for a strict project, from %s', (_, file) => {
    const source = `import { Conv2d, ConvolithError, Sequential, type Tensor, tensor } from 'convolith';
const input = tensor(new Float32Array(9), [1, 1, 3, 3]);
const conv = new Conv2d({ weight: tensor(new Float32Array(9), [1, 1, 3, 3]), layout: 'NCHW', padding: 'same' });
const y: Tensor<[number, number, number, number]> = new Sequential([conv]).forward(input);
const code: string = new ConvolithError('ERR_SHAPE', String(y.shape[3])).code;
// @ts-expect-error the layout of another rank
new Conv2d({ weight: input, layout: 'NCW' });
console.log(code);
`;
    writeFileSync(join(project, file), source);
    const compilerOptions = { strict: true, noEmit: true, module: 'NodeNext', target: 'ES2022', types: ['node'] };
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    expect(run(process.execPath, [tsc, '-p', '.'])).toBe('');
  });

  it('says once why the addon is missing, and works all the same', () => {
    writeFileSync(
      join(project, 'warn.cjs'),
      `const { Conv2d, info } = require('convolith');
      process.on('warning', ({ code, message }) => console.log(code, message));
      const make = () => new Conv2d({ weight: new Float32Array(1), inChannels: 1, outChannels: 1, kernelSize: 1 }).engine;
      console.log(make(), make(), typeof info().loadError);
      try { new Conv2d({ weight: new Float32Array(1), inChannels: 1, outChannels: 1, kernelSize: 1, engine: 'native' }); }
      catch ({ code }) { console.log(code); }`,
    );
    const { CONVOLITH_ENGINE: _, ...env } = process.env;
    const output = execFileSync(process.execPath, ['--no-warnings', 'warn.cjs'], {
      cwd: project,
      env,
      encoding: 'utf8',
    });
    const lines = output.trim().split('\n');
    expect(lines.slice(0, 2)).toEqual(['reference reference string', 'ERR_LOAD']);
    expect(lines.length).toBe(3);
    expect(lines[2]).toMatch(/^CONVOLITH_FALLBACK .*could not be loaded.*CONVOLITH_ENGINE=reference/);
  });
});
