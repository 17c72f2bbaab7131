import {
  type ReadableItem,
  type Walk,
  type Walked,
  type WalkPorts,
  walkConnections,
} from "../../shared/domain/all-connections.ts";
import type { Connections } from "../../shared/domain/connection.ts";
import type { ConnectionId, TenantId, WorkspaceId } from "../../shared/domain/ids.ts";
import type { Problem } from "../../shared/domain/problem.ts";
import type { TokenVault } from "../../shared/domain/token-vault.ts";

/** A connection that is served no more. */
export interface EndedConnection {
  readonly id: ConnectionId;
  readonly workspaceId: WorkspaceId;
  readonly tenantId: TenantId;
}

export interface RequireSignInsPorts extends WalkPorts {
  readonly connections: Pick<Connections, "requireSignIn">;
  readonly vault: Pick<TokenVault, "erase">;
  /** Told of each connection as soon as it has ended. */
  readonly noteEnded: (connection: EndedConnection) => void;
}

export interface SignInsToRequire extends Walk {
  /** Whoever has signed in at that time or later keeps their tokens. */
  readonly connectedBefore: Date;
  /** Only counts, and changes nothing. */
  readonly isDryRun: boolean;
}

export interface RequiredPart extends Walked {
  /** Connections that this call has ended, or would have. */
  readonly required: number;
}

const signInRequired: Problem = {
  code: "reauthorization_required",
  actor: "user",
  message:
    "For your safety the permission to read this mailbox was deleted. Please reconnect the mailbox.",
};

type FoundConnection = Extract<ReadableItem, { kind: "connection" }>;

/** @returns whether it is ended by this call */
const endConnection = async (
  { id, owner: { workspaceId }, tenantId }: FoundConnection,
  signedInBefore: Date,
  { connections, vault, noteEnded, now }: RequireSignInsPorts,
): Promise<boolean> => {
  const requirement = { signedInBefore, problem: signInRequired, now: now() };
  const ended = await connections.requireSignIn(id, requirement);
  if (!ended) return false;
  if (ended.isNew) noteEnded({ id, workspaceId, tenantId });
  // Also that of one that had ended: what ended it may have died before it came to this.
  await vault.erase(ended.vaultEntry);
  return ended.isNew;
};

/**
 * Deletes the tokens of all connections whose people have not signed in since `connectedBefore`, whatever has become of
 * them, and has their people sign in again. One after the other, first the item, then the vault: a failure leaves at most
 * one refresh token that is not served any more and not erased yet, and a repeat from the same place comes to it first.
 */
export const requireSignIns = async (
  { connectedBefore, isDryRun, ...walk }: SignInsToRequire,
  ports: RequireSignInsPorts,
): Promise<RequiredPart> => {
  let required = 0;
  const walked = await walkConnections(walk, ports, async (item) => {
    if (item.kind !== "connection") return;
    if (item.signedInAt && item.signedInAt >= connectedBefore) return;
    const isEnded = isDryRun ? item.hasTokens : await endConnection(item, connectedBefore, ports);
    if (isEnded) required += 1;
  });
  return { required, ...walked };
};
