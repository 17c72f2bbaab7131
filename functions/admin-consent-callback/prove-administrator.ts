import type { Refusal } from "../../shared/domain/attempt.ts";
import {
  type ConsentProofs,
  isSilent,
  type PendingProof,
} from "../../shared/domain/consent-proof.ts";
import type { ConsentRequests } from "../../shared/domain/consent-request.ts";
import { hashOf, type TenantId } from "../../shared/domain/ids.ts";
import { domainOf, type MailDomain } from "../../shared/domain/mail-address.ts";
import {
  approvingRoles,
  type GrantIncomplete,
  type IdTokenRejected,
  type MicrosoftEvidence,
  type MicrosoftFailure,
  type MicrosoftIdentity,
} from "../../shared/domain/microsoft.ts";
import type { MicrosoftAnswer } from "../../shared/domain/park-answer.ts";
import { fail, type Result, succeed } from "../../shared/domain/result.ts";
import type { SignInSealer } from "../../shared/domain/sealer.ts";
import type { Secret } from "../../shared/domain/secret.ts";
import {
  type OrganisationPorts,
  organisationKey,
  type RecordPorts,
  recordEvent,
  type TenantConsents,
  tenantOfAddress,
} from "../../shared/domain/tenant-consent.ts";
import { type BeginProofPorts, beginProof } from "./begin-proof.ts";
import { codeVerifierAndNonce, linkTokenIn } from "./sign-in-secrets.ts";

export interface ProofAnswer extends MicrosoftAnswer {
  /** From the cookie of the browser that brings it. */
  readonly browser: Secret;
}

export type Proved =
  /** The mail domain is that of the person who asked, if Microsoft knows it for the tenant's. */
  | { readonly kind: "verified"; readonly mailDomain: MailDomain | undefined }
  /** The browser is sent to sign in once more, because Microsoft has to show something. Why is in the evidence. */
  | { readonly kind: "show"; readonly url: URL; readonly evidence: MicrosoftEvidence }
  /** Microsoft has shown its pages; the browser is sent to sign in silently for all that was approved. */
  | { readonly kind: "confirm"; readonly url: URL };

/** Nothing is proved; what was reported stays reported. */
export type NotProved =
  | { readonly kind: "unknown" }
  /** Microsoft refused, or could not be asked. */
  | {
      readonly kind: "not_signed_in";
      readonly why: MicrosoftFailure | IdTokenRejected | GrantIncomplete;
    }
  /** Microsoft does not know of the approval everywhere yet: the same works in a while. */
  | { readonly kind: "spreading"; readonly tenantId: TenantId; readonly linkToken: Secret }
  /** The tenant lets only assigned people sign in to the app, and whoever approved it is none of them. */
  | {
      readonly kind: "not_assigned";
      readonly why: MicrosoftFailure;
      readonly tenantId: TenantId;
      readonly linkToken: Secret;
    }
  /** Another tenant's. */
  | { readonly kind: "other_account" }
  /** No role that we can see lets this account approve; a guest's are not believed. */
  | { readonly kind: "no_role" };

export interface ProveAdministratorPorts
  extends Omit<RecordPorts, "consents">,
    OrganisationPorts,
    BeginProofPorts {
  readonly consents: Pick<TenantConsents, "find" | "record">;
  readonly requests: Pick<ConsentRequests, "findByLink">;
  readonly proofs: Pick<ConsentProofs, "begin" | "take">;
  readonly identity: Pick<MicrosoftIdentity, "proveIdentity">;
  readonly sealer: SignInSealer;
  /** What a refusal in Microsoft's redirect means. */
  readonly meaningOf: (refusal: Refusal) => MicrosoftFailure;
}

/**
 * What `prompt=none` is answered where something would have to be shown. Nobody has declined then: Microsoft answers
 * `access_denied` as well for an account that has to be changed for another.
 *
 * @see https://openid.net/specs/openid-connect-core-1_0.html#AuthError
 */
const wantsPage: ReadonlySet<string> = new Set([
  "login_required",
  "interaction_required",
  "account_selection_required",
  "access_denied",
]);

interface Refused {
  readonly refusal: Refusal;
  readonly proof: PendingProof;
  readonly linkToken: Secret;
  readonly browser: Secret;
}

/**
 * What comes of a sign-in that Microsoft refused. The first one is followed by one that may show pages, for the same
 * approval and browser. Who has seen them, and would have to see others for the mail permissions alone, is believed.
 */
const afterRefusal = async (
  { refusal, proof, linkToken, browser }: Refused,
  ports: ProveAdministratorPorts,
): Promise<Result<Proved, NotProved>> => {
  const { tenantId, tokenHash, step, provenRoles } = proof;
  const why = ports.meaningOf(refusal);
  if (why.notAssigned) return fail({ kind: "not_assigned", why, tenantId, linkToken });
  // Asked for all that was approved. Whoever was led past Microsoft's page, and approved nothing, ends here as well.
  if (isSilent(step) && why.kind === "admin_approval_required") {
    return fail({ kind: "spreading", tenantId, linkToken });
  }
  if (!isSilent(step) || !wantsPage.has(refusal.error)) return fail({ kind: "not_signed_in", why });
  if (step === "confirming") return verify(proof, provenRoles, ports);
  const url = await beginProof(
    { tenantId, tokenHash, linkToken, browser, step: "shown", provenRoles: [] },
    ports,
  );
  return succeed({ kind: "show", url, evidence: why.evidence });
};

/** Everybody of the tenant can connect: an administrator of it has proved these roles. */
const verify = async (
  { tenantId, tokenHash }: PendingProof,
  roles: readonly string[],
  ports: ProveAdministratorPorts,
): Promise<Result<Proved, NotProved>> => {
  const linked = await ports.requests.findByLink(tokenHash);
  if (!linked) return fail({ kind: "unknown" });
  const { organisation, requester } = linked.request;
  const verified = { kind: "verified", proof: { kind: "administrator", roles } } as const;
  const tenant = { kind: "tenant", tenantId } as const;
  await recordEvent(tenant, verified, ports);
  if (organisationKey(organisation) !== organisationKey(tenant)) {
    // Asked by a person alone, whose own administrator this is by all that is known. It tells nothing of anybody else.
    await recordEvent(organisation, verified, ports);
  }
  const isTheirDomain = (await tenantOfAddress(requester.email, ports)) === tenantId;
  return succeed({
    kind: "verified",
    mailDomain: isTheirDomain ? domainOf(requester.email) : undefined,
  });
};

/**
 * Verifies an approval: the ID token of a sign-in that this browser was sent to names the tenant, and a role of it that
 * may approve, and Microsoft grants silently what was approved. Its tokens are dropped.
 */
export const proveAdministrator = async (
  { state, outcome, browser }: ProofAnswer,
  ports: ProveAdministratorPorts,
): Promise<Result<Proved, NotProved>> => {
  const id = hashOf("proof", state.reveal());
  const proof = await ports.proofs.take(id, hashOf("browser", browser.reveal()), ports.now());
  if (!proof) return fail({ kind: "unknown" });

  const { tenantId, tokenHash, step, sealedSecrets } = proof;
  const opened = await ports.sealer.open(sealedSecrets, { purpose: "proof_secrets", state: id });
  const linkToken = linkTokenIn(opened);
  if (outcome.kind === "refusal") {
    return afterRefusal({ refusal: outcome.refusal, proof, linkToken, browser }, ports);
  }
  const proven = await ports.identity.proveIdentity({
    authority: tenantId,
    code: outcome.code,
    ...codeVerifierAndNonce(opened),
  });
  if (!proven.ok) {
    const { failure } = proven;
    // This browser has just come back from an approval: Microsoft may still be applying it.
    if (failure.kind === "admin_approval_required") {
      return fail({ kind: "spreading", tenantId, linkToken });
    }
    if ("notAssigned" in failure && failure.notAssigned) {
      return fail({ kind: "not_assigned", why: failure, tenantId, linkToken });
    }
    return fail({ kind: "not_signed_in", why: failure });
  }
  const { account, accountType, roles } = proven.value;
  if (account.tenantId !== tenantId) return fail({ kind: "other_account" });
  const approving =
    accountType === "member" ? roles.filter((role) => approvingRoles.has(role)) : [];
  if (approving.length === 0) return fail({ kind: "no_role" });

  if (step !== "shown") return verify(proof, approving, ports);
  // Whoever was led past Microsoft's approval page has proved who they are, and approved nothing.
  const loginHint = account.username;
  const url = await beginProof(
    {
      tenantId,
      tokenHash,
      linkToken,
      browser,
      step: "confirming",
      provenRoles: approving,
      loginHint,
    },
    ports,
  );
  return succeed({ kind: "confirm", url });
};
