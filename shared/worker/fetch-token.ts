import { setTimeout as wait } from "node:timers/promises";
import { InvokeCommand, LambdaClient, type LambdaServiceException } from "@aws-sdk/client-lambda";
import * as z from "zod/mini";

// This file is made to be copied: it needs the two packages above, and nothing else of this repository.

/** A token that logs, formats and serializes as `[token]`. `reveal()` is the only way in. */
export class AccessToken {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return "[token]";
  }

  toJSON(): string {
    return "[token]";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[token]";
  }
}

/** What a workflow worker says when it needs a mailbox. */
export interface TokenRequest {
  readonly connectionId: string;
  /** The workspace whose workflow is running. A connection of any other workspace is not found. */
  readonly workspaceId: string;
  /**
   * How long the step will need the token, at most 3,000 (fifty minutes): a longer step asks again on its way. Without it,
   * five minutes.
   */
  readonly minTtlSeconds?: number;
  /** Which run asks, for the audit line. */
  readonly run: { readonly workflowId: string; readonly runId: string };
}

/** Ask `ok` first: there is a token, or a failure that says who must act. */
export type TokenAnswer =
  | {
      readonly ok: true;
      /** For the `Authorization` header, and nowhere else: never log it, never store it. */
      readonly accessToken: AccessToken;
      readonly expiresAt: Date;
      readonly scopes: readonly string[];
      /** Where Microsoft Graph is, with its version: `https://graph.microsoft.com/v1.0` */
      readonly graphBaseUrl: string;
      /** A refresh has just failed; the token is good, but the next one may not come. */
      readonly degraded: boolean;
    }
  | { readonly ok: false; readonly error: TokenFailure };

export type TokenFailureCode =
  | "not_found"
  | "invalid_request"
  | "reauthorization_required"
  | "admin_consent_required"
  | "tenant_blocked"
  | "throttled"
  | "temporarily_unavailable"
  | "misconfigured";

interface AnyTokenFailure {
  /** Stable. A later version of the service may have others: treat those by `retryable` and `actor`. */
  readonly code: TokenFailureCode | (string & Record<never, never>);
  /** Who must act before the same request can succeed. */
  readonly actor: "user" | "tenant_admin" | "operator" | "nobody";
  /** A sentence for the person who owns the mailbox. */
  readonly message: string;
  /** Quote it when you ask the operator. */
  readonly traceId: string;
}

/** Ask `retryable`: it may pass by itself, or it will not before somebody has acted. */
export type TokenFailure =
  | (AnyTokenFailure & { readonly retryable: true; readonly retryAfterSeconds: number })
  | (AnyTokenFailure & { readonly retryable: false });

/** Where the service names no time itself. */
const defaultRetryAfterSeconds = 30;

const failure = {
  code: z.string(),
  actor: z.enum(["user", "tenant_admin", "operator", "nobody"]),
  message: z.string(),
  traceId: z.string(),
};

const answerOfFunction = z.discriminatedUnion("ok", [
  z.object({
    ok: z.literal(true),
    accessToken: z.pipe(
      z.string().check(z.minLength(1)),
      z.transform((text) => new AccessToken(text)),
    ),
    tokenType: z.literal("Bearer"),
    expiresAt: z.pipe(
      z.iso.datetime(),
      z.transform((text) => new Date(text)),
    ),
    scopes: z.array(z.string()),
    graphBaseUrl: z.url(),
    degraded: z.boolean(),
  }),
  z.object({
    ok: z.literal(false),
    error: z.discriminatedUnion("retryable", [
      z.object({
        ...failure,
        retryable: z.literal(true),
        retryAfterSeconds: z._default(z.number().check(z.gte(0)), defaultRetryAfterSeconds),
      }),
      z.object({ ...failure, retryable: z.literal(false) }),
    ]),
  }),
]);

/** Lambda turned the request away by itself, so the function has not run: the names are those of its errors. */
const turnedAway: ReadonlyMap<
  string,
  { readonly code: TokenFailureCode; readonly message: string }
> = new Map([
  [
    "TooManyRequestsException",
    {
      code: "throttled",
      message: "There are too many requests just now. It is tried again shortly.",
    },
  ],
  [
    "ServiceException",
    {
      code: "temporarily_unavailable",
      message: "The token service could not be reached just now. It is tried again shortly.",
    },
  ],
]);

/** Lambda has room again soon, and names no time. */
const turnedAwaySeconds = 2;

const answerForLambda = (error: unknown): TokenAnswer | undefined => {
  if (!(error instanceof Error)) return undefined;
  const reason = turnedAway.get(error.name);
  if (!reason) return undefined;
  const { $metadata }: Partial<LambdaServiceException> = error;
  return {
    ok: false,
    error: {
      ...reason,
      actor: "nobody",
      retryable: true,
      retryAfterSeconds: turnedAwaySeconds,
      traceId: $metadata?.requestId ?? "none",
    },
  };
};

/**
 * Functions answer their failures as values. One that breaks has not got so far: it did not start, as for moments while a
 * new version of it is deployed, or it ran out of time.
 */
const answerOfBroken: TokenAnswer = {
  ok: false,
  error: {
    code: "temporarily_unavailable",
    actor: "operator",
    retryable: true,
    retryAfterSeconds: 5,
    message:
      "The token service is out of order just now. Whoever runs it is told, and it is tried again shortly.",
    traceId: "none",
  },
};

/** The parser's own message quotes what it cannot read, which may be the beginning of a token. */
const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("token-fetch answered no JSON");
  }
};

export interface TokenFunction {
  readonly lambda: Pick<LambdaClient, "send">;
  readonly functionName: string;
}

export interface Patience {
  /**
   * How many seconds after the call what passes by itself may be asked for the last time; a minute unless told. That
   * last answer takes as long as it takes. With 0 the first answer is returned, for a worker that has a queue to wait in.
   */
  readonly patienceSeconds?: number;
  /** Ends the waiting, and a request that is under way. */
  readonly signal?: AbortSignal;
}

const defaultPatienceSeconds = 60;

/**
 * Gets an access token for one mailbox. Ask anew for every step, and keep nothing: the function answers
 * from memory when it can, and a kept token would outlive a disconnect.
 *
 * What may pass by itself, be it that Lambda has no room or the function is being replaced, is asked for again when the
 * service says so, while that is within `patienceSeconds`; then it is returned like any other failure.
 *
 * @throws if the function cannot be reached, or its answer not be read, or `signal` ends it. The step may be tried
 *   again: asking twice for a token changes nothing.
 */
export const fetchToken = async (
  request: TokenRequest,
  tokens: TokenFunction,
  { patienceSeconds = defaultPatienceSeconds, signal }: Patience = {},
): Promise<TokenAnswer> => {
  // Asking takes time, too. A clock that is set meanwhile changes nothing.
  const lastAskBy = performance.now() + patienceSeconds * 1000;
  for (;;) {
    const answer = await ask(request, tokens, signal);
    if (answer.ok || !answer.error.retryable) return answer;
    // Not all at once: workers that were told the same would come back together. Never earlier than told.
    const milliseconds =
      Math.max(1, answer.error.retryAfterSeconds) * (1 + Math.random() / 5) * 1000;
    if (performance.now() + milliseconds > lastAskBy) return answer;
    await wait(milliseconds, undefined, signal && { signal });
  }
};

const ask = async (
  request: TokenRequest,
  tokens: TokenFunction,
  signal: AbortSignal | undefined,
): Promise<TokenAnswer> => {
  try {
    return await invoke(request, tokens, signal);
  } catch (error) {
    const answer = answerForLambda(error);
    if (!answer) throw error;
    return answer;
  }
};

const invoke = async (
  request: TokenRequest,
  { lambda, functionName }: TokenFunction,
  signal: AbortSignal | undefined,
): Promise<TokenAnswer> => {
  const { FunctionError, Payload } = await lambda.send(
    new InvokeCommand({ FunctionName: functionName, Payload: JSON.stringify(request) }),
    signal && { abortSignal: signal },
  );
  // The payload of a broken function is a stack trace: it goes into no message and no log.
  if (FunctionError !== undefined) return answerOfBroken;
  if (Payload === undefined) throw new Error("token-fetch answered nothing");
  return answerOfFunction.parse(parseJson(new TextDecoder().decode(Payload)));
};

/** A client for {@link fetchToken}. Deployed, region and credentials come from the worker's role. */
export const tokenClient = (options: ConstructorParameters<typeof LambdaClient>[0] = {}) =>
  new LambdaClient({
    // One more, for a kept connection that was closed meanwhile. Three would make one ask that runs out of time 90 s long.
    maxAttempts: 2,
    ...options,
    // Longer than token-fetch may run. `requestTimeout` alone only warns; the second setting ends the call.
    requestHandler: {
      connectionTimeout: 2_000,
      requestTimeout: 30_000,
      throwOnRequestTimeout: true,
    },
  });
