// Holds the layers: imports and includes point down only, napi.h stays in addon/, intrinsics in isa/, files short.
// `node scripts/check-layers.mjs [folder]` prints one line a breach and exits with 1 where there is one.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAX_LINES = 600;

/** Top to bottom; a folder may include its own files and those of the rows below it. */
const NATIVE_LAYERS = [['addon'], ['plan'], ['algorithms', 'companions'], ['isa'], ['kernels'], ['spec'], ['base']];

/** Top to bottom: files of lib/, folders with a slash, and a file that lies lower than the rest of its folder. */
const TS_LAYERS = [
  ['cli/', 'tfjs/', 'onnx/'],
  ['index'],
  ['gradients'],
  ['functional', 'companions/'],
  ['layers/'],
  ['engines'],
  ['conv-grad'],
  ['native/', 'fallback/'],
  ['cost', 'receptive-field'],
  ['spec/'],
  ['descriptor', 'options'],
  ['engine', 'tensor', 'companions/kernels'],
  ['spec/check'],
  ['spec'],
  ['errors', 'version'],
];

const INTRINSICS = /<(?:immintrin|arm_neon|x86intrin|xmmintrin)\.h>|\b_mm(?:\d+)?_|\bv(?:ld1|st1|fma)q?_/;

/** Files of `folder`, as paths with forward slashes relative to it. */
function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      relative(folder, join(entry.parentPath ?? entry.path, entry.name))
        .split(sep)
        .join('/'),
    );
}

const rankOf = (layers, name) => layers.findIndex((row) => row.includes(name));
const withoutComments = (text) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');

function checkDirection(layers, from, to, file, breaches) {
  if (from === to) return;
  const [above, below] = [rankOf(layers, from), rankOf(layers, to)];
  if (above < 0) breaches.push(`${file}: "${from}" is in no layer`);
  else if (below < 0) breaches.push(`${file}: "${to}" is in no layer`);
  else if (below <= above) breaches.push(`${file}: ${from} may not use ${to}, which is not below it`);
}

function checkNative(file, text, breaches) {
  const code = withoutComments(text);
  const layer = file.split('/')[1];
  for (const [, path] of code.matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)) {
    checkDirection(NATIVE_LAYERS, layer, path.split('/')[0], file, breaches);
  }
  if (layer !== 'addon' && /#\s*include\s+[<"](?:napi|node_api|js_native_api)\.h/.test(code)) {
    breaches.push(`${file}: only addon/ may include Node's headers`);
  }
  if (layer !== 'isa' && INTRINSICS.test(code)) breaches.push(`${file}: only isa/ may have intrinsics`);
}

/** The row's name for `lib/…`: the file's own where it has one, else its folder's. */
function tsLayerOf(path) {
  const name = path.slice('lib/'.length).replace(/\.[jt]s$/, '');
  if (rankOf(TS_LAYERS, name) >= 0 || !name.includes('/')) return name;
  return `${name.split('/')[0]}/`;
}

function checkTypeScript(file, text, breaches) {
  for (const [, path] of withoutComments(text).matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
    const target = posix.join(posix.dirname(file), path);
    if (target.startsWith('lib/')) checkDirection(TS_LAYERS, tsLayerOf(file), tsLayerOf(target), file, breaches);
  }
}

/** The breaches under `root`, one line each. */
export function checkLayers(root) {
  const breaches = [];
  for (const folder of ['native', 'lib']) {
    for (const path of filesOf(join(root, folder))) {
      const file = `${folder}/${path}`;
      const text = readFileSync(join(root, file), 'utf8');
      const lines = text.split('\n').length - 1;
      if (lines > MAX_LINES) breaches.push(`${file}: ${lines} lines, at most ${MAX_LINES} are readable`);
      if (folder === 'native' && path.includes('/')) checkNative(file, text, breaches);
      if (folder === 'lib' && path.endsWith('.ts')) checkTypeScript(file, text, breaches);
    }
  }
  return breaches;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const breaches = checkLayers(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..'));
  for (const breach of breaches) console.error(breach);
  if (breaches.length > 0) process.exit(1);
  console.log('Layers point down only.');
}
