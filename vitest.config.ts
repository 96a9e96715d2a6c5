import { defineConfig } from 'vitest/config';
import { SHARED } from './test/workers/shared.ts';

const common = { testTimeout: 30_000, hookTimeout: 30_000, pool: 'forks' } as const;

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      { test: { ...common, name: 'node', include: ['test/**/*.test.ts'], exclude: ['test/workers/**'] } },
      {
        test: {
          ...common,
          name: 'workers',
          include: ['test/workers/*.test.ts', ...SHARED],
          env: { TEST_RUNTIME: 'workers' },
          globalSetup: 'test/workers/build.ts',
          setupFiles: 'test/workers/setup.ts',
        },
      },
    ],
  },
});
