import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const ROOT = join(__dirname, '..');
const require = createRequire(__filename);

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];

interface CodeBlock {
  readonly page: string;
  readonly line: number;
  readonly code: string;
}

function codeBlocks(page: string): CodeBlock[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return [...text.matchAll(/^```(?:ts|js|typescript|javascript)\n([\s\S]*?)^```$/gm)].map((match) => ({
    page,
    line: text.slice(0, match.index).split('\n').length,
    code: match[1],
  }));
}

/** What a block says it prints: the text after each `// →`. */
const promised = (code: string): string[] => [...code.matchAll(/\/\/ → (.*)$/gm)].map((match) => match[1]);

/** Runs a block as a module of its own and returns what it printed, a line a call. */
async function run(code: string): Promise<string[]> {
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true },
  });
  const printed: string[] = [];
  const print = (...values: unknown[]) =>
    printed.push(values.map((value) => (typeof value === 'string' ? value : inspect(value))).join(' '));
  const load = (name: string): unknown => require(name === 'convolith' ? '../dist/index.js' : name);
  // A function of its own, because a block may await at its top level.
  const AsyncFunction = (async () => undefined).constructor as FunctionConstructor;
  await AsyncFunction('require', 'exports', 'console', outputText)(load, {}, { log: print });
  return printed;
}

const BLOCKS = PAGES.flatMap(codeBlocks);

describe('code in the documentation', () => {
  it('is there', () => {
    expect(BLOCKS.length).toBeGreaterThan(5);
  });

  it.each(BLOCKS.map((block) => [`${block.page}:${block.line}`, block] as const))(
    '%s runs and prints what it says',
    async (_, { code }) => {
      expect(await run(code)).toEqual(promised(code));
    },
  );

  it('compiles under strict', () => {
    const files = new Map(
      BLOCKS.map(({ page, line, code }) => [join(ROOT, `${page.replace(/\W/g, '-')}-${line}.mts`), code]),
    );
    const options: ts.CompilerOptions = {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
      types: ['node'],
      strict: true,
      noEmit: true,
      paths: { convolith: [join(ROOT, 'dist', 'index.d.ts')] },
    };
    const host = ts.createCompilerHost(options);
    const { readFile, fileExists } = host;
    host.readFile = (file) => files.get(file) ?? readFile(file);
    host.fileExists = (file) => files.has(file) || fileExists(file);
    const getSourceFile = host.getSourceFile.bind(host);
    host.getSourceFile = (file, language) => {
      const code = files.get(file);
      return code === undefined ? getSourceFile(file, language) : ts.createSourceFile(file, code, language);
    };
    const program = ts.createProgram([...files.keys()], options, host);
    const problems = ts.getPreEmitDiagnostics(program).map((found) => {
      const text = ts.flattenDiagnosticMessageText(found.messageText, ' ');
      return `${found.file?.fileName.slice(ROOT.length + 1)}: ${text}`;
    });
    expect(problems).toEqual([]);
  });
});

describe('links in the documentation', () => {
  it.each(PAGES)('%s leads to files that are there', (page) => {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const targets = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map((match) => match[1]);
    expect(targets.filter((target) => !existsSync(join(ROOT, dirname(page), target)))).toEqual([]);
  });
});
