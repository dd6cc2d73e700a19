// What installing @convolith/source runs: builds the addon, from what is there alone, and says what is missing where it cannot.
import { buildNative, isNativeFresh, missingTools } from './support/native-build.mjs';

const missing = isNativeFresh() ? null : missingTools();
if (missing !== null) {
  console.error(`convolith: Expected ${missing} on the path to build the native engine`);
  process.exit(1);
}
if (!isNativeFresh() && !buildNative()) {
  console.error('convolith: the native engine could not be built; see above. The TypeScript engine will serve');
  process.exit(1);
}
