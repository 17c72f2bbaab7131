import type { ConnectionId, WorkspaceId } from "../../shared/domain/ids.ts";
import type { Secret } from "../../shared/domain/secret.ts";

/** A disconnect takes effect within this time, also where a token is remembered. */
const trustedMilliseconds = 30_000;

/** A token takes some 3 KB: 2,000 of them fit well into the smallest function. */
const largestSize = 2_000;

/** So many go at once: a map finds its oldest entry the slower the more have gone before it. */
const evictedAtOnce = 200;

export interface CachedToken {
  readonly accessToken: Secret;
  readonly expiresAt: Date;
  readonly scopes: readonly string[];
}

export interface TokenOwner {
  readonly connectionId: ConnectionId;
  readonly workspaceId: WorkspaceId;
}

export interface TokenCache {
  /** @returns a token with at least `minTtlSeconds` left that was read from the table seconds ago. */
  get(owner: TokenOwner, minTtlSeconds: number, now: Date): CachedToken | undefined;
  set(owner: TokenOwner, token: CachedToken, now: Date): void;
}

/** A connection's id holds no space, so the first one ends it. */
const keyOf = ({ connectionId, workspaceId }: TokenOwner) => `${connectionId} ${workspaceId}`;

/** Opened tokens of one execution environment, oldest out first. */
export const inMemoryTokenCache = (): TokenCache => {
  const entries = new Map<string, CachedToken & { readonly readAt: number }>();
  return {
    get(owner, minTtlSeconds, now) {
      const key = keyOf(owner);
      const entry = entries.get(key);
      if (!entry) return undefined;
      const age = now.getTime() - entry.readAt;
      const left = entry.expiresAt.getTime() - now.getTime();
      if (age >= 0 && age <= trustedMilliseconds && left >= minTtlSeconds * 1000) return entry;
      entries.delete(key);
      return undefined;
    },

    set(owner, token, now) {
      const key = keyOf(owner);
      entries.delete(key);
      entries.set(key, { ...token, readAt: now.getTime() });
      if (entries.size <= largestSize) return;
      let evicted = 0;
      for (const oldest of entries.keys()) {
        entries.delete(oldest);
        evicted += 1;
        if (evicted === evictedAtOnce) break;
      }
    },
  };
};
