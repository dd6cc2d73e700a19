import { closeSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';

/**
 * Writes a file that appears whole or not at all; `write` gets the descriptor of what becomes it. A terminal, a pipe or
 * `/dev/stdout` is written to as it is.
 */
export function writeWhole(path: string, write: (file: number) => void): void {
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() ?? true;
  const target = isFile ? `${path}.${process.pid}.part` : path;
  try {
    const file = openSync(target, 'w');
    try {
      write(file);
    } finally {
      closeSync(file);
    }
    if (isFile) renameSync(target, path);
  } catch (error) {
    if (isFile) rmSync(target, { force: true });
    // The file is named as the caller named it; the system's own words speak of the unfinished one.
    const { code = String(error) } = error as NodeJS.ErrnoException;
    throw new Error(`Expected a file that can be written for ${path} but received ${REASONS[code] ?? code}`, {
      cause: error,
    });
  }
}

/** The errors that people meet, in words beside the system's. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'ENOENT, a folder that is not there',
  EACCES: 'EACCES, no permission',
  EROFS: 'EROFS, a file system that is read only',
  ENOSPC: 'ENOSPC, no space left',
  EISDIR: 'EISDIR, a folder of that name',
};

export function writeOutput(path: string, contents: string | Uint8Array): void {
  writeWhole(path, (file) => writeFileSync(file, contents));
}
