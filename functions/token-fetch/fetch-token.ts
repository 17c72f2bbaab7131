import type { Connections, StoredConnection } from "../../shared/domain/connection.ts";
import type { ConnectionId, WorkspaceId } from "../../shared/domain/ids.ts";
import { fail, type Result, succeed } from "../../shared/domain/result.ts";
import { SealedTextRefused, type TokenSealer } from "../../shared/domain/sealer.ts";
import type { Secret } from "../../shared/domain/secret.ts";
import type { SenseCrowd } from "./crowd.ts";
import type { FetchPurpose, RefreshConnection, RefreshOutcome } from "./refresh-connection.ts";
import { timeBudget } from "./time-budget.ts";
import type { TokenCache } from "./token-cache.ts";
import {
  brokenHere,
  livesTooShort,
  notFound,
  refreshedElsewhere,
  rememberedRefusal,
  type TokenFailure,
  tokenUnreadable,
} from "./token-failure.ts";

export const defaultMinTtlSeconds = 300;

/** A token is refreshed this long before it expires, whatever its caller needs. */
const earlyRefreshSeconds = 300;

/** Spreads refreshes of tokens that expire together. */
const jitterSeconds = 60;

/** What a refresh takes at least, nearly all of it Microsoft's. Reading earlier would find the same lease. */
const usualRefreshMilliseconds = 150;

const shortestPollMilliseconds = 50;
const pollGrowth = 1.5;
const longestPollMilliseconds = 1_000;

/** Milliseconds that a pause before the lease is tried for may take, with the read after it. */
const courtesyMilliseconds = 4_000;

/**
 * A pause is at least so much of the time that was spent asking before it. Where the table answers slowly, or this
 * environment hardly gets to run, whoever refreshes is slow as well, and polling would slow it further.
 */
const pauseShareOfAsking = 0.6;

export interface TokenRequest {
  readonly connectionId: ConnectionId;
  readonly workspaceId: WorkspaceId;
  readonly minTtlSeconds: number;
  /** When the invocation ends, answered or not. */
  readonly deadline: Date;
  readonly purpose: FetchPurpose;
}

export interface ServedToken {
  readonly accessToken: Secret;
  readonly expiresAt: Date;
  readonly scopes: readonly string[];
  /** The token satisfies the caller, but it could not be renewed: somebody should look. */
  readonly degraded: boolean;
  /** Why it is degraded; for the log, since the caller is served. */
  readonly notRenewed?: TokenFailure;
  readonly source: "memory" | "table" | "refresh";
}

export interface FetchTokenPorts {
  readonly connections: Pick<Connections, "findForWorkspace">;
  readonly sealer: Pick<TokenSealer, "open">;
  readonly cache: TokenCache;
  readonly refresh: RefreshConnection;
  readonly senseCrowd: SenseCrowd;
  readonly now: () => Date;
  /** Between 0 and 1. */
  readonly random: () => number;
  readonly wait: (milliseconds: number) => Promise<void>;
  /** Told of an error that the caller does not notice, because its token is still good enough. */
  readonly report: (error: unknown) => void;
  /** Told of a stored token that does not open, and never will. */
  readonly onUnreadable: (connection: StoredConnection) => void;
}

const secondsUntil = (instant: Date, now: Date) => (instant.getTime() - now.getTime()) / 1000;

const satisfies = ({ accessTokenExpiresAt }: StoredConnection, minTtlSeconds: number, now: Date) =>
  secondsUntil(accessTokenExpiresAt, now) >= minTtlSeconds;

const isHeld = ({ lease }: StoredConnection, now: Date) =>
  lease !== undefined && lease.expiresAt > now;

/** How long somebody else is probably busy yet. By the lease's end: clocks may differ, so it is bounded both ways. */
const usuallyLeft = ({ lease }: StoredConnection, now: Date): number => {
  // Who was not given a lease that was free when it read has met somebody who has begun just now.
  const lasts = lease ? lease.expiresAt.getTime() - now.getTime() : timeBudget.lease * 1000;
  const age = timeBudget.lease * 1000 - lasts;
  return Math.min(Math.max(usualRefreshMilliseconds - age, 0), usualRefreshMilliseconds);
};

/** A token this young that is still too short for the caller will be no longer when it is asked for again. */
const justRenewedSeconds = 60;

const isJustRenewed = (stored: StoredConnection, now: Date) => {
  const age = -secondsUntil(stored.lastRefreshedAt, now);
  const isInUse = stored.status === "connected" && satisfies(stored, 1, now);
  return isInUse && age >= 0 && age < justRenewedSeconds;
};

/** Nothing in the item tells the outcome of a refresh before it is tried. */
const isRenewable = (stored: StoredConnection, now: Date) =>
  !rememberedRefusal(stored, now) && !isJustRenewed(stored, now);

/**
 * Hands out a token with at least `minTtlSeconds` left, or says who must act.
 *
 * A stored token that is good enough costs one read of one item, or none while this environment remembers
 * it. Only then: a refresh under the lease, or waiting for whoever holds it and reading again, consistently.
 * While a stored token satisfies the caller, a refresh that fails or that somebody else does never keeps the
 * caller from it.
 */
export const fetchToken = async (
  { connectionId, workspaceId, minTtlSeconds, deadline, purpose }: TokenRequest,
  ports: FetchTokenPorts,
): Promise<Result<ServedToken, TokenFailure>> => {
  const { connections, sealer, cache, senseCrowd, now, random, wait, onUnreadable } = ports;
  const begun = now();
  let askingSince = begun.getTime();
  const refreshBelowSeconds = Math.max(
    minTtlSeconds,
    earlyRefreshSeconds + random() * jitterSeconds,
  );

  const remembered = cache.get({ connectionId, workspaceId }, refreshBelowSeconds, now());
  if (remembered) return succeed({ ...remembered, degraded: false, source: "memory" });

  /** A stored token that does not open is as good as none; it is never asked for again here. */
  let unreadable: string | undefined;
  const isReadable = ({ sealedAccessToken }: StoredConnection) => sealedAccessToken !== unreadable;

  /** @returns `undefined` if the stored token does not open. */
  const serve = async (
    connection: StoredConnection,
    how: Pick<ServedToken, "degraded" | "notRenewed" | "source">,
  ): Promise<ServedToken | undefined> => {
    let accessToken: Secret;
    try {
      accessToken = await sealer.open(connection.sealedAccessToken, {
        purpose: "access_token",
        connectionId,
        workspaceId,
      });
    } catch (error) {
      if (!(error instanceof SealedTextRefused)) throw error;
      onUnreadable(connection);
      unreadable = connection.sealedAccessToken;
      return undefined;
    }
    const { accessTokenExpiresAt: expiresAt, scopes } = connection;
    if (!how.degraded) {
      cache.set({ connectionId, workspaceId }, { accessToken, expiresAt, scopes }, now());
    }
    return { accessToken, expiresAt, scopes, ...how };
  };

  const isFresh = (connection: StoredConnection) =>
    connection.status === "connected" &&
    isReadable(connection) &&
    satisfies(connection, refreshBelowSeconds, now());

  const seen = await connections.findForWorkspace(connectionId, workspaceId, { consistent: false });
  const isCrowded = senseCrowd(begun, now());
  if (seen && isFresh(seen)) {
    const served = await serve(seen, { degraded: false, source: "table" });
    if (served) return succeed(served);
  }

  const givesUpAt = Math.min(
    now().getTime() + timeBudget.longestWait * 1000,
    deadline.getTime() - timeBudget.refresh * 1000,
  );
  let isOvertaken = false;
  /**
   * What may be out of date is good enough to wait for whoever refreshes it, and to try for the lease, which is given
   * for the newest version only. Nothing else is done by it.
   */
  let first = seen && isRenewable(seen, now()) ? seen : undefined;
  /**
   * Whoever comes late to a crowd first waits as if it had met a lease: others were there before, and a write that is
   * refused holds the crowd up, and counts against what one item can take. Not without the time to try after it.
   */
  let letsOthersTry =
    isCrowded && first !== undefined && now().getTime() + courtesyMilliseconds <= givesUpAt;
  for (
    let poll = shortestPollMilliseconds;
    ;
    poll = Math.min(poll * pollGrowth, longestPollMilliseconds)
  ) {
    const stored =
      first ??
      (await connections.findForWorkspace(connectionId, workspaceId, { consistent: true }));
    first = undefined;
    if (!stored) return fail(notFound);
    const isJustEnough = isReadable(stored) && isJustRenewed(stored, now());
    if (isJustEnough && !satisfies(stored, minTtlSeconds, now())) return fail(livesTooShort);
    if (isJustEnough || isFresh(stored)) {
      const served = await serve(stored, { degraded: false, source: "table" });
      if (served) return succeed(served);
    }
    // Microsoft was asked once; that what others stored meanwhile does not open either is for the operator.
    if (isOvertaken && !isReadable(stored)) return fail(tokenUnreadable);

    const isGoodEnough = isReadable(stored) && satisfies(stored, minTtlSeconds, now());
    const hasTime = now().getTime() <= givesUpAt;
    const terms = { isGoodEnough, hasTime, letsOthersTry, deadline, purpose };
    const outcome = await renew(stored, terms, ports);
    letsOthersTry = false;
    switch (outcome.kind) {
      case "refreshed": {
        if (!satisfies(outcome.connection, minTtlSeconds, now())) return fail(livesTooShort);
        const served = await serve(outcome.connection, { degraded: false, source: "refresh" });
        return served ? succeed(served) : fail(tokenUnreadable);
      }
      case "refused": {
        const { failure } = outcome;
        const how = { degraded: true, notRenewed: failure, source: "table" } as const;
        const served = isGoodEnough ? await serve(stored, how) : undefined;
        return served ? succeed(served) : fail(failure);
      }
      case "elsewhere": {
        const how = { degraded: false, source: "table" } as const;
        const served = isGoodEnough ? await serve(stored, how) : undefined;
        if (served) return succeed(served);
        const asked = now().getTime() - askingSince;
        const slowed = Math.min(asked * pauseShareOfAsking, longestPollMilliseconds);
        const pause = usuallyLeft(stored, now()) + Math.max(poll, slowed) * (0.5 + random());
        if (now().getTime() + pause > givesUpAt) return fail(refreshedElsewhere);
        await wait(pause);
        askingSince = now().getTime();
        break;
      }
      case "overtaken":
        // Another writer was first; what it wrote is read in the next round.
        isOvertaken = true;
        break;
      default:
        return outcome satisfies never;
    }
  }
};

interface RenewalTerms {
  /** The stored token satisfies the caller. */
  readonly isGoodEnough: boolean;
  readonly hasTime: boolean;
  readonly letsOthersTry: boolean;
  readonly deadline: Date;
  readonly purpose: FetchPurpose;
}

/** Renews the stored token, unless something that was just read already tells the outcome. */
const renew = async (
  stored: StoredConnection,
  { isGoodEnough, hasTime, letsOthersTry, deadline, purpose }: RenewalTerms,
  { refresh, now, report }: FetchTokenPorts,
): Promise<RefreshOutcome> => {
  const failure = rememberedRefusal(stored, now());
  if (failure) return { kind: "refused", failure };
  // Without the time for a refresh, only what others store counts.
  if (!hasTime) return { kind: "elsewhere" };
  if (letsOthersTry && !isGoodEnough) return { kind: "elsewhere" };
  // Reading that the lease is held is cheaper than a write that is refused.
  if (isHeld(stored, now())) return { kind: "elsewhere" };
  try {
    return await refresh(stored, deadline, purpose);
  } catch (error) {
    if (!isGoodEnough) throw error;
    report(error);
    return { kind: "refused", failure: brokenHere };
  }
};
