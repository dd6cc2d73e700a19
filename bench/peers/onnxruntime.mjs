// One trial of onnxruntime-node: `node onnxruntime.mjs REQUEST`, both ways in JSON. As its user calls it: one session,
// the graph optimiser at its highest, outputs fresh with every run.
import { readFileSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import timing from '../../dist/cli/bench/timing.js';
import workloads from '../../dist/cli/bench/workload.js';
import descriptors from '../../dist/descriptor.js';
import { onnxModel } from './onnx-model.mjs';

const request = JSON.parse(process.argv[2]);
const chains = workloads.readWorkload(request.workload);
const model = onnxModel(chains, request.workload.activation, descriptors.descriptorWeightShape);

const start = performance.now();
const session = await InferenceSession.create(model, {
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'all',
  executionMode: 'sequential',
  intraOpNumThreads: request.threads,
  interOpNumThreads: 1,
});
const feeds = Object.fromEntries(
  chains.map(({ input, inputShape }, index) => [`x${index}`, new Tensor('float32', input, inputShape)]),
);
const outputs = await session.run(feeds);
const firstMs = performance.now() - start;
const sample = chains.flatMap((_, index) =>
  workloads.sampleOf(outputs[`y${index}`].data, outputs[`y${index}`].dims, false),
);

const times = await timing.timeRuns(() => session.run(feeds), request.seconds);
const { version } = JSON.parse(
  readFileSync(new URL('node_modules/onnxruntime-node/package.json', import.meta.url), 'utf8'),
);
process.stdout.write(JSON.stringify({ version, ...times, firstMs, sample }));
