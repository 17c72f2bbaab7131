import { randomBytes } from "node:crypto";
import type { AuthorizationAttempts } from "../../shared/domain/attempt.ts";
import { attemptStateOf } from "../../shared/domain/attempt-state.ts";
import type { Connections } from "../../shared/domain/connection.ts";
import {
  approvalLinkDays,
  asksInSpite,
  type ConsentRequest,
  type ConsentRequests,
  digestSeconds,
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
  type ObjectId,
  ownerKeyOf,
  type ProductUser,
  personalAccountsTenant,
  type TenantId,
} from "../../shared/domain/ids.ts";
import { domainOf, type MailAddress } from "../../shared/domain/mail-address.ts";
import { fail, type Result, succeed } from "../../shared/domain/result.ts";
import type { SignInSealer } from "../../shared/domain/sealer.ts";
import { Secret } from "../../shared/domain/secret.ts";
import {
  type ConsentStatus,
  isSpreading,
  type Organisation,
  type OrganisationPorts,
  organisationIn,
  organisationKey,
  type RecordPorts,
  recordEvent,
  type TenantConsent,
  type TenantConsents,
  tenantOfAddress,
} from "../../shared/domain/tenant-consent.ts";
import { recordTurnedAway } from "../../shared/domain/turned-away.ts";

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
    };

export type NotAsked =
  | { readonly kind: "attempt_unknown" }
  | { readonly kind: "connection_unknown" }
  /** A private mailbox has no administrator. */
  | { readonly kind: "personal_account" }
  /** Only administrators at the person's own mail domain are mailed. */
  | { readonly kind: "mail_not_allowed" }
  /** And only where Microsoft names a tenant that owns it: nobody is mailed at a provider for everybody. */
  | { readonly kind: "mail_domain_unknown" }
  /** That cannot be found out just now. */
  | { readonly kind: "mail_domain_unavailable" }
  /** The same, where it is to tell whose approval they need. */
  | { readonly kind: "organisation_unavailable" }
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
}

interface Origin {
  readonly organisation: Organisation;
  /** Their account there, if they have connected one. */
  readonly objectId: ObjectId | undefined;
  /** The connection whose tenant it is, if it is one's. */
  readonly connectionId: ConnectionId | undefined;
  readonly returnTo: string;
  /** Microsoft has turned them away: an approval from before that is no help. */
  readonly wasTurnedAway: boolean;
}

const isTheirs = (owner: ProductUser, user: ProductUser) => ownerKeyOf(owner) === ownerKeyOf(user);

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

const originOf = async (
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
  if (!attempt || !isTheirs(attempt.user, user)) return originOfRequest(requester, ports);
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

/** Whether asking an administrator is pointless, because one has approved. */
const isApproved = (consent: TenantConsent, wasTurnedAway: boolean, now: Date) =>
  consent.status === "verified" && (!wasTurnedAway || isSpreading(consent, now));

interface Recipient {
  readonly to: MailAddress;
  /** That owns the mail domain, which is the requester's as well. */
  readonly tenantId: TenantId;
}

const recipientOf = async (
  to: MailAddress,
  { email }: Requester,
  ports: RequestApprovalPorts,
): Promise<Result<Recipient, NotAsked>> => {
  if (domainOf(to) !== domainOf(email)) return fail({ kind: "mail_not_allowed" });
  const tenantId = await tenantOfAddress(email, ports);
  if (tenantId === undefined) return fail({ kind: "mail_domain_unknown" });
  if (tenantId === "unavailable") return fail({ kind: "mail_domain_unavailable" });
  return succeed({ to, tenantId });
};

/**
 * A mail that may have arrived is never sent again; one that did not may be. Of one that was being sent the ledger knows
 * for a day whether it was begun.
 */
const mayHaveArrived = ({ status, at }: RequestMail, now: Date): boolean => {
  if (status !== "sending") return status === "sent" || status === "unknown";
  return at === undefined || now.getTime() - at.getTime() >= digestSeconds * 1000;
};

/** @returns the mail's fate, which is noted before and after it is handed over */
const mailAdministrator = async (
  { to, tenantId: recipientTenant }: Recipient,
  request: ConsentRequest,
  approvalUrl: URL,
  { requests, ledger, sendMail, noteStep, now }: RequestApprovalPorts,
): Promise<Result<RequestMail, NotAsked>> => {
  const { organisation, requester, expiresAt, tokenHash } = request;
  const before = request.mail.to === to ? request.mail : undefined;
  if (before && mayHaveArrived(before, now())) return succeed(before);
  const note = async (status: RequestMail["status"]) => {
    const mail = { status, to, at: now() };
    await requests.noteMail(request, mail);
    return mail;
  };
  // Before the day is taken: a read that fails must cost nobody their mail.
  const waiting = await requests.waiting(organisation);
  const others = waiting
    .map((each) => each.requester)
    .filter((each) => !isTheirs(each.user, requester.user))
    // Nobody outside their own mail domain and workspace learns who else waits: a domain may be a university's.
    .filter((each) => domainOf(each.email) === domainOf(to))
    .filter((each) => each.user.workspaceId === requester.user.workspaceId);
  const claimed = await ledger.claim(
    { to, requester: requester.user, organisation, recipientTenant },
    now(),
  );
  if (!claimed.ok) {
    switch (claimed.failure) {
      case "limited":
        return fail({ kind: "too_many_mails" });
      case "exhausted":
        return fail({ kind: "mail_limit_of_all" });
      case "held":
        // Not noted: if whoever is about to send it dies, nobody takes that back.
        return succeed({ status: "sending", to, at: now() });
      case "joined":
        // Their own that died on the way stays one of which nobody knows.
        return succeed(before?.status === "sending" ? before : await note("joined"));
      case "suppressed":
        return succeed(await note("not_delivered"));
      default:
        return claimed.failure satisfies never;
    }
  }
  const claim = claimed.value;
  // Nobody joins a mail that is not there.
  const release = () => ledger.release(to, organisation, claim);
  const begin = async () => {
    const sending = await note("sending");
    // The very last: what dies before it was certainly not sent.
    const isBegun = await ledger.begin(to, organisation, claim, now());
    return { sending, isBegun };
  };
  const { sending, isBegun } = await begin().catch(async (error: unknown) => {
    await release();
    throw error;
  });
  if (!isBegun) return succeed(sending);
  const sent = await sendMail({
    to,
    requester,
    others,
    approvalUrl,
    expiresAt,
    reference: tokenHash,
  });
  if (sent === "refused" || sent === "undeliverable") {
    // First of all, and once more: nobody else knows that it was not sent.
    await release().catch(release);
    return succeed(await note("not_delivered"));
  }
  noteStep({ step: "mailed", organisation: organisationKey(organisation) });
  return succeed(await note(sent));
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
  });
};
