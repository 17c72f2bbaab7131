import type { TenantId } from "./ids.ts";

/** How long an administrator may take to sign in once more after approving. */
export const proofLifetimeSeconds = 600;

/**
 * What Microsoft is asked for, one after the other as far as it is needed. `silent`: to show nothing, and for all that was
 * approved, because whoever has just approved is signed in there. `shown`: to show what it has to, and for nothing that
 * could be approved on the way. `confirming`: as `silent`, for the account that was shown its pages.
 */
export type ProofStep = "silent" | "shown" | "confirming";

export const isSilent = (step: ProofStep): boolean => step !== "shown";

/** A sign-in that is to prove that whoever approved is an administrator of the tenant. */
export interface PendingProof {
  /** Hash of its `state`. */
  readonly id: string;
  readonly tenantId: TenantId;
  /** Of the approval link that led here. */
  readonly tokenHash: string;
  /** Hash of the value in the cookie of the browser that was sent to sign in. */
  readonly browserHash: string;
  readonly step: ProofStep;
  /** Roles that the sign-in before a `confirming` one has proved. */
  readonly provenRoles: readonly string[];
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
