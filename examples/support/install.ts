import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../test/support/root.js';

/** Folders of the examples that have packages of their own. */
function packageFolders(): string[] {
  return readdirSync(join(root, 'examples'))
    .map((name) => join(root, 'examples', name))
    .filter((folder) => existsSync(join(folder, 'package.json')));
}

const modified = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Installs what the examples need and lack, before their tests run. No lock file: they follow their libraries. */
export default function install(): void {
  for (const folder of packageFolders()) {
    if (modified(join(folder, 'node_modules', '.package-lock.json')) >= modified(join(folder, 'package.json')))
      continue;
    // Scripts are left out: onnxruntime-node's would download what its CPU build does not need.
    const flags = ['--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'];
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    const { status } = spawnSync(npm, ['install', ...flags], { cwd: folder, stdio: 'inherit', timeout: 280_000 });
    if (status !== 0) throw new Error(`Expected npm install to work in ${folder} but it exited with ${status}`);
  }
}
