import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folder that holds package.json: the package as installed, or a checkout. */
export const packageRoot: string = join(__dirname, '..');

interface Manifest {
  readonly version: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const manifest: Manifest = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));

/** The package's version, from its one place. */
export const version: string = manifest.version;

/** The packages with prebuilt addons that this version was published with. None in a checkout, which builds its own. */
export const prebuiltPackages: readonly string[] = Object.keys(manifest.optionalDependencies ?? {});
