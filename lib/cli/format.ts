import Table from 'cli-table3';
import { color } from './colors.js';

const BLANK = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '' };
const PLAIN_CHARS = {
  ...BLANK,
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Columns without lines, names to the left and numbers (every column from `numbersFrom` on) to the right. */
export function columns(head: readonly string[], rows: readonly (readonly string[])[], numbersFrom: number): string {
  const table = new Table({
    chars: PLAIN_CHARS,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    colAligns: head.map((_, column) => (column < numbersFrom ? 'left' : 'right')),
  });
  if (head.some((title) => title !== '')) table.push(head.map((title) => color.dim(title)));
  for (const row of rows) table.push([...row]);
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** `name  value` lines. */
export function facts(rows: readonly (readonly [string, string])[]): string {
  return columns(
    ['', ''],
    rows.map(([name, value]) => [color.dim(name), value]),
    2,
  );
}

/** A number to three digits that count. */
export function significant(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 6));
}

/** Bytes in the unit that reads best. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  const unit = count === 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(count) / 10));
  return `${unit === 0 ? count : significant(count / 1024 ** unit)} ${units[unit]}`;
}

/** A count with the prefix that reads best: `231 M`. */
export function quantity(count: number): string {
  const units = ['', ' k', ' M', ' G', ' T'];
  const unit = count < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(count) / 3));
  return `${unit === 0 ? count : significant(count / 1000 ** unit)}${units[unit]}`;
}
