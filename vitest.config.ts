import { defineConfig } from "vitest/config";

/** Tests that start the whole stack or a browser. */
const ofTheStack = [
  "test/{browser,e2e}/**/*.test.ts",
  "test/infra/local/{stack,iam/enforced}.test.ts",
  "test/readme.test.ts",
];

export default defineConfig({
  test: {
    setupFiles: ["test/setup.ts"],
    // Engines, bundles, linters and browsers start in these tests, on machines that may be busy or slow.
    testTimeout: 120_000,
    hookTimeout: 120_000,
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
          // A stack and a browser keep two processors busy, and must not have to share them.
          maxWorkers: "50%",
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
