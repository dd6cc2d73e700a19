/** The ten digits, five by seven. */
const FONT = [
  '.###. #...# #..## #.#.# ##..# #...# .###.',
  '..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.',
  '.###. #...# ....# ...#. ..#.. .#... #####',
  '##### ...#. ..#.. ...#. ....# #...# .###.',
  '...#. ..##. .#.#. #..#. ##### ...#. ...#.',
  '##### #.... ####. ....# ....# #...# .###.',
  '..##. .#... #.... ####. #...# #...# .###.',
  '##### ....# ...#. ..#.. .#... .#... .#...',
  '.###. #...# #...# .###. #...# #...# .###.',
  '.###. #...# #...# .#### ....# ...#. .##..',
].map((glyph) => glyph.split(' '));

/** Side of a picture, as MNIST's. */
export const SIDE = 28;

/**
 * Pictures of digits at three times the font's size, at random places, with noise: a stand-in for MNIST. `random` gives
 * numbers from 0 to 1. Images are [count, 28, 28, 1].
 */
export function drawDigits(count, random) {
  const images = Float32Array.from({ length: count * SIDE * SIDE }, () => 0.3 * random());
  const labels = Int32Array.from({ length: count }, () => Math.floor(random() * FONT.length));
  labels.forEach((label, index) => {
    const [left, top] = [Math.floor(random() * 13), Math.floor(random() * 7)];
    FONT[label].forEach((row, y) => {
      for (let x = 0; x < row.length; x++) {
        if (row[x] !== '#') continue;
        for (let part = 0; part < 9; part++) {
          const line = top + 3 * y + Math.floor(part / 3);
          images[(index * SIDE + line) * SIDE + left + 3 * x + (part % 3)] += 0.7;
        }
      }
    });
  });
  return { images, labels };
}
