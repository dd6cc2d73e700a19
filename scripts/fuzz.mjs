// `npm run fuzz -- --seconds N --seed S`: bundles test/fuzz/main.ts and runs it; `--help` lists its options.
import { join } from 'node:path';
import { bundle } from './support/bundle.mjs';
import { root, run } from './support/native-build.mjs';

const program = await bundle('test/fuzz/main.ts', { folder: join(root, '.cache', 'fuzz') });
process.exitCode = run(process.execPath, [program, ...process.argv.slice(2)]) ? 0 : 1;
