import { describe, expect, it } from 'vitest';
import { replaceEngine } from '../lib/engines.js';
import { Conv1d, Sequential, tensor } from '../lib/index.js';
import { FakeEngine } from './support/fake-engine.js';
import { expectRejection, untyped } from './support/refusal.js';

const engine = 'reference';
const weight = tensor(new Float32Array([2]), [1, 1, 1]);
const input = (value: number) => tensor(new Float32Array([value, value]), [1, 1, 2]);

/** A fake engine whose asynchronous runs wait until `open()`. */
function gated(): { fake: FakeEngine; open: () => void; restore: () => void } {
  const fake = new FakeEngine();
  let open = (): void => {};
  fake.gate = new Promise((resolve) => {
    open = resolve;
  });
  return { fake, open, restore: replaceEngine(fake) };
}

describe('forwardAsync', () => {
  it('resolves to what forward gives', async () => {
    using layer = new Conv1d({ weight, engine });
    expect(await layer.forwardAsync(input(3))).toEqual(layer.forward(input(3)));
    const out = tensor(new Float32Array(2), [1, 1, 2]);
    expect(await layer.forwardAsync(input(4), { out, residual: new Float32Array([1, 1]) })).toBe(out);
    expect(Array.from(out.data)).toEqual([9, 9]);
  });

  it('rejects, never throws, with the errors of forward', async () => {
    using layer = new Conv1d({ weight, engine });
    const data = new Float32Array(2);
    await expectRejection(layer.forwardAsync(untyped(null)), 'ERR_SHAPE', 'input');
    await expectRejection(layer.forwardAsync({ data, shape: [1, 2, 1] }), 'ERR_SHAPE', 'input channels 1');
    await expectRejection(layer.forwardAsync({ data, shape: [1, 1, 2] }, { out: data }), 'ERR_BUFFER', 'overlapping');
    await expectRejection(
      layer.forwardAsync(input(1), untyped({ signal: 'now' })),
      'ERR_OPTION',
      'an AbortSignal',
      '"now"',
    );
    await expectRejection(layer.forwardAsync(input(1), untyped({ sginal: undefined })), 'ERR_OPTION', "'signal'");
    await expectRejection(layer.forwardAsync(input(1), untyped(null)), 'ERR_OPTION', 'options', 'null');
  });

  it('does not start where the signal has fired', async () => {
    const { fake, open, restore } = gated();
    open();
    const layer = new Conv1d({ weight, engine });
    const reason = new Error('too late');
    const error = await expectRejection(
      layer.forwardAsync(input(1), { signal: AbortSignal.abort(reason) }),
      'ERR_ABORTED',
    );
    expect(error.cause).toBe(reason);
    expect(fake.runs).toBe(0);
    restore();
  });

  it('stops when the signal fires, with its reason, and works afterwards', async () => {
    const { open, restore } = gated();
    const layer = new Conv1d({ weight, engine });
    const controller = new AbortController();
    const run = layer.forwardAsync(input(1), { signal: controller.signal });
    controller.abort('changed my mind');
    open();
    const error = await expectRejection(run, 'ERR_ABORTED');
    expect(error.cause).toBe('changed my mind');
    expect((await layer.forwardAsync(input(1))).data[0]).toBe(2);
    restore();
  });

  it('lets runs under way finish before the layer is freed', async () => {
    const { fake, open, restore } = gated();
    const layer = new Conv1d({ weight, engine });
    const runs = [layer.forwardAsync(input(1)), layer.forwardAsync(input(5))];
    layer.dispose();
    layer.dispose();
    expect(fake.disposed).toBe(0);
    await expectRejection(layer.forwardAsync(input(1)), 'ERR_DISPOSED');
    open();
    expect((await Promise.all(runs)).map(({ data }) => data[0])).toEqual([2, 6]);
    expect(fake.disposed).toBe(1);
    restore();
  });

  it('frees a stack’s layers after its runs too', async () => {
    const { fake, open, restore } = gated();
    const stack = new Sequential([new Conv1d({ weight, engine }), new Conv1d({ weight, engine })]);
    const run = stack.forwardAsync(input(1));
    stack.dispose();
    expect(fake.disposed).toBe(0);
    open();
    expect((await run).data[0]).toBe(3);
    expect(fake.disposed).toBe(2);
    restore();
  });

  it('is right under 100 concurrent runs of one layer, and of one stack', async () => {
    using layer = new Conv1d({ weight, engine });
    const each = Array.from({ length: 100 }, (_, index) => index);
    const single = await Promise.all(each.map((value) => layer.forwardAsync(input(value))));
    expect(single.map(({ data }) => data[0])).toEqual(each.map((value) => 2 * value));
    using stack = new Sequential([0, 1, 2, 3].map(() => new Conv1d({ weight, engine })));
    const runs = each.map((value) => stack.forwardAsync(input(value)));
    expect(stack.forward(input(1)).data[0]).toBe(16);
    expect((await Promise.all(runs)).map(({ data }) => data[0])).toEqual(each.map((value) => 16 * value));
  });

  it('stops a stack between its layers', async () => {
    const { fake, open, restore } = gated();
    using stack = new Sequential([new Conv1d({ weight, engine }), new Conv1d({ weight, engine })]);
    const controller = new AbortController();
    const run = stack.forwardAsync(input(1), { signal: controller.signal });
    open();
    controller.abort('enough');
    expect((await expectRejection(run, 'ERR_ABORTED')).cause).toBe('enough');
    expect(fake.runs).toBe(0);
    restore();
  });
});
