import { describe, expect, it } from 'vitest';
import {
  codeBlocks,
  compileErrors,
  foreignPackages,
  PAGES,
  PROGRAMS,
  promised,
  runBlock,
} from '../../test/support/code-blocks.js';

const blocks = PAGES.flatMap((page) => codeBlocks(page, PROGRAMS)).filter((block) => foreignPackages(block).length > 0);

describe('programs of the documentation that use other packages', () => {
  it.each(blocks.map((block) => [`${block.page}:${block.line}`, block] as const))(
    '%s runs and prints what it says',
    async (_, block) => {
      expect(promised(block).length).toBeGreaterThan(0);
      expect(await runBlock(block, __dirname)).toEqual(promised(block));
    },
  );

  it('compile under strict', () => {
    expect(compileErrors(blocks, __dirname)).toEqual([]);
  });

  it('cover what the pages promise', () => {
    const used = new Set(blocks.flatMap(foreignPackages));
    for (const name of ['ndarray', 'npyjs', 'onnxruntime-node', 'sharp', '@tensorflow/tfjs']) {
      expect(used).toContain(name);
    }
  });
});
