// node rank.mjs PHOTOGRAPH…: ranks photographs by sharpness, the sharpest first.
import { availableParallelism } from 'node:os';
import Piscina from 'piscina';

const paths = process.argv.slice(2);
if (paths.length === 0) {
  console.error('usage: node rank.mjs PHOTOGRAPH…');
  process.exit(2);
}

const threads = availableParallelism();
const pool = new Piscina({ filename: new URL('worker.mjs', import.meta.url).href, maxThreads: threads });

/** Rates every photograph in as many lanes as keep the threads fed: a million paths never become a million promises. */
async function rateAll() {
  const rated = [];
  const waiting = paths.values();
  const lane = async () => {
    for (const path of waiting) {
      rated.push(await pool.run(path).catch((error) => ({ path, error: error.message })));
    }
  };
  await Promise.all(Array.from({ length: 2 * threads }, lane));
  return rated;
}

const rated = await rateAll();
await pool.close();

for (const { path, sharpness, width, height } of rated
  .filter(({ error }) => !error)
  .sort((a, b) => b.sharpness - a.sharpness)) {
  console.log(`${sharpness.toFixed(1).padStart(8)}  ${width} x ${height}  ${path}`);
}
const failed = rated.filter(({ error }) => error);
for (const { path, error } of failed) console.error(`${path}: ${error}`);
process.exitCode = failed.length > 0 ? 1 : 0;
