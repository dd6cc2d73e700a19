// Tools of Debian's that a script needs and this machine lacks.
import { spawnSync } from 'node:child_process';
import { run } from './native-build.mjs';

/** Whether a command is there: it answers `--version`. */
export function hasCommand(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore', timeout: 60_000 }).error === undefined;
}

/**
 * Installs the packages of those `tools`, `[there, package…]` each, that are not there; whether that went well.
 * Asks for root's rights where it has not got them.
 */
export function installMissing(tools) {
  const packages = tools.flatMap(([there, ...names]) => (there ? [] : names));
  if (packages.length === 0) return true;
  console.log(`Installing ${packages.join(', ')}`);
  const apt = (...args) => (process.getuid() === 0 ? run('apt-get', args) : run('sudo', ['apt-get', ...args]));
  return apt('update', '-qq') && apt('install', '-y', '-qq', '--no-install-recommends', ...packages);
}
