/** A read of an item takes some 5 ms; one that takes longer than this stood behind others', or was throttled. */
const crowdedMilliseconds = 30;

/** The other side closes a connection that is unused for longer, and opening one takes as long as a crowd. */
const openMilliseconds = 60_000;

/**
 * @returns whether a read that has just ended took as long as one among many others. The first one of an environment, and
 *   the first after a pause, tell nothing: they open a connection.
 */
export type SenseCrowd = (begun: Date, ended: Date) => boolean;

/** What one execution environment learns from how long its reads take. */
export const crowdSense = (): SenseCrowd => {
  let lastReadAt: Date | undefined;
  return (begun, ended) => {
    const isOpen =
      lastReadAt !== undefined && begun.getTime() - lastReadAt.getTime() < openMilliseconds;
    lastReadAt = ended;
    return isOpen && ended.getTime() - begun.getTime() > crowdedMilliseconds;
  };
};
