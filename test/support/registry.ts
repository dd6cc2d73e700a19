import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './root.js';

/** As much of package.json as npm wants of it; it is passed on whole. */
interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly scripts?: Readonly<Record<string, string>>;
}

interface Published {
  readonly manifest: Manifest;
  /** The path of the tarball; one of an installed package is made when it is first asked for. */
  tarball(): string;
}

export interface Registry {
  readonly url: string;
  close(): void;
}

/**
 * An npm registry on this machine, offline: the tarballs of a folder, and every package that is installed in this
 * checkout. npm resolves, chooses by platform and installs from it as from the real one.
 */
export async function startRegistry(tarballs: string): Promise<Registry> {
  const scratch = mkdtempSync(join(tmpdir(), 'convolith-registry-'));
  const packages = new Map<string, Published[]>();
  const publish = (published: Published) => {
    const { name } = published.manifest;
    packages.set(name, [...(packages.get(name) ?? []), published]);
  };
  for (const file of readdirSync(tarballs)) {
    const path = join(tarballs, file);
    const manifest: Manifest = JSON.parse(
      execFileSync('tar', ['-xzOf', path, 'package/package.json'], { encoding: 'utf8', timeout: 60_000 }),
    );
    publish({ manifest, tarball: () => path });
  }
  for (const folder of installed()) {
    const manifest: Manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    publish({ manifest, tarball: () => packInstalled(folder, scratch, manifest) });
  }

  const server = createServer((request, response) => {
    const [name, version] = decodeURIComponent((request.url ?? '/').slice(1)).split('/-/');
    const found = packages.get(name);
    if (found === undefined) return void response.writeHead(404).end('{}');
    if (version === undefined) return sendVersions(response, found, `http://${request.headers.host}`);
    const wanted = found.find(({ manifest }) => manifest.version === version);
    if (wanted === undefined) return void response.writeHead(404).end();
    response.end(readFileSync(wanted.tarball()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('Expected the registry to have a port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    close() {
      server.close();
      server.closeAllConnections();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

function sendVersions(response: ServerResponse, found: readonly Published[], origin: string): void {
  const { name } = found[0].manifest;
  const versions = found.map(({ manifest }) => {
    const dist = { tarball: `${origin}/${name}/-/${manifest.version}` };
    return [manifest.version, { ...manifest, hasInstallScript: 'install' in (manifest.scripts ?? {}), dist }] as const;
  });
  // The one at the top of node_modules comes before nested ones.
  const latest = versions[0][0];
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ name, 'dist-tags': { latest }, versions: Object.fromEntries(versions) }));
}

/** The folders of the packages in node_modules, nested ones included. */
function installed(): string[] {
  const lock: { packages: Record<string, object> } = JSON.parse(
    readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8'),
  );
  return Object.keys(lock.packages).map((path) => join(root, path));
}

function packInstalled(folder: string, scratch: string, { name, version }: Manifest): string {
  const file = join(scratch, `${name.replace('/', '+')}-${version}.tgz`);
  mkdirSync(scratch, { recursive: true });
  const args = ['-czf', file, '--exclude=./node_modules', '--transform=s,^\\.,package,', '-C', folder, '.'];
  const { status, stderr } = spawnSync('tar', args, { encoding: 'utf8', timeout: 60_000 });
  if (status !== 0) throw new Error(`tar could not pack ${folder}: ${stderr}`);
  return file;
}
