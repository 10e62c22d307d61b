import { defineConfig } from 'vitest/config'

/** Tests stand beside sources; two workers, because the suite must fit the smallest build machine. */
export default defineConfig({
  test: {
    setupFiles: ['test/fast-check.setup.ts'],
    include: ['packages/**/*.test.ts', 'connectors/**/*.test.ts', 'examples/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
