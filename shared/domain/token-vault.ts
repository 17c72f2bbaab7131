import type { AccountKey, ConnectionId, WorkspaceId } from "./ids.ts";
import type { Secret } from "./secret.ts";

/** Whose refresh token it is; compared on every read, so that swapped entries are refused. */
export interface VaultOwner extends AccountKey {
  readonly connectionId: ConnectionId;
  readonly workspaceId: WorkspaceId;
}

/** Keeps refresh tokens, the one durable secret of a connection. */
export interface TokenVault {
  /** Stores a first refresh token in a new entry. @returns the entry's name */
  create(owner: VaultOwner, refreshToken: Secret): Promise<string>;

  /** @returns `undefined` if there is no such entry. @throws if it belongs to another owner. */
  read(entry: string, owner: VaultOwner): Promise<Secret | undefined>;

  /** Replaces the token of an entry. */
  replace(entry: string, owner: VaultOwner, refreshToken: Secret): Promise<void>;

  /** Erases the entry at once, without a recovery window. An entry that is gone is fine. */
  erase(entry: string): Promise<void>;
}
