// Installs a package that lies in a folder of its own and is no dependency of ours, where that is missing or has changed:
// `node scripts/setup-package.mjs FOLDER`.
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root, runNpm } from './support/native-build.mjs';

const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** True where it is ready afterwards. */
export function setUpPackage(folder) {
  const path = resolve(root, folder);
  const installed = modified(join(path, 'node_modules', '.package-lock.json'));
  if (installed > modified(join(path, 'package.json'))) return true;
  console.log(`convolith: installing ${folder}`);
  return runNpm(['install', '--prefix', path, '--ignore-scripts', '--no-save', '--no-audit', '--no-fund']);
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !setUpPackage(process.argv[2])) process.exit(1);
