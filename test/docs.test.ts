import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeNpy } from '../lib/cli/npy.js';
import { codeBlocks, PAGES } from './support/code-blocks.js';
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
const lines = PAGES.flatMap((page) =>
  codeBlocks(page, ['sh']).flatMap(({ code, line }) =>
    code
      .replace(/\\\n\s*/g, '')
      .split('\n')
      .map((text) => text.replace(/\s+#.*$/, '').trim())
      .filter((text) => text !== '')
      .map((text) => [`${page}:${line}`, text] as const),
  ),
);

/** A command line's words, as a shell would cut this simple kind. */
const wordsOf = (text: string): string[] => (text.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', ''));

describe('command lines in the documentation', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'convolith-docs-'));
    writeNpy(join(folder, 'x.npy'), new Float32Array(64 * 28 * 28), [1, 64, 28, 28]);
    writeNpy(join(folder, 'w.npy'), new Float32Array(64 * 64 * 9), [64, 64, 3, 3]);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const convolith = (args: readonly string[]) =>
    spawnSync(process.execPath, [join(root, 'dist', 'cli', 'main.js'), ...args], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 110_000,
    });

  it.each(lines.filter(([, text]) => /^npm (?:run|test|ci)\b/.test(text)))('%s names a script: %s', (_, text) => {
    const words = text.split(' ');
    expect(Object.keys(manifest.scripts)).toContain(words[1] === 'run' ? words[2] : words[1]);
  });

  it.each(lines.filter(([, text]) => /^npx convolith (?:info|explain|run)\b/.test(text)))('%s runs: %s', (_, text) => {
    const { status, stderr } = convolith(wordsOf(text).slice(2));
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it.each(lines.filter(([, text]) => /^npx convolith (?:verify|bench)\b/.test(text)))(
    '%s knows its options: %s',
    (_, text) => {
      const [command, ...rest] = wordsOf(text).slice(2);
      const help = convolith([command, '--help']).stdout;
      for (const word of rest.filter((part) => part.startsWith('--'))) expect(help).toContain(word);
    },
  );
});
