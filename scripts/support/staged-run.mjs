// Runs the project's tests with an addon that was not built for this Node: another compiler's, another system's, another
// processor's. Vitest's own tools are native to this machine, so test files are bundled and run on a small stand-in
// for its runner (plain-vitest.mjs), by the Node that is given and whatever has to start it.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { build } from 'vite';
import { root } from './native-build.mjs';

const TIMEOUT = 15 * 60_000;
const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** A folder that looks like this checkout built with `addon`, and its command. */
export function stageAddon(name, addon) {
  const stage = join(root, '.cache', 'stage', name);
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(join(stage, 'out', 'Release'), { recursive: true });
  cpSync(addon, join(stage, 'out', 'Release', 'convolith.node'));
  for (const part of ['dist', 'package.json', 'bench'])
    cpSync(join(root, part), join(stage, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(stage, 'node_modules'));
  return { folder: stage, command: join(stage, bin.convolith) };
}

/** Gives every bundled module the `__dirname` of its own place in the stage, where the addon and package.json are. */
const placeModules = (stage) => ({
  name: 'place-modules',
  transform(code, id) {
    const folder = relative(root, dirname(id));
    if (folder.startsWith('..') || folder.includes('node_modules') || !code.includes('__dirname')) return null;
    return code.replaceAll('__dirname', JSON.stringify(join(stage, folder)));
  },
});

/** A test file and what it imports of this project, as one module in the stage. */
export async function bundleTest(stage, file) {
  const name = `${basename(file, '.ts')}.mjs`;
  await build({
    root,
    configFile: false,
    logLevel: 'warn',
    plugins: [placeModules(stage)],
    resolve: { alias: [{ find: /^vitest$/, replacement: join(root, 'scripts', 'support', 'plain-vitest.mjs') }] },
    build: {
      ssr: join(root, file),
      outDir: stage,
      emptyOutDir: false,
      minify: false,
      target: 'node20',
      rollupOptions: { output: { entryFileNames: name, codeSplitting: false } },
    },
  });
  return join(stage, name);
}

/** Runs a program to its end, shows what it prints, and returns it: null where it ended badly. */
export function runStaged(stage, command, env = {}) {
  const { status, stdout, signal } = spawnSync(command[0], command.slice(1), {
    cwd: stage,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: TIMEOUT,
    maxBuffer: 1 << 28,
    env: { ...process.env, CONVOLITH_ENGINE: 'native', CONVOLITH_TEST_ENGINES: 'native', ...env },
  });
  process.stdout.write(stdout ?? '');
  if (status !== 0) console.error(`Ended with ${status ?? signal}: ${command.join(' ')}`);
  return status === 0 ? stdout : null;
}
