import { attemptStateOf } from "../../shared/domain/attempt-state.ts";
import type { Requester } from "../../shared/domain/consent-request.ts";
import {
  type ConnectionId,
  isSameUser,
  type ObjectId,
  personalAccountsTenant,
} from "../../shared/domain/ids.ts";
import { fail, type Result, succeed } from "../../shared/domain/result.ts";
import {
  type Organisation,
  organisationIn,
  tenantOfAddress,
} from "../../shared/domain/tenant-consent.ts";
import type { ApprovalAsked, NotAsked, RequestApprovalPorts } from "./request-approval.ts";

/** Whose approval is asked for, by what the person was doing when Microsoft turned them away. */
export interface Origin {
  readonly organisation: Organisation;
  /** Their account there, if they have connected one. */
  readonly objectId: ObjectId | undefined;
  /** The connection whose tenant it is, if it is one's. */
  readonly connectionId: ConnectionId | undefined;
  readonly returnTo: string;
  /** Microsoft has turned them away: an approval from before that is no help. */
  readonly wasTurnedAway: boolean;
}

/** While nobody can tell whose address it is, no request is filed: it would be looked for with its organisation later. */
const organisationAsked = async (
  { user, email }: Requester,
  ports: RequestApprovalPorts,
): Promise<Result<Organisation, NotAsked>> => {
  const tenantId = await tenantOfAddress(email, ports);
  return tenantId === "unavailable"
    ? fail({ kind: "organisation_unavailable" })
    : succeed(organisationIn(tenantId, user));
};

/**
 * An attempt is removed an hour after it is over, while the link that was given out for it leads somewhere for days:
 * whoever has asked goes on with what they asked for.
 */
const originOfRequest = async (
  requester: Requester,
  ports: RequestApprovalPorts,
): Promise<Result<Origin, NotAsked>> => {
  const asked = await organisationAsked(requester, ports);
  if (!asked.ok) return asked;
  const organisation = asked.value;
  const request = await ports.requests.find(organisation, requester.user);
  if (!request || request.expiresAt <= ports.now()) return fail({ kind: "attempt_unknown" });
  return succeed({
    organisation,
    objectId: undefined,
    connectionId: undefined,
    returnTo: request.returnTo,
    // They were before they asked: an approval that is there now came later.
    wasTurnedAway: false,
  });
};

export const originOf = async (
  { requester, from, returnTo }: ApprovalAsked,
  ports: RequestApprovalPorts,
): Promise<Result<Origin, NotAsked>> => {
  const { user } = requester;
  if (from.kind === "connection") {
    const connection = await ports.connections.findOwned(from.connectionId, user);
    if (!connection) return fail({ kind: "connection_unknown" });
    const { tenantId, objectId } = connection.account;
    if (tenantId === personalAccountsTenant) return fail({ kind: "personal_account" });
    const wasTurnedAway = connection.status === "admin_approval_required";
    const organisation = { kind: "tenant", tenantId } as const;
    return succeed({
      organisation,
      objectId,
      connectionId: connection.id,
      returnTo,
      wasTurnedAway,
    });
  }
  const attempt = await ports.attempts.find(from.attemptId);
  if (!attempt || !isSameUser(attempt.user, user)) return originOfRequest(requester, ports);
  const { status } = attemptStateOf(attempt, ports.now());
  // Who comes back to a mailbox needs its tenant's approval, whatever their address at the product says.
  const tenantId = attempt.reconnect?.account.tenantId;
  if (tenantId === personalAccountsTenant) return fail({ kind: "personal_account" });
  const organisation = tenantId
    ? succeed<Organisation>({ kind: "tenant", tenantId })
    : await organisationAsked(requester, ports);
  if (!organisation.ok) return organisation;
  return succeed({
    organisation: organisation.value,
    objectId: attempt.reconnect?.account.objectId,
    connectionId: attempt.reconnect?.connectionId,
    returnTo: attempt.returnTo,
    wasTurnedAway: status === "failed" || status === "pending" || status === "expired",
  });
};
