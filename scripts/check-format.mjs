// clang-format over the C++ sources: says which files differ from .clang-format, or rewrites them with --write.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './support/native-build.mjs';

const files = ['native', 'test/native', 'bench'].flatMap((folder) => {
  try {
    return readdirSync(join(root, folder), { recursive: true })
      .filter((file) => /\.(?:h|cpp)$/.test(file) && !file.includes('node_modules'))
      .map((file) => join(folder, file));
  } catch {
    return [];
  }
});
const mode = process.argv.includes('--write') ? ['-i'] : ['--dry-run', '--Werror'];
const { status, error } = spawnSync('clang-format', [...mode, ...files], {
  cwd: root,
  stdio: 'inherit',
  timeout: 5 * 60_000,
});
if (error) console.error(`Expected clang-format on the path (apt-get install clang-format): ${error.message}`);
process.exit(status ?? 1);
