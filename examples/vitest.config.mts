import { defineConfig } from 'vitest/config';

// The examples as their users run them, with packages of their own: `npm run test:examples`.
export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['examples/**/*.test.ts'],
    globalSetup: ['examples/support/install.ts'],
    // One after the other: each starts processes that want the whole machine.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
});
