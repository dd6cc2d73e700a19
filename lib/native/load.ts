import { join } from 'node:path';
import bindings from 'bindings';
import { version } from '../version.js';
import type { NativeBinding } from './binding.js';

/** The addon, or why it is not there, in one line. */
export type LoadResult =
  | { readonly binding: NativeBinding; readonly reason: null }
  | { readonly binding: null; readonly reason: string };

const MODULE_ROOT = join(__dirname, '..', '..');

/** Loads the addon from where a build puts it: `out/Release` (cmake-js) or `build/Release` (node-gyp). */
export function loadBinding(): LoadResult {
  try {
    const binding: NativeBinding = bindings({ bindings: 'convolith', module_root: MODULE_ROOT });
    if (binding.version !== version) {
      return failed(`the addon is of version ${String(binding.version)} and the package of ${version}; build it again`);
    }
    return { binding, reason: null };
  } catch (error) {
    return failed(describe(error));
  }
}

function failed(reason: string): LoadResult {
  return { binding: null, reason };
}

/** `bindings` lists every path it tried; one line says as much. */
function describe(error: unknown): string {
  if (error instanceof Error && 'tries' in error) {
    return `there is no convolith.node for ${process.platform}-${process.arch} under ${MODULE_ROOT}`;
  }
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0];
}
