// How the API pages are made from the types.
/** @type {import('typedoc').TypeDocOptions} */
export default {
  entryPoints: ['../lib/index.ts', '../lib/tfjs/index.ts'],
  tsconfig: '../tsconfig.json',
  plugin: ['typedoc-plugin-markdown', 'typedoc-vitepress-theme'],
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
  hideBreadcrumbs: true,
  hidePageHeader: true,
  sidebar: {
    pretty: true,
  },
  // The type parameters stand in the signature; in a title they are noise, and Vue takes them for tags.
  pageTitleTemplates: { member: ({ rawName }) => rawName.replace(/<.*$/, '') },
};
