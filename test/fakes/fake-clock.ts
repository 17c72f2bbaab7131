import { noon, secondsAfter } from "./samples.ts";

export interface FakeClock {
  readonly now: () => Date;
  /** Lets `seconds` pass. */
  pass(seconds: number): void;
  /** Moves on to `instant`, never back. */
  reach(instant: Date): void;
}

/** Stands still until a test moves it. */
export const fakeClock = (start: Date = noon): FakeClock => {
  let current = start;
  return {
    now: () => current,
    pass: (seconds) => {
      current = secondsAfter(current, seconds);
    },
    reach: (instant) => {
      if (instant > current) current = instant;
    },
  };
};
