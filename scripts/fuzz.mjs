// `npm run fuzz -- --seconds N --seed S`: bundles test/fuzz/main.ts and runs it; `--help` lists its options.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundle } from './support/bundle.mjs';
import { root } from './support/native-build.mjs';

const program = await bundle('test/fuzz/main.ts', { folder: join(root, '.cache', 'fuzz') });
// In this process, so that a signal that ends it comes to the hunt; which starts itself again by this name.
process.argv[1] = program;
await import(pathToFileURL(program).href);
