// Tools that only some scripts need, too large for everyone's node_modules: a cross compiler, Nodes of other versions.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, runNpm } from './native-build.mjs';

const FLAGS = ['--force', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save'];

/** The folder of an npm package, installed under .cache/ where it is not there yet. Ends the script where it cannot be had. */
export function cachedPackage(name, version) {
  const prefix = join(root, '.cache', 'packages', `${name.replace('/', '+')}@${version}`);
  const done = join(prefix, '.installed');
  if (!existsSync(done)) {
    mkdirSync(prefix, { recursive: true });
    if (!runNpm(['install', ...FLAGS, '--prefix', prefix, `${name}@${version}`])) {
      console.error(`${name}@${version} could not be installed`);
      process.exit(1);
    }
    writeFileSync(done, '');
  }
  return join(prefix, 'node_modules', name);
}

/** A Node from npm, for another version, system or processor than this one's. */
export function cachedNode(system, version) {
  return join(cachedPackage(`node-${system}`, version), 'bin', system.startsWith('win') ? 'node.exe' : 'node');
}
