import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeBlocks, pagesOf } from './support/code-blocks.js';
import { root } from './support/root.js';

const config = readFileSync(join(root, 'docs', '.vitepress', 'config.mts'), 'utf8');
const home = readFileSync(join(root, 'docs', 'index.md'), 'utf8');

describe('the documentation site', () => {
  it('leads to pages that are there', () => {
    const linked = [
      ...[...config.matchAll(/page\((?:'[^']*'|"[^"]*"), '([^']+)'\)/g)].map((match) => match[1]),
      ...[...home.matchAll(/link: (\S+)$/gm)].map((match) => match[1]),
    ].filter((link) => link !== '/api/');
    expect(linked.length).toBeGreaterThan(15);
    expect(linked.filter((link) => !existsSync(join(root, 'docs', `${link}.md`)))).toEqual([]);
  });
});

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Command lines of the pages: what a user is told to type. */
const lines = ['README.md', 'CONTRIBUTING.md', ...pagesOf('docs')].flatMap((page) =>
  codeBlocks(page, ['sh']).flatMap(({ code, line }) =>
    code
      .replace(/\\\n\s*/g, '')
      .split('\n')
      .map((text) => text.replace(/\s+#.*$/, '').trim())
      .filter((text) => text !== '')
      .map((text) => [`${page}:${line}`, text] as const),
  ),
);

describe('command lines in the documentation', () => {
  it.each(lines.filter(([, text]) => text.startsWith('npm run ') || text === 'npm test'))(
    '%s names a script: %s',
    (_, text) => {
      const name = text === 'npm test' ? 'test' : text.split(' ')[2];
      expect(Object.keys(manifest.scripts)).toContain(name);
    },
  );
});
