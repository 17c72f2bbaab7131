import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
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
  /** How long the step will need the token. Without it, five minutes. */
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

export interface TokenFailure {
  /** Stable; switch on it. */
  readonly code: string;
  /** Who must act before the same request can succeed. */
  readonly actor: "user" | "tenant_admin" | "operator" | "nobody";
  /** Try the step again later, rather than fail the run. */
  readonly retryable: boolean;
  readonly retryAfterSeconds?: number | undefined;
  /** A sentence for the person who owns the mailbox. */
  readonly message: string;
  /** Quote it when you ask the operator. */
  readonly traceId: string;
}

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
    error: z.object({
      code: z.string(),
      actor: z.enum(["user", "tenant_admin", "operator", "nobody"]),
      retryable: z.boolean(),
      retryAfterSeconds: z.optional(z.number()),
      message: z.string(),
      traceId: z.string(),
    }),
  }),
]);

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

/**
 * Gets an access token for one mailbox. Ask anew for every step, and keep nothing: the function answers
 * from memory when it can, and a kept token would outlive a disconnect.
 *
 * @throws if the function cannot be reached, or breaks. The step may be tried again: asking twice for a
 *   token changes nothing.
 */
export const fetchToken = async (
  request: TokenRequest,
  { lambda, functionName }: TokenFunction,
): Promise<TokenAnswer> => {
  const { FunctionError, Payload } = await lambda.send(
    new InvokeCommand({ FunctionName: functionName, Payload: JSON.stringify(request) }),
  );
  // The payload of a broken function is a stack trace: it goes into no message and no log.
  if (FunctionError !== undefined) throw new Error(`token-fetch broke (${FunctionError})`);
  if (Payload === undefined) throw new Error("token-fetch answered nothing");
  return answerOfFunction.parse(parseJson(new TextDecoder().decode(Payload)));
};

/** A client for {@link fetchToken}. Deployed, region and credentials come from the worker's role. */
export const tokenClient = (options: ConstructorParameters<typeof LambdaClient>[0] = {}) =>
  new LambdaClient({
    ...options,
    // Longer than token-fetch may run. `requestTimeout` alone only warns; the second setting ends the call.
    requestHandler: {
      connectionTimeout: 2_000,
      requestTimeout: 30_000,
      throwOnRequestTimeout: true,
    },
  });
