// Every platform that has a prebuilt package, as @convolith/NAME: the one list of them. `target` is Zig's name for it,
// `system` CMake's; glibc 2.28 is that of Debian 10, RHEL 8 and every Node of today.
export const SCOPE = '@convolith';

export const platforms = [
  {
    name: 'linux-x64-gnu',
    os: 'linux',
    cpu: 'x64',
    libc: 'glibc',
    target: 'x86_64-linux-gnu.2.28',
    system: ['Linux', 'x86_64'],
  },
  {
    name: 'linux-arm64-gnu',
    os: 'linux',
    cpu: 'arm64',
    libc: 'glibc',
    target: 'aarch64-linux-gnu.2.28',
    system: ['Linux', 'aarch64'],
  },
  {
    name: 'linux-x64-musl',
    os: 'linux',
    cpu: 'x64',
    libc: 'musl',
    target: 'x86_64-linux-musl',
    system: ['Linux', 'x86_64'],
  },
  {
    name: 'linux-arm64-musl',
    os: 'linux',
    cpu: 'arm64',
    libc: 'musl',
    target: 'aarch64-linux-musl',
    system: ['Linux', 'aarch64'],
  },
  { name: 'darwin-x64', os: 'darwin', cpu: 'x64', target: 'x86_64-macos.11.0', system: ['Darwin', 'x86_64'] },
  { name: 'darwin-arm64', os: 'darwin', cpu: 'arm64', target: 'aarch64-macos.11.0', system: ['Darwin', 'arm64'] },
  { name: 'win32-x64', os: 'win32', cpu: 'x64', target: 'x86_64-windows-gnu', system: ['Windows', 'AMD64'] },
  { name: 'win32-arm64', os: 'win32', cpu: 'arm64', target: 'aarch64-windows-gnu', system: ['Windows', 'ARM64'] },
];

/** The platforms of the given names, in the order of the list; all where none is named. Ends the script at an unknown one. */
export function platformsNamed(names) {
  const known = platforms.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    console.error(`Expected one of ${known.join(', ')} for the platform but received "${unknown}"`);
    process.exit(2);
  }
  return platforms.filter(({ name }) => names.length === 0 || names.includes(name));
}
