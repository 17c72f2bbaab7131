import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Clock } from "../../../infra/local/clock.ts";

const start = Date.UTC(2030, 0, 1);

beforeEach(() => vi.useFakeTimers({ now: start }));
afterEach(() => vi.useRealTimers());

it("passes at its speed", () => {
  const clock = new Clock({ speed: 60 });

  vi.setSystemTime(start + 1000);

  expect(clock.now()).toEqual(new Date(start + 60_000));
  expect(clock.offsetMs).toBe(59_000);
});

it("jumps ahead and goes on from there", () => {
  const clock = new Clock();

  clock.advance(90);
  vi.setSystemTime(start + 1000);

  expect(clock.now()).toEqual(new Date(start + 91_000));
});

it.for([-1, Number.NaN])("never goes back (%d)", (seconds) => {
  expect(() => new Clock().advance(seconds)).toThrow(RangeError);
});

it.for([0, -1, Number.POSITIVE_INFINITY])("refuses the speed %d", (speed) => {
  expect(() => new Clock({ speed })).toThrow(RangeError);
});
