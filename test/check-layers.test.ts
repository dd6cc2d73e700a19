import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { root } from './support/root.js';

const script = pathToFileURL(join(root, 'scripts', 'check-layers.mjs')).href;
const { checkLayers } = (await import(script)) as { checkLayers(folder: string): string[] };
const folders: string[] = [];

/** The breaches of a tree of these files, `lib/` and `native/` always there. */
function breachesOf(files: { readonly [path: string]: string }): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'layers-'));
  folders.push(folder);
  for (const [path, text] of Object.entries({ 'lib/errors.ts': '', 'native/base/check.h': '', ...files })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return checkLayers(folder);
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

test('this project keeps its layers', () => {
  expect(checkLayers(root)).toEqual([]);
});

test('includes down and beside are fine', () => {
  const files = {
    'native/addon/a.cpp': '#include <napi.h>\n#include "addon/b.h"\n#include "plan/plan.h"\n',
    'native/isa/avx2/vec.h': '#include <immintrin.h>\n#include "kernels/gemm.h"\n__m256 a = _mm256_setzero_ps();\n',
    'native/plan/plan.cpp': '// _mm256_add_ps, in words\n#include "algorithms/algorithm.h"\n',
    'lib/layers/conv.ts': "import { x } from '../engines.js';\nimport { y } from './layer.js';\n",
  };
  expect(breachesOf(files)).toEqual([]);
});

test.each([
  ['native/base/a.h', '#include "plan/plan.h"\n', 'base may not use plan'],
  ['native/kernels/a.h', '#include "isa/isa.h"\n', 'kernels may not use isa'],
  ['native/plan/a.h', '#include "extra/a.h"\n', '"extra" is in no layer'],
  ['native/plan/a.h', '#include <napi.h>\n', 'only addon/'],
  ['native/kernels/a.h', '#include <arm_neon.h>\n', 'only isa/'],
  ['native/algorithms/a.cpp', 'auto a = _mm512_setzero_ps();\n', 'only isa/'],
  ['native/algorithms/a.cpp', 'auto a = vld1q_f32(p);\n', 'only isa/'],
  ['native/plan/a.cpp', '\n'.repeat(601), '601 lines'],
  ['lib/spec.ts', "import { x } from './layers/conv.js';\n", 'spec may not use layers/'],
  ['lib/native/engine.ts', "export * from '../fallback/engine.js';\n", 'native/ may not use fallback/'],
  ['lib/engine.ts', "type A = import('./index.js').A;\n", 'engine may not use index'],
])('%s with %j is a breach', (path, text, message) => {
  const breaches = breachesOf({ [path]: text });
  expect(breaches).toHaveLength(1);
  expect(breaches[0]).toContain(path);
  expect(breaches[0]).toContain(message);
});
