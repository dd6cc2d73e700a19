// Writes the folders that are published: the main package, one a platform, and those that build from source elsewhere.
// Every field they share with this checkout comes from its package.json.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, runNpm } from './native-build.mjs';
import { platforms, SCOPE } from './platforms.mjs';

const SOURCE = `${SCOPE}/source`;
const SOURCE_FILES = [
  'native',
  'CMakeLists.txt',
  'binding.gyp',
  'scripts/build-source.mjs',
  'scripts/support/native-build.mjs',
];

/** npm takes one of these where os or cpu is none of the prebuilt ones; either brings the sources, which build there. */
const ELSEWHERE = [
  { name: 'other-cpu', field: 'cpu', words: 'processors' },
  { name: 'other-os', field: 'os', words: 'operating systems' },
];

/** Fields of package.json that mean nothing to who installs the package. */
const CHECKOUT_ONLY = ['scripts', 'devDependencies', 'binary', 'gypfile'];

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

function shared(name, description) {
  const { version, license, author, repository, homepage, bugs, engines } = manifest;
  return { name: `${SCOPE}/${name}`, version, description, license, author, repository, homepage, bugs, engines };
}

function writePackage(folder, fields, files = {}) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [name, from] of Object.entries({ LICENSE: join(root, 'LICENSE'), ...files })) {
    cpSync(from, join(folder, name), { recursive: true });
  }
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(fields, null, 2)}\n`);
  writeFileSync(
    join(folder, 'README.md'),
    `# ${fields.name}\n\n${fields.description}. Part of [convolith](https://www.npmjs.com/package/convolith), which npm installs it for.\n`,
  );
}

/** The addon of one platform; npm installs the package whose os, cpu and libc are the user's. */
export function writePlatformPackage(folder, platform, addon) {
  const fields = {
    ...shared(platform.name, `The native engine of Convolith for ${platform.name}`),
    os: [platform.os],
    cpu: [platform.cpu],
    ...(platform.libc === undefined ? {} : { libc: [platform.libc] }),
    main: './convolith.node',
    files: ['convolith.node'],
    // What the loader compares first: a system that maps a cut-off addon ends the process instead of refusing.
    addonBytes: statSync(addon).size,
    preferUnplugged: true,
  };
  writePackage(folder, fields, { 'convolith.node': addon });
}

/** The sources and what builds them, for where no prebuilt addon fits. */
export function writeSourcePackage(folder) {
  const { devDependencies } = manifest;
  const tools = ['cmake-js', 'node-addon-api', 'node-api-headers'];
  const fields = {
    ...shared('source', 'The native engine of Convolith, built where it is installed'),
    scripts: { install: 'node scripts/build-source.mjs' },
    files: SOURCE_FILES,
    dependencies: Object.fromEntries(tools.map((name) => [name, devDependencies[name]])),
    gypfile: false,
    binary: manifest.binary,
    preferUnplugged: true,
  };
  writePackage(folder, fields, Object.fromEntries(SOURCE_FILES.map((file) => [file, join(root, file)])));
}

export function writeElsewherePackages(parent) {
  for (const { name, field, words } of ELSEWHERE) {
    const prebuilt = [...new Set(platforms.map((platform) => platform[field]))];
    const fields = {
      ...shared(name, `Brings ${SOURCE} to ${words} without a prebuilt package`),
      [field]: prebuilt.map((value) => `!${value}`),
      files: [],
      dependencies: { [SOURCE]: manifest.version },
    };
    writePackage(join(parent, name), fields);
  }
}

/** What this checkout packs, with the prebuilt packages as optional dependencies and without what only a checkout needs. */
export function writeMainPackage(folder) {
  const scratch = mkdtempSync(join(tmpdir(), 'convolith-pack-'));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  pack([root], scratch);
  const tarball = join(scratch, readdirSync(scratch)[0]);
  spawnSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', folder], { stdio: 'inherit', timeout: 60_000 });
  rmSync(scratch, { recursive: true });
  const fields = Object.fromEntries(Object.entries(manifest).filter(([key]) => !CHECKOUT_ONLY.includes(key)));
  const names = [...platforms, ...ELSEWHERE].map(({ name }) => [`${SCOPE}/${name}`, manifest.version]);
  fields.optionalDependencies = { ...fields.optionalDependencies, ...Object.fromEntries(names) };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(fields, null, 2)}\n`);
}

/** Packs folders into tarballs in `destination`. */
export function pack(folders, destination) {
  const flags = ['--ignore-scripts', '--silent', '--pack-destination', destination];
  if (!runNpm(['pack', ...folders, ...flags])) {
    console.error(`npm could not pack ${folders.join(', ')}`);
    process.exit(1);
  }
}
