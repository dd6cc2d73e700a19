// The plots, as SVG text. Drawn by Observable Plot on a document without a browser.
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { algorithmOf, find, intensity, own, peersOf, share, significant, titleOf } from './figures.mjs';

const { document } = parseHTML('<!doctype html><html><body></body></html>');

/** Told apart on white and on black, and by those who do not see red and green apart (Okabe and Ito, 2008). */
const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#d55e00', '#56b4e9', '#8c6d31', '#7f7f7f'];
const CONTENDER_COLOURS = { Convolith: '#0072b2', onednn: '#009e73', onnxruntime: '#e69f00', 'tfjs-wasm': '#7f7f7f' };

const FONT = { fontFamily: 'inherit', fontSize: '12px', background: 'none', overflow: 'visible' };

const plain = (value) => String(Number(value.toPrecision(3)));

/** Ticks of a logarithmic axis, every one with its number: the decades between, times each of `steps`. */
function decades([low, high], steps) {
  const powers = Array.from({ length: 24 }, (_, index) => 10 ** (index - 12));
  return powers.flatMap((power) => steps.map((step) => step * power)).filter((value) => value >= low && value <= high);
}

/** A rim of the page's colour keeps figures apart from the lines they meet. */
const TEXT = { textAnchor: 'start', fontSize: 10.5, fill: 'currentColor', stroke: 'var(--page)', strokeWidth: 3 };

/** Plot's own sheet sets a background and a height in pixels; the page sets its own. */
const svgOf = (plot, label) => {
  plot.setAttribute('role', 'img');
  plot.setAttribute('aria-label', label);
  return plot.outerHTML;
};

/** Achieved against attainable: every layer a dot under (or, where Winograd saves work, above) the roof. */
export function roofline(report, width) {
  const { threads, limits, layers } = report;
  const peak = limits.peakGflops * threads;
  const bandwidth = limits.bandwidthGBs * threads;
  const dots = layers.map((subject) => {
    const ours = own(subject);
    return {
      x: intensity(subject),
      y: ours.gflops,
      algorithm: algorithmOf(subject),
      title: `${titleOf(subject)}\n${subject.chains[0][0]}\n${significant(ours.gflops)} GFLOP/s, ${share(ours.peakShare)} of the peak, attainable ${share(subject.attainableShare)}`,
    };
  });
  const peers = layers.flatMap((subject) => {
    const found = find(subject, 'onnxruntime');
    return found
      ? [
          {
            x: intensity(subject),
            y: found.gflops,
            title: `${titleOf(subject)}\nonnxruntime: ${significant(found.gflops)} GFLOP/s`,
          },
        ]
      : [];
  });
  const xs = dots.map(({ x }) => x);
  const ridge = peak / bandwidth;
  const [left, right] = [Math.min(...xs, ridge) / 1.6, Math.max(...xs, ridge) * 1.6];
  const ys = [...dots, ...peers].map(({ y }) => y);
  // All of the roof is seen, down to where it meets the left edge.
  const bottom = Math.min(...ys, left * bandwidth) / 1.2;
  const top = Math.max(...ys, peak) * 1.4;
  const roof = [left, ridge, right].map((x) => ({ x, y: Math.min(peak, x * bandwidth) }));
  const narrow = width < 600;
  const algorithms = [...new Set(dots.map(({ algorithm }) => algorithm))];
  const plot = Plot.plot({
    document,
    width,
    height: narrow ? 380 : 520,
    marginLeft: 48,
    marginBottom: 42,
    marginRight: 16,
    style: FONT,
    x: {
      type: 'log',
      domain: [left, right],
      label: 'FLOP per byte of input, output and weights →',
    },
    y: {
      type: 'log',
      domain: [bottom, top],
      label: '↑ GFLOP/s',
      grid: decades([bottom, top], [1, 2, 5]),
    },
    color: { domain: algorithms, range: COLOURS },
    marks: [
      // With texts of their own: a logarithmic axis drops the numbers of some of its ticks.
      Plot.axisX(decades([left, right], narrow ? [1] : [1, 2, 5]), { text: plain }),
      Plot.axisY(decades([bottom, top], [1, 2, 5]), { text: plain }),
      Plot.areaY(roof, { x: 'x', y: 'y', y1: bottom, fill: 'currentColor', fillOpacity: 0.04 }),
      Plot.line(roof, { x: 'x', y: 'y', strokeWidth: 1.5, stroke: 'currentColor' }),
      Plot.text([{ x: right, y: peak }], {
        x: 'x',
        y: 'y',
        text: () => `FMA peak ${significant(peak)} GFLOP/s`,
        textAnchor: 'end',
        dy: -8,
        fill: 'currentColor',
      }),
      Plot.text([{ x: Math.sqrt(left * ridge), y: Math.sqrt(left * ridge) * bandwidth }], {
        x: 'x',
        y: 'y',
        text: () => `memory ${significant(bandwidth)} GB/s`,
        textAnchor: 'start',
        dx: 8,
        dy: 10,
        fill: 'currentColor',
      }),
      Plot.dot(peers, {
        x: 'x',
        y: 'y',
        r: 3.5,
        stroke: 'currentColor',
        strokeOpacity: 0.55,
        symbol: 'times',
        title: 'title',
      }),
      Plot.dot(dots, {
        x: 'x',
        y: 'y',
        r: 5,
        fill: 'algorithm',
        stroke: 'var(--page)',
        strokeWidth: 1,
        title: 'title',
      }),
    ],
  });
  return {
    svg: svgOf(plot, 'Roofline: achieved GFLOP/s of every layer over its arithmetic intensity'),
    legend: legendOf(algorithms),
  };
}

const legendOf = (names) => names.map((name, index) => ({ name, colour: COLOURS[index % COLOURS.length] }));

/** Layers apart, contenders beside one another. `value` reads a result; `label` says what that is. */
function groupedBars(subjects, width, { value, text, label, rules }) {
  const peers = peersOf(subjects);
  const contenders = ['Convolith', ...peers];
  const rows = subjects.flatMap((subject) =>
    contenders.flatMap((contender) => {
      const found = contender === 'Convolith' ? own(subject) : find(subject, contender);
      return found
        ? [{ subject: titleOf(subject), contender, value: value(found, subject), text: text(subject, found) }]
        : [];
    }),
  );
  const narrow = width < 600;
  const bar = peers.length > 0 ? 8 : 14;
  const longest = Math.max(...subjects.map((subject) => titleOf(subject).length));
  const most = Math.max(...rows.map((row) => row.value));
  // Where there is no room beside the bars, a layer's name has a row of its own above them.
  const rowsOf = narrow ? ['', ...contenders] : contenders;
  const rowHeight = narrow ? Math.max(bar, 11) : bar;
  const plot = Plot.plot({
    document,
    width,
    height: subjects.length * (rowsOf.length * rowHeight + 7) + 40,
    marginLeft: narrow ? 4 : Math.min(250, 14 + longest * 6.6),
    marginRight: 76,
    marginTop: 24,
    marginBottom: 8,
    style: FONT,
    x: { axis: 'top', label: null, grid: true, domain: [0, most], ticks: narrow ? 4 : 8 },
    y: { axis: null, domain: rowsOf, paddingInner: 0.05, paddingOuter: 0 },
    fy: { axis: narrow ? null : 'left', label: null, domain: subjects.map(titleOf), padding: 0.16, tickSize: 0 },
    color: { domain: contenders, range: contenders.map((name) => CONTENDER_COLOURS[name]) },
    marks: [
      ...rules.map((x) => Plot.ruleX([x], { stroke: 'currentColor', strokeOpacity: 0.5, strokeDasharray: '3 3' })),
      Plot.barX(rows, { x: 'value', y: 'contender', fy: 'subject', fill: 'contender', title: 'text', rx: 1.5 }),
      Plot.text(
        rows.filter(({ contender }) => contender === 'Convolith'),
        { ...TEXT, x: 'value', y: 'contender', fy: 'subject', text: 'text', dx: 4 },
      ),
      ...(narrow
        ? [Plot.text(subjects, { ...TEXT, fy: titleOf, y: () => '', x: () => 0, text: titleOf, dy: -2 })]
        : []),
    ],
  });
  const legend = contenders.map((name) => ({ name, colour: CONTENDER_COLOURS[name] }));
  return { svg: svgOf(plot, label), legend };
}

/** Shares of the FMA peak by layer. */
export const shareBars = (report, width) =>
  groupedBars(report.layers, width, {
    value: (found) => found.peakShare,
    text: (subject, found) =>
      share(found.peakShare) +
      (subject.ratios.onnxruntime && found.layout ? ` · ${subject.ratios.onnxruntime.median.toFixed(1)}×` : ''),
    label: 'Share of the FMA peak by layer',
    rules: [1],
  });

/** Times of whole networks' convolutions as parts of onnxruntime's, so that small networks can be read beside large ones. */
export const stackBars = (report, width) =>
  groupedBars(report.stacks, width, {
    value: (found, subject) =>
      found.milliseconds.median / (find(subject, 'onnxruntime') ?? own(subject)).milliseconds.median,
    text: (subject, found) =>
      `${significant(found.milliseconds.median)} ms` +
      (subject.ratios.onnxruntime && found.layout ? ` · ${subject.ratios.onnxruntime.median.toFixed(2)}×` : ''),
    label: 'Time of whole networks as a part of onnxruntime’s',
    rules: [],
  });
