// Lays out the main package as npm would publish it, for tools that look it over: `node scripts/stage-package.mjs FOLDER`.
import { resolve } from 'node:path';
import { writeMainPackage } from './support/packages.mjs';

writeMainPackage(resolve(process.argv[2]));
