// Runs the project's tests with an addon that was not built for this Node: another compiler's, another system's, another
// processor's. Vitest's own tools are native to this machine, so test files are bundled and run on a small stand-in
// for its runner (plain-vitest.mjs), by the Node that is given and whatever has to start it.
import { spawnSync } from 'node:child_process';
import { closeSync, cpSync, mkdirSync, openSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from './bundle.mjs';
import { root } from './native-build.mjs';

const TIMEOUT = 15 * 60_000;
const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** A folder that looks like this checkout built with `addon`, its command, and the addon itself. */
export function stageAddon(name, addon) {
  const stage = join(root, '.cache', 'stage', name);
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(join(stage, 'out', 'Release'), { recursive: true });
  cpSync(addon, join(stage, 'out', 'Release', 'convolith.node'));
  for (const part of ['dist', 'package.json', 'bench'])
    cpSync(join(root, part), join(stage, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(stage, 'node_modules'));
  return { folder: stage, command: join(stage, bin.convolith), addon };
}

/** A test file and what it imports of this project, as one module in the stage. */
export function bundleTest(stage, file) {
  const runner = join(root, 'scripts', 'support', 'plain-vitest.mjs');
  return bundle(file, { folder: stage, place: stage, alias: [{ find: /^vitest$/, replacement: runner }] });
}

/**
 * Runs a program to its end, shows what it prints, and returns it: null where it ended badly. It prints to a file, since
 * Windows' Node under wine takes no pipe.
 */
export function runStaged(stage, command, env = {}) {
  const file = join(stage, 'output.txt');
  const output = openSync(file, 'w');
  const { status, signal, error } = spawnSync(command[0], command.slice(1), {
    cwd: stage,
    stdio: ['ignore', output, output],
    timeout: TIMEOUT,
    env: { ...process.env, CONVOLITH_ENGINE: 'native', CONVOLITH_TEST_ENGINES: 'native', ...env },
  });
  closeSync(output);
  const text = readFileSync(file, 'utf8');
  process.stdout.write(text);
  if (status !== 0) console.error(`Ended with ${status ?? signal ?? error?.message}: ${command.join(' ')}`);
  return status === 0 ? text : null;
}
