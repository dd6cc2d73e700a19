import { execFileSync } from 'node:child_process';
import { writeOutput } from '../output-file.js';
import { benchFile } from './install.js';
import type { BenchReport } from './report.js';

/** Draws a run as one page, in a process of its own because the plotting library is no dependency of this package. */
export function writePage(report: BenchReport, file: string): void {
  const page = execFileSync(process.execPath, [benchFile('report', 'draw.mjs')], {
    input: JSON.stringify(report),
    maxBuffer: 1 << 28,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  writeOutput(file, page);
}
