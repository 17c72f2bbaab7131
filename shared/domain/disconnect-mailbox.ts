import type { Connections } from "./connection.ts";
import type { ConnectionId, ProductUser } from "./ids.ts";
import { fail, type Result, succeed } from "./result.ts";
import type { TokenVault } from "./token-vault.ts";

/** Told of a connection as soon as it is served no more, and again, as not new, by whoever repeats it. */
export type NoteDisconnected = (ended: {
  readonly id: ConnectionId;
  readonly owner: ProductUser;
  readonly isNew: boolean;
}) => void;

export interface DisconnectMailboxPorts {
  readonly connections: Pick<Connections, "disconnect">;
  readonly vault: Pick<TokenVault, "erase">;
  readonly noteDisconnected: NoteDisconnected;
  readonly now: () => Date;
}

/**
 * Stops serving tokens first, then erases the refresh token. If the second step fails, repeating the
 * request ends it; meanwhile no fetch gets a token.
 */
export const disconnectMailbox = async (
  {
    id,
    owner,
    evenForgotten = false,
  }: {
    readonly id: ConnectionId;
    readonly owner: ProductUser;
    /** Whose item is still there, though nobody is shown it. */
    readonly evenForgotten?: boolean;
  },
  { connections, vault, noteDisconnected, now }: DisconnectMailboxPorts,
): Promise<Result<undefined, { readonly kind: "connection_unknown" }>> => {
  const disconnected = await connections.disconnect(id, owner, now(), { evenForgotten });
  if (!disconnected) return fail({ kind: "connection_unknown" });
  noteDisconnected({ id, owner, isNew: disconnected.isNew });
  await vault.erase(disconnected.vaultEntry);
  return succeed(undefined);
};
