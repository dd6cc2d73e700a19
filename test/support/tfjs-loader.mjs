// Module hooks for tfjs-core's spec files: ES modules in a package that does not say so, importing without extensions.
// `@tensorflow/*` is mapped to the same files, so that specs, CPU backend and ours share one engine.
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const PACKAGE = /\/node_modules\/(@tensorflow\/[^/]+)\/dist\//;
const COMMONJS = '?commonjs';
const isFile = (path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

export async function resolve(specifier, context, next) {
  const parent = context.parentURL ?? '';
  if (PACKAGE.test(parent) && (specifier.startsWith('.') || specifier.startsWith('/'))) {
    const base = fileURLToPath(new URL(specifier, parent));
    const found = [base, `${base}.js`, `${base}/index.js`].find(isFile);
    if (found !== undefined) return { url: pathToFileURL(found).href, format: 'module', shortCircuit: true };
  }
  const resolved = await next(specifier, context);
  const root = PACKAGE.exec(resolved.url);
  if (root !== null && /^@tensorflow\/[^/]+$/.test(specifier)) {
    const url = `${resolved.url.slice(0, root.index + root[0].length)}index.js`;
    return { url, format: 'module', shortCircuit: true };
  }
  // They read the members of CommonJS packages from the namespace, as their bundler lets them.
  const foreign = PACKAGE.test(parent) && resolved.url.startsWith('file:') && root === null;
  return foreign ? { ...resolved, url: resolved.url + COMMONJS, format: 'module', shortCircuit: true } : resolved;
}

export async function load(url, context, next) {
  if (url.endsWith(COMMONJS)) return { format: 'module', source: namespaceOf(url), shortCircuit: true };
  if (!PACKAGE.test(url) || url.endsWith('.node.js')) return next(url, context);
  const source = await readFile(fileURLToPath(url), 'utf8');
  // Their source maps are inlined and larger than the code: reading them would double the run.
  const code = source.replace(/^\/\/# sourceMappingURL=.*$/m, '');
  return { format: 'module', source: code, shortCircuit: true };
}

function namespaceOf(url) {
  const path = fileURLToPath(url.slice(0, -COMMONJS.length));
  const names = Object.keys(createRequire(path)(path)).filter((name) => /^[A-Za-z_$][\w$]*$/.test(name));
  const list = names.filter((name) => name !== 'default').join(', ');
  return `import all from ${JSON.stringify(path)};\nexport default all;\nexport const { ${list} } = all;\n`;
}
