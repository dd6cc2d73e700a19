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

const CHOICES = ['all', 'native', 'reference'];

/**
 * Every engine and instruction set there is here. One may be left out only by saying so
 * (`CONVOLITH_TEST_ENGINES=reference` or `native`): an addon that is not built is a failure, never a silent skip.
 */
export function enginesUnderTest(): EngineUnderTest[] {
  const choice = process.env.CONVOLITH_TEST_ENGINES ?? 'all';
  if (!CHOICES.includes(choice))
    throw new Error(`Expected one of ${CHOICES} for CONVOLITH_TEST_ENGINES, not ${choice}`);
  const reference = createReferenceEngine();
  const js: EngineUnderTest = { label: 'reference js', isa: 'js', select: () => reference };
  if (choice === 'reference') return [js];
  const { binding, reason } = loadBinding();
  if (binding === null) throw new Error(`Expected the addon to load, but ${reason}`);
  const native = createNativeEngine(binding);
  const perIsa = binding.isas().map((isa) => ({
    label: `native ${isa}`,
    isa,
    select() {
      binding.setIsa(isa);
      return native;
    },
  }));
  return choice === 'native' ? perIsa : [js, ...perIsa];
}
