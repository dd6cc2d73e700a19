import type { Engine } from '../../lib/engine.js';
import { createReferenceEngine } from '../../lib/fallback/engine.js';
import { createNativeEngine } from '../../lib/native/engine.js';
import { loadBinding } from '../../lib/native/load.js';

/** An engine, and one of the instruction sets it runs here. */
export interface EngineUnderTest {
  readonly label: string;
  readonly isa: string;
  /** Makes layers use `isa` from now on. */
  select(): Engine;
}

/**
 * Every engine and instruction set there is here. The native engine may be left out only by saying so
 * (`CONVOLITH_TEST_ENGINES=reference`): an addon that is not built is a failure, never a silent skip.
 */
export async function enginesUnderTest(): Promise<EngineUnderTest[]> {
  const reference = createReferenceEngine();
  const engines: EngineUnderTest[] = [{ label: 'reference js', isa: 'js', select: () => reference }];
  if (process.env.CONVOLITH_TEST_ENGINES === 'reference') return engines;
  const { binding, reason } = loadBinding();
  if (binding === null) throw new Error(`The addon cannot be tested: ${reason}`);
  const native = createNativeEngine(binding);
  for (const isa of binding.isas()) {
    engines.push({
      label: `native ${isa}`,
      isa,
      select() {
        binding.setIsa(isa);
        return native;
      },
    });
  }
  return engines;
}
