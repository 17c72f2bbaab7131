import { onTestFinished, vi } from "vitest";

/** Until the test ends no time limit is reached, and after it none is left: whoever hangs in it wakes in no other one. */
export const stopTimers = (): void => {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
};
