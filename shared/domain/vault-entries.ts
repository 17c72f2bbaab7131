import type { ConnectionId } from "./ids.ts";
import type { OnUnreadable } from "./unreadable-item.ts";

/** One entry of a token vault, as a list of them shows it. */
export interface NamedEntry {
  readonly entry: string;
  /** Whose it was when it was made. */
  readonly connectionId: ConnectionId;
  /** When its token was last written. */
  readonly writtenAt: Date;
}

/** One of so many parts, all of about the same size; an entry is always in the same one. */
export interface VaultPart {
  readonly index: number;
  readonly of: number;
}

/** All entries of a vault, whether a connection names them or not. */
export interface VaultEntries {
  /** @param onUnreadable told of each that is not among them, because it cannot be read */
  inPart(part: VaultPart, onUnreadable: OnUnreadable): AsyncIterable<NamedEntry>;
}

/** What a connection says of the vaults. */
export interface EntryNaming {
  readonly entry: string;
  /** When the connection, which has ended, is forgotten. `undefined` unless it has ended. */
  readonly forgottenAt: Date | undefined;
}

/** What connections say of the vaults. */
export interface VaultNames {
  /**
   * The entry that a connection names, read consistently.
   *
   * @returns `undefined` if it is gone or disconnected, `unreadable` if it may name any
   */
  entryOf(id: ConnectionId): Promise<EntryNaming | "unreadable" | undefined>;
}
