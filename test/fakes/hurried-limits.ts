import { onTestFinished, vi } from "vitest";

/** Pauses of a test, and those between tries, are shorter. */
const shortestLimit = 1_000;

/**
 * Until the test ends, time limits of a second or more end sooner; by default in a fiftieth of their time.
 *
 * @returns the limits that are set from now on, in milliseconds, in order
 */
export const hurriedLimits = (
  hurried: (milliseconds: number) => number = (milliseconds) => milliseconds / 50,
): readonly number[] => {
  const limits: number[] = [];
  const { setTimeout } = globalThis;
  const spied = vi
    .spyOn(globalThis, "setTimeout")
    .mockImplementation((callback, milliseconds = 0, ...rest) => {
      if (milliseconds < shortestLimit) return setTimeout(callback, milliseconds, ...rest);
      limits.push(milliseconds);
      return setTimeout(callback, hurried(milliseconds), ...rest);
    });
  onTestFinished(() => {
    spied.mockRestore();
  });
  return limits;
};
