// What the demo does to a photograph. Each effect is a short chain of layers on a [1, height, width, 3] tensor of
// values from 0 to 1, so that this file doubles as a tour of the layer classes.
import { ConvTranspose2d, DepthwiseConv2d, DepthwiseSeparableConv2d, PointwiseConv2d } from 'convolith';

const CHANNELS = 3;

/** Outputs leave the layer between black and white; the activation costs no pass of its own. */
const TO_RANGE = { type: 'clip', min: 0, max: 1 };

/** The same filter for each colour: [3, 1, height, width]. */
function perChannel(rows) {
  const filter = rows.flat();
  return {
    data: Float32Array.from({ length: CHANNELS * filter.length }, (_, index) => filter[index % filter.length]),
    shape: [CHANNELS, 1, rows.length, rows[0].length],
  };
}

/** Products of a row of weights with itself, scaled to a sum of 1. */
function outer(row) {
  const total = row.reduce((sum, value) => sum + value, 0) ** 2;
  return row.map((a) => row.map((b) => (a * b) / total));
}

function gaussian(radius, sigma) {
  return outer(
    Array.from({ length: 2 * radius + 1 }, (_, index) => Math.exp(-((index - radius) ** 2) / (2 * sigma ** 2))),
  );
}

/** `1 + amount` times the picture minus `amount` times its blur. */
function unsharp(radius, sigma, amount) {
  return gaussian(radius, sigma).map((row, y) =>
    row.map((value, x) => (y === radius && x === radius ? 1 + amount : 0) - amount * value),
  );
}

const SOBEL_X = [
  [-1, 0, 1],
  [-2, 0, 2],
  [-1, 0, 1],
];
const SOBEL_Y = [
  [-1, -2, -1],
  [0, 0, 0],
  [1, 2, 1],
];
/** Where a relief has no slope: 128 of 255. */
const MIDDLE_GREY = 128 / 255;
const RELIEF = [
  [-2, -1, 0],
  [-1, 0, 1],
  [0, 1, 2],
];

/** Rows are output colours, columns input colours: the sepia of the W3C's filter effects specification. */
const SEPIA = [0.393, 0.769, 0.189, 0.349, 0.686, 0.168, 0.272, 0.534, 0.131];

/** Moves every colour away from its own luma (Rec. 709) by `amount`. */
function saturation(amount) {
  const luma = [0.2126, 0.7152, 0.0722];
  return luma.flatMap((_, out) => luma.map((weight, input) => (input === out ? amount : 0) + (1 - amount) * weight));
}

const colourMatrix = (values) => ({ data: Float32Array.from(values), shape: [CHANNELS, CHANNELS, 1, 1] });

/** Depthwise, sized as its input, edges repeated so that no dark frame appears. */
function filter(engine, rows, more = {}) {
  const reach = (rows.length >> 1) * (more.dilation ?? 1);
  return new DepthwiseConv2d({
    weight: perChannel(rows),
    padding: reach,
    paddingMode: 'replicate',
    layout: 'NHWC',
    activation: TO_RANGE,
    engine,
    ...more,
  });
}

/** Layers with an output each, filled again by every run: a fresh one would cost more than the small layers. */
function prepared(layers, inputShapeOf) {
  const outputs = new Map();
  const inputShapes = (shape) => {
    const shapes = [];
    for (const index of layers.keys()) shapes.push(inputShapeOf(index, shape, shapes));
    return shapes;
  };
  const forward = (index, input) => {
    const layer = layers[index];
    if (!outputs.has(index)) {
      const shape = layer.outputShape(input.shape);
      outputs.set(index, { data: new Float32Array(shape.reduce((total, size) => total * size, 1)), shape });
    }
    return layer.forward(input, { out: outputs.get(index) });
  };
  return { layers, inputShapes, forward };
}

/** Layers one after the other; the picture is the last one's output. */
function chain(layers) {
  const { inputShapes, forward } = prepared(layers, (index, shape, before) =>
    index === 0 ? shape : layers[index - 1].outputShape(before[index - 1]),
  );
  return {
    layers,
    inputShapes,
    run: (picture) => layers.reduce((map, _, index) => forward(index, map), picture),
    show: (map) => map,
  };
}

/** The gradient's length over all colours, made visible: white is what the strongest half percent reaches. */
function magnitude(horizontal, vertical) {
  const [, height, width] = horizontal.shape;
  const length = new Float32Array(height * width);
  for (let pixel = 0; pixel < length.length; pixel++) {
    let sum = 0;
    for (let channel = 0; channel < CHANNELS; channel++) {
      const at = pixel * CHANNELS + channel;
      sum += horizontal.data[at] ** 2 + vertical.data[at] ** 2;
    }
    length[pixel] = Math.sqrt(sum);
  }
  const strongest = length.toSorted()[Math.floor(0.995 * (length.length - 1))];
  // A flat picture has rounding noise for its strongest edge; it stays black.
  const white = Math.max(strongest, 0.05);
  const data = new Float32Array(height * width * CHANNELS);
  for (let at = 0; at < data.length; at++) data[at] = Math.min(1, length[Math.floor(at / CHANNELS)] / white);
  return { data, shape: [...horizontal.shape] };
}

function edges(engine, dilation) {
  const signed = { dilation, activation: 'linear' };
  const layers = [filter(engine, SOBEL_X, signed), filter(engine, SOBEL_Y, signed)];
  const { inputShapes, forward } = prepared(layers, (_, shape) => shape);
  return {
    layers,
    inputShapes,
    run: (picture) => [forward(0, picture), forward(1, picture)],
    show: ([horizontal, vertical]) => magnitude(horizontal, vertical),
  };
}

/**
 * Bilinear enlargement: kernel 2s, stride s, weights falling linearly from the centre (Long, Shelhamer and Darrell 2015).
 * One pixel is repeated around the picture first and cut off again by the padding, or the edge would fade to black.
 */
function enlarge(engine, factor) {
  const border = new DepthwiseConv2d({
    weight: perChannel([[1]]),
    padding: 1,
    paddingMode: 'replicate',
    layout: 'NHWC',
    engine,
  });
  const row = Array.from({ length: 2 * factor }, (_, index) => 1 - Math.abs(index + 0.5 - factor) / factor);
  const rows = row.map((a) => row.map((b) => a * b));
  const upsample = new ConvTranspose2d({
    weight: perChannel(rows),
    groups: CHANNELS,
    stride: factor,
    padding: factor + factor / 2,
    layout: 'NHWC',
    activation: TO_RANGE,
    engine,
  });
  return chain([border, upsample]);
}

/**
 * Every effect: its file's name, what the contact sheet says, and how to make it on an engine. What `make` returns runs
 * its layers (`run`, what is timed) and turns what they gave into a picture (`show`).
 */
export const EFFECTS = [
  { name: 'blur', label: 'blur: depthwise 19x19', make: (engine) => chain([filter(engine, gaussian(9, 4))]) },
  { name: 'sharpen', label: 'sharpen: depthwise 5x5', make: (engine) => chain([filter(engine, unsharp(2, 1.2, 2))]) },
  {
    name: 'relief',
    label: 'relief: depthwise 3x3 with bias',
    make: (engine) => chain([filter(engine, RELIEF, { bias: new Float32Array(CHANNELS).fill(MIDDLE_GREY) })]),
  },
  ...[1, 2, 4].map((dilation) => ({
    name: `edges-d${dilation}`,
    label: `edges: Sobel, dilation ${dilation}`,
    make: (engine) => edges(engine, dilation),
  })),
  {
    name: 'sepia',
    label: 'sepia: pointwise 3 to 3',
    make: (engine) =>
      chain([new PointwiseConv2d({ weight: colourMatrix(SEPIA), layout: 'NHWC', activation: TO_RANGE, engine })]),
  },
  {
    name: 'vivid',
    label: 'vivid: depthwise separable 9x9',
    make: (engine) =>
      chain([
        new DepthwiseSeparableConv2d({
          depthwise: { weight: perChannel(unsharp(4, 3, 0.7)), padding: 4, paddingMode: 'replicate' },
          pointwise: { weight: colourMatrix(saturation(1.9)), activation: TO_RANGE },
          layout: 'NHWC',
          engine,
        }),
      ]),
  },
  {
    name: 'reduced',
    label: 'reduced: depthwise 4x4, stride 2',
    make: (engine) =>
      chain([
        filter(engine, outer([1, 3, 3, 1]), {
          stride: 2,
          // Odd sizes keep their last row: the output is half the input, rounded up.
          padding: [
            [1, 2],
            [1, 2],
          ],
        }),
      ]),
  },
  { name: 'enlarged-x2', label: 'enlarged x2: transposed 4x4 (detail)', make: (engine) => enlarge(engine, 2) },
  { name: 'enlarged-x4', label: 'enlarged x4: transposed 8x8 (detail)', make: (engine) => enlarge(engine, 4) },
];
