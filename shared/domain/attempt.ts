import type { AccountKey, AttemptId, ConnectionId, ProductUser, TenantId } from "./ids.ts";
import type { Authority, MicrosoftEvidence } from "./microsoft.ts";
import type { Problem } from "./problem.ts";

/** Long enough for a password, a second factor and a look at the consent page. */
export const attemptLifetimeSeconds = 600;

/**
 * How many sign-ins one person may begin within {@link attemptLifetimeSeconds}, but for those that ended without a code of
 * theirs being sent to Microsoft: enough for eight mailboxes in a row, and for whoever waits for an approval. OWASP ASVS 2.4.1
 */
export const attemptsPerUser = 10;

/** A redemption that has not ended by now never will: longer than the function may run. */
export const redemptionLimitSeconds = 60;

/** What has to match when the person comes back to an existing connection. */
export interface ReconnectTarget {
  readonly connectionId: ConnectionId;
  readonly account: AccountKey;
}

export interface NewAttempt {
  readonly id: AttemptId;
  readonly user: ProductUser;
  readonly authority: Authority;
  readonly requestedScopes: readonly string[];
  /** A key of the fixed list of return pages, never a URL. */
  readonly returnTo: string;
  readonly reconnect: ReconnectTarget | undefined;
  /** An administrator approves for the whole organisation first, in the same sign-in. */
  readonly forOrganization: boolean;
  /** `{codeVerifier, nonce}` sealed for this attempt. */
  readonly sealedSecrets: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

/** What Microsoft sent back: a code, sealed at once, or a refusal. Never both. RFC 6749 §4.1.2 */
export type ParkedAnswer =
  | { readonly kind: "code"; readonly sealedCode: string }
  | { readonly kind: "refusal"; readonly refusal: Refusal };

/** Only the parts of Microsoft's refusal that are neither free text nor secret. */
export interface Refusal extends MicrosoftEvidence {
  /** Microsoft adds `cancel` when a person turns back on one of its pages. */
  readonly errorSubcode?: string;
}

/** The attempt as `complete` gets it, exactly once. */
export interface TakenAttempt extends NewAttempt {
  readonly answer: ParkedAnswer;
  /** The browser said that an administrator approved, before it went on to sign in. See `narrow`. */
  readonly approvedOnTheWay: boolean;
}

/** An attempt is pending until Microsoft answers, returned until its user completes it, then ends once. */
export type AttemptStatus = "pending" | "returned" | "completing" | "completed" | "failed";

export interface AttemptView {
  readonly id: AttemptId;
  readonly user: ProductUser;
  readonly status: AttemptStatus;
  readonly returnTo: string;
  readonly forOrganization: boolean;
  readonly reconnect: ReconnectTarget | undefined;
  readonly expiresAt: Date;
  /** When `complete` took it; set while it is completing and after. */
  readonly takenAt: Date | undefined;
  /** Set once it completed. */
  readonly connectionId: ConnectionId | undefined;
  /** Set once it failed. */
  readonly problem: Problem | undefined;
  /** Hash of the completion value, once Microsoft answered. */
  readonly completionHash: string | undefined;
  /** Microsoft did send the person back, after the attempt had expired. */
  readonly answeredLate: boolean;
}

export interface AuthorizationAttempts {
  /**
   * Remembers a new attempt.
   *
   * @returns `false` if {@link attemptsPerUser} of this person's attempts are open, or ended after their code was taken;
   *   each of the latter counts until it would have expired.
   */
  begin(attempt: NewAttempt): Promise<boolean>;

  /**
   * Sends the sign-in of an administrator on to the tenant that was approved: its code will be redeemed
   * there. Repeating it is fine.
   *
   * @returns the sealed secrets of the sign-in, or `undefined` if it is not pending, not for an
   *   organisation, or expired before `now`
   */
  narrow(
    id: AttemptId,
    tenantId: TenantId,
    now: Date,
  ): Promise<{ readonly sealedSecrets: string } | undefined>;

  /**
   * Parks Microsoft's answer, in one step: of two concurrent calls one is told where to return to, the
   * other gets `undefined`.
   *
   * @returns `undefined` if it was never begun, was already answered, or expired before `now`.
   */
  park(
    id: AttemptId,
    answer: ParkedAnswer,
    completionHash: string,
    now: Date,
  ): Promise<{ readonly returnTo: string } | undefined>;

  /** Remembers that an answer came after the attempt had expired; changes nothing in one that was answered in time. */
  noteLateAnswer(id: AttemptId): Promise<void>;

  /**
   * Takes the parked answer out and returns it, in one step: of two concurrent calls one gets it, the
   * other gets `undefined`. Nothing but this value ever leads to a redeemed code.
   *
   * @returns `undefined` unless it is parked, was begun by `user`, carries this completion and has not
   *   expired before `now`.
   */
  take(
    id: AttemptId,
    user: ProductUser,
    completionHash: string,
    now: Date,
  ): Promise<TakenAttempt | undefined>;

  /**
   * Ends a parked attempt that somebody else brought back, and erases the answer. Only the holder of the
   * completion value can do it.
   *
   * @returns whether this call ended it.
   */
  destroy(id: AttemptId, completionHash: string, problem: Problem): Promise<boolean>;

  /** Records the end of an attempt that was taken. Says nothing if it has ended already. */
  end(id: AttemptId, outcome: AttemptOutcome): Promise<void>;

  /** Forgets the person's attempts that count, so that none of them is completed. Repeating it is fine. */
  eraseOpen(user: ProductUser): Promise<void>;

  /** The attempt as it stands now (strongly consistent), expired or not. */
  find(id: AttemptId): Promise<AttemptView | undefined>;
}

export type AttemptOutcome =
  | { readonly status: "completed"; readonly connectionId: ConnectionId }
  | { readonly status: "failed"; readonly problem: Problem };
