/**
 * The clock of the local stack. Time passes at `speed` relative to the machine's clock and can be advanced, so that
 * expiries of minutes, days and months can be seen in seconds. Everything local that reads the time shares one instance.
 */
export class Clock {
  readonly #speed: number;
  readonly #startedAtMs = Date.now();
  #advancedMs: number;

  /**
   * @param options.speed how many seconds pass per real second; positive, 1 by default
   * @param options.offsetMs how far it is ahead at the start, as an earlier clock's {@link offsetMs} said
   */
  constructor(options: { speed?: number; offsetMs?: number } = {}) {
    const { speed = 1, offsetMs = 0 } = options;
    if (!Number.isFinite(speed) || speed <= 0)
      throw new RangeError(`speed must be a positive number, not ${speed}`);
    this.#speed = speed;
    this.#advancedMs = offsetMs;
  }

  now(): Date {
    return new Date(Date.now() + this.offsetMs);
  }

  /** Jumps ahead. Time never goes back: expired things would come alive again. */
  advance(seconds: number): void {
    if (!Number.isFinite(seconds) || seconds < 0)
      throw new RangeError(`cannot advance by ${seconds} seconds`);
    this.#advancedMs += seconds * 1000;
  }

  /** This clock's time minus the machine's, in whole milliseconds. */
  get offsetMs(): number {
    return Math.round((Date.now() - this.#startedAtMs) * (this.#speed - 1) + this.#advancedMs);
  }
}
