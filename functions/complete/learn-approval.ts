import type { TakenAttempt } from "../../shared/domain/attempt.ts";
import { personalAccountsTenant } from "../../shared/domain/ids.ts";
import { domainOf, type MailAddress } from "../../shared/domain/mail-address.ts";
import { approvingRoles, type Grant } from "../../shared/domain/microsoft.ts";
import {
  type ConsentProof,
  isSpreading,
  type Organisation,
  organisationOf,
  type RecordPorts,
  recordEvent,
  type TenantConsents,
} from "../../shared/domain/tenant-consent.ts";

export interface ApprovalPorts extends Omit<RecordPorts, "consents"> {
  readonly consents: Pick<TenantConsents, "find" | "record">;
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
  const organisation: Organisation = reconnect
    ? { kind: "tenant", tenantId: reconnect.account.tenantId }
    : await organisationOf({ user, email }, ports);
  // By their own word they approved minutes ago, in this very sign-in.
  if (approvedOnTheWay) return "spreading";
  if (isSpreading(await ports.consents.find(organisation), ports.now())) return "spreading";
  await recordEvent({ organisation, email }, { kind: "blocked", certain }, ports);
  return "blocked";
};

/**
 * Why a grant proves that the whole tenant has approved. An ordinary user's does, and an administrator's where
 * they approved for everybody on the way: alone they may have agreed for themselves.
 */
const proofIn = (grant: Grant, attempt: TakenAttempt): ConsentProof | undefined => {
  if (grant.accountType !== "member") return undefined;
  const roles = grant.roles.filter((role) => approvingRoles.has(role));
  if (roles.length === 0) return { kind: "user_grant" };
  const approvedOnTheWay = attempt.forOrganization && attempt.authority === grant.account.tenantId;
  return approvedOnTheWay ? { kind: "administrator", roles } : undefined;
};

/** Remembers what a successful sign-in proves of its tenant. */
export const noteGrant = async (
  grant: Grant,
  attempt: TakenAttempt,
  email: MailAddress | undefined,
  ports: ApprovalPorts,
): Promise<void> => {
  const proof = proofIn(grant, attempt);
  if (!proof) return;
  const organisation = { kind: "tenant", tenantId: grant.account.tenantId } as const;
  // Whose domain it is need only be asked where somebody of that domain was turned away.
  const atDomain =
    email && (await ports.consents.find({ kind: "domain", mailDomain: domainOf(email) }));
  const domainWaits = atDomain && atDomain.status !== "unknown" && atDomain.status !== "verified";
  await recordEvent(
    { organisation, email: domainWaits ? email : undefined },
    { kind: "verified", proof },
    ports,
  );
};
