// The report of a bench run as one self-contained HTML page: `node draw.mjs < result.json > report.html`.
import { readFileSync } from 'node:fs';
import { page } from './page.mjs';

process.stdout.write(page(JSON.parse(readFileSync(0, 'utf8'))));
