import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type DefaultTheme, defineConfig } from 'vitepress';

/** Written by typedoc just before the site is built. */
function apiSidebar(): DefaultTheme.SidebarItem[] {
  const file = new URL('../api/typedoc-sidebar.json', import.meta.url);
  const modules: DefaultTheme.SidebarItem[] = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
  return modules.map((module) => ({ ...module, collapsed: false }));
}

const page = (text: string, link: string): DefaultTheme.SidebarItem => ({ text, link });

const GUIDE: DefaultTheme.SidebarItem[] = [
  {
    text: 'Guide',
    items: [
      page('First convolution', '/guide/first-convolution'),
      page('Choosing a layer', '/guide/choosing-a-layer'),
      page('Layouts', '/guide/layouts'),
      page('Padding', '/guide/padding'),
      page('Transposed sizes', '/guide/transposed-sizes'),
      page('Separable and dilated', '/guide/separable-and-dilated'),
    ],
  },
  {
    text: 'In use',
    items: [
      page('Drop-in backends', '/guide/drop-in-backends'),
      page("Other libraries' arrays", '/interop'),
      page('Servers, pools and queues', '/guide/serving'),
      page('The command', '/command'),
      page('Platforms', '/platforms'),
    ],
  },
  {
    text: 'What it promises',
    items: [
      page('Performance', '/performance'),
      page('Live report', '/live-report'),
      page('Numerics', '/numerics'),
      page('Reliability', '/reliability'),
      page('Convolution arithmetic', '/convolution-arithmetic'),
    ],
  },
  {
    text: 'How it is made',
    collapsed: true,
    items: [
      page('Architecture', '/architecture'),
      page('Adding an algorithm', '/adding-an-algorithm'),
      page('Adding an instruction set', '/adding-an-isa'),
      page('Releasing', '/releasing'),
    ],
  },
];

/** Pages that the guide does not name yet, under their own titles: none is without a way to it. */
function otherPages(): DefaultTheme.SidebarItem[] {
  const named = new Set(GUIDE.flatMap(({ items = [] }) => items.map(({ link }) => link)));
  const folder = new URL('../', import.meta.url);
  return readdirSync(folder)
    .filter((file) => file.endsWith('.md') && file !== 'index.md' && !named.has(`/${file.slice(0, -3)}`))
    .map((file) => {
      const title = readFileSync(new URL(file, folder), 'utf8').match(/^# (.+)$/m)?.[1];
      return page(title ?? file, `/${file.slice(0, -3)}`);
    });
}

/** Where pages go that the guide does not name: beside what Convolith promises. */
const SIDEBAR = GUIDE.map((group) =>
  group.text === 'What it promises' ? { ...group, items: [...(group.items ?? []), ...otherPages()] } : group,
);

export default defineConfig({
  title: 'Convolith',
  description: 'The convolution engine for Node.js',
  lang: 'en-GB',
  cleanUrls: true,
  srcExclude: ['node_modules/**'],
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: '/logo.svg' }]],
  themeConfig: {
    logo: '/logo.svg',
    outline: [2, 3],
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: 'https://github.com/convolith/convolith' }],
    nav: [
      { text: 'Guide', link: '/guide/first-convolution', activeMatch: '^/(guide|interop|command)' },
      { text: 'Performance', link: '/performance' },
      { text: 'API', link: '/api/', activeMatch: '^/api' },
    ],
    sidebar: { '/api/': [{ text: 'API', items: apiSidebar() }], '/': SIDEBAR },
    docFooter: { prev: 'Before', next: 'Next' },
    footer: { message: 'MIT licensed. Every program on these pages is run by a test.' },
  },
});
