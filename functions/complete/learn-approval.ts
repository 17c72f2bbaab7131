import type { TakenAttempt } from "../../shared/domain/attempt.ts";
import type { ConsentRequests } from "../../shared/domain/consent-request.ts";
import { type ProductUser, personalAccountsTenant } from "../../shared/domain/ids.ts";
import type { MailAddress } from "../../shared/domain/mail-address.ts";
import { approvingRoles, type Grant } from "../../shared/domain/microsoft.ts";
import { missingScopes } from "../../shared/domain/permissions.ts";
import {
  type ConsentProof,
  isSpreading,
  type Organisation,
  type OrganisationPorts,
  organisationOf,
  personAlone,
  type RecordPorts,
  recordEvent,
  type TenantConsents,
} from "../../shared/domain/tenant-consent.ts";
import { recordTurnedAway } from "../../shared/domain/turned-away.ts";

export interface ApprovalPorts extends Omit<RecordPorts, "consents">, OrganisationPorts {
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
  const person = { organisation, user, email, objectId: account?.objectId };
  await recordTurnedAway(person, certain, consent, ports);
  return "blocked";
};

/** Of a member, with all permissions. An older sign-in asked for fewer: approvals are kept for one set of them. */
const isWhole = ({ accountType, scopes }: Grant) =>
  accountType === "member" && missingScopes(scopes).length === 0;

/**
 * Why a grant proves that the whole tenant has approved. An ordinary user's does, and an administrator's where
 * they approved for everybody on the way: alone they may have agreed for themselves.
 */
const proofIn = (grant: Grant, attempt: TakenAttempt): ConsentProof | undefined => {
  if (!isWhole(grant)) return undefined;
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

/**
 * Remembers what a successful sign-in proves: of its tenant, and of the person alone if they were turned away while no
 * tenant was known to be theirs. If their address is under a domain of another tenant, that one is left to its people.
 *
 * @returns why the whole tenant counts as approved; `undefined` if the sign-in does not prove it
 */
export const noteGrant = async (
  grant: Grant,
  attempt: TakenAttempt,
  isConnected: boolean,
  ports: ApprovalPorts,
): Promise<ConsentProof | undefined> => {
  const { user } = attempt;
  const proof = proofIn(grant, attempt);
  const alone = personAlone(user);
  const known = await ports.consents.find(alone);
  if (proof) {
    const tenant: Organisation = { kind: "tenant", tenantId: grant.account.tenantId };
    const { before } = await recordEvent(tenant, { kind: "verified", proof }, ports);
    // Whoever waits has asked, and so is known. Notices begin a minute after the approval.
    if (isConnected && before.status !== "unknown") await needsNoNotice(tenant, user, ports);
  }
  // Whoever has connected has what they need, whatever that proves of others.
  const ofPerson =
    proof ?? (isConnected && isWhole(grant) ? { kind: "user_grant" as const } : undefined);
  if (ofPerson && known.status !== "unknown") {
    if (isConnected) await needsNoNotice(alone, user, ports);
    await recordEvent(alone, { kind: "verified", proof: ofPerson }, ports);
  }
  return proof;
};
