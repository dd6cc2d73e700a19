// npm run docs [-- --serve] [-- --no-report]: builds the documentation site into docs/.vitepress/dist. Its tools are
// packages of docs/, installed on first use; the API pages come from the types. The live report is measured where there
// is none yet (half a minute on a quiet machine); delete docs/public/report.html to have it measured again.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './support/native-build.mjs';

const docs = join(root, 'docs');
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

function run(what, command, args, timeout = 10 * 60_000) {
  const { status, error } = spawnSync(command, args, { cwd: docs, stdio: 'inherit', timeout });
  if (status === 0) return;
  console.error(`convolith: ${what} failed${error ? `: ${error.message}` : '; see above'}`);
  process.exit(1);
}

/** Timing the TypeScript engine would take minutes and tell nobody anything. */
function hasNativeEngine() {
  const { stdout } = spawnSync(process.execPath, [cli, 'info', '--json'], { encoding: 'utf8', timeout: 60_000 });
  return JSON.parse(stdout).engine === 'native';
}

const tool = (...path) => [join(docs, 'node_modules', ...path)];
const modified = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

if (modified(join(docs, 'node_modules', '.package-lock.json')) < modified(join(docs, 'package.json'))) {
  const flags = ['--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'];
  run('npm', npm, ['install', ...flags]);
}
run('typedoc', process.execPath, [...tool('typedoc', 'bin', 'typedoc'), '--options', 'typedoc.config.mjs']);
/** Seen from docs/: the report prints the command that made it. */
const report = join('public', 'report.html');
const cli = join(root, 'dist', 'cli', 'main.js');
if (!existsSync(join(docs, report)) && !process.argv.includes('--no-report') && hasNativeEngine()) {
  const effort = ['--network', 'table', '--layout', 'NHWC', '--trials', '1', '--seconds', '0.1'];
  run('the benchmark', process.execPath, [cli, 'bench', ...effort, '--report', report]);
}
const serve = process.argv.includes('--serve');
run(
  'vitepress',
  process.execPath,
  [...tool('vitepress', 'bin', 'vitepress.js'), serve ? 'dev' : 'build', '.'],
  serve ? 0 : undefined,
);
if (!serve) console.log('convolith: the site is in docs/.vitepress/dist');
