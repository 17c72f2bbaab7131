import {
  type KeepAliveQueue,
  type QueuedConnection,
  shardOf,
} from "../../shared/domain/keep-alive.ts";
import type { Unreadable } from "../../shared/domain/unreadable-connection.ts";

/** A queue of what the functions return at this moment, with the promises of the port and nothing more. */
export const memoryKeepAliveQueue = (
  queued: () => readonly QueuedConnection[],
  unreadable: () => readonly Unreadable[] = () => [],
): KeepAliveQueue => {
  const ofShard = (shard: string) =>
    queued()
      .filter(({ id }) => shardOf(id) === shard)
      .toSorted((one, other) => one.keepAliveAt.getTime() - other.keepAliveAt.getTime());
  return {
    async *due(shard, now) {
      yield* ofShard(shard).filter(({ keepAliveAt }) => keepAliveAt <= now);
    },
    async *all(shard, noteUnreadable) {
      for (const each of unreadable()) if (shardOf(each.id) === shard) noteUnreadable(each);
      yield* ofShard(shard);
    },
  };
};
