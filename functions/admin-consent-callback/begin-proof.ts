import { randomBytes } from "node:crypto";
import {
  type ConsentProofs,
  isSilent,
  type PendingProof,
  proofLifetimeSeconds,
} from "../../shared/domain/consent-proof.ts";
import { hashOf } from "../../shared/domain/ids.ts";
import type { AuthorizationRequest } from "../../shared/domain/microsoft.ts";
import type { SignInSealer } from "../../shared/domain/sealer.ts";
import { Secret } from "../../shared/domain/secret.ts";
import { challengeOf } from "./sign-in-secrets.ts";

export interface ProofToBegin
  extends Pick<PendingProof, "tenantId" | "tokenHash" | "step" | "provenRoles"> {
  /** Of the same approval link as the hash. */
  readonly linkToken: Secret;
  /** The value in the cookie of the browser that is sent to sign in. */
  readonly browser: Secret;
  /** Whom to ask silently where several accounts may be signed in. */
  readonly loginHint?: string | undefined;
}

export interface BeginProofPorts {
  readonly proofs: Pick<ConsentProofs, "begin">;
  readonly sealer: Pick<SignInSealer, "seal">;
  /** Names all that was approved: without the approval Microsoft refuses. */
  readonly silentProofUrl: (request: AuthorizationRequest) => URL;
  /** Names nothing that could be approved on the way. */
  readonly proofUrl: (request: AuthorizationRequest) => URL;
  readonly now: () => Date;
}

export const randomValue = (): string => randomBytes(32).toString("base64url");

/**
 * Keeps what a sign-in needs that is to prove who approved. State, nonce and verifier are its own, also of the others for
 * the same approval.
 *
 * @returns where the browser goes to sign in
 */
export const beginProof = async (
  { tenantId, tokenHash, step, provenRoles, linkToken, browser, loginHint }: ProofToBegin,
  { proofs, sealer, silentProofUrl, proofUrl, now }: BeginProofPorts,
): Promise<URL> => {
  const [state, nonce, codeVerifier] = [randomValue(), randomValue(), randomValue()];
  const id = hashOf("proof", state);
  await proofs.begin({
    id,
    tenantId,
    tokenHash,
    step,
    provenRoles,
    browserHash: hashOf("browser", browser.reveal()),
    sealedSecrets: await sealer.seal(
      new Secret(JSON.stringify({ codeVerifier, nonce, linkToken: linkToken.reveal() })),
      { purpose: "proof_secrets", state: id },
    ),
    expiresAt: new Date(now().getTime() + proofLifetimeSeconds * 1000),
  });
  const urlOf = isSilent(step) ? silentProofUrl : proofUrl;
  return urlOf({
    authority: tenantId,
    state: new Secret(state),
    nonce: new Secret(nonce),
    codeChallenge: challengeOf(codeVerifier),
    isSilent: isSilent(step),
    ...(loginHint && { loginHint }),
  });
};
