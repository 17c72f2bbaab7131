import { secondsOf } from "../../shared/adapters/dynamodb/instant.ts";
import type { AllConnections, FoundItem } from "../../shared/domain/all-connections.ts";
import {
  type Connection,
  type Connections,
  endedKeptSeconds,
  type StoredConnection,
} from "../../shared/domain/connection.ts";
import { type ConnectionId, ownerKeyOf, type WorkspaceId } from "../../shared/domain/ids.ts";
import { keepAliveAt } from "../../shared/domain/keep-alive.ts";

interface Tombstone {
  readonly disconnectedBy: string;
  readonly workspaceId: WorkspaceId;
  readonly version: number;
  readonly vaultEntry: string;
  readonly disconnectedAt: Date;
}

export interface MemoryConnections extends Connections {
  /** Pages of one item each, in the order of the ids. */
  readonly all: AllConnections;
}

const foundItem = (id: ConnectionId, item: StoredConnection | Tombstone): FoundItem => {
  if ("disconnectedBy" in item) return { kind: "tombstone", id, vaultEntry: item.vaultEntry };
  const { owner, account, signedInAt, sealedAccessToken } = item;
  const hasTokens = sealedAccessToken !== "";
  return { kind: "connection", id, owner, tenantId: account.tenantId, signedInAt, hasTokens };
};

/**
 * Connections in memory, with the promises of the port and nothing more. Every method is one step.
 *
 * @param clock tells what is forgotten by now; by default, nothing is
 */
export const memoryConnections = (clock: () => Date = () => new Date(0)): MemoryConnections => {
  const items = new Map<ConnectionId, StoredConnection | Tombstone>();

  const live = (id: ConnectionId): StoredConnection | undefined => {
    const item = items.get(id);
    if (!item || "disconnectedBy" in item) return undefined;
    return item.forgottenAt && item.forgottenAt <= clock() ? undefined : item;
  };

  const viewOf = (stored: StoredConnection): Connection => {
    const {
      id,
      owner,
      account,
      status,
      scopes,
      createdAt,
      lastRefreshedAt,
      problem,
      pendingClaims,
    } = stored;
    return {
      id,
      owner,
      account,
      status,
      scopes,
      createdAt,
      lastRefreshedAt,
      problem,
      pendingClaims,
    };
  };

  const isHeld = (stored: StoredConnection | undefined, held: { owner: string; version: number }) =>
    stored?.version === held.version && stored.lease?.owner === held.owner;

  return {
    all: {
      page: async (whose, after = "" as ConnectionId) => {
        const [id] = [...items.keys()].filter((each) => each > after).toSorted();
        const item = id && items.get(id);
        if (!item) return { items: [], next: undefined };
        const { workspaceId, tenantId } =
          "disconnectedBy" in item
            ? { ...item, tenantId: undefined }
            : { ...item.owner, ...item.account };
        const isMeant =
          (whose.workspaceId ?? workspaceId) === workspaceId &&
          (whose.tenantId ?? tenantId) === tenantId;
        return { items: isMeant ? [foundItem(id, item)] : [], next: id };
      },
    },

    connect: async (mailbox) => {
      const { id, now, startedAt, ...rest } = mailbox;
      const before = items.get(id);
      if (
        before &&
        "disconnectedBy" in before &&
        secondsOf(before.disconnectedAt) > secondsOf(startedAt)
      ) {
        return { kind: "disconnected_since" };
      }
      const isReconnect = live(id) !== undefined;
      const stored: StoredConnection = {
        ...rest,
        id,
        version: (before?.version ?? 0) + 1,
        status: "connected",
        createdAt: live(id)?.createdAt ?? now,
        lastRefreshedAt: now,
        refreshTokenStoredAt: now,
        keepAliveAt: keepAliveAt(id, now),
        signedInAt: now,
        lastUsedAt: now,
        problem: undefined,
        pendingClaims: undefined,
        lease: undefined,
        refreshNotBefore: undefined,
        pause: undefined,
        firstRefusedAt: undefined,
        forgottenAt: undefined,
      };
      items.set(id, stored);
      return {
        kind: "connected",
        connection: viewOf(stored),
        isReconnect,
        replacedVaultEntry: before?.vaultEntry,
      };
    },

    findOwned: async (id, owner) => {
      const stored = live(id);
      return stored && ownerKeyOf(stored.owner) === ownerKeyOf(owner) ? viewOf(stored) : undefined;
    },

    listOwned: async (owner, { evenForgotten } = { evenForgotten: false }) => ({
      connections: [...items.entries()]
        .map(([id, item]) => (evenForgotten && !("disconnectedBy" in item) ? item : live(id)))
        .filter((stored) => stored !== undefined)
        .filter((stored) => ownerKeyOf(stored.owner) === ownerKeyOf(owner))
        .toSorted((left, right) => left.createdAt.getTime() - right.createdAt.getTime())
        .map(viewOf),
      leftOut: 0,
      unreadable: [],
    }),

    hasAtLeast: async (count, owner) => {
      const owned = [...items].filter(
        ([id, item]) =>
          !("disconnectedBy" in item) && live(id) && ownerKeyOf(item.owner) === ownerKeyOf(owner),
      );
      return owned.length >= count;
    },

    disconnect: async (id, owner, now, { evenForgotten } = { evenForgotten: false }) => {
      const item = items.get(id);
      if (!item) return undefined;
      const ownedBy = "disconnectedBy" in item ? item.disconnectedBy : ownerKeyOf(item.owner);
      if (ownedBy !== ownerKeyOf(owner)) return undefined;
      if (!("disconnectedBy" in item) && !live(id) && !evenForgotten) return undefined;
      const { version, vaultEntry } = item;
      const disconnectedAt = "disconnectedBy" in item ? item.disconnectedAt : now;
      items.set(id, {
        disconnectedBy: ownedBy,
        workspaceId: owner.workspaceId,
        version: version + 1,
        vaultEntry,
        disconnectedAt,
      });
      return { vaultEntry, isNew: !("disconnectedBy" in item) };
    },

    findForWorkspace: async (id, workspaceId) => {
      const stored = live(id);
      return stored?.owner.workspaceId === workspaceId ? stored : undefined;
    },

    acquireLease: async (id, version, lease, now) => {
      const stored = live(id);
      if (stored?.version !== version) return false;
      const isFree =
        !stored.lease || stored.lease.expiresAt <= now || stored.lease.owner === lease.owner;
      if (isFree) items.set(id, { ...stored, lease });
      return isFree;
    },

    saveRefreshed: async (id, held, { now, ...tokens }) => {
      const stored = live(id);
      if (!stored || !isHeld(stored, held)) return false;
      items.set(id, {
        ...stored,
        ...tokens,
        keepAliveAt: keepAliveAt(id, tokens.refreshTokenStoredAt),
        version: held.version + 1,
        status: "connected",
        lastRefreshedAt: now,
        lease: undefined,
        refreshNotBefore: undefined,
        pause: undefined,
        firstRefusedAt: undefined,
        forgottenAt: undefined,
        pendingClaims: undefined,
      });
      return true;
    },

    recordSetback: async (id, held, setback) => {
      const stored = live(id);
      if (!stored || !isHeld(stored, held)) return false;
      items.set(id, { ...stored, ...setback, version: held.version + 1, lease: undefined });
      return true;
    },

    requireSignIn: async (id, { signedInBefore, problem, now }) => {
      const stored = items.get(id);
      if (!stored || "disconnectedBy" in stored) return undefined;
      const { vaultEntry, signedInAt, sealedAccessToken, version } = stored;
      if (signedInAt && signedInAt >= signedInBefore) return undefined;
      if (sealedAccessToken === "") return { vaultEntry, isNew: false };
      items.set(id, {
        ...stored,
        version: version + 1,
        status: "reauthorization_required",
        problem,
        sealedAccessToken: "",
        accessTokenExpiresAt: new Date(0),
        forgottenAt: stored.forgottenAt ?? new Date(now.getTime() + endedKeptSeconds * 1000),
        lease: undefined,
        refreshNotBefore: undefined,
        pause: undefined,
        firstRefusedAt: undefined,
        keepAliveAt: undefined,
      });
      return { vaultEntry, isNew: true };
    },
  };
};
