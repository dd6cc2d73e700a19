import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConvolithError } from '../../errors.js';

/** The folder `bench` of the package, seen from dist/cli/bench. */
const BENCH = join(__dirname, '..', '..', '..', 'bench');

/** What is installed only where it is asked for: the peers (400 MB), and what draws the report. */
export type BenchPackage = 'peers' | 'report';

/** The path of a file of one of bench's own packages. */
export function benchFile(name: BenchPackage, file: string): string {
  return join(BENCH, name, file);
}

const NPM_ARGUMENTS = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'];

/**
 * Installs a package of bench's own on first use.
 * @throws ConvolithError `ERR_LOAD` where npm fails; the message has the command to run by hand.
 */
export function ensureInstalled(name: BenchPackage): void {
  const folder = join(BENCH, name);
  // npm writes this file at the end of an install.
  if (existsSync(join(folder, 'node_modules', '.package-lock.json'))) return;
  const command = `npm ${NPM_ARGUMENTS.join(' ')} --prefix ${folder}`;
  process.stderr.write(`First use: ${command}\n`);
  // On Windows npm is a batch file, which only a shell runs. Its output is no result, so it goes to stderr.
  const { status, error } = spawnSync('npm', NPM_ARGUMENTS, {
    cwd: folder,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (status === 0) return;
  const reason = error === undefined ? `exit code ${status}` : error.message;
  throw new ConvolithError('ERR_LOAD', `Expected "${command}" to succeed but received ${reason}`);
}
