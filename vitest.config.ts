import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.{ts,js}"],
    setupFiles: ["test/setup.ts"],
    // Engines, bundles and browsers start in these tests; two cores serve them all.
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
