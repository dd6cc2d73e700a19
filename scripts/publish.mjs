// Publishes npm/tarballs/, the main package last, so that no one installs it before what it depends on is there. A version
// that is already published is left alone: a run that broke off is simply run again.
// `node scripts/publish.mjs --tag v0.1.0 [--dry-run]`; the tag must be package.json's version.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, runNpm } from './support/native-build.mjs';
import { platforms } from './support/platforms.mjs';

const options = { tag: { type: 'string' }, 'dry-run': { type: 'boolean', default: false } };
const { values } = parseArgs({ options });
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

function fail(message) {
  console.error(message);
  process.exit(1);
}

const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
if (values.tag !== `v${version}`)
  fail(`Expected the tag v${version}, package.json's version, but received ${values.tag}`);
if (!values['dry-run'] && !changelog.includes(`## [${version}]`)) fail(`CHANGELOG.md has no section for ${version}`);

const names = [...platforms.map(({ name }) => name), 'source', 'other-cpu', 'other-os'].map(
  (name) => `convolith-${name}`,
);
const files = [...names, 'convolith'].map((name) => `${name}-${version}.tgz`);
const folder = join(root, 'npm', 'tarballs');
const missing = files.filter((file) => !readdirSync(folder).includes(file));
if (missing.length > 0) fail(`Expected ${missing.join(', ')} in npm/tarballs`);

function isPublished(name) {
  return (
    spawnSync('npm', ['view', `${name}@${version}`, 'version'], {
      encoding: 'utf8',
      timeout: 120_000,
    }).stdout.trim() === version
  );
}

for (const file of files) {
  const name = file.slice(0, -`-${version}.tgz`.length).replace('convolith-', '@convolith/');
  if (!values['dry-run'] && isPublished(name)) {
    console.log(`${name}@${version} is published already`);
    continue;
  }
  const how = values['dry-run'] ? ['--dry-run'] : ['--provenance'];
  if (!runNpm(['publish', join(folder, file), '--access', 'public', ...how])) fail(`${file} could not be published`);
}
