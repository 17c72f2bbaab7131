import { personalAccountsTenant, type TenantId } from "../../shared/domain/ids.ts";
import {
  type KeepAliveQueue,
  keepAliveShards,
  type QueuedConnection,
} from "../../shared/domain/keep-alive.ts";

/** What came of refreshing one connection, as far as the queue is concerned. */
export type KeptAlive =
  /** It was refreshed, or is in use. */
  | "kept"
  /** It has ended, or is gone: it leaves the queue by itself. */
  | "ended"
  /** Its organisation must act, or Microsoft refused it alone: it is tried again another day. */
  | "refused"
  /** Microsoft cannot serve its tenant now. */
  | "tenant_rests"
  /** Nobody can be refreshed now: the fault is ours. */
  | "broken";

/** What the token service says. */
export type TokenServiceAnswer =
  | { readonly ok: true; readonly degraded: boolean }
  | { readonly ok: false; readonly error: { readonly code: string; readonly actor: string } };

export const keptAliveOf = (answer: TokenServiceAnswer): KeptAlive => {
  // Still good, and not renewed.
  if (answer.ok) return answer.degraded ? "refused" : "kept";
  const { code, actor } = answer.error;
  switch (code) {
    case "not_found":
    case "reauthorization_required":
      return "ended";
    case "admin_consent_required":
    case "tenant_blocked":
      return "refused";
    case "throttled":
      return "tenant_rests";
    case "temporarily_unavailable":
      return actor === "nobody" ? "tenant_rests" : "broken";
    default:
      return "broken";
  }
};

export interface KeepAlivePorts {
  readonly queue: KeepAliveQueue;
  readonly refresh: (connection: QueuedConnection) => Promise<TokenServiceAnswer>;
  /** Told of an error that keeps one connection from being refreshed now. */
  readonly report: (error: unknown) => void;
  readonly now: () => Date;
}

/** Ages of refresh tokens, in days; the last one is open. Microsoft lets a token die at 90. */
export const ageBuckets = [7, 14, 30, 60, 80] as const;

export interface KeepAliveRun {
  readonly kept: number;
  readonly ended: number;
  readonly refused: number;
  /** Due, and left for the next run. */
  readonly left: number;
  /** How many refresh tokens are younger than each of {@link ageBuckets}, and older than the one before; then the rest. */
  readonly ages: readonly number[];
  readonly oldestDays: number;
}

/** So many at once: far below what Secrets Manager stores in a second, and below what workers need. */
export const refreshesAtOnce = 8;
/** Faults of ours in a row after which a run gives up. */
const brokenAtMost = 3;
/** Leaves time for the ages, and for the refreshes under way. */
const runMilliseconds = 4 * 60 * 1000;
const dayMilliseconds = 24 * 3600 * 1000;

/** From all shards in turn, so that none waits for the others. */
async function* dueInTurn(queue: KeepAliveQueue, now: Date): AsyncGenerator<QueuedConnection> {
  let shards = keepAliveShards.map((shard) => queue.due(shard, now)[Symbol.asyncIterator]());
  while (shards.length > 0) {
    const left: typeof shards = [];
    for (const shard of shards) {
      const next = await shard.next();
      if (next.done) continue;
      yield next.value;
      left.push(shard);
    }
    shards = left;
  }
}

/**
 * Refreshes what is due, and says how old all are. Two runs at once harm nobody: one refresh at a time is the token
 * service's own promise. What a run leaves is still due in the next one.
 */
export const keepAlive = async (ports: KeepAlivePorts): Promise<KeepAliveRun> => {
  const { queue, refresh, report, now } = ports;
  const startedAt = now();
  const counts = { kept: 0, ended: 0, refused: 0, left: 0 };
  const resting = new Set<TenantId>();
  let broken = 0;

  const isOver = () =>
    broken >= brokenAtMost || now().getTime() - startedAt.getTime() > runMilliseconds;

  const one = async (connection: QueuedConnection): Promise<void> => {
    if (isOver() || resting.has(connection.tenantId)) {
      counts.left += 1;
      return;
    }
    let outcome: KeptAlive;
    try {
      outcome = keptAliveOf(await refresh(connection));
    } catch (error) {
      report(error);
      outcome = "broken";
    }
    if (outcome === "broken" || outcome === "tenant_rests") {
      counts.left += 1;
      if (outcome === "broken") broken += 1;
      // Private mailboxes share nothing but the name of their tenant.
      else if (connection.tenantId !== personalAccountsTenant) resting.add(connection.tenantId);
      return;
    }
    broken = 0;
    counts[outcome] += 1;
  };

  // Read by all of them, one connection each at a time.
  const due = dueInTurn(queue, startedAt);
  const work = async () => {
    for (;;) {
      const next = await due.next();
      if (next.done) return;
      await one(next.value);
    }
  };
  await Promise.all(Array.from({ length: refreshesAtOnce }, work));
  return { ...counts, ...(await agesOf(queue, now())) };
};

const agesOf = async (queue: KeepAliveQueue, now: Date) => {
  const ages = Array.from({ length: ageBuckets.length + 1 }, () => 0);
  let oldest = now.getTime();
  for (const shard of keepAliveShards) {
    for await (const { refreshTokenStoredAt } of queue.all(shard)) {
      const days = (now.getTime() - refreshTokenStoredAt.getTime()) / dayMilliseconds;
      const bucket = ageBuckets.findIndex((limit) => days < limit);
      const index = bucket < 0 ? ageBuckets.length : bucket;
      ages[index] = (ages[index] ?? 0) + 1;
      oldest = Math.min(oldest, refreshTokenStoredAt.getTime());
    }
  }
  return { ages, oldestDays: Math.floor((now.getTime() - oldest) / dayMilliseconds) };
};
