// The C++ core without Node: as it ships between guard pages and under valgrind, under Address- and
// UndefinedBehaviorSanitizer, under ThreadSanitizer, and in libFuzzer. The last line is `N passed, M failed`.
// `npm run test:native [-- --seconds N --builds none,address,thread]`: seconds of fuzzing, whose new inputs are kept in
// .cache/native/corpus, and the builds to test.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildNative, isNativeFresh, root, run } from './support/native-build.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    builds: { type: 'string', default: 'none,address,thread' },
  },
});
const wanted = values.builds.split(',');
if (!/^\d+$/.test(values.seconds) || !/^\d+$/.test(values.seed)) {
  console.error(`Expected whole numbers for --seconds and --seed but received ${values.seconds} and ${values.seed}`);
  process.exit(2);
}

const builds = join(root, '.cache', 'native');
const core = join(root, 'out', 'libconvolith_core.a');
const has = (command, ...args) => spawnSync(command, args, { stdio: 'ignore', timeout: 60_000 }).status === 0;

function installTools() {
  const missing = ['clang', 'valgrind'].filter((tool) => !has(tool, '--version'));
  if (missing.length === 0) return true;
  const packages = missing.flatMap((tool) => (tool === 'clang' ? ['clang', 'libclang-rt-dev'] : [tool]));
  console.log(`Installing ${packages.join(' and ')}`);
  const apt = (...args) => (process.getuid() === 0 ? run('apt-get', args) : run('sudo', ['apt-get', ...args]));
  return apt('update', '-qq') && apt('install', '-y', '-qq', '--no-install-recommends', ...packages);
}

/** Builds test/native for one sanitizer; its folder, or null. */
function build(sanitizer) {
  const folder = join(builds, sanitizer);
  const settings = {
    CMAKE_CXX_COMPILER: 'clang++',
    SANITIZER: sanitizer,
    CONVOLITH_CORE: core,
    ...(has('ccache', '--version') && { CMAKE_CXX_COMPILER_LAUNCHER: 'ccache' }),
  };
  const flags = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
  const configured = run('cmake', ['-S', join(root, 'test', 'native'), '-B', folder, ...flags], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return configured && run('cmake', ['--build', folder, '--parallel', '2']) ? folder : null;
}

/** What one check may take, in ms: some take minutes, and one that hangs must say so. */
const CHECK_TIMEOUT = 15 * 60_000;

/** ThreadSanitizer's shadow memory has fixed places, which some kernels' address randomisation takes. */
const fixedAddresses = has('setarch', '-R', 'true') ? ['setarch', '-R'] : [];

const SANITIZER_OPTIONS = {
  ...process.env,
  ASAN_OPTIONS: 'detect_stack_use_after_return=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  TSAN_OPTIONS: 'halt_on_error=1',
};

const corpus = join(builds, 'corpus');
mkdirSync(corpus, { recursive: true });
const CHECKS = [
  { name: 'guard pages', sanitizer: 'none', command: ['{}/core_test', '300', values.seed] },
  {
    name: 'valgrind, AVX2',
    sanitizer: 'none',
    command: [
      'valgrind',
      '-q',
      '--error-exitcode=9',
      // Its one big lock is handed to whoever asks first: without turns, a thread that looks for another's word
      // (cancelled_runs) takes it again for hours.
      '--fair-sched=yes',
      '{}/plain_core_test',
      '12',
      values.seed,
    ],
  },
  {
    name: 'AddressSanitizer, UndefinedBehaviorSanitizer',
    sanitizer: 'address',
    command: ['{}/core_test', '300', values.seed],
  },
  { name: 'ThreadSanitizer', sanitizer: 'thread', command: [...fixedAddresses, '{}/core_test', '60', values.seed] },
  {
    name: 'libFuzzer',
    sanitizer: 'address',
    command: [
      '{}/fuzz_layers',
      `-max_total_time=${values.seconds}`,
      `-seed=${values.seed}`,
      '-max_len=256',
      '-len_control=0',
      '-print_final_stats=1',
      '-verbosity=0',
      `-artifact_prefix=${builds}/`,
      corpus,
      join(root, 'test', 'native', 'corpus'),
    ],
  },
];

const isBuilt = () => existsSync(core) && isNativeFresh();
if (!installTools() || !(isBuilt() || buildNative())) process.exit(1);
const folders = new Map(wanted.map((sanitizer) => [sanitizer, build(sanitizer)]));
let passed = 0;
const checks = CHECKS.filter(({ sanitizer }) => wanted.includes(sanitizer));
for (const { name, sanitizer, command } of checks) {
  const folder = folders.get(sanitizer);
  const [program, ...args] = command.map((part) => part.replace('{}', folder));
  console.log(`\n${name}`);
  const ok =
    folder !== null && run(program, args, { env: SANITIZER_OPTIONS, timeout: CHECK_TIMEOUT, killSignal: 'SIGKILL' });
  if (ok) passed++;
  else console.log(`FAILED: ${name}`);
}
console.log(`\n${passed} passed, ${checks.length - passed} failed`);
process.exit(passed === checks.length ? 0 : 1);
