// Prints the bandwidth of one core over memory, GB/s: `node bandwidth.js`.
import { nativeBinding } from '../native.js';

process.stdout.write(String(nativeBinding().memoryBandwidth()));
