/** A step took longer than it may. What it was to do may still happen. */
export class TookTooLong extends Error {
  override readonly name = "TookTooLong";
}

/**
 * The same call, given up after `seconds`. It is not stopped, so what it writes must do no harm when it arrives
 * late: by a lease and a version, by a tombstone, or because nothing names it.
 *
 * @throws {TookTooLong}
 */
export const inTime =
  <Input extends readonly unknown[], Output>(
    seconds: number,
    call: (...input: Input) => Promise<Output>,
  ) =>
  async (...input: Input): Promise<Output> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new TookTooLong()), seconds * 1000);
    });
    try {
      return await Promise.race([call(...input), late]);
    } finally {
      clearTimeout(timer);
    }
  };

export const secondsBefore = (instant: Date, seconds: number): Date =>
  new Date(instant.getTime() - seconds * 1000);
