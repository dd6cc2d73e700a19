// A worker_thread of scripts/leaks.mjs: runs under way, then a message, then its end when it is told.
const { parentPort } = require('node:worker_threads');
const { Conv2d, tensor } = require('../..');

const layer = new Conv2d({ weight: tensor(new Float32Array(16 * 16 * 9).fill(1), [16, 16, 3, 3]), padding: 1 });
const input = tensor(new Float32Array(16 * 32 * 32).fill(1), [1, 16, 32, 32]);
layer.forward(input);
for (let run = 0; run < 8; run++) layer.forwardAsync(input);
parentPort.once('message', () => parentPort.close());
parentPort.postMessage('running');
