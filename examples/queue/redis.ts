import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import type { Started } from '../support/start.js';
import { follow } from '../support/start.js';

/** Debian's package, where there is no redis-server yet. */
function installRedis(): void {
  if (spawnSync('redis-server', ['--version']).status === 0) return;
  const sudo = process.getuid?.() === 0 ? [] : ['sudo'];
  for (const words of [
    ['apt-get', 'update', '-qq'],
    ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'redis-server'],
  ]) {
    const [command, ...args] = [...sudo, ...words];
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    if (spawnSync(command, args, { stdio: 'inherit', env, timeout: 240_000 }).status !== 0) {
      throw new Error('Expected redis-server on the path, or an apt-get that can install it');
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** A Redis of one's own: nothing is kept on disk, and no other is touched. */
export async function startRedis(): Promise<{ readonly url: string; readonly server: Started }> {
  installRedis();
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const server = follow(spawn('redis-server', args, { timeout: 15 * 60_000 }));
  await server.printed(/Ready to accept connections/);
  return { url: `redis://127.0.0.1:${port}`, server };
}
