// Makes a checkout ready: dependencies, addon, compiled TypeScript, each only where something is missing or has
// changed. `npm test` and `npm run demo` run it first, so each of them works alone on a fresh clone.
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  buildNative,
  isNativeFresh,
  missingTools,
  newest,
  root,
  run,
  runNpm,
  runTool,
} from './support/native-build.mjs';

const modified = (path) => statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;

function fail(what) {
  console.error(`convolith: ${what} failed; see above`);
  process.exit(1);
}

/**
 * npm writes node_modules/.package-lock.json at the end of every install. Not `npm ci`: it refuses a lock file that
 * lacks another platform's optional binaries, and a registry mirror may lack them. `--no-save` leaves the lock file alone.
 */
function installDependencies() {
  const installed = modified('node_modules/.package-lock.json');
  const locked = existsSync(join(root, 'package-lock.json'));
  if (installed > 0 && installed >= newest([locked ? 'package-lock.json' : 'package.json'])) return;
  console.log('convolith: installing dependencies');
  if (!runNpm(['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'])) fail('npm');
}

/** Without a compiler everything works on the TypeScript engine, so that is said and is no failure. */
function prepareNative() {
  if (isNativeFresh()) return;
  const missing = missingTools();
  if (missing !== null) {
    console.warn(`convolith: no ${missing} here, so the native engine is not built; the TypeScript engine will serve`);
    return;
  }
  console.log('convolith: building the native engine');
  if (!buildNative()) fail('the build of the native engine');
}

function prepareTypeScript() {
  const stamp = 'dist/.built';
  if (modified(stamp) > newest(['lib', 'tsconfig.json', 'package.json', 'scripts/build-esm.mjs'])) return;
  console.log('convolith: compiling TypeScript');
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  if (!runTool('typescript/bin/tsc', ['-p', '.'])) fail('the TypeScript compiler');
  if (!run(process.execPath, ['scripts/build-esm.mjs'])) fail('scripts/build-esm.mjs');
  writeFileSync(join(root, stamp), `${JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version}\n`);
}

installDependencies();
prepareNative();
prepareTypeScript();
