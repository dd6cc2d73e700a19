import { basename, dirname, join, relative } from 'node:path';
import { build } from 'vite';
import { root } from './native-build.mjs';

/** Gives every bundled module the `__dirname` of its own place under `place`, where the addon and package.json are. */
const placeModules = (place) => ({
  name: 'place-modules',
  transform(code, id) {
    const folder = relative(root, dirname(id));
    if (folder.startsWith('..') || folder.includes('node_modules') || !code.includes('__dirname')) return null;
    return code.replaceAll('__dirname', JSON.stringify(join(place, folder)));
  },
});

/**
 * A TypeScript file of this checkout and what it imports of it, as one module in `folder`; packages stay where they are.
 * `place` is what the module takes for the checkout, `alias` replaces imports. Gives the module's path.
 */
export async function bundle(file, { folder, place = root, alias = [] }) {
  const name = `${basename(file, '.ts')}.mjs`;
  await build({
    root,
    configFile: false,
    logLevel: 'warn',
    plugins: [placeModules(place)],
    resolve: { alias },
    build: {
      ssr: join(root, file),
      outDir: folder,
      emptyOutDir: false,
      minify: false,
      target: 'node20',
      rollupOptions: { output: { entryFileNames: name, codeSplitting: false } },
    },
  });
  return join(folder, name);
}
