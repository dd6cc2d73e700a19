import type { EngineActivation } from '../spec.js';
import { LINEAR } from './conv-spec.js';
import { floatsOf, type TensorRecord } from './tensor-record.js';

/** A factor and an addend a channel, folded into the weights and the bias: a bias, a batch norm, a scale. */
export interface AffineStep {
  readonly kind: 'affine';
  /** What it depends on: a name, and the records and numbers behind it. */
  readonly key: readonly unknown[];
  readonly operands: readonly TensorRecord[];
  /** Follows `scale[c] * sum + offset[c]` with itself, in place. */
  fold(scale: Float32Array, offset: Float32Array): void;
}

/** A map of the output's shape is added. */
export interface ResidualStep {
  readonly kind: 'residual';
  readonly key: readonly unknown[];
  readonly operands: readonly [TensorRecord];
}

export interface ActivationStep {
  readonly kind: 'activation';
  readonly key: readonly unknown[];
  /** Of `prelu` its slopes. */
  readonly operands: readonly TensorRecord[];
  readonly activation: EngineActivation;
}

/** One operation after a convolution, that may join it in one pass. */
export type Step = AffineStep | ResidualStep | ActivationStep;

/** What was done to the sums last. */
export type Stage = 'scaled' | 'added' | 'clipped' | 'activated';

/** The stage after `step`; `null` where it cannot join: the engine's order is bias, residual, activation. */
export function stageAfter(stage: Stage, step: Step): Stage | null {
  switch (step.kind) {
    case 'affine':
      return stage === 'scaled' ? 'scaled' : null;
    case 'residual':
      return stage === 'scaled' ? 'added' : null;
    case 'activation': {
      const clips = step.activation.op === 'clip';
      if (stage === 'activated' || (stage === 'clipped' && !clips)) return null;
      return clips ? 'clipped' : 'activated';
    }
  }
}

export function activationStep(activation: EngineActivation, slope: TensorRecord | null = null): ActivationStep {
  const { op, min, max, alpha } = activation;
  return {
    kind: 'activation',
    key: [op, min, max, alpha, slope],
    operands: slope === null ? [] : [slope],
    activation,
  };
}

export function residualStep(residual: TensorRecord): ResidualStep {
  return { kind: 'residual', key: [], operands: [residual] };
}

/** The value of channel `c`, from one a channel or one for all. */
function at(values: Float32Array, c: number): number {
  return values[values.length === 1 ? 0 : c];
}

/** `x + addend`, of one value or one a channel. */
export function addStep(addend: TensorRecord, sign: 1 | -1 = 1): AffineStep {
  return {
    kind: 'affine',
    key: ['add', sign, addend],
    operands: [addend],
    fold(_, offset) {
      const values = floatsOf(addend);
      for (let c = 0; c < offset.length; c++) offset[c] += sign * at(values, c);
    },
  };
}

/** `x * factor`, or `x / factor`. */
export function scaleStep(factor: TensorRecord, divides = false): AffineStep {
  return {
    kind: 'affine',
    key: ['scale', divides, factor],
    operands: [factor],
    fold(scale, offset) {
      const values = floatsOf(factor);
      for (let c = 0; c < offset.length; c++) {
        const by = divides ? 1 / at(values, c) : at(values, c);
        scale[c] *= by;
        offset[c] *= by;
      }
    },
  };
}

/** The vectors of a batch norm, one value a channel or one for all. */
export interface NormVectors {
  readonly mean: TensorRecord;
  readonly variance: TensorRecord;
  readonly offset: TensorRecord | null;
  readonly scale: TensorRecord | null;
  readonly epsilon: number;
}

export function normStep({ mean, variance, offset, scale, epsilon }: NormVectors): AffineStep {
  return {
    kind: 'affine',
    key: ['norm', mean, variance, offset, scale, epsilon],
    operands: [mean, variance, offset, scale].filter((record) => record !== null),
    fold(factors, offsets) {
      const [means, variances] = [floatsOf(mean), floatsOf(variance)];
      const [added, scaled] = [offset && floatsOf(offset), scale && floatsOf(scale)];
      for (let c = 0; c < offsets.length; c++) {
        const by = (scaled === null ? 1 : at(scaled, c)) / Math.sqrt(at(variances, c) + epsilon);
        factors[c] *= by;
        offsets[c] = (offsets[c] - at(means, c)) * by + (added === null ? 0 : at(added, c));
      }
    },
  };
}

/** What one pass does after the sums: `activation(scale * sum + offset + residual)`. */
export class Epilogue {
  /** Everything that weights and activation depend on, to tell layers apart. */
  readonly key: unknown[] = [];
  readonly affine: AffineStep[] = [];
  residual: TensorRecord | null = null;
  activation: EngineActivation = LINEAR;
  slope: TensorRecord | null = null;
  #stage: Stage = 'scaled';

  get stage(): Stage {
    return this.#stage;
  }

  /** Adds a step at the end; false, and nothing is changed, where it cannot join. */
  take(step: Step): boolean {
    const stage = stageAfter(this.#stage, step);
    if (stage === null) return false;
    if (step.kind === 'affine') this.affine.push(step);
    else if (step.kind === 'residual') [this.residual] = step.operands;
    else this.#activate(step);
    this.key.push(...step.key);
    this.#stage = stage;
    return true;
  }

  #activate({ activation, operands }: ActivationStep): void {
    const [slope] = operands;
    this.slope = slope ?? null;
    if (activation.op !== 'clip') {
      this.activation = activation;
      return;
    }
    // The bounds of the second clip are those of both, clipped.
    const { min, max } = activation;
    const within = (value: number): number => Math.min(Math.max(value, min), max);
    this.activation = { ...activation, min: within(this.activation.min), max: within(this.activation.max) };
  }
}
