import { Logger } from "@aws-lambda-powertools/logger";
import type { Context } from "aws-lambda";
import type { Actor } from "./domain/actor.ts";
import type { AppCredentialKind } from "./domain/app-credential.ts";
import type { NoteDisconnected } from "./domain/disconnect-mailbox.ts";
import type { VaultKeysFor } from "./domain/key-rotation.ts";
import type { MicrosoftEvidence } from "./domain/microsoft.ts";
import type { ApprovalStep } from "./domain/tenant-consent.ts";
import type { NoteUnreadable } from "./domain/unreadable-connection.ts";
import { type OnUnreadable, UnreadableItem } from "./domain/unreadable-item.ts";

/**
 * All that a log line may say beside its sentence. There is no way to log an event, a header, a body or
 * an error object; a field that is not here is added here first.
 */
export interface LogFields {
  readonly route?: string;
  /** A name for the address that a request came from, which another execution environment calls otherwise. */
  readonly caller?: string;
  readonly status?: number;
  /** A stable code; alarms count it. */
  readonly failure?: string;
  /** Why a connection has ended just now, said once of each; a metric counts it. */
  readonly ended?: string;
  /** The code with which a sign-in had ended before; no alarm counts it. */
  readonly endedAs?: string;
  readonly actor?: Actor;
  readonly retryable?: boolean;
  /** The first characters of an attempt's id, enough to find it. */
  readonly attempt?: string;
  readonly connectionId?: string;
  readonly workspaceId?: string;
  readonly tenantId?: string;
  /** Key of an item that cannot be read. */
  readonly item?: string;
  readonly workflowId?: string;
  readonly runId?: string;
  /** What a token was asked for; metrics count what workers are served. */
  readonly purpose?: "use" | "keep_alive";
  readonly reconnected?: boolean;
  /** From the button to the connection; a metric reads it. */
  readonly sinceStartedSeconds?: number;
  readonly degraded?: boolean;
  /** Where a token came from. */
  readonly source?: "memory" | "table" | "refresh";
  /** Which check an ID token failed. */
  readonly check?: string;
  readonly missing?: readonly string[];
  readonly microsoft?: MicrosoftEvidence;
  /** A browser brought it, in an address that anybody can write. */
  readonly byRedirect?: boolean;
  /** Of an unexpected error only its class and where it was thrown: messages can quote input. */
  readonly error?: { readonly name: string; readonly frames: readonly string[] };
  readonly durationMs?: number;
  /** A step of the way from a blocked user to an approved organisation; metrics count it. */
  readonly step?:
    | "blocked"
    | "requested"
    | "mailed"
    | "opened"
    | "reported"
    | "verified"
    | "lost"
    | "resumed";
  /** A tenant, or a person by a hash. */
  readonly organisation?: string;
  /** From the request to the verified approval that answers it. */
  readonly sinceRequestedSeconds?: number;
  readonly people?: number;
  /** How many people one run of resume-waiting has told; an alarm misses it. */
  readonly peopleTold?: number;
  /** What a run of the keep-alive did, by connections; metrics count it. */
  readonly keptAlive?: {
    readonly kept: number;
    readonly ended: number;
    readonly refused: number;
    readonly left: number;
    readonly unreadable: number;
  };
  /** Of a stored connection that cannot be read, the names of what is missing or of another type. */
  readonly unreadableFields?: readonly string[];
  /** A tenant asks for a new sign-in at least so often. */
  readonly signInFrequencySeconds?: number;
  /** Which vault keys a rotation or an age is of. */
  readonly vaultKeys?: VaultKeysFor;
  /** A step of their rotation, and what came of it. */
  readonly rotationStep?: string;
  readonly rotation?: "done" | "was_done";
  /** What a run of the sweep did, by vault entries; metrics count it. */
  readonly sweptVault?: { readonly seen: number; readonly erased: number; readonly left: number };
  /** What a call of erase-connections did, by connections, and whether another call is needed to reach the end. */
  readonly erasure?: {
    readonly erased: number;
    readonly leftOut: number;
    readonly unreadable: number;
    readonly isComplete: boolean;
  };
  /** What a call of require-sign-in did, or would have done, by connections. */
  readonly requiredSignIns?: {
    readonly required: number;
    readonly leftOut: number;
    readonly unreadable: number;
    readonly isComplete: boolean;
    readonly isDryRun: boolean;
    /** ISO 8601 */
    readonly connectedBefore: string;
  };
  /** Refresh tokens by their age in days; metrics read them. */
  readonly refreshTokenAges?: Readonly<Record<string, number>>;
  /** Of the oldest refresh token. */
  readonly oldestDays?: number;
  /** How long the connection has been due that has waited longest for its renewal; an alarm watches it. */
  readonly overdueDays?: number;
  /** Which kind of the app's credentials is meant: the one that works, or the one that is measured. */
  readonly credential?: AppCredentialKind;
  /** The better one that did not work. */
  readonly insteadOf?: AppCredentialKind;
  /** Whole days since these vault keys were rotated; an alarm watches it. */
  readonly vaultKeyAgeDays?: number;
  /** Whole days until the app's credential ends; alarms watch it. */
  readonly credentialDaysLeft?: number;
  /** What is known of the end of the app's credential; an alarm misses it. */
  readonly credentialEnd?: "known" | "never";
}

/**
 * Private keys, JWTs and JWEs, Microsoft's codes and refresh tokens, its access tokens for personal accounts, and the
 * app's client secrets.
 */
const tokens =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*-----)?|eyJ[\w-]+(?:\.[\w-]*){1,4}|\b[01M]\.[A-Z][\w.!*$-]{20,}|\bEw[\w+/]{40,}={0,2}|[\w.~]{3}\dQ~[\w.~-]{31,}/g;

/** Those, and any long run of base64url. */
const tokenLike = new RegExp(`${tokens.source}|[\\w-]{40,}`, "g");

/** Our own functions, whose names are long enough to look like a token. */
const ourNames = new Set(["function_name", "function_arn"]);

/**
 * Ids of the product, which forms them as it likes: the audit line is worth nothing without them. And keys of items, which
 * name people by hashes that are as long as a token: nobody finds the item without them.
 */
const longIds = new Set(["workspaceId", "workflowId", "runId", "item"]);

/** The second net. The first one is that {@link LogFields} has no place for a secret. */
const maskTokens = (key: string, value: unknown): unknown => {
  if (typeof value !== "string" || ourNames.has(key)) return value;
  return value.replaceAll(longIds.has(key) ? tokens : tokenLike, "[masked]");
};

declare global {
  var outlookConnectLogger: Logger | undefined;
}

/**
 * One for the whole execution environment: the second bundle of token-fetch has a copy of this module, and its lines are
 * of the same request.
 */
globalThis.outlookConnectLogger ??= new Logger({ jsonReplacerFn: maskTokens });
const powertools = globalThis.outlookConnectLogger;

/** A log line is a constant sentence and fields. */
export const logger = {
  powertools,
  /** Of each invocation that is no HTTP request, before anything is logged: the lines name it, and none before it. */
  begin: (context: Context) => {
    powertools.resetKeys();
    powertools.addContext(context);
  },
  info: (sentence: string, fields: LogFields = {}) => powertools.info(sentence, { ...fields }),
  warn: (sentence: string, fields: LogFields = {}) => powertools.warn(sentence, { ...fields }),
  error: (sentence: string, fields: LogFields = {}) => powertools.error(sentence, { ...fields }),
};

/** One line for each step of an approval; metrics count them. */
export const logApprovalStep = (step: ApprovalStep): void => {
  logger.info("step of an approval", { ...step });
};

/**
 * One line for each connection that is ended, by its owner or by an erasure: who looks for one finds when it went. If the
 * one that ended it died before it could say so, the line of the repetition tells.
 */
export const logDisconnected: NoteDisconnected = ({ id, owner, isNew }) => {
  logger.info(isNew ? "mailbox disconnected" : "mailbox was disconnected before", {
    connectionId: id,
    workspaceId: owner.workspaceId,
  });
};

/** Each time that one is met, until it is mended; an alarm counts it. */
export const logUnreadable: NoteUnreadable = ({ id, fields }) => {
  logger.error("connection cannot be read", {
    failure: "connection_unreadable",
    actor: "operator",
    connectionId: id,
    unreadableFields: fields,
  });
};

/** One line for each connection whose tokens an operator has deleted. */
export const logSignInRequired = ({
  id: connectionId,
  workspaceId,
  tenantId,
}: {
  readonly id: string;
  readonly workspaceId: string;
  readonly tenantId: string;
}): void => {
  logger.info("sign-in required by the operator", { connectionId, workspaceId, tenantId });
};

/** As V8 writes them: a place in a file, in brackets if the function has a name. */
const frame = /^\s+at (?:.+ \()?\S+:\d+:\d+\)?$/;

/** An unexpected error in the form that may be logged. */
export const errorFields = (error: unknown): NonNullable<LogFields["error"]> => {
  if (!(error instanceof Error)) return { name: typeof error, frames: [] };
  // The stack begins with the message, and a line of it that looks like a frame could quote input.
  const trace = (error.stack ?? "").replace(error.message, () => "");
  const frames = trace.split("\n").filter((line) => frame.test(line));
  return { name: error.name, frames: frames.slice(0, 5).map((line) => line.trim()) };
};

/** Each time that one is met, until it is mended; an alarm of its own counts it, since it may ring for long. */
export const logUnreadableItem: OnUnreadable = ({ key }) => {
  logger.error("item cannot be read", {
    failure: "item_unreadable",
    actor: "operator",
    item: key,
  });
};

/** What a scheduled run leaves undone, for one or for all; an alarm counts it. */
export const logRunFault = (sentence: string, error: unknown): void => {
  if (error instanceof UnreadableItem) logUnreadableItem(error);
  else logger.error(sentence, { failure: "internal_error", error: errorFields(error) });
};

/** What the person does not notice, because it stands in nobody's way. */
export const logLeftUndone = (failure: string, error: unknown): void => {
  logger.error("left undone beside what was asked for", { failure, error: errorFields(error) });
};

/** A refused mail is for the operator to put right, and an alarm counts it; one that nobody can tell of is not. */
export const logMailNotSent = (outcome: "refused" | "unknown", error: unknown): void => {
  if (outcome === "refused") {
    logger.error("mail refused by Amazon SES", {
      failure: "mail_refused",
      error: errorFields(error),
    });
  } else {
    logger.warn("no answer of Amazon SES", { failure: "mail_unknown", error: errorFields(error) });
  }
};

/** The app proves who it is by a credential that is not its best one; an alarm counts it. */
export const logCredentialFallback = ({
  from: insteadOf,
  to: credential,
}: {
  readonly from: AppCredentialKind;
  readonly to: AppCredentialKind;
}): void => {
  logger.warn("a credential of the app works, and a better one does not", {
    failure: "app_credential_fallback",
    actor: "operator",
    credential,
    insteadOf,
  });
};

/** AWS does not say who this function is; what is stored is tried instead. */
export const logFederationUnavailable = (error: unknown): void => {
  logger.error("AWS STS gave no assertion for Microsoft", {
    failure: "federated_credential_unavailable",
    actor: "operator",
    credential: "federated",
    error: errorFields(error),
  });
};
