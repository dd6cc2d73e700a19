import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // For the slowest check on a small machine that has other work to do.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
