import type { Connections } from "../../shared/domain/connection.ts";
import {
  asksInSpite,
  type ConsentRequests,
  type RequestMail,
} from "../../shared/domain/consent-request.ts";
import type { ConnectionId, ProductUser } from "../../shared/domain/ids.ts";
import type { MailAddress } from "../../shared/domain/mail-address.ts";
import { fail, type Result, succeed } from "../../shared/domain/result.ts";
import {
  type ConsentStatus,
  isStale,
  type Organisation,
  type OrganisationPorts,
  organisationOf,
  type TenantConsents,
} from "../../shared/domain/tenant-consent.ts";

export interface ApprovalStatusRequest {
  readonly user: ProductUser;
  readonly email: MailAddress | undefined;
  /** The organisation of this connection, or else the one of the person's address. */
  readonly connectionId: ConnectionId | undefined;
}

export interface ApprovalStatus {
  readonly status: ConsentStatus;
  /** What became of the person's own mail to an administrator, if they asked. */
  readonly mail: RequestMail | undefined;
}

export interface ApprovalStatusPorts extends OrganisationPorts {
  readonly connections: Pick<Connections, "findOwned">;
  readonly consents: Pick<TenantConsents, "find">;
  readonly requests: Pick<ConsentRequests, "find">;
  readonly now: () => Date;
}

/** How the approval of a person's organisation stands, for a page that waits for it. Changes nothing. */
export const approvalStatus = async (
  { user, email, connectionId }: ApprovalStatusRequest,
  ports: ApprovalStatusPorts,
): Promise<Result<ApprovalStatus, { readonly kind: "connection_unknown" }>> => {
  let organisation: Organisation;
  if (connectionId === undefined) {
    organisation = await organisationOf({ user, email }, ports);
  } else {
    const connection = await ports.connections.findOwned(connectionId, user);
    if (!connection) return fail({ kind: "connection_unknown" });
    organisation = { kind: "tenant", tenantId: connection.account.tenantId };
  }
  const [consent, request] = await Promise.all([
    ports.consents.find(organisation),
    ports.requests.find(organisation, user),
  ]);
  const { status } = consent;
  // For an administrator, in spite of a proof that does not help them or a report that may never have been true.
  const waits = asksInSpite(request, consent, ports.now()) || isStale(consent, ports.now());
  return succeed({ status: waits ? "requested" : status, mail: request?.mail });
};
