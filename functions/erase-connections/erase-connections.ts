import {
  isOver,
  type ReadableItem,
  type Walked,
  type WalkPorts,
  walkConnections,
} from "../../shared/domain/all-connections.ts";
import type { AuthorizationAttempts } from "../../shared/domain/attempt.ts";
import type { Connections } from "../../shared/domain/connection.ts";
import type { ConsentRequests } from "../../shared/domain/consent-request.ts";
import {
  type DisconnectMailboxPorts,
  disconnectMailbox,
} from "../../shared/domain/disconnect-mailbox.ts";
import type { ConnectionId, ProductUser, TenantId, WorkspaceId } from "../../shared/domain/ids.ts";
import { fail, type Result, succeed } from "../../shared/domain/result.ts";
import { personAlone, type TenantConsents } from "../../shared/domain/tenant-consent.ts";
import {
  type NoteUnreadable,
  orNoteUnreadable,
} from "../../shared/domain/unreadable-connection.ts";

export interface EraseConnectionsPorts extends DisconnectMailboxPorts, WalkPorts {
  readonly attempts: Pick<AuthorizationAttempts, "eraseOpen">;
  readonly connections: Pick<Connections, "disconnect" | "listOwned">;
  readonly requests: Pick<ConsentRequests, "erase">;
  readonly consents: Pick<TenantConsents, "forget">;
}

export interface Erased {
  /** Connections that were there. One that ended a moment before may be among them. */
  readonly erased: number;
  /** Connections that are still there: written by a later version of this code and not to be understood here. */
  readonly leftOut: number;
  /** Those as well, and an operator has to mend them. */
  readonly unreadable: number;
}

export interface ErasedPart extends Erased, Walked {}

/** Before the connection is ended: its tenant tells under which organisation its owner may have asked for an approval. */
const forgetRequests = async (
  owner: ProductUser,
  tenantId: TenantId,
  { requests }: EraseConnectionsPorts,
) => requests.erase({ kind: "tenant", tenantId }, owner);

/** Sign-ins that are under way, and what is kept of a person alone of whom no tenant was known. */
const forgetPerson = async (
  owner: ProductUser,
  { attempts, consents, requests }: EraseConnectionsPorts,
) => {
  await attempts.eraseOpen(owner);
  await requests.erase(personAlone(owner), owner);
  await consents.forget(owner);
};

/**
 * Ends all of a person's connections in a workspace, one after the other, so that a failure leaves at most one refresh
 * token that is not served any more and not erased yet. A repeat goes on with the next connection; that one token the
 * sweep erases.
 *
 * @returns `out_of_time` if there are more than a call can end; a repeat goes on
 */
export const erasePerson = async (
  { owner, deadline }: { readonly owner: ProductUser; readonly deadline: Date },
  ports: EraseConnectionsPorts,
): Promise<Result<Erased, { readonly kind: "out_of_time" }>> => {
  await forgetPerson(owner, ports);
  const owned = await ports.connections.listOwned(owner, { evenForgotten: true });
  let erased = 0;
  let unreadable = 0;
  const note: NoteUnreadable = (connection) => {
    unreadable += 1;
    ports.noteUnreadable(connection);
  };
  for (const connection of owned.unreadable) note(connection);
  for (const { id, account } of owned.connections) {
    if (isOver(deadline, ports.now())) return fail({ kind: "out_of_time" });
    await forgetRequests(owner, account.tenantId, ports);
    await orNoteUnreadable(async () => {
      const ended = await disconnectMailbox({ id, owner, evenForgotten: true }, ports);
      if (ended.ok) erased += 1;
    }, note);
  }
  return succeed({ erased, leftOut: owned.leftOut, unreadable });
};

/** @returns whether it was a connection that is ended now */
const endItem = async (item: ReadableItem, ports: EraseConnectionsPorts): Promise<boolean> => {
  switch (item.kind) {
    case "connection": {
      const { id, owner, tenantId } = item;
      await forgetPerson(owner, ports);
      await forgetRequests(owner, tenantId, ports);
      const ended = await disconnectMailbox({ id, owner, evenForgotten: true }, ports);
      return ended.ok;
    }
    case "tombstone":
      // What ended it may have died before it came to this.
      await ports.vault.erase(item.vaultEntry);
      return false;
    default:
      return item satisfies never;
  }
};

/**
 * Ends the connections of a workspace, as many as the time allows, in the order of the table and one after the other: a
 * failure leaves at most one refresh token that is not erased yet, and a repeat from the same place meets it before it
 * comes to anything else. Reads the whole table, see `AllConnections`.
 */
export const eraseWorkspace = async (
  {
    workspaceId,
    startAt,
    deadline,
  }: {
    readonly workspaceId: WorkspaceId;
    readonly startAt: ConnectionId | undefined;
    readonly deadline: Date;
  },
  ports: EraseConnectionsPorts,
): Promise<ErasedPart> => {
  let erased = 0;
  const walk = { whose: { workspaceId }, startAt, deadline };
  const walked = await walkConnections(walk, ports, async (item) => {
    if (await endItem(item, ports)) erased += 1;
  });
  return { erased, ...walked };
};
