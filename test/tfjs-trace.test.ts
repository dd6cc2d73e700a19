import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import { traceGraphModels } from '../lib/tfjs/graph-model.js';
import { BACKEND_NAME, register } from '../lib/tfjs/index.js';
import { Trace } from '../lib/tfjs/trace.js';

register({ tf });
beforeEach(async () => {
  await tf.setBackend(BACKEND_NAME);
});
afterAll(() => tf.setBackend('cpu'));

type Body = (inputs: tf.Tensor[], weights: Record<string, tf.Tensor[]>) => tf.Tensor[];

/** What of TensorFlow.js's graph model is traced; the converter's own are in test/tfjs-models.test.ts. */
class Model {
  readonly weights = {
    filter: [tf.tensor4d(wave(3 * 3 * 2 * 4, 0.3), [3, 3, 2, 4])],
    bias: [tf.tensor1d(wave(4, 1))],
    scale: [tf.scalar(0.5)],
  };
  executor: object;
  constructor(
    readonly body: Body,
    category = 'convolution',
  ) {
    this.executor = { graph: { nodes: { node: { category } } } };
  }
  execute(inputs: tf.Tensor | tf.Tensor[] | tf.NamedTensorMap, _outputs?: string | string[]): tf.Tensor | tf.Tensor[] {
    const list = inputs instanceof tf.Tensor ? [inputs] : Object.values(inputs);
    const made = tf.tidy(() => this.body(list, this.weights));
    return made.length > 1 ? made : made[0];
  }
}
let isOn = true;
traceGraphModels(tf, Model, () => isOn && tf.getBackend() === BACKEND_NAME);

function wave(length: number, phase: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7 + phase));
}

const image = (phase: number, size = 8) => tf.tensor4d(wave(size * size * 2, phase), [1, size, size, 2]);

const layer: Body = ([x], { filter, bias, scale }) => {
  const y = tf.relu(tf.add(tf.conv2d(x as tf.Tensor4D, filter[0] as tf.Tensor4D, 1, 'same'), bias[0]));
  return [tf.concat([y, tf.mul(y, scale[0])], 3), tf.reshape(tf.mean(y, [1, 2]), [4])];
};

interface Run {
  readonly values: number[][];
  /** Whether it was a list's. */
  readonly isReplayed: boolean;
}

/** Runs `model` on each of `inputs`, whose tensors it disposes of, and says how each run went. */
function runs(model: Model, inputs: readonly tf.Tensor[]): Run[] {
  const run = vi.spyOn(Trace.prototype, 'run');
  const done = inputs.map((input) => {
    run.mockClear();
    const outputs = [model.execute(input)].flat();
    const isReplayed = run.mock.results.some(({ value }) => value !== null && value !== undefined);
    const values = outputs.map((output) => [...output.dataSync()]);
    tf.dispose([outputs, input]);
    return { values, isReplayed };
  });
  run.mockRestore();
  return done;
}

/** What the body gives without a trace. */
function expected(model: Model, input: tf.Tensor): number[][] {
  const values = tf.tidy(() => model.body([input], model.weights).map((output) => [...output.dataSync()]));
  input.dispose();
  return values;
}

test('the third run and later ones are a list, on values of their own, and leave nothing behind', () => {
  const model = new Model(layer);
  runs(model, [image(0), image(1)]);
  const before = [tf.memory().numTensors, tf.memory().numBytes, tf.backend().numDataIds()];
  const done = runs(model, [image(2), image(3), image(4)]);
  expect(done.map(({ isReplayed }) => isReplayed)).toEqual([true, true, true]);
  expect(done.map(({ values }) => values)).toEqual([2, 3, 4].map((phase) => expected(model, image(phase))));
  expect([tf.memory().numTensors, tf.memory().numBytes, tf.backend().numDataIds()]).toEqual(before);
});

test('each shape of the inputs has a list', () => {
  const model = new Model(layer);
  const sizes = [8, 6, 8, 6, 8, 6];
  const done = runs(
    model,
    sizes.map((size) => image(1, size)),
  );
  expect(done.map(({ isReplayed }) => isReplayed)).toEqual([false, false, false, false, true, true]);
  expect(done[5].values).toEqual(expected(model, image(1, 6)));
});

let calls = 0;
test.each<[string, Body]>([
  ['values are read', ([x]) => [tf.mul(x, x.dataSync()[0] > 0 ? 2 : 3)]],
  ['values are written', ([x]) => [tf.add(x, tf.randomUniform(x.shape))]],
  ['attributes differ', ([x]) => [tf.leakyRelu(x, 0.1 + ++calls / 100)]],
  ['the kernels differ', ([x]) => [++calls % 2 === 0 ? tf.neg(x) : tf.square(x)]],
  ['an input is the result', ([x]) => [x]],
  ['a result is given twice', ([x]) => [tf.reshape(x, [-1]), tf.reshape(x, [-1])]],
])('no list is made where %s', (_, body) => {
  const done = runs(
    new Model(body),
    [0, 1, 2, 3, 4, 5].map((phase) => image(phase)),
  );
  expect(done.some(({ isReplayed }) => isReplayed)).toBe(false);
});

test('no list is made with kernels that make tensors of their own', () => {
  const model = new Model(([x]) => [tf.reshape(tf.abs(x), [3, 1])]);
  const input = (): tf.Tensor => tf.tensor1d([-1, 2, -3], 'int32');
  runs(model, [input(), input(), input()]);
  const before = tf.memory().numTensors;
  expect(runs(model, [input(), input()])).toEqual(Array(2).fill({ values: [[1, 2, 3]], isReplayed: false }));
  expect(tf.memory().numTensors).toBe(before);
  const kept = input();
  const result = tf.tidy(() => model.execute(kept)) as tf.Tensor;
  expect([...result.dataSync()]).toEqual([1, 2, 3]);
  tf.dispose([kept, result]);
});

test("a call for no outputs is TensorFlow.js's own", () => {
  class Nothing extends Model {
    override execute(_inputs: unknown, _outputs?: unknown): tf.Tensor {
      return undefined as unknown as tf.Tensor;
    }
  }
  traceGraphModels(tf, Nothing, () => true);
  const input = tf.tensor1d([1]);
  expect(new Nothing(layer).execute(input, [])).toBeUndefined();
  input.dispose();
});

test('no list is taken while tracing is off', () => {
  const model = new Model(layer);
  const inputs = (): tf.Tensor[] => Array.from({ length: 4 }, (_, i) => tf.tensor4d(wave(5 * 5 * 2, i), [1, 5, 5, 2]));
  runs(model, inputs());
  isOn = false;
  expect(runs(model, inputs()).some(({ isReplayed }) => isReplayed)).toBe(false);
  isOn = true;
  expect(runs(model, inputs()).every(({ isReplayed }) => isReplayed)).toBe(true);
});

test('no list is made of nodes that run code of the program', () => {
  const done = runs(new Model(layer, 'custom'), [image(0), image(1), image(2), image(3)]);
  expect(done.some(({ isReplayed }) => isReplayed)).toBe(false);
});

test('a list ends where a kernel makes another shape, and TensorFlow.js computes the run', () => {
  const body: Body = ([x]) => {
    const { values } = tf.unique(tf.reshape(x, [-1]));
    return [tf.reshape(tf.neg(values), [values.size, 1])];
  };
  const model = new Model(body);
  const flat = (...values: number[]) => tf.tensor1d(values);
  const done = runs(model, [flat(1, 2, 2), flat(3, 4, 4), flat(5, 5, 6), flat(7, 8, 9)]);
  expect(done.map(({ isReplayed }) => isReplayed)).toEqual([false, false, true, false]);
  expect(done[3].values).toEqual([[-7, -8, -9]]);
  const before = tf.backend().numDataIds();
  runs(model, [flat(1, 2, 2), flat(1, 2, 3)]);
  expect(tf.backend().numDataIds()).toBe(before);
});

test('gradients, profiles and other backends see every kernel', async () => {
  const halved = tf.customGrad((x) => ({
    value: tf.mul(x as tf.Tensor, model.weights.scale[0]),
    gradFunc: (dy: tf.Tensor) => tf.mul(dy, 0.5),
  }));
  const model: Model = new Model(([x]) => [halved(x)]);
  runs(model, [image(0), image(1), image(2)]);
  const gradient = tf.grad((x) => model.execute(x) as tf.Tensor)(image(3));
  expect(gradient.dataSync()[1]).toBe(0.5);
  const { kernelNames } = await tf.profile(() => model.execute(image(4)) as tf.Tensor);
  expect(kernelNames).toContain('Multiply');
  await tf.setBackend('cpu');
  expect(runs(model, [image(5)])[0].isReplayed).toBe(false);
});

test('weights that another backend took come back', async () => {
  const model = new Model(layer);
  runs(model, [image(0), image(1)]);
  await tf.setBackend('cpu');
  runs(model, [image(2)]);
  await tf.setBackend(BACKEND_NAME);
  const [{ isReplayed, values }] = runs(model, [image(3)]);
  expect(isReplayed).toBe(true);
  expect(values).toEqual(expected(model, image(3)));
});

test('a list ends with the weights of its model', () => {
  const model = new Model(layer);
  runs(model, [image(0), image(1), image(2)]);
  tf.dispose(model.weights);
  expect(() => model.execute(image(3))).toThrow();
});

test('an error in the middle of a list leaves nothing behind', () => {
  const model = new Model(([x]) => [tf.neg(tf.square(x))]);
  runs(model, [image(0), image(1), image(2)]);
  const input = image(3);
  const before = tf.backend().numDataIds();
  const output = vi.spyOn(tf.backend() as unknown as { output(shape: number[]): unknown }, 'output');
  output.mockImplementationOnce((shape) => {
    output.mockRestore();
    const backend = tf.backend() as unknown as { output(sizes: number[]): unknown };
    const made = backend.output(shape);
    vi.spyOn(backend, 'output').mockImplementationOnce(() => {
      throw new Error('no memory');
    });
    return made;
  });
  expect(() => model.execute(input)).toThrow('no memory');
  vi.restoreAllMocks();
  expect(tf.backend().numDataIds()).toBe(before);
  input.dispose();
});
