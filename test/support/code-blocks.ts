import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { inspect } from 'node:util';
import ts from 'typescript';
import { root as ROOT } from './root.js';

/** A piece of the documentation that claims to be a program. */
export interface CodeBlock {
  /** The page, or the documented item. */
  readonly page: string;
  readonly line: number;
  readonly code: string;
}

/** Pages under a folder of the checkout, generated ones and those of packages apart. */
export function pagesOf(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md') && !/node_modules|^api\b|^\.vitepress/.test(file))
    .map((file) => `${folder}/${file.replaceAll('\\', '/')}`);
}

/** A page's blocks in one of `languages`. */
export function codeBlocks(page: string, languages: readonly string[]): CodeBlock[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const fence = new RegExp(`^\`\`\`(?:${languages.join('|')})\\n([\\s\\S]*?)^\`\`\`$`, 'gm');
  return [...text.matchAll(fence)].map((match) => ({
    page,
    line: text.slice(0, match.index).split('\n').length,
    code: match[1],
  }));
}

export const PROGRAMS = ['ts', 'js', 'typescript', 'javascript'];

/** Packages that a block imports, the project itself and Node's own apart. */
export function foreignPackages({ code }: CodeBlock): string[] {
  const names = [...code.matchAll(/(?:from|import|require\() ?'([^'.][^']*)'/g)].map((match) => match[1]);
  return names.filter((name) => !/^(?:convolith(?:\/.*)?$|node:)/.test(name));
}

/** What a block says it prints: the text after each `// →`. */
export const promised = ({ code }: CodeBlock): string[] =>
  [...code.matchAll(/\/\/ → (.*)$/gm)].map((match) => match[1]);

const projectRequire = createRequire(join(ROOT, 'package.json'));

/** Runs a block as a module of its own and returns what it printed, a line a call. Foreign packages come from `folder`. */
export async function runBlock({ code }: CodeBlock, folder = ROOT): Promise<string[]> {
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true },
  });
  const printed: string[] = [];
  const print = (...values: unknown[]) =>
    printed.push(values.map((value) => (typeof value === 'string' ? value : inspect(value))).join(' '));
  const foreignRequire = createRequire(join(folder, 'package.json'));
  const load = (name: string): unknown =>
    /^convolith(?:$|\/)/.test(name) ? projectRequire(name) : foreignRequire(name);
  // A function of its own, because a block may await at its top level.
  const AsyncFunction = (async () => undefined).constructor as FunctionConstructor;
  await AsyncFunction('require', 'exports', 'console', outputText)(load, {}, { ...console, log: print });
  return printed;
}

/** What the compiler says to the blocks under `strict`, as modules of a user's project in `folder`. */
export function compileErrors(blocks: readonly CodeBlock[], folder = ROOT): string[] {
  const files = new Map(
    blocks.map(({ page, line, code }) => [join(folder, `${page.replace(/\W/g, '-')}-${line}.mts`), code]),
  );
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules', '@types')],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    paths: { convolith: [join(ROOT, 'dist', 'index.d.ts')], 'convolith/*': [join(ROOT, 'dist', '*', 'index.d.ts')] },
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
  return ts.getPreEmitDiagnostics(program).map((found) => {
    const text = ts.flattenDiagnosticMessageText(found.messageText, ' ');
    return `${found.file?.fileName.slice(folder.length + 1)}: ${text}`;
  });
}
