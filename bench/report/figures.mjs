// What the page shows, taken from a run's result.

export const PEERS = ['onednn', 'onnxruntime', 'tfjs-wasm'];

/** The engine that the page is about: the native one where it took part. */
const ownName = ({ results }) => (results.some(({ contender }) => contender === 'native') ? 'native' : 'reference');

export const find = (subject, contender, layout = null) =>
  subject.results.find((found) => found.contender === contender && (layout === null || found.layout === layout));

export const own = (subject, layout = subject.better) => find(subject, ownName(subject), layout);

export const peersOf = (subjects) => PEERS.filter((peer) => subjects.some(({ ratios }) => peer in ratios));

export const geometricMean = (values) =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

/** FLOPs a byte that must be moved at the least. */
export const intensity = ({ macs, bytes }) => (2 * macs) / bytes;

export const algorithmOf = (subject) => {
  const names = [...new Set(own(subject).plans.map(({ algorithm }) => algorithm))];
  return names.length > 2 ? `${names.length} algorithms` : names.join(', ');
};

export const titleOf = ({ name, count }) => (count > 1 ? `${name} ×${count}` : name);

export function significant(value) {
  if (value === 0) return '0';
  return value.toFixed(Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))));
}

export function bytes(count) {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  const unit = count === 0 ? 0 : Math.min(3, Math.floor(Math.log2(count) / 10));
  return `${unit === 0 ? count : significant(count / 1024 ** unit)} ${units[unit]}`;
}

export const share = (value) => (value === null || value === undefined ? '–' : value.toFixed(2));
