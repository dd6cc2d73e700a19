import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
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

/** Pages in a folder of the checkout. Not those below: examples' packages have links back to the checkout. */
const pagesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `${folder}/${file}`);

/** What each example says of itself. */
const examplePages = (): string[] =>
  readdirSync(join(ROOT, 'examples'))
    .map((name) => `examples/${name}/README.md`)
    .filter((page) => existsSync(join(ROOT, page)));

/** Folders of docs/ that were written by hand. */
const guideFolders = (): string[] =>
  readdirSync(join(ROOT, 'docs'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !/^(?:node_modules|api|\..*)$/.test(entry.name))
    .map(({ name }) => `docs/${name}`);

/** Every page whose code is run and whose links are followed. */
export const PAGES = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md'],
  ...pagesIn('docs'),
  ...guideFolders().flatMap(pagesIn),
  ...pagesIn('examples'),
  ...examplePages(),
];

/** The language of each block of a page, indented ones too: `''` for a drawing. */
export function languagesOf(page: string): string[] {
  const fences = [...readFileSync(join(ROOT, page), 'utf8').matchAll(/^( *)(?:```|~~~)(\S*)/gm)];
  // Every other fence closes a block. No test finds an indented one.
  return fences.filter((_, index) => index % 2 === 0).map(([, indent, language]) => indent + language);
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

export const PROGRAMS = ['ts', 'js'];

/** Packages that a block imports, the project itself and Node's own apart. */
export function packagesOf({ code }: CodeBlock): string[] {
  const names = [...code.matchAll(/(?:from|import|require\() ?'([^'.][^']*)'/g)].map((match) => match[1]);
  return names.filter((name) => !/^(?:convolith(?:\/.*)?$|node:)/.test(name));
}

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const own = new Set([...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)]);

/** Those of them that a checkout does not have: a block with any runs where the examples are. */
export const foreignPackages = (block: CodeBlock): string[] => packagesOf(block).filter((name) => !own.has(name));

/** What a block says it prints: the text after each `// →`. */
export const promised = ({ code }: CodeBlock): string[] =>
  [...code.matchAll(/\/\/ → (.*)$/gm)].map((match) => match[1]);

const transpile = (code: string): string =>
  ts.transpileModule(code, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true },
  }).outputText;

/** Runs a block as a module of its own and returns what it printed, a line a call; one with packages in a process of its own. */
export async function runBlock(block: CodeBlock, folder = ROOT): Promise<string[]> {
  if (packagesOf(block).length > 0) return runApart(block, folder);
  const printed: string[] = [];
  const print = (...values: unknown[]) =>
    printed.push(values.map((value) => (typeof value === 'string' ? value : inspect(value))).join(' '));
  // A function of its own, because a block may await at its top level.
  const AsyncFunction = (async () => undefined).constructor as FunctionConstructor;
  const load = createRequire(join(ROOT, 'package.json'));
  await AsyncFunction('require', 'exports', 'console', transpile(block.code))(load, {}, { ...console, log: print });
  return printed;
}

/** Packages keep state (a backend in use, say) that the next block must not find. Files are named from the checkout. */
function runApart({ code }: CodeBlock, folder: string): Promise<string[]> {
  const load = `require('node:module').createRequire(${JSON.stringify(join(folder, 'package.json'))})`;
  const program = `(async (require) => { ${transpile(code)}\n})(${load})`;
  return new Promise((resolve, reject) => {
    const options = { cwd: ROOT, encoding: 'utf8', timeout: 110_000 } as const;
    execFile(process.execPath, ['-e', program], options, (error, stdout, stderr) => {
      if (error) reject(new Error(stderr || error.message));
      else resolve(stdout === '' ? [] : stdout.trimEnd().split('\n'));
    });
  });
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
