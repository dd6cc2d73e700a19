import type { EngineActivation } from '../../lib/spec.js';
import type { CaseOptions, PointwiseOptions } from '../support/spec.js';

/** One row of the contract: a layer and an input geometry. Data follow from the name. */
export interface ContractCase {
  readonly name: string;
  readonly options: CaseOptions;
  /** The second stage of a separable layer. */
  readonly pointwise: PointwiseOptions | null;
  readonly bias: boolean;
  readonly residual: boolean;
}

export const LAYOUTS = [false, true] as const;
export const relu6: Partial<EngineActivation> = { min: 0, max: 6 };

/** One case in both layouts. */
export function both(name: string, options: CaseOptions, extra: Partial<ContractCase> = {}): ContractCase[] {
  return LAYOUTS.map((channelsLast) => ({
    name: `${name}, ${channelsLast ? 'last' : 'first'}`,
    options: { ...options, channelsLast },
    pointwise: null,
    bias: true,
    residual: false,
    ...extra,
  }));
}
