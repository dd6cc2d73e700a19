// The C++ core without Node: as it ships between guard pages and under valgrind, under Address- and
// UndefinedBehaviorSanitizer, under ThreadSanitizer, and in libFuzzer; test/native/CMakeLists.txt has the tests.
// `npm run test:native [-- --seconds N --builds none,address,thread]`: seconds of fuzzing, whose new inputs are kept in
// .cache/native/corpus, and the builds to test. The last line is `N passed, M failed`.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { hasCommand, installMissing } from './support/debian.mjs';
import { buildNative, isNativeFresh, root, run } from './support/native-build.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    builds: { type: 'string', default: 'none,address,thread' },
  },
});
if (!/^\d+$/.test(values.seconds) || !/^\d+$/.test(values.seed)) {
  console.error(`Expected whole numbers for --seconds and --seed but received ${values.seconds} and ${values.seed}`);
  process.exit(2);
}

const builds = join(root, '.cache', 'native');
const core = join(root, 'out', 'libconvolith_core.a');

function installTools() {
  return installMissing([
    [hasCommand('clang'), 'clang', 'libclang-rt-dev'],
    [hasCommand('valgrind'), 'valgrind'],
  ]);
}

/** Builds test/native for one sanitizer; its folder, or null. */
function build(sanitizer) {
  const folder = join(builds, sanitizer);
  const settings = {
    CMAKE_CXX_COMPILER: 'clang++',
    SANITIZER: sanitizer,
    SEED: values.seed,
    FUZZ_SECONDS: values.seconds,
    CORPUS: join(builds, 'corpus'),
    ...(hasCommand('ccache') && { CMAKE_CXX_COMPILER_LAUNCHER: 'ccache' }),
  };
  const flags = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
  const configured = run('cmake', ['-S', join(root, 'test', 'native'), '-B', folder, ...flags], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return configured && run('cmake', ['--build', folder, '--parallel', '2']) ? folder : null;
}

/** What CTest counts in a build, whose tests print as they go; a build that fails is a failure. */
function test(sanitizer) {
  const folder = build(sanitizer);
  if (folder === null) return { passed: 0, failed: 1 };
  const { stdout } = spawnSync('ctest', ['--test-dir', folder, '--verbose'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 60 * 60_000,
    maxBuffer: 1 << 28,
  });
  process.stdout.write(stdout);
  const counts = /(\d+) tests failed out of (\d+)/.exec(stdout);
  if (counts === null || Number(counts[2]) === 0) return { passed: 0, failed: 1 };
  return { passed: Number(counts[2]) - Number(counts[1]), failed: Number(counts[1]) };
}

const isBuilt = () => existsSync(core) && isNativeFresh();
if (!installTools() || !(isBuilt() || buildNative())) process.exit(1);
let passed = 0;
let failed = 0;
for (const sanitizer of values.builds.split(',')) {
  const start = performance.now();
  console.log(`\n${sanitizer}`);
  const counts = test(sanitizer);
  passed += counts.passed;
  failed += counts.failed;
  console.log(`${sanitizer}: ${((performance.now() - start) / 1000).toFixed(0)} s with its build`);
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
