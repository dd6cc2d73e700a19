// One trial of Convolith in a process of its own: `node trial.js REQUEST`, both ways in JSON.
import { descriptorInputShape } from '../../descriptor.js';
import type { Explanation } from '../../engine.js';
import type { Cost, Layer, Tensor } from '../../index.js';
import { Sequential, setThreads } from '../../index.js';
import { version } from '../../version.js';
import { createLayer, isChannelsLast, product } from '../layer.js';
import { nativeBinding } from '../native.js';
import type { EngineName, LayoutName } from '../options.js';
import type { TrialResult } from './timing.js';
import { timeRuns } from './timing.js';
import type { Workload, WorkloadChain } from './workload.js';
import { readWorkload, sampleOf, toChannelsLast } from './workload.js';

/** What every contender's process is asked for. */
export interface TrialRequest {
  readonly workload: Workload;
  readonly threads: number;
  /** Of timing, warm-ups apart. */
  readonly seconds: number;
}

export interface OwnTrialRequest extends TrialRequest {
  readonly engine: EngineName;
  readonly layout: LayoutName;
  readonly isa?: string;
}

export interface OwnTrialResult extends TrialResult {
  /** f32 fused multiply-adds of one core, GFLOP/s, measured around the timing; null where there is no native engine. */
  readonly peakGflops: number | null;
  /** One a layer, in order. */
  readonly plans: readonly Explanation[];
  readonly cost: Cost;
}

/** A chain made ready to run. */
interface Prepared {
  readonly layer: Layer;
  readonly input: Tensor;
  readonly out: Tensor;
  readonly outputShape: readonly number[];
}

/** Runs a trial in this process. */
export async function runTrial(request: OwnTrialRequest): Promise<OwnTrialResult> {
  const { workload, engine, layout, seconds } = request;
  setThreads(request.threads);
  const chains = readWorkload(workload);
  const start = performance.now();
  const prepared = chains.map((chain) => prepare(chain, workload, engine, isChannelsLast(layout)));
  const run = (): void => {
    for (const { layer, input, out } of prepared) layer.forward(input, { out });
  };
  run();
  const firstMs = performance.now() - start;
  const sample = prepared.flatMap(({ out, outputShape }) => sampleOf(out.data, outputShape, isChannelsLast(layout)));

  const before = engine === 'native' ? nativeBinding().fmaPeak() : null;
  const times = await timeRuns(run, seconds);
  // The better of two, because whatever else runs on the machine can only take away from it.
  const peakGflops = before === null ? null : Math.max(before, nativeBinding().fmaPeak());
  const plans = prepared.flatMap(({ layer, input }) =>
    layer instanceof Sequential ? layer.explain(input.shape).layers : [layer.explain(input.shape)],
  );
  const costs = prepared.map(({ layer, input }) => layer.cost(input.shape));
  return { version, ...times, firstMs, sample, peakGflops, plans, cost: costSum(costs) };
}

function prepare(chain: WorkloadChain, workload: Workload, engine: EngineName, channelsLast: boolean): Prepared {
  const layers = chain.layers.map(({ descriptor, weight, bias }) =>
    createLayer(descriptor, { weight, bias, channelsLast, engine, activation: workload.activation }),
  );
  const layer: Layer = layers.length === 1 ? layers[0] : new Sequential(layers);
  const inputShape = descriptorInputShape(chain.layers[0].descriptor, channelsLast);
  const outShape = layer.outputShape(inputShape) as readonly number[];
  const [batch, ...rest] = outShape;
  const outputShape = channelsLast ? [batch, rest[rest.length - 1], ...rest.slice(0, -1)] : outShape;
  return {
    layer,
    input: { data: channelsLast ? toChannelsLast(chain.input, chain.inputShape) : chain.input, shape: inputShape },
    out: { data: new Float32Array(product(outShape)), shape: [...outShape] },
    outputShape,
  };
}

/** Chains stand beside one another, so each one's bytes count. */
function costSum(costs: readonly Cost[]): Cost {
  const sum = (pick: (cost: Cost) => number): number => costs.reduce((all, cost) => all + pick(cost), 0);
  return {
    macs: sum((cost) => cost.macs),
    flops: sum((cost) => cost.flops),
    params: sum((cost) => cost.params),
    inputBytes: sum((cost) => cost.inputBytes),
    outputBytes: sum((cost) => cost.outputBytes),
    weightBytes: sum((cost) => cost.weightBytes),
  };
}

if (require.main === module) {
  const request = JSON.parse(process.argv[2]) as OwnTrialRequest;
  // The instruction set stays in use after the layers are made, for the peak is measured with it.
  if (request.isa !== undefined) nativeBinding().setIsa(request.isa);
  void runTrial(request).then((result) => process.stdout.write(JSON.stringify(result)));
}
