import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import * as convolith from '../lib/index.js';
import { compileErrors, promised, runBlock } from './support/code-blocks.js';
import { root as ROOT } from './support/root.js';

const ENTRY = join(ROOT, 'dist', 'index.d.ts');
const TENSORFLOW = join(ROOT, 'dist', 'tfjs', 'index.d.ts');

const program = ts.createProgram([ENTRY, TENSORFLOW], {
  module: ts.ModuleKind.Node16,
  moduleResolution: ts.ModuleResolutionKind.Node16,
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  types: ['node'],
  strict: true,
});
const checker = program.getTypeChecker();
const ownFiles = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(join(ROOT, 'dist')));

function exported(): ts.Symbol[] {
  const entry = program.getSourceFile(ENTRY);
  const module = entry && checker.getSymbolAtLocation(entry);
  if (module === undefined) throw new Error(`${ENTRY} exports nothing`);
  return checker
    .getExportsOfModule(module)
    .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol));
}

function visit(node: ts.Node, on: (node: ts.Node) => void): void {
  on(node);
  ts.forEachChild(node, (child) => visit(child, on));
}

/** Tells `Conv2d` from `conv2d` where file names are the same in either case. */
function lineOf({ valueDeclaration: node }: ts.Symbol): number {
  return node === undefined ? 0 : node.getSourceFile().getLineAndCharacterOfPosition(node.pos).line;
}

const isAbstract = ({ kind }: ts.Modifier): boolean => kind === ts.SyntaxKind.AbstractKeyword;

const tagsOf = (symbol: ts.Symbol, name: string): string[] =>
  symbol
    .getJsDocTags(checker)
    .filter((tag) => tag.name === name)
    .map((tag) => ts.displayPartsToString(tag.text));

/** Interfaces that a user fills in. (BackendOptions are what `register` fills in.) */
const FILLED_IN = /(?<!^Backend)Options$|^(?:BatchNorm|ConvCostSpec|ReceptiveFieldLayer)$/;

describe('the public types', () => {
  it('have no any', () => {
    const found: string[] = [];
    for (const file of ownFiles) {
      visit(file, (node) => {
        if (node.kind === ts.SyntaxKind.AnyKeyword) found.push(`${file.fileName}: ${node.parent.getText()}`);
      });
    }
    expect(ownFiles.length).toBeGreaterThan(5);
    expect(found).toEqual([]);
  });

  it('say the default of every option', () => {
    const silent: string[] = [];
    const said: string[] = [];
    for (const file of ownFiles) {
      visit(file, (node) => {
        if (!ts.isInterfaceDeclaration(node) || !FILLED_IN.test(node.name.text)) return;
        for (const member of node.members) {
          if (!ts.isPropertySignature(member) || member.questionToken === undefined) continue;
          const documented = ts.getJSDocTags(member).some((tag) => tag.tagName.text === 'defaultValue');
          (documented ? said : silent).push(`${node.name.text}.${member.name.getText()}`);
        }
      });
    }
    expect(said.length).toBeGreaterThan(30);
    expect(silent).toEqual([]);
  });

  it('say what every option is, beside its default', () => {
    const silent: string[] = [];
    for (const file of ownFiles) {
      visit(file, (node) => {
        if (!ts.isInterfaceDeclaration(node) || !FILLED_IN.test(node.name.text)) return;
        for (const member of node.members) {
          const symbol = member.name && checker.getSymbolAtLocation(member.name);
          if (symbol?.getDocumentationComment(checker).length === 0) silent.push(`${node.name.text}.${symbol.name}`);
        }
      });
    }
    expect(silent).toEqual([]);
  });
});

const documented = exported().filter(
  ({ flags, declarations }) =>
    flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Function) &&
    !declarations?.some((node) => ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(isAbstract)),
);
const layer = exported().find(({ name }) => name === 'Layer');
const methods = layer ? checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(layer)) : [];
const shown = [
  ...documented,
  ...methods.filter(({ name }) => /^(?:forward|forwardAsync|outputShape|cost|explain)$/.test(name)),
];
const prelude = `import { ${Object.keys(convolith).join(', ')} } from 'convolith';\n`;
const examples = shown.flatMap((symbol) =>
  tagsOf(symbol, 'example').map((code) => ({
    page: symbol.name,
    line: lineOf(symbol),
    code: `${prelude}${code}\nexport {};\n`,
  })),
);

describe('the examples that editors show', () => {
  it('are on every class, function and method', () => {
    const without = shown.filter((symbol) => tagsOf(symbol, 'example').length === 0);
    expect(shown.length).toBeGreaterThan(30);
    expect(without.map(({ name }) => name)).toEqual([]);
  });

  it.each(examples.map((example) => [example.page, example] as const))(
    '%s runs and prints what it says',
    async (_, example) => {
      const before = convolith.getThreads();
      try {
        expect(promised(example).length).toBeGreaterThan(0);
        expect(await runBlock(example)).toEqual(promised(example));
      } finally {
        convolith.setThreads(before);
      }
    },
  );

  it('compile under strict', () => {
    expect(compileErrors(examples)).toEqual([]);
  });
});
