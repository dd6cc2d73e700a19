import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import bindings from 'bindings';
import { familySync, MUSL } from 'detect-libc';
import { packageRoot, prebuiltPackages, version } from '../version.js';
import type { NativeBinding } from './binding.js';

/** The addon; or why it is not there and what to do about it, a line each. */
export type LoadResult =
  | { readonly binding: NativeBinding; readonly reason: null; readonly advice: null }
  | { readonly binding: null; readonly reason: string; readonly advice: string };

const SOURCE_PACKAGE = '@convolith/source';
const TOOLS = '(a C++20 compiler and CMake are needed)';

/** Finds packages where the user's own project would. */
const requireBeside = createRequire(join(packageRoot, 'package.json'));

/** One place to load from: null where nothing is there; throws where something is and does not load. */
type Candidate = () => NativeBinding | null;

/**
 * Loads the addon: what a build in this folder left, else the platform's prebuilt package, else what
 * `@convolith/source` built. What is there but broken does not keep the next from being tried.
 */
export function loadBinding(): LoadResult {
  const platform = platformPackage();
  const failures: string[] = [];
  const candidates: Candidate[] = [
    () => built(packageRoot),
    () => required(platform),
    () => built(folderOf(SOURCE_PACKAGE)),
  ];
  for (const candidate of candidates) {
    try {
      const binding = candidate();
      if (binding?.version === version) return { binding, reason: null, advice: null };
      if (binding !== null) failures.push(`the addon is of version ${binding.version} and the package of ${version}`);
    } catch (error) {
      failures.push(firstLine(error));
    }
  }
  return { binding: null, ...explain(platform, failures) };
}

/** The name of the prebuilt package for this process, whether or not there is such a package. */
export function platformPackage(): string {
  const libc = process.platform === 'linux' ? (familySync() === MUSL ? '-musl' : '-gnu') : '';
  return `@convolith/${process.platform}-${process.arch}${libc}`;
}

/** From where cmake-js (`out/Release`) or node-gyp (`build/Release`) puts it. */
function built(folder: string | null): NativeBinding | null {
  if (folder === null) return null;
  try {
    return bindings({ bindings: 'convolith', module_root: folder });
  } catch (error) {
    // `bindings` lists the paths it tried, where it found no file.
    if (error instanceof Error && 'tries' in error) return null;
    throw error;
  }
}

/**
 * A prebuilt package. A cut-off file is found by its size: the system would map it and end the process at its first page
 * that is not there.
 */
function required(name: string): NativeBinding | null {
  const folder = folderOf(name);
  if (folder === null) return null;
  const { addonBytes }: { addonBytes?: number } = requireBeside(`${name}/package.json`);
  const file = requireBeside.resolve(name);
  const { size } = statSync(file);
  if (addonBytes !== undefined && size !== addonBytes) {
    throw new Error(`${file} has ${size} bytes where its package says ${addonBytes}`);
  }
  return requireBeside(name);
}

function folderOf(name: string): string | null {
  try {
    return dirname(requireBeside.resolve(`${name}/package.json`));
  } catch {
    return null;
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0];
}

function explain(platform: string, failures: readonly string[]): { reason: string; advice: string } {
  if (prebuiltPackages.length === 0) {
    const absent = `there is no convolith.node for ${process.platform}-${process.arch} under ${packageRoot}`;
    const advice = `Build it with "npm run build" there ${TOOLS}`;
    return { reason: failures.join('; ') || absent, advice };
  }
  const fromSource = `"npm install ${SOURCE_PACKAGE}@${version}" ${TOOLS}`;
  if (!prebuiltPackages.includes(platform)) {
    const absent = `there is no prebuilt addon for ${platform.slice('@convolith/'.length)}`;
    return { reason: failures.join('; ') || absent, advice: `Build it from source with ${fromSource}` };
  }
  if (failures.length === 0) {
    const advice =
      'Install again without --omit=optional; where the lock file was written on another platform, remove it and ' +
      'node_modules first';
    return { reason: `the optional package ${platform}@${version} is not installed`, advice };
  }
  const advice = `Remove node_modules and install again, or build it from source with ${fromSource}`;
  return { reason: failures.join('; '), advice };
}
