import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  codeBlocks,
  compileErrors,
  foreignPackages,
  languagesOf,
  PAGES,
  PROGRAMS,
  promised,
  runBlock,
} from './support/code-blocks.js';
import { root as ROOT } from './support/root.js';

/** Blocks that use other packages run with the examples, which install them. */
const BLOCKS = PAGES.flatMap((page) => codeBlocks(page, PROGRAMS)).filter(
  (block) => foreignPackages(block).length === 0,
);

describe('code in the documentation', () => {
  it('is there', () => {
    expect(BLOCKS.length).toBeGreaterThan(25);
  });

  it('is in a language that a test knows, so that no block escapes', () => {
    // Programs here and with the examples; command lines in docs.test.ts; NumPy's two lines; drawings.
    const known = [...PROGRAMS, 'sh', 'python', ''];
    expect(PAGES.flatMap(languagesOf).filter((language) => !known.includes(language))).toEqual([]);
  });

  it.each(BLOCKS.map((block) => [`${block.page}:${block.line}`, block] as const))(
    '%s runs and prints what it says',
    async (_, block) => {
      expect(await runBlock(block)).toEqual(promised(block));
    },
  );

  it('compiles under strict', () => {
    expect(compileErrors(BLOCKS)).toEqual([]);
  });
});

describe('links in the documentation', () => {
  it.each(PAGES)('%s leads to files that are there', (page) => {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const targets = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map((match) => match[1]);
    expect(targets.filter((target) => !existsSync(join(ROOT, dirname(page), target.split('#')[0])))).toEqual([]);
  });
});
