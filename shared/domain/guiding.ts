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

/** So long a person waits for what only guides them, in seconds. */
export const longestLook = 3;
