/**
 * A read of an item takes some 5 ms. One that takes longer than the first of these stood behind others', or was throttled;
 * longer than the second, and a try of it was lost, which tells of no crowd.
 */
const crowdedMilliseconds = { over: 30, under: 1_000 } as const;

/** After so long without a read a connection may have been closed, and opening one takes as long as a crowd. */
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
    const took = ended.getTime() - begun.getTime();
    return isOpen && took > crowdedMilliseconds.over && took < crowdedMilliseconds.under;
  };
};
