import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  codeBlocks,
  compileErrors,
  foreignPackages,
  PROGRAMS,
  promised,
  runBlock,
} from '../../test/support/code-blocks.js';
import { root } from '../../test/support/root.js';

const blocks = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.md') && !/node_modules|^api/.test(file))
  .flatMap((file) => codeBlocks(join('docs', file), PROGRAMS))
  .filter((block) => foreignPackages(block).length > 0);

describe('programs of the documentation that use other packages', () => {
  beforeAll(() => process.chdir(root));

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

  it('cover what the page promises', () => {
    const used = new Set(blocks.flatMap(foreignPackages));
    for (const name of ['ndarray', 'npyjs', 'onnxruntime-node', '@tensorflow/tfjs-core', 'sharp']) {
      expect(used).toContain(name);
    }
  });
});
