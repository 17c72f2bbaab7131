import {
  type KeepAliveQueue,
  type QueuedConnection,
  shardOf,
} from "../../shared/domain/keep-alive.ts";

/** A queue of what the function returns at this moment, with the promises of the port and nothing more. */
export const memoryKeepAliveQueue = (queued: () => readonly QueuedConnection[]): KeepAliveQueue => {
  const ofShard = (shard: string) =>
    queued()
      .filter(({ id }) => shardOf(id) === shard)
      .toSorted((one, other) => one.keepAliveAt.getTime() - other.keepAliveAt.getTime());
  return {
    async *due(shard, now) {
      yield* ofShard(shard).filter(({ keepAliveAt }) => keepAliveAt <= now);
    },
    async *all(shard) {
      yield* ofShard(shard);
    },
  };
};
