import type { Actor } from "../../shared/domain/actor.ts";
import type { StoredConnection } from "../../shared/domain/connection.ts";
import type { MicrosoftEvidence } from "../../shared/domain/microsoft.ts";

/** Every code that a worker is told. */
const tokenFailureCodes = [
  "not_found",
  "invalid_request",
  "reauthorization_required",
  "admin_consent_required",
  "tenant_blocked",
  "throttled",
  "temporarily_unavailable",
  "misconfigured",
] as const;
export type TokenFailureCode = (typeof tokenFailureCodes)[number];

export interface TokenFailure {
  readonly code: TokenFailureCode;
  readonly actor: Actor;
  readonly retryable: boolean;
  readonly retryAfterSeconds?: number;
  readonly message: string;
  /** For the log: which of our failures it was, and what Microsoft said. */
  readonly cause?: { readonly kind: string; readonly evidence?: MicrosoftEvidence };
}

export const notFound: TokenFailure = {
  code: "not_found",
  actor: "user",
  retryable: false,
  message: "There is no such connection in this workspace. It may have been disconnected.",
};

/** An outage of ours. */
export const brokenHere: TokenFailure = {
  code: "temporarily_unavailable",
  actor: "operator",
  retryable: true,
  retryAfterSeconds: 10,
  message: "Something went wrong on our side. We have been alerted.",
};

export const refreshedElsewhere: TokenFailure = {
  code: "temporarily_unavailable",
  actor: "nobody",
  retryable: true,
  retryAfterSeconds: 2,
  message: "The token is being renewed by another worker, which takes longer than usual.",
  cause: { kind: "refreshed_elsewhere" },
};

/** This call was held up for so long that Microsoft's answer would come too late; another one does it. */
export const heldUp: TokenFailure = {
  code: "temporarily_unavailable",
  actor: "nobody",
  retryable: true,
  retryAfterSeconds: 2,
  message: "Renewing the token took too long on our side; it is tried again at the next request.",
  cause: { kind: "out_of_time" },
};

export const livesTooShort: TokenFailure = {
  code: "invalid_request",
  actor: "operator",
  retryable: false,
  message:
    "Microsoft issues this organisation tokens that live shorter than minTtlSeconds asks for.",
  cause: { kind: "lives_too_short" },
};

/** The stored token does not open, and neither does the one that was to replace it. */
export const tokenUnreadable: TokenFailure = {
  code: "temporarily_unavailable",
  actor: "operator",
  retryable: true,
  retryAfterSeconds: 60,
  message: "The stored token cannot be read on our side. We have been alerted.",
  cause: { kind: "sealed_token_unreadable" },
};

const cause = { kind: "remembered_refusal" };

/**
 * What can be said without asking Microsoft: the connection has ended, or the last refusal is too fresh to ask again.
 * One that has ended and has a time before which nothing is asked may come back after it. Nothing is loaded for such an
 * answer and nobody is called.
 */
export const rememberedRefusal = (
  { status, problem, refreshNotBefore, pause }: StoredConnection,
  now: Date,
): TokenFailure | undefined => {
  const isTooEarly = refreshNotBefore !== undefined && refreshNotBefore > now;
  if (status === "reauthorization_required" && (isTooEarly || !refreshNotBefore)) {
    return {
      code: "reauthorization_required",
      actor: problem?.actor ?? "user",
      retryable: false,
      message: problem?.message ?? "Please reconnect the mailbox.",
      cause,
    };
  }
  if (!isTooEarly) return undefined;
  const retryAfterSeconds = Math.ceil((refreshNotBefore.getTime() - now.getTime()) / 1000);
  const { actor, retryable, message } = pause ?? unexplainedPause;
  return { code: codeOf(pause), actor, retryable, retryAfterSeconds, message, cause };
};

const unexplainedPause = {
  actor: "nobody",
  retryable: true,
  message: "Microsoft could not renew the token just now; it is asked again shortly.",
} as const;

/** The code as it was stored, by this version of the code or an earlier one. */
const codeOf = (pause: StoredConnection["pause"]): TokenFailureCode =>
  tokenFailureCodes.find((known) => known === pause?.code) ?? "temporarily_unavailable";
