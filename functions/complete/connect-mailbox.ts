import type { TakenAttempt } from "../../shared/domain/attempt.ts";
import type { ConnectedMailbox, Connecting } from "../../shared/domain/connection.ts";
import { connectionIdOf } from "../../shared/domain/ids.ts";
import { inTime } from "../../shared/domain/in-time.ts";
import type { Grant } from "../../shared/domain/microsoft.ts";
import { fail, type Result, succeed } from "../../shared/domain/result.ts";
import type {
  CompleteAuthorizationPorts,
  Completed,
  NotConnected,
} from "./complete-authorization.ts";
import { stepLimits } from "./time-budget.ts";

/** A grant that may be connected. */
export interface SealedGrant extends Grant {
  readonly sealedAccessToken: string;
}

export interface ConnectingEnd {
  readonly connected: Result<Completed, NotConnected>;
  /** An entry of the vault that no connection names, to be erased when the person has been told. */
  readonly unnamedEntry: string | undefined;
}

/** Where no answer tells whether it was written, the item does, so that whoever is connected is told so. */
const connectOrLook = async (
  mailbox: ConnectedMailbox,
  { connections }: CompleteAuthorizationPorts,
): Promise<Connecting> => {
  try {
    return await inTime(stepLimits.connect, connections.connect)(mailbox);
  } catch (error) {
    const { id, owner, vaultEntry } = mailbox;
    const look = inTime(stepLimits.look, connections.findForWorkspace);
    const stored = await look(id, owner.workspaceId, { consistent: true }).catch(() => undefined);
    if (stored?.vaultEntry !== vaultEntry) throw error;
    // Whatever it has replaced is found by the sweep.
    return {
      kind: "connected",
      connection: stored,
      isReconnect: false,
      replacedVaultEntry: undefined,
    };
  }
};

export const connectMailbox = async (
  grant: SealedGrant,
  attempt: TakenAttempt,
  ports: CompleteAuthorizationPorts,
): Promise<ConnectingEnd> => {
  const { user: owner } = attempt;
  const { tenantId, objectId } = grant.account;
  const id = connectionIdOf(owner, grant.account);
  // The secret first, the item that names it second: a crash between them leaves a secret that no item
  // names, and never a connection without its secret.
  const vaultEntry = await inTime(stepLimits.entry, ports.vault.create)(
    { connectionId: id, workspaceId: owner.workspaceId, tenantId, objectId },
    grant.refreshToken,
  );
  const mailbox = {
    id,
    owner,
    account: grant.account,
    vaultEntry,
    sealedAccessToken: grant.sealedAccessToken,
    accessTokenExpiresAt: grant.accessTokenExpiresAt,
    scopes: grant.scopes,
    requestedScopes: attempt.requestedScopes,
    startedAt: attempt.createdAt,
    now: ports.now(),
  };
  const connecting = await connectOrLook(mailbox, ports);
  if (connecting.kind === "disconnected_since") {
    return { connected: fail(connecting), unnamedEntry: vaultEntry };
  }
  const { connection, replacedVaultEntry, isReconnect } = connecting;
  ports.noteConnected({ connection, attempt, isReconnect });
  return {
    connected: succeed({ connection, isNew: true }),
    unnamedEntry: replacedVaultEntry,
  };
};
