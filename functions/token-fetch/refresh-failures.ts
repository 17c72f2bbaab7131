import {
  endedKeptSeconds,
  type Pause,
  type Setback,
  type StoredConnection,
} from "../../shared/domain/connection.ts";
import { keptAliveAgainAt } from "../../shared/domain/keep-alive.ts";
import type { MicrosoftFailure } from "../../shared/domain/microsoft.ts";
import type { Problem } from "../../shared/domain/problem.ts";
import { brokenHere, type TokenFailure, type TokenFailureCode } from "./token-failure.ts";

/** How long Microsoft is left alone when it does not say. */
const pauses = {
  outageSeconds: 5,
  throttledSeconds: 30,
  /** Long enough to be another answer, short enough not to keep anybody waiting. */
  secondOpinionSeconds: 120,
  credentialSeconds: 30,
  /** Only an administrator changes it; still it is tried again without anybody reconnecting. */
  administratorSeconds: 600,
  /** Between two looks for a refresh token that the vault has lost. They cost Microsoft nothing. */
  lostTokenSeconds: 3600,
};

/** So long after the connection ended, a lost refresh token may come back: tables have a backup of 35 days. */
const restorableSeconds = 35 * 24 * 3600;

/** A refusal of Microsoft's, or one of our own. */
export interface Refusal extends MicrosoftFailure {
  /** The vault lacks the refresh token: it may come back from a backup. */
  readonly isLostByUs?: true;
}

/**
 * A new sign-in replaces the entry and with it the version, so nobody has taken away on purpose what a connection still
 * names: it is looked for again before its person must act, and after that, until they do.
 */
export const lostRefreshToken: Refusal = {
  kind: "sign_in_required",
  actor: "user",
  retryable: false,
  certain: false,
  isLostByUs: true,
  message: "The permission to read this mailbox is no longer there. Please reconnect the mailbox.",
  evidence: { error: "vault_entry_gone", errorCodes: [] },
};

const unused = "connection_unused";

/** Why a connection ends, for the log. Of two of these nobody needs to be told: time, and a policy of the tenant. */
export const causeOfEnd = ({ kind, evidence, isLostByUs, signInFrequency }: Refusal): string => {
  if (evidence.error === unused) return unused;
  if (signInFrequency) return "sign_in_frequency";
  return isLostByUs ? "refresh_token_lost" : kind;
};

const codes: Record<MicrosoftFailure["kind"], TokenFailureCode> = {
  access_declined: "reauthorization_required",
  admin_approval_required: "admin_consent_required",
  sign_in_required: "reauthorization_required",
  account_type_not_supported: "reauthorization_required",
  account_disabled: "reauthorization_required",
  tenant_blocked: "tenant_blocked",
  throttled: "throttled",
  temporarily_unavailable: "temporarily_unavailable",
  app_credential_rejected: "misconfigured",
  app_refused: "misconfigured",
  misconfigured: "misconfigured",
};

const isUnbelieved = (failure: Refusal, setback: Setback | undefined) =>
  !failure.certain && setback !== undefined && setback.status !== "reauthorization_required";

/** What the worker is told of a refusal. */
export const tokenFailureOf = (failure: Refusal, setback?: Setback): TokenFailure => {
  const kind = failure.isLostByUs ? "refresh_token_lost" : failure.kind;
  const cause = { kind, evidence: failure.evidence };
  if (isUnbelieved(failure, setback)) {
    return {
      code: "temporarily_unavailable",
      actor: "nobody",
      retryable: true,
      retryAfterSeconds: pauses.secondOpinionSeconds,
      message: failure.isLostByUs
        ? "The permission to read this mailbox was not found; it is looked for again before anybody has to act."
        : "Microsoft refused without a reason; it is asked again before anybody has to act.",
      cause,
    };
  }
  const isOurs = failure.actor === "operator";
  const retryAfterSeconds = failure.retryAfterSeconds ?? (isOurs ? 60 : undefined);
  return {
    code: codes[failure.kind],
    actor: failure.actor,
    // What is wrong on our side is put right without the worker's help.
    retryable: failure.retryable || isOurs,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    message: failure.message,
    cause,
  };
};

/** What the owner of the connection is told; the product's codes, not those of workers. */
const problemOf = ({ kind, actor, message }: MicrosoftFailure): Problem => ({
  code: kind === "admin_approval_required" ? kind : codes[kind],
  actor,
  message,
});

/** Nobody has asked for its token for so long that it is not to be renewed any more. */
export const unusedConnection = (days: number): Refusal => ({
  kind: "sign_in_required",
  actor: "user",
  retryable: false,
  certain: true,
  message: `No workflow used this mailbox for more than ${days} days, so the permission to read it was deleted. Please reconnect the mailbox if you still need it.`,
  evidence: { error: unused, errorCodes: [] },
});

/** A setback, but for the times that follow from it. */
type Consequences = Omit<Setback, "forgottenAt" | "lastUsedAt">;

/** Nothing new is known of the connection; it is tried again shortly. */
const withoutVerdict = (connection: StoredConnection, now: Date): Consequences => ({
  status: connection.status,
  problem: connection.problem,
  refreshNotBefore: new Date(now.getTime() + pauses.outageSeconds * 1000),
  pause: undefined,
  firstRefusedAt: connection.firstRefusedAt,
  pendingClaims: connection.pendingClaims,
  keepAliveAt: connection.keepAliveAt,
});

const pauseOf = ({ code, actor, retryable, message }: TokenFailure): Pause => ({
  code,
  actor,
  retryable,
  message,
});

/** What an outage of ours means: nothing for the connection, and a short rest for what has failed. */
export const afterOutage = (connection: StoredConnection, now: Date): Setback =>
  dated({ ...withoutVerdict(connection, now), pause: pauseOf(brokenHere) }, connection, now);

/** What a refusal means for the connection, and what workers are told until Microsoft is asked again. */
export const setbackOf = (failure: Refusal, connection: StoredConnection, now: Date): Setback => {
  const setback = dated(consequencesOf(failure, connection, now), connection, now);
  if (!setback.refreshNotBefore) return setback;
  return { ...setback, pause: pauseOf(tokenFailureOf(failure, setback)) };
};

/** Whoever was due is tried again in a day, so that those who are refused hold up nobody behind them. */
const nextInQueue = (
  { keepAliveAt, refreshNotBefore }: Consequences,
  { id }: StoredConnection,
  now: Date,
): Date | undefined =>
  keepAliveAt !== undefined && keepAliveAt <= now
    ? keptAliveAgainAt(id, now, refreshNotBefore)
    : keepAliveAt;

/** What has ended is forgotten some time after it first did. */
const dated = (consequences: Consequences, connection: StoredConnection, now: Date): Setback => ({
  ...consequences,
  keepAliveAt: nextInQueue(consequences, connection, now),
  lastUsedAt: connection.lastUsedAt,
  forgottenAt:
    consequences.status === "reauthorization_required"
      ? (connection.forgottenAt ?? new Date(now.getTime() + endedKeptSeconds * 1000))
      : undefined,
});

const isRestorable = ({ forgottenAt }: StoredConnection, now: Date): boolean => {
  if (!forgottenAt) return true;
  const secondsLeft = (forgottenAt.getTime() - now.getTime()) / 1000;
  return endedKeptSeconds - secondsLeft <= restorableSeconds;
};

/** What a refusal means for the connection. Only a definite refusal of its own grant ends it. */
const consequencesOf = (
  failure: Refusal,
  connection: StoredConnection,
  now: Date,
): Consequences => {
  const unchanged = withoutVerdict(connection, now);
  const pause = (defaultSeconds: number) =>
    new Date(now.getTime() + (failure.retryAfterSeconds ?? defaultSeconds) * 1000);
  const ended: Consequences = {
    ...unchanged,
    status: "reauthorization_required",
    problem: problemOf(failure),
    refreshNotBefore: undefined,
    firstRefusedAt: undefined,
    pendingClaims: failure.claims,
    keepAliveAt: undefined,
  };

  switch (failure.kind) {
    case "throttled":
      return { ...unchanged, refreshNotBefore: pause(pauses.throttledSeconds) };
    case "temporarily_unavailable":
      return { ...unchanged, refreshNotBefore: pause(pauses.outageSeconds) };
    case "app_credential_rejected":
    case "app_refused":
    case "misconfigured":
      return { ...unchanged, refreshNotBefore: pause(pauses.credentialSeconds) };
    case "admin_approval_required":
      return {
        ...unchanged,
        status: "admin_approval_required",
        problem: problemOf(failure),
        refreshNotBefore: pause(pauses.administratorSeconds),
      };
    case "tenant_blocked":
      return {
        ...unchanged,
        problem: problemOf(failure),
        refreshNotBefore: pause(pauses.administratorSeconds),
      };
    case "sign_in_required": {
      if (failure.certain) return ended;
      const { firstRefusedAt, status, keepAliveAt } = connection;
      const askedAgain =
        firstRefusedAt !== undefined &&
        now.getTime() - firstRefusedAt.getTime() >= pauses.secondOpinionSeconds * 1000;
      const isOver = askedAgain || status === "reauthorization_required";
      if (failure.isLostByUs && isOver) {
        if (!isRestorable(connection, now)) return ended;
        return { ...ended, refreshNotBefore: pause(pauses.lostTokenSeconds), keepAliveAt };
      }
      if (askedAgain) return ended;
      return {
        ...unchanged,
        firstRefusedAt: firstRefusedAt ?? now,
        refreshNotBefore: pause(pauses.secondOpinionSeconds),
      };
    }
    case "access_declined":
    case "account_type_not_supported":
    case "account_disabled":
      return ended;
    default:
      return failure.kind satisfies never;
  }
};
