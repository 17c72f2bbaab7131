import type { TakenAttempt } from "../../shared/domain/attempt.ts";
import type { ConsentRequests } from "../../shared/domain/consent-request.ts";
import { hashOf, type ProductUser, personalAccountsTenant } from "../../shared/domain/ids.ts";
import { type MailAddress, mailboxOf } from "../../shared/domain/mail-address.ts";
import { approvingRoles, type Grant } from "../../shared/domain/microsoft.ts";
import { missingScopes } from "../../shared/domain/permissions.ts";
import {
  type ConsentProof,
  isSpreading,
  type Organisation,
  organisationByAddress,
  organisationOf,
  type RecordPorts,
  recordEvent,
  type TenantConsent,
  type TenantConsents,
  tallies,
  wasAskedInSpite,
} from "../../shared/domain/tenant-consent.ts";
import { recordTurnedAway } from "../../shared/domain/turned-away.ts";

export interface ApprovalPorts extends Omit<RecordPorts, "consents"> {
  readonly consents: Pick<TenantConsents, "find" | "record" | "count">;
  readonly requests: Pick<ConsentRequests, "find" | "claimNotice">;
}

/**
 * Remembers that somebody was turned away for the want of an administrator's approval.
 *
 * @param certain unless Microsoft gave no reason
 * @returns `spreading` if an administrator approved so recently that it only takes a while
 */
export const noteBlock = async (
  certain: boolean,
  { user, reconnect, approvedOnTheWay }: TakenAttempt,
  email: MailAddress | undefined,
  ports: ApprovalPorts,
): Promise<"spreading" | "blocked"> => {
  if (reconnect?.account.tenantId === personalAccountsTenant) return "blocked";
  const account = reconnect?.account;
  const organisation: Organisation = account
    ? { kind: "tenant", tenantId: account.tenantId }
    : await organisationOf({ user, email }, ports);
  // By their own word they approved minutes ago, in this very sign-in.
  if (approvedOnTheWay) return "spreading";
  const consent = await ports.consents.find(organisation);
  if (isSpreading(consent, ports.now())) return "spreading";
  const person = { organisation, email, objectId: account?.objectId };
  await recordTurnedAway(person, certain, consent, ports);
  return "blocked";
};

/**
 * Why a grant proves that the whole tenant has approved. An ordinary user's does, and an administrator's where
 * they approved for everybody on the way: alone they may have agreed for themselves.
 */
const proofIn = (grant: Grant, attempt: TakenAttempt): ConsentProof | undefined => {
  if (grant.accountType !== "member") return undefined;
  // Begun when fewer permissions were asked for: approvals are kept for one set of them.
  if (missingScopes(grant.scopes).length > 0) return undefined;
  const roles = grant.roles.filter((role) => approvingRoles.has(role));
  if (roles.length === 0) return { kind: "user_grant" };
  const approvedOnTheWay = attempt.forOrganization && attempt.authority === grant.account.tenantId;
  return approvedOnTheWay ? { kind: "administrator", roles } : undefined;
};

/** Whoever has just connected need not be told by mail that they can. */
const needsNoNotice = async (
  organisation: Organisation,
  user: ProductUser,
  { requests, now }: ApprovalPorts,
) => {
  const request = await requests.find(organisation, user);
  if (request && !request.notifiedAt) await requests.claimNotice(request, now());
};

/** One person of a domain may have been let in to a tenant that has nothing to do with it. */
const isTheirsToTell = async (
  known: TenantConsent,
  email: MailAddress | undefined,
  { consents, now }: ApprovalPorts,
): Promise<boolean> => {
  const { organisation, times } = known;
  if (organisation.kind === "person" || !email) return true;
  // Who was let in before somebody was turned away says nothing of that.
  const since = wasAskedInSpite(known) ? times.requested : undefined;
  const who = hashOf("let_in", mailboxOf(email));
  const letIn = await consents.count(organisation, "letIn", who, now(), since);
  return letIn >= tallies.letIn.atLeast;
};

/**
 * Remembers what a successful sign-in proves: of its tenant, and of those who were turned away under the person's
 * address. A domain of another tenant is left to the people of that one.
 *
 * @returns why the whole tenant counts as approved; `undefined` if the sign-in does not prove it
 */
export const noteGrant = async (
  grant: Grant,
  attempt: TakenAttempt,
  email: MailAddress | undefined,
  isConnected: boolean,
  ports: ApprovalPorts,
): Promise<ConsentProof | undefined> => {
  const proof = proofIn(grant, attempt);
  if (!proof) return undefined;
  const event = { kind: "verified", proof } as const;
  const { tenantId } = grant.account;
  const tenant: Organisation = { kind: "tenant", tenantId };
  const own = organisationByAddress({ user: attempt.user, email }, ports);
  const known = await ports.consents.find(own);
  const { before } = await recordEvent({ organisation: tenant, email: undefined }, event, ports);
  // Whoever waits has asked, and so is known. Notices begin a minute after the approval.
  if (isConnected && before !== "unknown") await needsNoNotice(tenant, attempt.user, ports);
  if (isConnected && known.status !== "unknown") await needsNoNotice(own, attempt.user, ports);
  if (known.status === "unknown") return proof;
  if (known.status === "verified" && !wasAskedInSpite(known)) return proof;
  // Whose domain it is need only be asked where somebody of that domain was turned away.
  const owner = own.kind === "domain" ? await ports.tenants.ofDomain(own.mailDomain) : undefined;
  if (owner === tenantId) await ports.consents.record(own, event, ports.now());
  // Asked while Microsoft knew no tenant for the person's address: that is who waits. Where it cannot be asked, the
  // domain may be another tenant's.
  if (owner === undefined && (await isTheirsToTell(known, email, ports))) {
    await recordEvent({ organisation: own, email: undefined }, event, ports);
  }
  return proof;
};
