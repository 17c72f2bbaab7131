import { expect, it } from "vitest";
import { dynoxideInstalled } from "./dynoxide.ts";
import { engines } from "./engines.ts";

it("runs the suites on dynalite everywhere", () => {
  expect(Object.keys(engines)).toContain("dynalite");
});

it("runs the suites on dynoxide too", (context) => {
  context.skip(!dynoxideInstalled(), "the optional package @dynoxide/linux-x64 is not installed");

  expect(Object.keys(engines)).toContain("dynoxide");
});
