import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NamedLayer } from '../descriptor.js';
import { parseNetwork } from '../descriptor.js';

/** The folder of networks that ships with the package, seen from dist/cli. */
const SHAPES = join(__dirname, '..', '..', 'bench', 'shapes');

/** Names that `--network` takes: one a file. */
export function networkNames(): string[] {
  return readdirSync(SHAPES)
    .filter((file) => file.endsWith('.txt'))
    .map((file) => file.slice(0, -'.txt'.length))
    .sort();
}

export function readNetwork(name: string): NamedLayer[] {
  return parseNetwork(readFileSync(join(SHAPES, `${name}.txt`), 'utf8'), `${name}.txt`);
}
