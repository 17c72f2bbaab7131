import { setTimeout as wait } from "node:timers/promises";
import { expect, it } from "vitest";
import { inTime, TookTooLong } from "../../../shared/domain/in-time.ts";

it("hands through what is said in time, arguments, answers and errors", async () => {
  const sum = inTime(5, async (left: number, right: number) => left + right);
  const broken = inTime(5, () => Promise.reject(new Error("no answer")));

  expect(await sum(2, 3)).toBe(5);
  await expect(broken()).rejects.toThrow("no answer");
});

it("gives up what takes longer, and nothing comes of its late failure", async () => {
  let isDone = false;
  const slow = inTime(0.02, async () => {
    await wait(60);
    isDone = true;
    throw new Error("late");
  });

  await expect(slow()).rejects.toThrow(TookTooLong);

  expect(isDone).toBe(false);
  await expect.poll(() => isDone).toBe(true); // an unhandled rejection would fail this run
});

it("keeps no timer of what is done", async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const before = timers();

  await inTime(60, async () => {})();

  expect(timers()).toBe(before);
});
