import { createHash } from "node:crypto";
import type { ConnectionId, TenantId, WorkspaceId } from "./ids.ts";
import type { NoteUnreadable } from "./unreadable-connection.ts";

const day = 24 * 3600;

/**
 * A refresh token that is used is replaced after a day; one that is not is used between these ages. Microsoft lets it die
 * at 90 days.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/refresh-tokens#token-lifetime
 */
export const idleSeconds = { from: 7 * day, to: 14 * day } as const;

/** After a refusal that may pass. */
const againAfterSeconds = { from: day / 2, to: 1.5 * day } as const;

/** Queues of connections, so that no part of the index takes all the writes. */
export const keepAliveShards = ["0", "1", "2", "3", "4", "5", "6", "7"] as const;

/** Always the same for one connection, and spread evenly over all: from 0 up to 1. */
const placeOf = (id: ConnectionId): number =>
  createHash("sha256").update(`keep-alive:${id}`).digest().readUInt32BE(0) / 2 ** 32;

export const shardOf = (id: ConnectionId): string =>
  keepAliveShards[Math.floor(placeOf(id) * 997) % keepAliveShards.length] ?? "0";

const later = (instant: Date, { from, to }: { from: number; to: number }, place: number) =>
  new Date(instant.getTime() + Math.round(from + place * (to - from)) * 1000);

/** When a connection that nobody uses is to be refreshed: those that were connected together are not due together. */
export const keepAliveAt = (id: ConnectionId, refreshTokenStoredAt: Date): Date =>
  later(refreshTokenStoredAt, idleSeconds, placeOf(id));

/** When it is tried again after a refusal that may pass: not before `notBefore`. */
export const keptAliveAgainAt = (
  id: ConnectionId,
  now: Date,
  notBefore: Date | undefined,
): Date => {
  const again = later(now, againAfterSeconds, placeOf(id));
  return notBefore && notBefore > again ? notBefore : again;
};

/** A connection in the queue. What it says may be a moment old: whoever refreshes reads the connection itself. */
export interface QueuedConnection {
  readonly id: ConnectionId;
  readonly workspaceId: WorkspaceId;
  readonly tenantId: TenantId;
  readonly keepAliveAt: Date;
  readonly refreshTokenStoredAt: Date;
}

export interface KeepAliveQueue {
  /** Those of a shard that are due, longest first, but for those that cannot be read. */
  due(shard: string, now: Date): AsyncIterable<QueuedConnection>;

  /**
   * All of a shard, due or not.
   *
   * @param noteUnreadable told of those that are not among them because they cannot be read, once of each; one that a
   *   later version of this code has written is left to that version
   */
  all(shard: string, noteUnreadable: NoteUnreadable): AsyncIterable<QueuedConnection>;
}
