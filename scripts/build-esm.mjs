// Writes the ES module face of each entry: named re-exports of its CommonJS build, so that a process that uses both has
// one instance of the library (one thread pool, one ConvolithError). The entries are those of package.json's exports.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const root = new URL('../', import.meta.url);
const { exports: entries } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

for (const entry of Object.values(entries)) {
  if (typeof entry === 'string' || entry.import === undefined) continue;
  const names = Object.keys(require(fileURLToPath(new URL(entry.require.default, root)))).sort();
  const source = `./${basename(entry.require.default)}`;
  const list = names.map((name) => `  ${name},\n`).join('');
  writeFileSync(
    new URL(entry.import.default, root),
    `import convolith from '${source}';\n\nexport const {\n${list}} = convolith;\n`,
  );
  writeFileSync(new URL(entry.import.types, root), `export * from '${source}';\n`);
}
