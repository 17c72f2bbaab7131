import type { TenantId } from "./ids.ts";

/** How long an administrator may take to sign in once more after approving. */
export const proofLifetimeSeconds = 600;

/** A sign-in that is to prove that whoever approved is an administrator of the tenant. */
export interface PendingProof {
  /** Hash of its `state`. */
  readonly id: string;
  readonly tenantId: TenantId;
  /** Of the approval link that led here. */
  readonly tokenHash: string;
  /** Hash of the value in the cookie of the browser that was sent to sign in. */
  readonly browserHash: string;
  /**
   * Microsoft was asked to show nothing, because whoever has just approved is signed in there. If that does not do, one
   * more follows that may show its pages.
   */
  readonly isSilent: boolean;
  /** `{codeVerifier, nonce, linkToken}` sealed for this proof. */
  readonly sealedSecrets: string;
  readonly expiresAt: Date;
}

export interface ConsentProofs {
  begin(proof: PendingProof): Promise<void>;

  /**
   * Takes it out, in one step: of concurrent calls one gets it. Only for the browser that began it.
   *
   * @returns `undefined` if it was never begun here, was taken, or expired before `now`
   */
  take(id: string, browserHash: string, now: Date): Promise<PendingProof | undefined>;
}
