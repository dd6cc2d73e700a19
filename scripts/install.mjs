// What `npm install` runs. It builds the addon where there is a compiler and never fails: without the addon
// the TypeScript engine serves, and says so once when it is first used.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildNative, isNativeFresh, missingTools, root } from './support/native-build.mjs';

const HINT = 'The TypeScript engine will serve. Build later with: npm rebuild convolith';

// In a checkout, scripts/setup.mjs builds: together with the rest and only where something has changed.
const isCheckout = existsSync(join(root, 'lib'));
if (!isCheckout && !isNativeFresh()) {
  const missing = missingTools();
  if (missing !== null) {
    console.log(`convolith: the native engine is not built, as there is no ${missing} here. ${HINT}`);
  } else if (!buildNative()) {
    console.log(`convolith: the native engine could not be built. ${HINT}`);
  }
}
