import type {
  ConvStage,
  Engine,
  EngineConv,
  EngineOperation,
  EnginePlan,
  EngineStack,
  Explanation,
  StackedPlans,
} from '../engine.js';
import type { ConvolithErrorCode } from '../errors.js';
import { ConvolithError, isErrorCode } from '../errors.js';
import type { ConvGeometry } from '../spec.js';
import type { NativeBinding, NativeConv, NativeOperation, NativePlan, NativeStack } from './binding.js';

/** Puts the addon behind the interface that both engines serve. */
export function createNativeEngine(binding: NativeBinding): Engine {
  return {
    name: 'native',
    get isa() {
      return binding.getIsa();
    },
    algorithms: Object.freeze(binding.algorithms()),
    createConv: (stage: ConvStage) =>
      new Conv(
        binding,
        rewrapped(() => new binding.Conv(stage)),
      ),
    createSeparable: (depthwise: ConvStage, pointwise: ConvStage) =>
      new Conv(
        binding,
        rewrapped(() => new binding.Conv(depthwise, pointwise)),
      ),
    createStack: () =>
      new Stack(
        binding,
        rewrapped(() => new binding.Stack()),
      ),
    transpose: (from, to, { batch, rows, columns }) =>
      rewrapped(() => binding.transpose(from, to, batch, rows, columns)),
    createDynamicConv: (spec, geometry, layout) =>
      new Operation(rewrapped(() => new binding.Operation('dynamicConv', spec, geometry, layout))),
    createWeightGrad: (spec, geometry, layout) =>
      new Operation(rewrapped(() => new binding.Operation('weightGrad', spec, geometry, layout))),
  };
}

/** Runs a call into the addon; its errors, plain ones with a `code`, come out as the library's own. */
export function rewrapped<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw rewrap(error);
  }
}

/** An error of the addon's, a plain one with a `code`, as the library's own. */
export function rewrap(error: unknown): unknown {
  const code = codeOf(error);
  return code === null || !(error instanceof Error)
    ? error
    : new ConvolithError(code, error.message, { cause: error.cause });
}

function codeOf(error: unknown): ConvolithErrorCode | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return isErrorCode(error.code) ? error.code : null;
}

class Conv implements EngineConv {
  constructor(
    private readonly binding: NativeBinding,
    private readonly conv: NativeConv,
  ) {}

  plan(geometry: ConvGeometry): EnginePlan {
    return new Plan(
      this.binding,
      rewrapped(() => this.conv.plan(geometry)),
    );
  }

  variant(channelsLast: boolean, algorithm: string): EngineConv {
    return new Conv(
      this.binding,
      rewrapped(() => this.conv.variant(channelsLast, algorithm)),
    );
  }

  dispose(): void {
    this.conv.dispose();
  }
}

class Plan implements EnginePlan {
  constructor(
    private readonly binding: NativeBinding,
    readonly plan: NativePlan,
  ) {}

  run(input: Float32Array, output: Float32Array, residual: Float32Array | null): void {
    try {
      this.plan.run(input, output, residual);
    } catch (error) {
      throw rewrap(error);
    }
  }

  async runAsync(
    input: Float32Array,
    output: Float32Array,
    residual: Float32Array | null,
    signal: AbortSignal | null,
  ): Promise<void> {
    const token = signal === null ? null : new this.binding.CancelToken();
    const cancel = (): void => token?.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      await this.plan.runAsync(input, output, residual, token);
    } catch (error) {
      throw rewrap(error);
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  explain(): Explanation {
    return rewrapped(() => this.plan.explain());
  }
}

class Stack implements EngineStack {
  constructor(
    private readonly binding: NativeBinding,
    private readonly stack: NativeStack,
  ) {}

  plan({ layers, border }: StackedPlans): EnginePlan {
    // Plans of this engine are all of one class.
    const plans = layers.map((layer) => (layer as Plan).plan);
    return new Plan(
      this.binding,
      rewrapped(() => this.stack.plan(plans, border)),
    );
  }

  dispose(): void {
    this.stack.dispose();
  }
}

class Operation implements EngineOperation {
  constructor(private readonly operation: NativeOperation) {}

  run(first: Float32Array, second: Float32Array, output: Float32Array): void {
    try {
      this.operation.run(first, second, output);
    } catch (error) {
      throw rewrap(error);
    }
  }

  explain(): Explanation {
    return rewrapped(() => this.operation.explain());
  }

  dispose(): void {
    this.operation.dispose();
  }
}
