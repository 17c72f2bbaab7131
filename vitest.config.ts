import { defineConfig } from "vitest/config";

/** Tests that start the whole stack. */
const ofTheStack = [
  "test/{browser,e2e}/**/*.test.ts",
  "test/infra/local/{stack,iam/enforced}.test.ts",
  "test/readme.test.ts",
];

export default defineConfig({
  test: {
    setupFiles: ["test/setup.ts"],
    // Engines, bundles and browsers start in these tests; two cores serve them all.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      {
        test: { name: "parts", include: ["test/**/*.test.{ts,js}"], exclude: ofTheStack },
      },
      {
        test: { name: "stack", include: ofTheStack, globalSetup: "test/build-functions.ts" },
      },
    ],
  },
});
