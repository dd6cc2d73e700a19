import type { Command } from 'commander';
import { info } from '../index.js';
import { facts } from './format.js';
import { jsonOption } from './options.js';

/** `convolith info`: what is loaded here, and what this CPU runs. */
export function addInfo(program: Command): void {
  program
    .command('info')
    .description('show the engine, the instruction sets that this CPU runs, and the threads')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  convolith info
  CONVOLITH_ISA=avx2 convolith info --json`,
    )
    .action((options: { json?: boolean }) => {
      const found = info();
      if (options.json) {
        console.log(JSON.stringify(found, null, 2));
        return;
      }
      const rows: [string, string][] = [
        ['version', found.version],
        ['engine', found.engine],
        ['isa', found.isa],
        ['isas', found.isas.join(', ') || 'none'],
        ['threads', String(found.threads)],
        ['cpu', found.cpu],
      ];
      if (found.loadError) rows.push(['load error', found.loadError]);
      console.log(facts(rows));
    });
}
