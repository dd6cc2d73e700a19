// clang-tidy over the C++ sources, with the checks of .clang-tidy: `npm run tidy [-- FILE …]`.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { root } from './support/native-build.mjs';

const require = createRequire(import.meta.url);
const includes = ['node-api-headers', 'node-addon-api'].map((name) => resolve(root, require(name).include_dir));
const FLAGS = [
  '-std=c++20',
  '-Inative',
  ...includes.flatMap((folder) => ['-isystem', folder]),
  '-DNAPI_VERSION=8',
  '-DNAPI_CPP_EXCEPTIONS',
  '-DCONVOLITH_VERSION="0"',
];

const named = process.argv.slice(2);
const sources = readdirSync(join(root, 'native'), { recursive: true }).filter((file) => file.endsWith('.cpp'));
const files = named.length > 0 ? named : sources.map((file) => join('native', file));

/** A share of the files; true where nothing was found. What it found is on stdout, its own counting on stderr. */
function tidy(share) {
  return new Promise((done) => {
    const child = spawn('clang-tidy', ['--quiet', ...share, '--', ...FLAGS], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'ignore'],
      timeout: 60 * 60_000,
    });
    child.on('error', ({ message }) => {
      console.error(`Expected clang-tidy on the path (apt-get install clang-tidy): ${message}`);
      done(false);
    });
    child.on('exit', (status) => done(status === 0));
  });
}

const shares = Math.min(availableParallelism(), files.length);
const results = await Promise.all(
  Array.from({ length: shares }, (_, share) => tidy(files.filter((_, index) => index % shares === share))),
);
process.exit(results.every(Boolean) ? 0 : 1);
