import { setTimeout as wait } from "node:timers/promises";

/** A rule of EventBridge that invokes a function at a fixed rate, or a secret that is rotated by one. */
export interface Schedule {
  readonly functionName: string;
  readonly everySeconds: number;
  /** ARN of the secret; Secrets Manager invokes the function then. */
  readonly rotates?: string;
}

export interface SchedulerOptions {
  readonly schedules: readonly Schedule[];
  /** The stack's clock: when it is moved on, what has become due happens at once. */
  readonly clock: { now(): Date };
  readonly invoke: (schedule: Schedule) => Promise<unknown>;
}

/** How often the clock is looked at, in real time. */
const lookMilliseconds = 500;

/** Invokes functions as EventBridge does, by the stack's clock, and never one again that still runs. */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #lastRuns = new Map<Schedule, number>();
  readonly #running = new Map<Schedule, Promise<unknown>>();
  readonly #stopping = new AbortController();
  readonly #looking: Promise<void>;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const startedAt = options.clock.now().getTime();
    for (const schedule of options.schedules) this.#lastRuns.set(schedule, startedAt);
    this.#looking = this.#look();
  }

  /** Does now what has become due, and waits for it. */
  async runDue(): Promise<void> {
    const now = this.#options.clock.now().getTime();
    for (const schedule of this.#options.schedules) {
      const isDue = now - (this.#lastRuns.get(schedule) ?? 0) >= schedule.everySeconds * 1000;
      if (!isDue || this.#running.has(schedule)) continue;
      this.#lastRuns.set(schedule, now);
      const run = this.#options.invoke(schedule).finally(() => this.#running.delete(schedule));
      this.#running.set(schedule, run);
    }
    await Promise.allSettled(this.#running.values());
  }

  /** Waits for what still runs. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#looking;
    await Promise.allSettled(this.#running.values());
  }

  async #look(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await wait(lookMilliseconds, undefined, { ref: false, signal });
      } catch {
        return;
      }
      await this.runDue();
    }
  }
}
