import { inTime } from "./in-time.ts";

/**
 * Reads or keeps what only guides people: whatever happens to that stands in nobody's way.
 *
 * @returns `undefined` if it failed, which is reported
 */
export const guiding = async <Value>(
  task: () => Promise<Value>,
  report: (error: unknown) => void,
): Promise<Value | undefined> => {
  try {
    return await task();
  } catch (error) {
    report(error);
    return undefined;
  }
};

/** In seconds. */
const longestWait = 3;

/** The same for a person who waits: it is given up in time. */
export const guidingSoon = <Value>(
  task: () => Promise<Value>,
  report: (error: unknown) => void,
): Promise<Value | undefined> => guiding(inTime(longestWait, task), report);
