import type { ConnectionId, ProductUser, WorkspaceId } from "./ids.ts";
import type { MicrosoftAccount } from "./microsoft.ts";
import type { Problem } from "./problem.ts";
import type { Unreadable } from "./unreadable-connection.ts";

/**
 * A connection that has ended is kept for so long, in seconds, for its person to see why, and to reconnect it under the
 * id that workflows know.
 */
export const endedKeptSeconds = 180 * 24 * 3600;

/**
 * How many mailboxes one person may have connected in one workspace. Sign-ins that are open when it is reached may
 * exceed it. OWASP ASVS 2.4.1
 */
export const connectionsPerOwner = 100;

export type ConnectionStatus =
  | "connected"
  | "reauthorization_required"
  | "admin_approval_required"
  | "disconnected";

/** A connection that has not been disconnected, without its tokens. */
export interface Connection {
  readonly id: ConnectionId;
  readonly owner: ProductUser;
  readonly account: MicrosoftAccount;
  readonly status: Exclude<ConnectionStatus, "disconnected">;
  readonly scopes: readonly string[];
  readonly createdAt: Date;
  readonly lastRefreshedAt: Date;
  readonly problem: Problem | undefined;
  /** A claims request of Microsoft's to carry into the next sign-in. */
  readonly pendingClaims: string | undefined;
}

/** The connection as the token service reads it. */
export interface StoredConnection extends Connection {
  /** Rises with every write of tokens or status; a write under an old version is refused. */
  readonly version: number;
  /** JWE, bound to this connection, its workspace and the purpose. Empty, and expired, where it was deleted. */
  readonly sealedAccessToken: string;
  readonly accessTokenExpiresAt: Date;
  /** Names the refresh token in the vault. */
  readonly vaultEntry: string;
  readonly refreshTokenStoredAt: Date;
  /** When it is refreshed although nobody uses it. `undefined` once it has ended, or if it was stored before there was such a time. */
  readonly keepAliveAt: Date | undefined;
  /**
   * What its owner's last sign-in asked for, and so what a refresh asks for: Microsoft refuses a permission that was
   * never approved. `undefined` if it was stored before that was kept.
   */
  readonly requestedScopes: readonly string[] | undefined;
  /** When its owner last signed in at Microsoft. `undefined` if it was stored before that was kept. */
  readonly signedInAt: Date | undefined;
  /** When a worker last had it renewed, or its owner signed in. `undefined` if that was before it was kept. */
  readonly lastUsedAt: Date | undefined;
  readonly lease: Lease | undefined;
  /** Microsoft is not asked again before this. `undefined` in a connection that has ended: not before a new sign-in. */
  readonly refreshNotBefore: Date | undefined;
  /** What workers are told until then. */
  readonly pause: Pause | undefined;
  /** When an unexplained refusal was first seen; two of them, minutes apart, are believed. */
  readonly firstRefusedAt: Date | undefined;
  /** From then on it is as if it were not there, unless something revives it. `undefined` unless it has ended. */
  readonly forgottenAt: Date | undefined;
}

/** Why Microsoft is left alone for a while, in the words that workers are told. */
export interface Pause extends Problem {
  readonly retryable: boolean;
}

/** The right to refresh one connection; nobody refreshes without it. */
export interface Lease {
  readonly owner: string;
  readonly expiresAt: Date;
}

export interface NewTokens {
  readonly sealedAccessToken: string;
  readonly accessTokenExpiresAt: Date;
  readonly scopes: readonly string[];
}

export interface ConnectedMailbox extends NewTokens {
  readonly id: ConnectionId;
  readonly owner: ProductUser;
  readonly account: MicrosoftAccount;
  readonly vaultEntry: string;
  /** What the sign-in asked for. */
  readonly requestedScopes: readonly string[];
  /** When the sign-in was begun that this comes from. */
  readonly startedAt: Date;
  readonly now: Date;
}

export type Connecting =
  | {
      readonly kind: "connected";
      readonly connection: Connection;
      /** Whether it was connected before, healthy or not. */
      readonly isReconnect: boolean;
      /** Not named by the connection any more, for the caller to erase. */
      readonly replacedVaultEntry: string | undefined;
    }
  /** Its owner disconnected it after this sign-in was begun; nothing was written. */
  | { readonly kind: "disconnected_since" };

export interface OwnedConnections {
  readonly connections: readonly Connection[];
  /** How many more there are, written by a later version of this code and not to be understood here. */
  readonly leftOut: number;
  /** They are there as well. One that has lost what the list is made by is not among them. */
  readonly unreadable: readonly Unreadable[];
}

/** What a refusal does to a connection. */
export interface Setback {
  readonly status: Exclude<ConnectionStatus, "disconnected">;
  readonly problem: Problem | undefined;
  readonly refreshNotBefore: Date | undefined;
  readonly pause: Pause | undefined;
  readonly firstRefusedAt: Date | undefined;
  readonly pendingClaims: string | undefined;
  readonly lastUsedAt: Date | undefined;
  /** When a connection that has ended is forgotten; `undefined` for all others. */
  readonly forgottenAt: Date | undefined;
  /** `undefined` for a connection that has ended for good: nothing keeps it alive. */
  readonly keepAliveAt: Date | undefined;
}

/** What a refresh brings. */
export interface RenewedTokens extends NewTokens {
  /** Another one than before if the refresh token has moved. */
  readonly vaultEntry: string;
  readonly refreshTokenStoredAt: Date;
  readonly lastUsedAt: Date | undefined;
  /** What the owner should know although the connection works. */
  readonly problem: Problem | undefined;
  readonly now: Date;
}

export interface Connections {
  /**
   * Creates the connection, or renews it after a new sign-in to the same account: it keeps its id and
   * its day of creation, and whatever was wrong with it is over. A lease that a refresh still holds ends.
   * When another sign-in to the same account came later, its connection stands and this one's entry of
   * the vault is the one that was replaced.
   */
  connect(mailbox: ConnectedMailbox): Promise<Connecting>;

  /** Only the owner's; a disconnected or forgotten one is not found. Strongly consistent. */
  findOwned(id: ConnectionId, owner: ProductUser): Promise<Connection | undefined>;

  /**
   * All of the owner's that are not disconnected, oldest first. May lag behind a write by a second.
   *
   * @param which those that are forgotten too, of which the item is still there
   */
  listOwned(
    owner: ProductUser,
    which?: { readonly evenForgotten: boolean },
  ): Promise<OwnedConnections>;

  /**
   * Whether the owner has so many that are neither disconnected nor forgotten. May lag behind a write by a second.
   */
  hasAtLeast(count: number, owner: ProductUser, now: Date): Promise<boolean>;

  /**
   * Forgets everything but a tombstone without personal data. Repeating it returns the same entry.
   *
   * @returns the entry of the vault to erase, and whether it was this call that ended the connection; or `undefined` if the owner never had this connection, or it is forgotten.
   */
  disconnect(
    id: ConnectionId,
    owner: ProductUser,
    now: Date,
    which?: { readonly evenForgotten: boolean },
  ): Promise<{ readonly vaultEntry: string; readonly isNew: boolean } | undefined>;

  /**
   * Unknown, foreign, disconnected and forgotten look the same.
   *
   * @param consistent reads past any replica lag, at twice the price
   */
  findForWorkspace(
    id: ConnectionId,
    workspaceId: WorkspaceId,
    options: { readonly consistent: boolean },
  ): Promise<StoredConnection | undefined>;

  /** @returns whether `lease.owner` may refresh `version` until `lease.expiresAt`. */
  acquireLease(id: ConnectionId, version: number, lease: Lease, now: Date): Promise<boolean>;

  /**
   * Stores refreshed tokens and ends the lease.
   *
   * @returns `false` if the version moved or the lease went to somebody else; nothing was written.
   */
  saveRefreshed(id: ConnectionId, held: HeldLease, tokens: RenewedTokens): Promise<boolean>;

  /**
   * Stores what a refusal means for the connection and ends the lease.
   *
   * @returns `false` if the version moved or the lease went to somebody else; nothing was written.
   */
  recordSetback(id: ConnectionId, held: HeldLease, setback: Setback): Promise<boolean>;

  /**
   * Ends a connection whosesoever, even a forgotten one: deletes its access token and says that its person must sign in
   * again, under a higher version, so that no refresh that is on its way can be written. Repeating it changes nothing.
   *
   * @returns the entry of the vault to erase, and whether it was this call that ended the connection; `undefined` if
   *   there is no such connection, or its person has signed in since
   */
  requireSignIn(
    id: ConnectionId,
    requirement: SignInRequirement,
  ): Promise<{ readonly vaultEntry: string; readonly isNew: boolean } | undefined>;
}

/** A sign-in that the operator requires of those who have not signed in for so long. */
export interface SignInRequirement {
  /** Whoever has signed in at that time or later keeps their tokens. */
  readonly signedInBefore: Date;
  readonly problem: Problem;
  readonly now: Date;
}

export interface HeldLease {
  readonly owner: string;
  readonly version: number;
}
