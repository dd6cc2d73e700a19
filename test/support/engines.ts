import type { Engine } from '../../lib/engine.js';
import { createReferenceEngine } from '../../lib/fallback/engine.js';

/** What the native engine adds to the interface. */
interface NativeEngine extends Engine {
  isas(): string[];
  setIsa(name: string): void;
}

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
  const path = '../../lib/native/engine.js';
  const { createNativeEngine } = (await import(/* @vite-ignore */ path)) as { createNativeEngine(): NativeEngine };
  const native = createNativeEngine();
  for (const isa of native.isas()) {
    engines.push({
      label: `native ${isa}`,
      isa,
      select() {
        native.setIsa(isa);
        return native;
      },
    });
  }
  return engines;
}
