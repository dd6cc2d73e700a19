// What a prebuilt addon must be on the platform it is for, as llvm-readobj (apt-get install llvm) reads the file: its
// format, what it exports, which libraries it needs, and the oldest C library it runs on.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { symbols } from 'node-api-headers';

const MAX_BYTES = 2e6;
const MAX_GLIBC = [2, 28];
const ENTRY = 'napi_register_module_v1';
const NODE_API = /^(?:napi|node_api)_/;
/** What every Node from 20 on has; CMakeLists.txt compiles against this version. */
const NODE_API_8 = [...symbols.v8.js_native_api_symbols, ...symbols.v8.node_api_symbols];

const FORMATS = {
  'linux-x64': 'elf64-x86-64',
  'linux-arm64': 'elf64-littleaarch64',
  'darwin-x64': 'Mach-O 64-bit x86-64',
  'darwin-arm64': 'Mach-O arm64',
  'win32-x64': 'COFF-x86-64',
  'win32-arm64': 'COFF-ARM64',
};

/** What every installation of the platform has. */
const LIBRARIES = {
  glibc: /^(?:lib(?:c|m|dl|pthread)\.so\.\d|ld-linux-[\w-]+\.so\.\d)$/,
  musl: /^libc\.so$/,
  // Its own name is among those that a Mach-O library lists.
  darwin: /^(?:\/usr\/lib\/libSystem\.B\.dylib|@rpath\/convolith\.node)$/,
  win32: /^(?:node\.exe|kernel32\.dll|ntdll\.dll|api-ms-win-crt-[\w-]+\.dll)$/i,
};

/** What the linker marks in any Mach-O library, and operators new and delete, weak as C++ wants them. */
const MACH_O_OWN = /^(?:_?_dso_handle|_mh_dylib_header|_Z(?:nw|na|dl|da)\w+)$/;

function read(file, ...flags) {
  const { stdout, status, stderr, error } = spawnSync('llvm-readobj', [...flags, file], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 60_000,
  });
  if (status !== 0) throw new Error(`llvm-readobj (apt-get install llvm) failed: ${error?.message ?? stderr}`);
  return stdout;
}

const all = (text, pattern) => [...text.matchAll(pattern)].map((match) => match[1]);

/** Each symbol of an ELF or Mach-O file, as the text that describes it. */
const symbolsIn = (file, os) =>
  read(file, os === 'linux' ? '--dyn-symbols' : '--symbols')
    .split(/^\s*Symbol \{/m)
    .slice(1);

const nameIn = (text, os) => (os === 'linux' ? /Name: ([^\s@]+)/ : /Name: _(\S+)/).exec(text)?.[1];

function exportsOf(file, os) {
  if (os === 'win32') return all(read(file, '--coff-exports'), /^\s*Name: (\S+)$/gm);
  const isDefined =
    os === 'linux'
      ? (text) => /Section: (?!Undefined)\S/.test(text)
      : (text) => /^\s*Extern$/m.test(text) && !/^\s*Type: Undef/m.test(text);
  return symbolsIn(file, os).flatMap((text) => (isDefined(text) ? (nameIn(text, os) ?? []) : []));
}

/** What others must bring: by name, and on Linux whether a library's version of it is asked for. */
function importsOf(file, os) {
  if (os === 'win32') return all(read(file, '--coff-imports'), /^\s*Symbol: (\S+)/gm).map((name) => ({ name }));
  const isUndefined =
    os === 'linux'
      ? (text) => /Section: Undefined/.test(text) && /Binding: Global/.test(text)
      : (text) => /^\s*Type: Undef/m.test(text);
  return symbolsIn(file, os)
    .filter(isUndefined)
    .map((text) => ({ name: nameIn(text, os), versioned: /Name: \S+@/.test(text) }));
}

function neededBy(file, os) {
  if (os === 'win32') return [...new Set(all(read(file, '--coff-imports'), /^\s*Name: (\S+\.(?:exe|dll))$/gim))];
  const list = /NeededLibraries \[([\s\S]*?)\]/.exec(read(file, '--needed-libs'));
  return list === null
    ? []
    : list[1]
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '');
}

function tooNewGlibc(file) {
  return [...new Set(all(read(file, '--version-info'), /Name: GLIBC_([\d.]+)/g))].filter((version) => {
    const [major, minor] = version.split('.').map(Number);
    return major > MAX_GLIBC[0] || (major === MAX_GLIBC[0] && minor > MAX_GLIBC[1]);
  });
}

/** What is wrong with the file, one line each. */
export function faultsOf(file, { os, cpu, libc }) {
  const faults = [];
  const bytes = statSync(file).size;
  if (bytes >= MAX_BYTES) faults.push(`${bytes} bytes, expected less than ${MAX_BYTES}`);
  const format = /^Format: (.*)$/m.exec(read(file, '--file-headers'))?.[1];
  const expected = FORMATS[`${os}-${cpu}`];
  if (format !== expected) faults.push(`format ${format}, expected ${expected}`);
  const exported = exportsOf(file, os);
  if (!exported.includes(ENTRY)) faults.push(`${ENTRY} is not exported`);
  const foreign = exported.filter((name) => !NODE_API.test(name) && !(os === 'darwin' && MACH_O_OWN.test(name)));
  if (foreign.length > 0) faults.push(`exports of its inside: ${foreign.slice(0, 5).join(', ')}`);
  const strange = neededBy(file, os).filter((name) => !LIBRARIES[libc ?? os].test(name));
  if (strange.length > 0) faults.push(`needs ${strange.join(', ')}`);
  const imported = importsOf(file, os);
  const nodeApi = imported.filter(({ name }) => NODE_API.test(name)).map(({ name }) => name);
  if (nodeApi.length === 0) faults.push('asks for nothing of Node-API');
  const late = nodeApi.filter((name) => !NODE_API_8.includes(name));
  if (late.length > 0) faults.push(`asks for more than Node-API 8: ${late.join(', ')}`);
  if (libc === 'glibc') {
    // A symbol that nothing defines is found out by users: all but Node-API's must come from a library, by version.
    const missing = imported.filter(({ name, versioned }) => !versioned && !NODE_API.test(name));
    if (missing.length > 0) faults.push(`nothing defines ${missing.slice(0, 5).map(({ name }) => name)}`);
    const newer = tooNewGlibc(file);
    if (newer.length > 0) faults.push(`needs glibc ${newer.join(', ')}, expected at most ${MAX_GLIBC.join('.')}`);
  }
  return faults;
}
