import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { guiding, guidingSoon } from "../../../shared/domain/guiding.ts";
import { TookTooLong } from "../../../shared/domain/in-time.ts";
import { neverSettles } from "../../fakes/intercepted.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

it.for([
  ["read at leisure", guiding],
  ["waited for", guidingSoon],
] as const)("what is %s is said, or its failure reported", async ([, guide]) => {
  const reported: unknown[] = [];
  const report = (error: unknown) => reported.push(error);

  expect(await guide(async () => "a hint", report)).toBe("a hint");
  expect(reported).toEqual([]);

  const broken = new Error("the table is down");
  expect(await guide(() => Promise.reject(broken), report)).toBeUndefined();
  expect(reported).toEqual([broken]);
});

it("a person waits for it for three seconds at most, which is reported", async () => {
  const reported: unknown[] = [];
  const hint = guidingSoon(neverSettles, (error) => reported.push(error));

  await vi.advanceTimersByTimeAsync(2_999);
  expect(reported).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);

  expect(reported).toEqual([new TookTooLong()]);
  expect(await hint).toBeUndefined();
});
