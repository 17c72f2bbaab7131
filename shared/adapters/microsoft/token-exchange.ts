import type { INetworkModule, NetworkRequestOptions, NetworkResponse } from "@azure/msal-node";
import * as z from "zod/mini";
import type { MicrosoftEvidence } from "../../domain/microsoft.ts";
import { evidenceInDescription } from "../../domain/microsoft-evidence.ts";
import { type BoundedAnswer, boundedRequest, NoAnswer } from "../https/bounded-request.ts";
import type { MicrosoftRefusal } from "./failure-table.ts";

/** Below the limits of every function that waits for it; a refresh has less. */
export const tokenCallMilliseconds = 8_000;
const largestTokenAnswerBytes = 256 * 1024;

/** Longer than any lifetime that Microsoft documents: 28 hours, with continuous access evaluation. */
const longestLifetimeSeconds = 48 * 3600;

/** RFC 6749 §5.1. Microsoft sends lifetimes as numbers; some of its endpoints send digits. */
const tokenAnswer = z.object({
  access_token: z.optional(z.string()),
  refresh_token: z.optional(z.string()),
  id_token: z.optional(z.string()),
  token_type: z.optional(z.string()),
  scope: z.optional(z.string()),
  expires_in: z.optional(
    z.union([z.number(), z.pipe(z.string().check(z.regex(/^\d{1,9}$/)), z.transform(Number))]),
  ),
});

const refusalAnswer = z.object({
  error: z.string().check(z.regex(/^[a-z_]{1,64}$/)),
  suberror: z.catch(z.optional(z.string().check(z.regex(/^[a-z_]{1,64}$/))), undefined),
  error_description: z.catch(z.optional(z.string()), undefined),
  error_codes: z.catch(z.optional(z.array(z.int())), undefined),
  trace_id: z.catch(z.optional(z.guid()), undefined),
  correlation_id: z.catch(z.optional(z.guid()), undefined),
  claims: z.catch(z.optional(z.string().check(z.maxLength(4096))), undefined),
});

export interface TokenAnswer {
  readonly accessToken: string | undefined;
  readonly refreshToken: string | undefined;
  readonly idToken: string | undefined;
  readonly scopes: readonly string[] | undefined;
  readonly lifetimeSeconds: number | undefined;
}

export type ExchangeOutcome =
  | { readonly kind: "answered"; readonly answer: TokenAnswer }
  | { readonly kind: "refused"; readonly refusal: MicrosoftRefusal }
  /** Nothing usable came back; what Microsoft did is not known. */
  | { readonly kind: "unknown"; readonly refusal: MicrosoftRefusal };

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** RFC 9110 §10.2.3: seconds, or a date. */
const retryAfterOf = (headers: BoundedAnswer["headers"]): number | undefined => {
  const text = headers["retry-after"];
  if (text === undefined) return undefined;
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.min(Math.max(Math.ceil(seconds), 0), 3600) : undefined;
};

const refusalOf = ({ status, headers, body }: BoundedAnswer): MicrosoftRefusal | undefined => {
  const read = refusalAnswer.safeParse(parseJson(body));
  const retryAfterSeconds = retryAfterOf(headers);
  if (!read.success) {
    if (status < 400) return undefined;
    return {
      evidence: { error: `http_${status}`, errorCodes: [], httpStatus: status },
      retryAfterSeconds,
    };
  }
  const { error, suberror, error_description, error_codes, claims } = read.data;
  const described = evidenceInDescription(error_description ?? "");
  const traceId = read.data.trace_id ?? described.traceId;
  const correlationId = read.data.correlation_id ?? described.correlationId;
  const evidence: MicrosoftEvidence = {
    error,
    errorCodes: error_codes ?? described.errorCodes,
    httpStatus: status,
    ...(suberror !== undefined && { suberror }),
    ...(traceId !== undefined && { traceId }),
    ...(correlationId !== undefined && { correlationId }),
  };
  return { evidence, retryAfterSeconds, claims };
};

const unknown = (what: string, httpStatus?: number): ExchangeOutcome => ({
  kind: "unknown",
  refusal: {
    evidence: {
      error: what,
      errorCodes: [],
      ...(httpStatus !== undefined && { httpStatus }),
    },
  },
});

const outcomeOf = (received: BoundedAnswer): ExchangeOutcome => {
  const refusal = refusalOf(received);
  if (refusal) return { kind: "refused", refusal };
  const read = tokenAnswer.safeParse(parseJson(received.body));
  if (received.status !== 200 || !read.success)
    return unknown("unreadable_answer", received.status);
  const { access_token, refresh_token, id_token, token_type, scope, expires_in } = read.data;
  const isBearer = token_type?.toLowerCase() === "bearer"; // RFC 6749 §5.1: case insensitive
  const isPlausible =
    expires_in !== undefined && expires_in > 0 && expires_in <= longestLifetimeSeconds;
  return {
    kind: "answered",
    answer: {
      accessToken: isBearer && access_token ? access_token : undefined,
      refreshToken: refresh_token || undefined,
      idToken: id_token || undefined,
      scopes: scope?.split(" ").filter(Boolean),
      lifetimeSeconds: isPlausible ? expires_in : undefined,
    },
  };
};

/**
 * msal's network module for one token request, which remembers what came back.
 *
 * msal has no time-out of its own, hides the status, `Retry-After` and the refresh token, and takes any JSON
 * without an `error` for success, with an empty access token. So the answer is read here, and msal is left
 * to make the request.
 */
export class TokenExchange implements INetworkModule {
  #outcome: ExchangeOutcome | undefined;
  readonly #origin: string;
  readonly #milliseconds: number;

  constructor(origin: string, milliseconds: number = tokenCallMilliseconds) {
    this.#origin = origin;
    this.#milliseconds = milliseconds;
  }

  /** `undefined` if msal never got as far as a request. */
  get outcome(): ExchangeOutcome | undefined {
    return this.#outcome;
  }

  sendGetRequestAsync<T>(): Promise<NetworkResponse<T>> {
    // All metadata is given to msal, so a GET would be a discovery that nobody asked for.
    return Promise.reject(new Error("msal asked for metadata that it was given"));
  }

  async sendPostRequestAsync<T>(
    url: string,
    options?: NetworkRequestOptions,
  ): Promise<NetworkResponse<T>> {
    try {
      const received = await boundedRequest(
        {
          method: "POST",
          url: new URL(url),
          headers: options?.headers ?? {},
          body: options?.body ?? "",
        },
        {
          milliseconds: this.#milliseconds,
          largestAnswerBytes: largestTokenAnswerBytes,
          origin: this.#origin,
        },
      );
      this.#outcome = outcomeOf(received);
      return {
        status: received.status,
        headers: received.headers,
        body: (parseJson(received.body) ?? {}) as T,
      };
    } catch (error) {
      if (error instanceof NoAnswer) this.#outcome = unknown("no_answer");
      throw error;
    }
  }
}
