import {
  type ConsentRequest,
  digestSeconds,
  type Requester,
  type RequestMail,
} from "../../shared/domain/consent-request.ts";
import { isSameUser, type TenantId } from "../../shared/domain/ids.ts";
import { domainOf, type MailAddress } from "../../shared/domain/mail-address.ts";
import { fail, type Result, succeed } from "../../shared/domain/result.ts";
import { organisationKey, tenantOfAddress } from "../../shared/domain/tenant-consent.ts";
import type { NotAsked, RequestApprovalPorts } from "./request-approval.ts";

export interface Recipient {
  readonly to: MailAddress;
  /** That owns the mail domain, which is the requester's as well. */
  readonly tenantId: TenantId;
}

export const recipientOf = async (
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
export const mailAdministrator = async (
  { to, tenantId: recipientTenant }: Recipient,
  request: ConsentRequest,
  approvalUrl: URL,
  { requests, ledger, sendMail, noteStep, noteUnreadable, now }: RequestApprovalPorts,
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
  const waiting = await requests.waiting(organisation, noteUnreadable);
  const others = waiting
    .map((each) => each.requester)
    .filter((each) => !isSameUser(each.user, requester.user))
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
        return fail({ kind: "mail_under_way" });
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
