import { personalAccountsTenant, type TenantId } from "../../shared/domain/ids.ts";
import {
  type KeepAliveQueue,
  keepAliveShards,
  type QueuedConnection,
} from "../../shared/domain/keep-alive.ts";
import type { NoteUnreadable } from "../../shared/domain/unreadable-connection.ts";

/** What came of refreshing one connection, as far as the queue is concerned. */
export type KeptAlive =
  /** It was refreshed, or is in use. */
  | "kept"
  /** It has ended, or is gone: it leaves the queue by itself, unless its refresh token may be found again. */
  | "ended"
  /** Its organisation must act, or Microsoft refused it alone: it is tried again another day. */
  | "refused"
  /** Microsoft cannot serve it now, or asks to wait: it alone, or all of its tenant. */
  | "unavailable"
  /** The fault is ours: with this one, or with all. */
  | "faulty";

/** What the token service says. */
export type TokenServiceAnswer =
  | { readonly ok: true; readonly degraded: boolean }
  | { readonly ok: false; readonly error: { readonly code: string; readonly actor: string } };

export type TokenServiceOutcome =
  | TokenServiceAnswer
  /** It was not asked: workers and others take all that Lambda has. */
  | "no_room";

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
      return "unavailable";
    case "temporarily_unavailable":
      return actor === "nobody" ? "unavailable" : "faulty";
    default:
      return "faulty";
  }
};

export interface KeepAlivePorts {
  readonly queue: KeepAliveQueue;
  readonly refresh: (connection: QueuedConnection) => Promise<TokenServiceOutcome>;
  /** Told of an error that keeps one connection from being refreshed now. */
  readonly report: (error: unknown) => void;
  readonly noteUnreadable: NoteUnreadable;
  readonly now: () => Date;
}

/** Ages of refresh tokens, in days; the last one is open. Microsoft lets a token die at 90. */
export const ageBuckets = [7, 14, 30, 60, 80] as const;

export interface KeepAliveRun {
  readonly kept: number;
  readonly ended: number;
  /** Those that meet a fault of ours are among them. */
  readonly refused: number;
  /** Due, and left for the next run. */
  readonly left: number;
  /** Due or not: they are in no other count, and nobody keeps them alive. */
  readonly unreadable: number;
  /** How many refresh tokens are younger than each of {@link ageBuckets}, and older than the one before; then the rest. */
  readonly ages: readonly number[];
  readonly oldestDays: number;
  /**
   * For how many whole days the one has been due that has waited longest. Whoever was tried and refused is not: it is due
   * again the next day.
   */
  readonly overdueDays: number;
}

/** So many at once: far below what Secrets Manager stores in a second, and below what workers need. */
export const refreshesAtOnce = 8;
/** Requests in a row that did not get through, after which a run gives up. */
const unansweredAtMost = 3;
/**
 * A run gives up as well after so many faults of ours, if they are more than half of the last answers. The answer does
 * not tell whose a fault is, and mailboxes that have one of their own, be it all of a lost token key, are not to keep
 * others waiting.
 */
const faultsBeforeGivingUp = 100;
const answersLookedAt = 20;
/** So many connections of one tenant that Microsoft does not serve are more than a locked account: all of it rests. */
const tenantIsUnavailableFrom = 3;
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
  const unavailable = new Map<TenantId, number>();
  let unanswered = 0;
  let faults = 0;
  /** Of each, whether the fault was ours. */
  const lastAnswers: boolean[] = [];

  const isOver = () =>
    unanswered >= unansweredAtMost ||
    (faults >= faultsBeforeGivingUp &&
      lastAnswers.filter((isOurs) => isOurs).length > answersLookedAt / 2) ||
    now().getTime() - startedAt.getTime() > runMilliseconds;

  const note = ({ tenantId }: QueuedConnection) => {
    // Private mailboxes share nothing but the name of their tenant.
    if (tenantId === personalAccountsTenant) return;
    const count = (unavailable.get(tenantId) ?? 0) + 1;
    unavailable.set(tenantId, count);
    if (count >= tenantIsUnavailableFrom) resting.add(tenantId);
  };

  /** @returns `undefined` if the token service did not get to answer */
  const ask = async (connection: QueuedConnection): Promise<KeptAlive | undefined> => {
    try {
      const answer = await refresh(connection);
      return answer === "no_room" ? undefined : keptAliveOf(answer);
    } catch (error) {
      report(error);
      return undefined;
    }
  };

  const one = async (connection: QueuedConnection): Promise<void> => {
    if (isOver() || resting.has(connection.tenantId)) {
      counts.left += 1;
      return;
    }
    const outcome = await ask(connection);
    if (!outcome) {
      counts.left += 1;
      unanswered += 1;
      return;
    }
    unanswered = 0;
    if (outcome === "faulty") faults += 1;
    lastAnswers.push(outcome === "faulty");
    if (lastAnswers.length > answersLookedAt) lastAnswers.shift();
    if (outcome === "unavailable") {
      counts.left += 1;
      note(connection);
      return;
    }
    counts[outcome === "faulty" ? "refused" : outcome] += 1;
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
  return { ...counts, ...(await agesOf(ports, now())) };
};

const agesOf = async (
  { queue, noteUnreadable }: Pick<KeepAlivePorts, "queue" | "noteUnreadable">,
  now: Date,
) => {
  const ages = Array.from({ length: ageBuckets.length + 1 }, () => 0);
  let oldest = now.getTime();
  let firstDue = now.getTime();
  let unreadable = 0;
  const note: NoteUnreadable = (connection) => {
    unreadable += 1;
    noteUnreadable(connection);
  };
  for (const shard of keepAliveShards) {
    for await (const { refreshTokenStoredAt, keepAliveAt } of queue.all(shard, note)) {
      const days = (now.getTime() - refreshTokenStoredAt.getTime()) / dayMilliseconds;
      const bucket = ageBuckets.findIndex((limit) => days < limit);
      const index = bucket < 0 ? ageBuckets.length : bucket;
      ages[index] = (ages[index] ?? 0) + 1;
      oldest = Math.min(oldest, refreshTokenStoredAt.getTime());
      firstDue = Math.min(firstDue, keepAliveAt.getTime());
    }
  }
  const daysSince = (instant: number) => Math.floor((now.getTime() - instant) / dayMilliseconds);
  return { unreadable, ages, oldestDays: daysSince(oldest), overdueDays: daysSince(firstDue) };
};
