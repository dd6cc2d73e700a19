// How the API pages are made from the types.
import { MarkdownPageEvent } from 'typedoc-plugin-markdown';

/**
 * A default in words is not code, that of what has none is not `undefined`, and that of a parameter is not the name of a
 * constant of the source. The site's style knows these pages by their class.
 */
function wordDefaults(app) {
  app.renderer.on(MarkdownPageEvent.END, (page) => {
    page.contents = `---\npageClass: api\n---\n\n${page.contents ?? ''}`
      .replace(/\| `(none|ones|zeros|[a-z]+ [a-z' ]+)` \|/g, '| $1 |')
      .replaceAll('| `undefined` |', '| required |')
      .replaceAll('| `NO_OPTIONS` |', '| none |');
  });
}

/** @type {import('typedoc').TypeDocOptions} */
export default {
  entryPoints: ['../lib/index.ts', '../lib/tfjs/index.ts'],
  tsconfig: '../tsconfig.json',
  plugin: ['typedoc-plugin-markdown', 'typedoc-vitepress-theme', wordDefaults],
  out: 'api',
  docsRoot: '.',
  name: 'API',
  // Helper types of signatures are expanded where they are used.
  validation: { notExported: false, invalidLink: true },
  treatWarningsAsErrors: true,
  readme: 'none',
  disableSources: true,
  excludeInternal: true,
  excludePrivate: true,
  excludeProtected: true,
  githubPages: false,
  useCodeBlocks: true,
  expandParameters: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  typeDeclarationFormat: 'table',
  indexFormat: 'table',
  sort: ['source-order'],
  classPropertiesFormat: 'table',
  // Every property is read only; the columns leave room for what it is.
  tableColumnSettings: { hideModifiers: true, hideInherited: true, hideOverrides: true },
  hideBreadcrumbs: true,
  hidePageHeader: true,
  sidebar: {
    pretty: true,
  },
  // The type parameters stand in the signature; in a title they are noise, and Vue takes them for tags.
  pageTitleTemplates: { member: ({ rawName }) => rawName.replace(/<.*$/, '') },
};
