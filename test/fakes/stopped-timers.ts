import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers";
import { onTestFinished, vi } from "vitest";

/** Those who import the function have the one of the module, and not the global one. */
const setImported = (setTimeout: typeof timers.setTimeout) => {
  timers.setTimeout = setTimeout;
  syncBuiltinESMExports();
};

/** Until the test ends no time limit is reached, and after it none is left: whoever hangs in it wakes in no other one. */
export const stopTimers = (): void => {
  const { setTimeout } = timers;
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  setImported(globalThis.setTimeout);
  onTestFinished(() => {
    setImported(setTimeout);
    vi.useRealTimers();
  });
};
