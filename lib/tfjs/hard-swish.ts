import { unary } from '../companions/index.js';
import type { Backend } from './backend.js';
import { LINEAR } from './conv-spec.js';
import { follow } from './deferred.js';
import { activationStep } from './epilogue.js';
import type { TensorInfo } from './kernel.js';
import { floatsOf, type TensorRecord } from './tensor-record.js';

// Converters write hard swish (Howard et al., "Searching for MobileNetV3", 2019), x · relu6(x + 3) / 6, as four kernels:
// x · (1/6) times relu6(x + 3). The engine has it as an activation, which serves where the sixth is one: models whose
// weights are float16 have 0.16663, for which one pass takes the place of four.

const ACTIVATION = activationStep({ ...LINEAR, op: 'hardSwish' });

/** An affine step by one constant, and the tensor that it is done to. */
interface Constant {
  readonly source: TensorRecord;
  readonly value: number;
}

function constantStep(record: TensorRecord, name: 'add' | 'scale', how: 1 | false): Constant | null {
  const route = record.deferred?.route;
  if (route?.step.kind !== 'affine' || route.step.key[0] !== name || route.step.key[1] !== how) return null;
  const values = floatsOf(route.step.operands[0]);
  return values.length === 1 ? { source: route.source, value: values[0] } : null;
}

/** x, factor and shift, where `scaled` is factor · x and `gate` is relu6(x + shift). */
function parts(scaled: TensorRecord, gate: TensorRecord): (Constant & { readonly shift: number }) | null {
  const route = gate.deferred?.route;
  if (route?.step.kind !== 'activation') return null;
  const { op, min, max } = route.step.activation;
  if (op !== 'clip' || min !== 0 || max !== 6) return null;
  const shifted = constantStep(route.source, 'add', 1);
  const factor = constantStep(scaled, 'scale', false);
  return shifted !== null && factor?.source === shifted.source ? { ...factor, shift: shifted.value } : null;
}

/** `a · b` where that is a hard swish of a convolution's map, none of its parts computed yet; else `null`. */
export function hardSwish(backend: Backend, shape: number[], a: TensorRecord, b: TensorRecord): TensorInfo | null {
  const found = parts(a, b) ?? parts(b, a);
  if (found === null) return null;
  const { source, value, shift } = found;
  const isActivation = shift === 3 && Math.abs(6 * value - 1) < 1e-6;
  return follow(backend, shape, isActivation ? [{ source, step: ACTIVATION }] : [], (out) =>
    unary(backend.companions, 'hardSwish', source.array as Float32Array, out, value, shift),
  );
}
