import { defineConfig } from "vitest/config";

/** Tests that start the whole stack. */
const ofTheStack = [
  "test/browser/*.test.ts",
  "test/e2e/**/*.test.ts",
  "test/infra/local/{stack,iam/enforced}.test.ts",
  "test/readme.test.ts",
];

export default defineConfig({
  test: {
    setupFiles: ["test/setup.ts"],
    // Engines, bundles and browsers start in these tests; two cores serve them all.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Half of the time would go into loading the same modules for each file. So a test leaves nothing behind in them.
    isolate: false,
    projects: [
      {
        test: {
          name: "parts",
          include: ["test/**/*.test.{ts,js}"],
          exclude: ofTheStack,
          maxWorkers: "100%",
        },
      },
      {
        test: {
          name: "stack",
          include: ofTheStack,
          globalSetup: "test/build-functions.ts",
          testTimeout: 120_000,
          // A stack and a browser keep two processors busy, and must not have to share them.
          maxWorkers: "50%",
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
