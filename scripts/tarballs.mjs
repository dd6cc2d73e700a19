// Packs everything that is published into npm/tarballs/: `npm run tarballs`. The prebuilt addons come from `npm run
// prebuilds`, and one that is missing is an error; with `--addon FILE` that one stands for every platform's, which serves
// tests of the packages and no one else, and goes to .cache/npm/. `--out FOLDER` puts all of it elsewhere.
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './support/native-build.mjs';
import {
  pack,
  writeElsewherePackages,
  writeMainPackage,
  writePlatformPackage,
  writeSourcePackage,
} from './support/packages.mjs';
import { platforms } from './support/platforms.mjs';

const { values } = parseArgs({ options: { addon: { type: 'string' }, out: { type: 'string' } } });
const standIn = values.addon === undefined ? null : resolve(values.addon);
const out = resolve(values.out ?? join(root, standIn === null ? 'npm' : '.cache/npm'));
const tarballs = join(out, 'tarballs');
rmSync(tarballs, { recursive: true, force: true });
mkdirSync(tarballs, { recursive: true });

const addonOf = ({ name }) => standIn ?? join(out, name, 'convolith.node');

const missing = platforms.filter((platform) => !existsSync(addonOf(platform)));
if (missing.length > 0) {
  const command = standIn === null ? 'npm run prebuilds' : 'npm run build';
  console.error(`Expected addons for ${missing.map(({ name }) => name).join(', ')}: run "${command}"`);
  process.exit(1);
}
if (standIn !== null) {
  for (const platform of platforms) writePlatformPackage(join(out, platform.name), platform, addonOf(platform));
}
writeSourcePackage(join(out, 'source'));
writeElsewherePackages(out);
writeMainPackage(join(out, 'convolith'));
const folders = [...platforms.map(({ name }) => name), 'source', 'other-cpu', 'other-os', 'convolith'];
pack(
  folders.map((folder) => join(out, folder)),
  tarballs,
);
