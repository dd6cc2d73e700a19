// Tests the prebuilt addons in npm/: each by its format, and by running the contract suite, the addon's face and
// `convolith verify` where this machine can: other Nodes from npm, arm64 under qemu-user, Windows under wine. The package
// is installed around linux-x64-gnu's as a user gets it, and tried on each of those Nodes.
// The emulators that are missing are installed where there is apt-get.
// `npm run test:prebuilds [-- PLATFORM …]`; without names all that are there. The last line is `N passed, M failed`.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { faultsOf } from './support/binary-format.mjs';
import { cachedNode } from './support/cached-package.mjs';
import { hasCommand, installMissing } from './support/debian.mjs';
import { root, run } from './support/native-build.mjs';
import { platformsNamed } from './support/platforms.mjs';
import { bundleTest, runStaged, stageAddon } from './support/staged-run.mjs';

const TESTS = ['test/contract/contract.test.ts', 'test/addon-face.test.ts'];
const NODES = ['20', '22', '24', '26'];
const EMULATED_NODE = '20';
/** Debian's package `musl` brings it; no package brings a Node for it. */
const MUSL_LOADER = '/lib/ld-musl-x86_64.so.1';
const ARM64_SYSROOT = '/usr/aarch64-linux-gnu';
/** A processor of 2008, before AVX. */
const OLD_CPU = 'Nehalem';

let passed = 0;
let failed = 0;

function count(ok, name, details = []) {
  if (ok) passed++;
  else failed++;
  console.log(`${ok ? 'passed' : 'FAILED'}: ${name}`);
  for (const detail of details) console.log(`  ${detail}`);
}

/** Of the emulators that the named platforms run under, those that are not here. */
function installEmulators(names) {
  const needs = {
    'linux-x64-gnu': [[hasCommand('qemu-x86_64'), 'qemu-user']],
    'linux-arm64-gnu': [
      [hasCommand('qemu-aarch64'), 'qemu-user'],
      [existsSync(ARM64_SYSROOT), 'libc6-arm64-cross', 'libstdc++6-arm64-cross'],
    ],
    'linux-x64-musl': [[existsSync(MUSL_LOADER), 'musl']],
    'win32-x64': [[hasCommand('wine'), 'wine', 'wine64']],
  };
  return installMissing(names.flatMap((name) => needs[name] ?? []));
}

/** The test files, with a Node that `launch` starts. A run that died has not counted what killed it. */
async function runTests(stage, launch, name) {
  for (const file of TESTS) {
    const env = launch[0].startsWith('qemu') ? { CONVOLITH_TEST_EMULATED: '1' } : {};
    const output = runStaged(stage.folder, [...launch, await bundleTest(stage.folder, file)], env);
    const counts = /(\d+) passed, (\d+) failed\s*$/.exec(output ?? '');
    passed += Number(counts?.[1] ?? 0);
    failed += Number(counts?.[2] ?? 0) || (counts === null ? 1 : 0);
    console.log(`${name}: ${file}: ${counts?.[0].trim() ?? 'ended badly'}`);
  }
}

function verify(stage, launch, name, env = {}) {
  count(runStaged(stage.folder, [...launch, stage.command, 'verify'], env) !== null, `${name}: convolith verify`);
}

/** The package, installed by npm around this addon. */
function testPackage(addon, nodes) {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const env = { ...process.env, CONVOLITH_TEST_ADDON: addon, CONVOLITH_TEST_NODES: nodes.join(delimiter) };
  const done = run(process.execPath, [vitest, 'run', 'test/package.test.ts'], { env });
  count(done, `linux-x64-gnu: installed by npm, on Node ${NODES.join(', ')}`);
}

/** It must start where there is no AVX, on the plain kernels, and be right there. */
function testOldCpu(stage, node) {
  const launch = ['qemu-x86_64', '-cpu', OLD_CPU, node];
  const output = runStaged(stage.folder, [...launch, stage.command, 'info', '--json']);
  const isas = output === null ? [] : JSON.parse(output).isas;
  count(isas.join() === 'scalar', `linux-x64-gnu: starts on ${OLD_CPU}, without AVX`);
}

const RUNS = {
  async 'linux-x64-gnu'(stage) {
    const nodes = NODES.map((version) => cachedNode('linux-x64', version));
    for (const [index, node] of nodes.entries()) await runTests(stage, [node], `Node ${NODES[index]}`);
    testPackage(stage.addon, nodes);
    verify(stage, [process.execPath], 'linux-x64-gnu');
    testOldCpu(stage, cachedNode('linux-x64', EMULATED_NODE));
  },
  async 'linux-arm64-gnu'(stage) {
    const launch = ['qemu-aarch64', '-L', ARM64_SYSROOT, cachedNode('linux-arm64', EMULATED_NODE)];
    await runTests(stage, launch, 'linux-arm64-gnu');
    verify(stage, launch, 'linux-arm64-gnu');
  },
  /** Musl's own loader binds every symbol; what it does not find must be what Node brings. */
  'linux-x64-musl'(stage) {
    if (!existsSync(MUSL_LOADER)) return console.log('linux-x64-musl: by its format only; there is no musl here');
    const addon = join(stage.folder, 'out', 'Release', 'convolith.node');
    const { stderr, error } = spawnSync(MUSL_LOADER, ['--list', addon], { encoding: 'utf8', timeout: 60_000 });
    const missing = (error?.message ?? stderr)
      .split('\n')
      .filter((line) => line !== '' && !/ (?:napi|node_api)_\w+: /.test(line));
    count(missing.length === 0, "linux-x64-musl: musl's loader binds all but Node-API", missing);
  },
  async 'win32-x64'(stage) {
    if (!hasCommand('wine')) return console.log('win32-x64: by its format only; there is no wine here');
    const launch = ['wine', cachedNode('win-x64', EMULATED_NODE)];
    verify(stage, launch, 'win32-x64 under wine', {
      WINEPREFIX: join(root, '.cache', 'wine'),
      WINEDEBUG: '-all',
      // Wine says it is Windows 7 unless it is set up.
      NODE_SKIP_PLATFORM_CHECK: '1',
    });
  },
};

const platforms = platformsNamed(process.argv.slice(2));
// Without them, as on a system other than Debian, what they run is left out or fails below.
if (hasCommand('apt-get')) installEmulators(platforms.map(({ name }) => name));
for (const platform of platforms) {
  const addon = join(root, 'npm', platform.name, 'convolith.node');
  if (!existsSync(addon)) {
    if (process.argv.length > 2) count(false, `${platform.name}: run "npm run prebuilds" first`);
    continue;
  }
  const faults = faultsOf(addon, platform);
  count(faults.length === 0, `${platform.name}: format, exports, libraries, size`, faults);
  await RUNS[platform.name]?.(stageAddon(platform.name, addon));
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
