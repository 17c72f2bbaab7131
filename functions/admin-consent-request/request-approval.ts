import { randomBytes } from "node:crypto";
import type { AuthorizationAttempts } from "../../shared/domain/attempt.ts";
import type { Connections } from "../../shared/domain/connection.ts";
import {
  approvalLinkDays,
  asksInSpite,
  type ConsentRequests,
  isAnsweredBy,
  type Mailer,
  type MailLedger,
  type Requester,
  type RequestMail,
} from "../../shared/domain/consent-request.ts";
import {
  type AttemptId,
  type ConnectionId,
  hashOf,
  ownerKeyOf,
  type TenantId,
} from "../../shared/domain/ids.ts";
import { domainOf, type MailAddress, type MailDomain } from "../../shared/domain/mail-address.ts";
import { fail, type Result, succeed } from "../../shared/domain/result.ts";
import type { SignInSealer } from "../../shared/domain/sealer.ts";
import { Secret } from "../../shared/domain/secret.ts";
import {
  type ConsentStatus,
  isSpreading,
  type Organisation,
  type OrganisationPorts,
  type RecordPorts,
  recordEvent,
  type TenantConsent,
  type TenantConsents,
  tenantOfAddress,
} from "../../shared/domain/tenant-consent.ts";
import { recordTurnedAway } from "../../shared/domain/turned-away.ts";
import type { OnUnreadable } from "../../shared/domain/unreadable-item.ts";
import { mailAdministrator, recipientOf } from "./mail-administrator.ts";
import { originOf } from "./origin-of.ts";

/** What the person was doing when Microsoft turned them away. */
export type AskedFrom =
  | { readonly kind: "attempt"; readonly attemptId: AttemptId }
  | { readonly kind: "connection"; readonly connectionId: ConnectionId };

export interface ApprovalAsked {
  readonly requester: Requester;
  readonly from: AskedFrom;
  /** Where the mail that tells them of the approval leads back to, if nothing else is known. */
  readonly returnTo: string;
  /** Whom to mail; without it the person passes the link on. */
  readonly adminEmail: MailAddress | undefined;
}

export type ApprovalAnswer =
  /** Nobody needs to be asked any more. */
  | { readonly status: "verified" }
  | {
      readonly status: Exclude<ConsentStatus, "verified" | "unknown">;
      readonly approvalUrl: URL;
      readonly expiresAt: Date;
      readonly mail: RequestMail;
      /** Set if it is the tenant of this connection that is asked, and not the organisation of the person's address. */
      readonly connectionId: ConnectionId | undefined;
      /** At which an administrator can be mailed: the person's own, if it is of the organisation that is asked. */
      readonly mailDomain: MailDomain | undefined;
    };

export type NotAsked =
  | { readonly kind: "attempt_unknown" }
  | { readonly kind: "connection_unknown" }
  /** A private mailbox has no administrator. */
  | { readonly kind: "personal_account" }
  /** Only administrators at the person's own mail domain are mailed. */
  | { readonly kind: "mail_not_allowed" }
  /** It is another organisation whose approval they need. */
  | { readonly kind: "mail_other_organisation" }
  /** And only where Microsoft names a tenant that owns it: nobody is mailed at a provider for everybody. */
  | { readonly kind: "mail_domain_unknown" }
  /** That cannot be found out just now. */
  | { readonly kind: "mail_domain_unavailable" }
  /** The same, where it is to tell whose approval they need. */
  | { readonly kind: "organisation_unavailable" }
  /** That administrator is about to be mailed of the same: whether they were is known in a minute. */
  | { readonly kind: "mail_under_way" }
  | { readonly kind: "too_many_mails" }
  /** The service has sent what it may in a day, to whomever. */
  | { readonly kind: "mail_limit_of_all" };

/** A mail to write: who waits, and the link. */
export interface ApprovalMail {
  readonly to: MailAddress;
  readonly requester: Requester;
  /** Others of the same mail domain who wait as well, oldest first. */
  readonly others: readonly Requester[];
  readonly approvalUrl: URL;
  readonly expiresAt: Date;
  /** Comes back with a bounce, so that its requester can be told. */
  readonly reference: string;
}

export interface RequestApprovalPorts extends Omit<RecordPorts, "consents">, OrganisationPorts {
  readonly attempts: Pick<AuthorizationAttempts, "find">;
  readonly connections: Pick<Connections, "findOwned">;
  readonly consents: Pick<TenantConsents, "find" | "record" | "count">;
  readonly requests: Pick<
    ConsentRequests,
    "find" | "open" | "waiting" | "claimNotice" | "noteMail"
  >;
  readonly ledger: Pick<MailLedger, "claim" | "begin" | "release">;
  readonly sendMail: (mail: ApprovalMail) => ReturnType<Mailer["send"]>;
  readonly sealer: SignInSealer;
  readonly approvalUrl: (token: Secret) => URL;
  /** Told of somebody else's request that keeps nobody from being mailed for. */
  readonly noteUnreadable: OnUnreadable;
}

/** Whether asking an administrator is pointless, because one has approved. */
const isApproved = (consent: TenantConsent, wasTurnedAway: boolean, now: Date) =>
  consent.status === "verified" && (!wasTurnedAway || isSpreading(consent, now));

const isOf = (organisation: Organisation, tenantId: TenantId) =>
  organisation.kind === "tenant" && organisation.tenantId === tenantId;

/** While Microsoft cannot be asked whose it is, nobody is offered to be mailed there. */
const mailDomainOf = async (
  organisation: Organisation,
  { email }: Requester,
  ports: RequestApprovalPorts,
): Promise<MailDomain | undefined> => {
  const tenantId = await tenantOfAddress(email, ports);
  const isKnown = tenantId !== undefined && tenantId !== "unavailable";
  return isKnown && isOf(organisation, tenantId) ? domainOf(email) : undefined;
};

/**
 * Asks an administrator for approval: opens the person's request, or finds the one that is open, and mails
 * the administrator if the person names one.
 */
export const requestApproval = async (
  asked: ApprovalAsked,
  ports: RequestApprovalPorts,
): Promise<Result<ApprovalAnswer, NotAsked>> => {
  const { consents, requests, sealer, now } = ports;
  const { requester, adminEmail } = asked;
  const recipient = adminEmail && (await recipientOf(adminEmail, requester, ports));
  if (recipient && !recipient.ok) return recipient;
  const origin = await originOf(asked, ports);
  if (!origin.ok) return origin;
  const { organisation, objectId, connectionId, returnTo, wasTurnedAway } = origin.value;
  if (recipient && !isOf(organisation, recipient.value.tenantId)) {
    return fail({ kind: "mail_other_organisation" });
  }
  const mailDomain = recipient
    ? domainOf(recipient.value.to)
    : await mailDomainOf(organisation, requester, ports);
  const consent = await consents.find(organisation);
  const before =
    consent.status === "verified" ? await requests.find(organisation, requester.user) : undefined;
  const isTurnedAway = wasTurnedAway || asksInSpite(before, consent, now());
  if (isApproved(consent, isTurnedAway, now())) return succeed({ status: "verified" });

  if (consent.status === "verified") {
    // They say so themselves: alone, they would be sent in circles without a request, and several are believed.
    const { user, email } = requester;
    await recordTurnedAway({ organisation, user, email, objectId }, true, consent, ports);
    // One from before the approval, of which they were not told yet: what they ask now is another one.
    if (before && !before.notifiedAt && isAnsweredBy(before, consent)) {
      await requests.claimNotice(before, now());
    }
  }
  const binding = { purpose: "approval_link", requester: ownerKeyOf(requester.user) } as const;
  const token = new Secret(randomBytes(32).toString("base64url"));
  const createdAt = now();
  const request = await requests.open({
    organisation,
    requester,
    returnTo,
    tokenHash: hashOf("approval_link", token.reveal()),
    sealedToken: await sealer.seal(token, binding),
    createdAt,
    expiresAt: new Date(createdAt.getTime() + approvalLinkDays * 24 * 3600 * 1000),
  });
  const recorded = await recordEvent(organisation, { kind: "requested" }, ports);
  if (isAnsweredBy(request, recorded.consent)) {
    // Verified in between: there is nothing to wait for, and nothing to be told by mail.
    await requests.claimNotice(request, now());
    return succeed({ status: "verified" });
  }

  const approvalUrl = ports.approvalUrl(await sealer.open(request.sealedToken, binding));
  const mailed = recipient
    ? await mailAdministrator(recipient.value, request, approvalUrl, ports)
    : succeed(request.mail);
  if (!mailed.ok) return mailed;
  const { status } = recorded.consent;
  return succeed({
    status: status === "verified" || status === "unknown" ? "requested" : status,
    approvalUrl,
    expiresAt: request.expiresAt,
    mail: mailed.value,
    connectionId,
    mailDomain,
  });
};
