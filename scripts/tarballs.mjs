// Packs everything that is published into npm/tarballs/: `npm run tarballs`. The prebuilt addons come from `npm run
// prebuilds`, and one that is missing is an error; with `--local` the addon built in this checkout stands for every
// platform's, which serves tests of the packages and no one else, and goes to .cache/npm/. `--out FOLDER` puts all of it elsewhere.
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

const { values } = parseArgs({ options: { local: { type: 'boolean', default: false }, out: { type: 'string' } } });
const out = resolve(values.out ?? join(root, values.local ? '.cache/npm' : 'npm'));
const tarballs = join(out, 'tarballs');
rmSync(tarballs, { recursive: true, force: true });
mkdirSync(tarballs, { recursive: true });

const addonOf = ({ name }) =>
  values.local ? join(root, 'out', 'Release', 'convolith.node') : join(out, name, 'convolith.node');

const missing = platforms.filter((platform) => !existsSync(addonOf(platform)));
if (missing.length > 0) {
  const command = values.local ? 'npm run build' : 'npm run prebuilds';
  console.error(`Expected addons for ${missing.map(({ name }) => name).join(', ')}: run "${command}"`);
  process.exit(1);
}
if (values.local) {
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
