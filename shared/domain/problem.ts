import type { Actor } from "./actor.ts";

/** What went wrong, for whom, in words: the part of a failure that may be stored and shown. */
export interface Problem {
  /** Stable; clients switch on it. */
  readonly code: string;
  readonly actor: Actor;
  /** A whole sentence for the person who reads it. */
  readonly message: string;
}

/** Every code that the HTTP API answers. */
export const problemCodes = [
  "invalid_request",
  "access_declined",
  "account_disabled",
  "account_type_not_supported",
  "admin_approval_required",
  "approval_spreading",
  "mailbox_not_available",
  "permissions_missing",
  "session_mismatch",
  "sign_in_required",
  "tenant_blocked",
  "attempt_unknown",
  "mail_not_allowed",
  "not_found",
  "account_mismatch",
  "already_completed",
  "attempt_interrupted",
  "disconnected_since",
  "in_progress",
  "not_returned",
  "too_many_connections",
  "attempt_expired",
  "probably_blocked",
  "too_many_attempts",
  "too_many_mails",
  "internal_error",
  "id_token_rejected",
  "microsoft_answer_incomplete",
  "misconfigured",
  "temporarily_unavailable",
  "throttled",
] as const;

export type ProblemCode = (typeof problemCodes)[number];

/** A problem as the HTTP API answers it. */
export interface ApiProblem extends Problem {
  readonly code: ProblemCode;
  readonly retryAfterSeconds?: number;
}
