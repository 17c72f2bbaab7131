import { setImmediate } from "node:timers/promises";
import { expect, it, vi } from "vitest";
import { neverSettles } from "./intercepted.ts";
import { alice } from "./samples.ts";
import { serviceInMemory } from "./service-in-memory.ts";
import { stopTimers } from "./stopped-timers.ts";

it("stopped timers hold the time limit of a request that hangs, too", async () => {
  stopTimers();

  void serviceInMemory({ intercept: neverSettles }).start(alice);
  await setImmediate();

  expect(vi.getTimerCount()).toBe(1);
});
