// What setup.mjs and build-source.mjs share: whether the addon can be built here, whether it is fresh, and building it.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(fileURLToPath(import.meta.url), '..', '..', '..');
const binary = join(root, 'out', 'Release', 'convolith.node');
const require = createRequire(join(root, 'package.json'));
const NATIVE_SOURCES = ['native', 'CMakeLists.txt', 'package.json'];

/** An hour, for a build on a small machine; what takes longer hangs. */
const LIMIT_MS = 60 * 60_000;

/** Runs a command to its end, with its output on ours; true where it succeeded. */
export function run(command, args, options = {}) {
  return spawnSync(command, args, { cwd: root, stdio: 'inherit', timeout: LIMIT_MS, ...options }).status === 0;
}

/** npm, or a tool of an installed package, by the Node that runs this script. */
export function runNpm(args) {
  const cli = process.env.npm_execpath;
  return cli === undefined
    ? run('npm', args, { shell: process.platform === 'win32' })
    : run(process.execPath, [cli, ...args]);
}

export function runTool(path, args) {
  return run(process.execPath, [require.resolve(path), ...args]);
}

/** The latest change under the given files and folders, in ms. */
export function newest(paths, folder = root) {
  let latest = 0;
  for (const path of paths) {
    const full = join(folder, path);
    const stat = statSync(full, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    latest = Math.max(latest, stat.isDirectory() ? newest(readdirSync(full), full) : stat.mtimeMs);
    // A folder's own time tells of a file that was removed.
    if (stat.isDirectory()) latest = Math.max(latest, stat.mtimeMs);
  }
  return latest;
}

/** What the build lacks, in words, or null. */
export function missingTools() {
  if (process.platform === 'win32') return null;
  const has = (...names) =>
    names.some((name) => spawnSync(name, ['--version'], { stdio: 'ignore', timeout: 60_000 }).status === 0);
  const missing = [];
  if (!has('cmake')) missing.push('cmake');
  if (!has(process.env.CXX ?? 'c++', 'g++', 'clang++')) missing.push('a C++20 compiler');
  if (!has('make', 'ninja')) missing.push('make or ninja');
  return missing.length === 0 ? null : missing.join(', ');
}

export const isNativeFresh = () => existsSync(binary) && newest(NATIVE_SOURCES) <= statSync(binary).mtimeMs;

/** Builds `out/Release/convolith.node`; true where it is there afterwards. */
export function buildNative() {
  return runTool('cmake-js/bin/cmake-js', ['compile', '--out', 'out', '--parallel', '2']) && existsSync(binary);
}
