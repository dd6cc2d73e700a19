// The page: one file, no script, nothing loaded from elsewhere. Plots are drawn twice, for wide and for narrow screens.
import { algorithmOf, bytes, find, geometricMean, own, peersOf, share, significant, titleOf } from './figures.mjs';
import { roofline, shareBars, stackBars } from './plots.mjs';

const WIDE = 1040;
const NARROW = 350;

const escapeHtml = (text) =>
  String(text).replace(/[&<>"]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign]);

const STYLE = `
:root { color-scheme: light dark; --page: #fff; --ink: #1a1f24; --soft: #5c6670; --line: #dfe3e7; --panel: #f6f8fa; --bad: #b3261e; --good: #0b6e4f; }
@media (prefers-color-scheme: dark) { :root { --page: #14181c; --ink: #e6e9ec; --soft: #9aa4ae; --line: #2c343b; --panel: #1b2126; --bad: #ff8a80; --good: #6fd3ae; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 32px 20px 64px; max-width: 1080px; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; }
h2 { font-size: 19px; margin: 48px 0 4px; }
p { margin: 4px 0 12px; max-width: 75ch; }
.soft { color: var(--soft); }
code { font: 12.5px/1.4 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.command { display: block; padding: 8px 12px; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; overflow-x: auto; white-space: nowrap; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 20px 0; }
.tile { padding: 12px 14px; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; }
.tile b { display: block; font-size: 24px; line-height: 1.2; }
.tile span { color: var(--soft); font-size: 13px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 8px 0; font-size: 13px; }
.legend i { display: inline-block; width: 11px; height: 11px; border-radius: 50%; margin-right: 6px; }
svg { display: block; max-width: 100%; height: auto; overflow: visible; }
.narrow { display: none; }
@media (max-width: 700px) { .wide { display: none; } .narrow { display: block; } body { padding: 20px 14px 48px; } h1 { font-size: 22px; } td.name { min-width: 118px; } th, td { padding: 5px 7px; } }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; font-size: 13px; width: 100%; }
th, td { padding: 6px 10px; text-align: right; white-space: nowrap; vertical-align: top; border-bottom: 1px solid var(--line); }
tr:last-child td { border-bottom: 0; }
th { color: var(--soft); font-weight: 600; background: var(--panel); }
th.left, td.left { text-align: left; }
td small { display: block; color: var(--soft); }
td.name { position: sticky; left: 0; background: var(--page); white-space: normal; min-width: 170px; }
.bad { color: var(--bad); font-weight: 600; }
.good { color: var(--good); font-weight: 600; }
details { margin: 8px 0; } summary { cursor: pointer; color: var(--soft); }
`;

/** Column heads: the table is wide as it is. */
const SHORT = { onednn: 'onednn', onnxruntime: 'ort', 'tfjs-wasm': 'wasm' };

const tile = (figure, label) => `<div class="tile"><b>${escapeHtml(figure)}</b><span>${escapeHtml(label)}</span></div>`;

const legend = (entries) =>
  `<div class="legend">${entries.map(({ name, colour }) => `<span><i style="background:${colour}"></i>${escapeHtml(name)}</span>`).join('')}</div>`;

function both(draw, report) {
  const wide = draw(report, WIDE);
  return `${legend(wide.legend)}<div class="wide">${wide.svg}</div><div class="narrow">${draw(report, NARROW).svg}</div>`;
}

function summary(report) {
  const tiles = [];
  for (const peer of peersOf(report.layers)) {
    const ratios = report.layers.flatMap(({ ratios }) => ratios[peer]?.median ?? []);
    tiles.push(
      tile(`${geometricMean(ratios).toFixed(2)}×`, `as fast as ${peer}, geometric mean of ${ratios.length} layers`),
    );
    if (peer === 'onnxruntime') {
      const ahead = ratios.filter((ratio) => ratio >= 1).length;
      tiles.push(
        tile(
          `${ahead} of ${ratios.length}`,
          `layers at least as fast as ${peer}; least ${Math.min(...ratios).toFixed(2)}×`,
        ),
      );
    }
  }
  const whole = report.stacks.flatMap(({ ratios }) => ratios.onnxruntime?.median ?? []);
  if (whole.length > 0) {
    const label = `as fast as onnxruntime on the convolutions of ${whole.length} whole network${whole.length === 1 ? '' : 's'}`;
    tiles.push(tile(`${geometricMean(whole).toFixed(2)}×`, label));
  }
  if (report.limits.peakGflops !== null)
    tiles.push(tile(significant(report.limits.peakGflops), 'GFLOP/s of f32 FMA a core, measured'));
  if (report.limits.bandwidthGBs !== null)
    tiles.push(tile(significant(report.limits.bandwidthGBs), 'GB/s of memory a core, measured'));
  return `<div class="tiles">${tiles.join('')}</div>`;
}

const spread = (value) => {
  if (!value) return '–';
  const mark = value.median < 1 ? 'bad' : value.median >= 1.35 ? 'good' : '';
  return `<span class="${mark}">${significant(value.median)}×</span><small>${significant(value.low)}–${significant(value.high)}</small>`;
};

function planCell({ algorithm, tile, workspaceBytes, packedBytes }) {
  const memory = `${bytes(workspaceBytes)} + ${bytes(packedBytes)}`;
  return `<td class="left">${escapeHtml(algorithm)} <small>${escapeHtml(tile)}</small><small>${memory}</small></td>`;
}

/** A figure over several trials: the median, and below it the range. */
const ranged = ({ median, low, high }) =>
  low === high ? significant(median) : `${significant(median)}<small>${significant(low)}–${significant(high)}</small>`;

function layerTable(subjects) {
  const peers = peersOf(subjects);
  const layouts = ['NCHW', 'NHWC'].filter((layout) => subjects.some((subject) => own(subject, layout)));
  const head = [
    '<th class="left">layer</th><th class="left">plan</th><th>ms</th>',
    ...layouts.map((layout) => `<th>${layout}<br>of peak</th>`),
    '<th>attain-<br>able</th>',
    ...peers.map((peer) => `<th>${SHORT[peer]}<br>of peak</th>`),
    ...peers.map((peer) => `<th>times<br>${SHORT[peer]}</th>`),
    '<th>first<br>call</th>',
  ];
  const rows = subjects.map((subject) => {
    const best = own(subject);
    const [plan] = best.plans;
    const cell = (layout) => {
      const found = own(subject, layout);
      const text = share(found?.peakShare);
      return `<td>${layout === subject.better ? `<b>${text}</b>` : text}</td>`;
    };
    return `<tr>${[
      `<td class="left name">${escapeHtml(titleOf(subject))}<small><code>${escapeHtml(subject.chains[0][0])}</code></small></td>`,
      planCell(plan),
      `<td>${ranged(best.milliseconds)}</td>`,
      ...layouts.map(cell),
      `<td>${share(subject.attainableShare)}</td>`,
      ...peers.map((peer) => `<td>${share(find(subject, peer)?.peakShare)}</td>`),
      ...peers.map((peer) => `<td>${spread(subject.ratios[peer])}</td>`),
      `<td>${significant(best.firstMs / best.milliseconds.median)} runs</td>`,
    ].join('')}</tr>`;
  });
  return `<div class="scroll"><table><thead><tr>${head.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function refused(subjects) {
  const lines = subjects.flatMap(({ name, refusals }) =>
    refusals.map(({ contender, refused }) => `${name}: ${contender} has ${refused}`),
  );
  if (lines.length === 0) return '';
  return `<details><summary>${lines.length} that a peer cannot do</summary><ul>${lines.map((line) => `<li>${escapeHtml(line)}</li>`).join('')}</ul></details>`;
}

function stackTable(subjects) {
  const rows = subjects.map((subject) => {
    const time = (found) => (found ? `${significant(found.milliseconds.median)}` : '–');
    return `<tr><td class="left name">${escapeHtml(subject.name)}<small>${subject.chains.flat().length} convolutions, ${significant((2 * subject.macs) / 1e9)} GFLOP</small></td><td>${time(own(subject, 'NCHW'))}</td><td>${time(own(subject, 'NHWC'))}</td><td>${share(own(subject).peakShare)}</td><td>${time(find(subject, 'onnxruntime'))}</td><td>${spread(subject.ratios.onnxruntime)}</td><td class="left">${escapeHtml(algorithmOf(subject))}</td></tr>`;
  });
  return `<div class="scroll"><table><thead><tr><th class="left">network</th><th>NCHW<br>ms</th><th>NHWC<br>ms</th><th>of peak</th><th>onnxruntime<br>ms</th><th>times<br>onnxruntime</th><th class="left">plans</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

/** The whole page for a run's result. */
export function page(report) {
  const { layers, stacks, limits } = report;
  const versions = new Map(
    [...layers, ...stacks].flatMap(({ results }) => results.map(({ contender, version }) => [contender, version])),
  );
  const peers = peersOf([...layers, ...stacks]).map((peer) => `${peer} ${versions.get(peer)}`);
  const besideOnnx = peersOf(layers).includes('onnxruntime');
  const threads = `${report.threads} thread${report.threads === 1 ? '' : 's'}`;
  const facts = [
    `Convolith ${report.version}`,
    report.isa,
    threads,
    report.cpu,
    `Node.js ${report.node}`,
    ...peers,
    report.date.slice(0, 10),
  ];
  const parts = [
    '<h1>Convolith: how fast, and beside what</h1>',
    `<p class="soft">${facts.map(escapeHtml).join(' · ')}</p>`,
    `<code class="command">npx ${escapeHtml(report.command)}</code>`,
    summary(report),
  ];
  if (layers.length > 0 && limits.peakGflops !== null && limits.bandwidthGBs !== null) {
    parts.push(
      '<h2>Achieved against attainable</h2>',
      `<p class="soft">Each dot is a layer, in its better layout, coloured by the algorithm of its plan${besideOnnx ? '; crosses are onnxruntime' : ''}. The line is the roofline: what memory and the FMA units leave a direct convolution whose maps and weights cross the memory bus once. Winograd saves multiplications, padding taps are left out, and small maps stay in cache, so dots can lie above it.</p>`,
      both(roofline, report),
    );
  }
  if (layers.length > 0 && limits.peakGflops !== null) {
    parts.push(
      `<h2>${peers.length > 0 ? 'Beside peers' : 'Shares of the peak'}</h2>`,
      `<p class="soft">Direct-convolution FLOPs over time, as a share of the FMA peak measured around each layer. Behind a bar: its share${besideOnnx ? ', and how many times onnxruntime it is' : ''}.</p>`,
      both(shareBars, report),
    );
  }
  if (stacks.length > 0) {
    const compared = peersOf(stacks).includes('onnxruntime');
    const others =
      ', onnxruntime as one model with its optimiser on. Bars are parts of onnxruntime’s time: shorter is better';
    parts.push(
      '<h2>Whole networks</h2>',
      `<p class="soft">All convolutions of a network at their own sizes with ReLU after each: ours as <code>Sequential</code>${compared ? others : ''}.</p>`,
      ...(compared ? [both(stackBars, report)] : []),
      stackTable(stacks),
    );
  }
  if (layers.length > 0) {
    parts.push(
      '<h2>Every layer and its plan</h2>',
      `<p class="soft">Medians over ${report.trials} trial${report.trials === 1 ? '' : 's'}, each in a fresh process, contenders in turn; small figures are the least and the most that a trial gave. Under a plan: its tile; scratch memory a thread + weights as packed. ort is onnxruntime, wasm is TensorFlow.js on WASM. Bold is the better layout, whose plan is shown. First call: planning, packing and the first run, counted in later runs.</p>`,
      layerTable(layers),
      refused(layers),
    );
  }
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Convolith benchmark, ${escapeHtml(report.date.slice(0, 10))}</title><style>${STYLE}</style></head><body>${parts.join('\n')}</body></html>\n`;
}
