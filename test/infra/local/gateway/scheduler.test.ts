import { afterEach, expect, it, vi } from "vitest";
import { type Schedule, Scheduler } from "../../../../infra/local/gateway/scheduler.ts";

const everyMinute: Schedule = { functionName: "minutely", everySeconds: 60 };
const everyHour: Schedule = { functionName: "hourly", everySeconds: 3600 };

const opened: Scheduler[] = [];
afterEach(() => Promise.all(opened.splice(0).map((scheduler) => scheduler.close())));

const scene = (invoke: (functionName: string) => Promise<unknown> = async () => undefined) => {
  let now = Date.parse("2030-01-01T00:00:00Z");
  const invoked: string[] = [];
  const scheduler = new Scheduler({
    schedules: [everyMinute, everyHour],
    clock: { now: () => new Date(now) },
    invoke: ({ functionName }) => {
      invoked.push(functionName);
      return invoke(functionName);
    },
  });
  opened.push(scheduler);
  return {
    scheduler,
    invoked,
    pass: (seconds: number) => {
      now += seconds * 1000;
    },
  };
};

it("invokes a function when its time has come, and not before", async () => {
  const { scheduler, invoked, pass } = scene();

  pass(59);
  await scheduler.runDue();
  expect(invoked).toEqual([]);
  pass(1);
  await scheduler.runDue();
  expect(invoked).toEqual(["minutely"]);
  await scheduler.runDue();
  expect(invoked).toEqual(["minutely"]);
});

it("invokes once when the clock was moved past many times, as nobody was there to be invoked", async () => {
  const { scheduler, invoked, pass } = scene();

  pass(7200);
  await scheduler.runDue();

  expect(invoked).toEqual(["minutely", "hourly"]);
});

it("does not invoke again what still runs, and waits for it", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { scheduler, invoked, pass } = scene(() => promise);

  pass(60);
  const first = scheduler.runDue();
  pass(60);
  const second = scheduler.runDue();
  expect(invoked).toEqual(["minutely"]);
  resolve();
  await Promise.all([first, second]);

  pass(60);
  await scheduler.runDue();
  expect(invoked).toEqual(["minutely", "minutely"]);
});

it("goes on after a run that failed", async () => {
  const { scheduler, invoked, pass } = scene(() => Promise.reject(new Error("broken")));

  pass(60);
  await scheduler.runDue();
  pass(60);
  await scheduler.runDue();

  expect(invoked).toEqual(["minutely", "minutely"]);
});

it("looks at the clock by itself", async () => {
  const { invoked, pass } = scene();

  pass(60);

  await vi.waitFor(() => expect(invoked).toEqual(["minutely"]), { timeout: 5_000 });
});

it("invokes nothing once it is closed", async () => {
  vi.useFakeTimers();
  try {
    const { scheduler, invoked, pass } = scene();
    await scheduler.close();

    pass(3600);
    await vi.advanceTimersByTimeAsync(10_000);

    expect(invoked).toEqual([]);
  } finally {
    vi.useRealTimers();
  }
});
