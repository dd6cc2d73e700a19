// npm run demo [-- PHOTOGRAPH] [--output FOLDER]
// Convolves a photograph in eleven ways and writes the pictures, a contact sheet, and a table of what each cost.
import { mkdir, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import { info } from 'convolith';
import format from '../dist/cli/format.js';
import { EFFECTS } from './effects.mjs';
import { contactSheet, readPhotograph, toPicture, toTensor } from './pictures.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const EXIT_USAGE = 2;

/** Milliseconds of the fastest of a few runs after one that plans and packs, and the picture. The fallback gets fewer. */
function timed(effect, tensor, engine) {
  const made = effect.make(engine);
  try {
    const repeats = engine === 'native' ? 5 : 2;
    let best = Number.POSITIVE_INFINITY;
    const maps = made.run(tensor);
    for (let run = 0; run < repeats; run++) {
      const start = performance.now();
      made.run(tensor);
      best = Math.min(best, performance.now() - start);
    }
    const shapes = made.inputShapes(tensor.shape);
    const macs = made.layers.reduce((sum, layer, index) => sum + layer.cost(shapes[index]).macs, 0);
    const algorithms = made.layers.map((layer, index) => layer.explain(shapes[index]).algorithm);
    return { output: made.show(maps), milliseconds: best, macs, algorithm: [...new Set(algorithms)].join(' + ') };
  } finally {
    for (const layer of made.layers) layer.dispose();
  }
}

const millions = (count) => `${(count / 1e6).toFixed(1)} M`;
const milliseconds = (value) => (value === null ? '–' : `${value.toFixed(value < 10 ? 2 : 1)} ms`);

async function load(path) {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile())
    throw new CommanderError(
      EXIT_USAGE,
      'demo.photograph',
      `Expected a PNG or JPEG file but received ${path}, which is not there`,
    );
  try {
    return await readPhotograph(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommanderError(
      EXIT_USAGE,
      'demo.photograph',
      `Expected a PNG or JPEG file but could not read ${path}: ${reason}`,
    );
  }
}

async function demo(path, folder) {
  const { picture, original } = await load(path);
  const tensor = toTensor(picture);
  const [, height, width] = tensor.shape;
  await mkdir(folder, { recursive: true });

  const engine = info();
  const native = engine.engine === 'native';
  console.log(
    `${relative(process.cwd(), path)}, ${original.join(' × ')}${original[0] === width ? '' : `, shrunk to ${width} × ${height}`}`,
  );
  console.log(
    `${native ? `native engine, ${engine.isa}` : 'TypeScript engine'}, ${engine.cpu}, ${engine.threads} ${engine.threads === 1 ? 'thread' : 'threads'}`,
  );
  if (engine.loadError) console.log(`The native engine did not load: ${engine.loadError}`);

  const sheet = [{ picture, label: 'original', note: `${width} x ${height}`, view: 'whole' }];
  const rows = [];
  for (const effect of EFFECTS) {
    const fallback = timed(effect, tensor, 'reference');
    const best = native ? timed(effect, tensor, 'native') : fallback;
    const made = toPicture(best.output);
    await made.write(join(folder, `${effect.name}.png`));
    const nativeTime = native ? best.milliseconds : null;
    rows.push([
      effect.name,
      `[${best.output.shape.join(', ')}]`,
      best.algorithm,
      millions(best.macs),
      milliseconds(nativeTime),
      milliseconds(fallback.milliseconds),
    ]);
    sheet.push({
      picture: made,
      label: effect.label,
      note: `${made.bitmap.width} x ${made.bitmap.height}, ${millions(best.macs)} MACs`,
      view: effect.name.startsWith('enlarged') ? 'detail' : 'whole',
    });
  }
  const shown = await contactSheet(sheet, 'Convolith', 'one photograph, eleven convolutions');
  await shown.write(join(folder, 'contact-sheet.jpg'), { quality: 88 });
  console.log(`\n${format.columns(['picture', 'output shape', 'algorithm', 'MACs', 'native', 'fallback'], rows, 3)}\n`);
  console.log(`Pictures and contact-sheet.jpg are in ${relative(process.cwd(), folder) || folder}.`);
}

const program = new Command('demo')
  .description('convolve a photograph in eleven ways')
  .argument('[photograph]', 'PNG or JPEG', join(HERE, 'chelsea.png'))
  .option('--output <folder>', 'where the pictures go', join(HERE, 'output'))
  .exitOverride()
  .action((path, options) => demo(resolve(path), resolve(options.output)));

program.parseAsync().catch((error) => {
  const usage = error instanceof CommanderError;
  process.exitCode = usage ? (error.exitCode === 0 ? 0 : EXIT_USAGE) : 1;
  if (!usage || error.code === 'demo.photograph') console.error(`error: ${error.message}`);
});
