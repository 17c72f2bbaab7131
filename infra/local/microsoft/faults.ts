import * as z from "zod/mini";

const retryAfter = z.optional(z.union([z.number(), z.string()]));

/** What goes wrong. Times are real milliseconds, not those of the simulated clock. */
const fault = z.discriminatedUnion("kind", [
  /** Too many requests. `retryAfter` in seconds, or an HTTP date; without it there is no header. */
  z.object({ kind: z.literal("throttled"), retryAfter }),
  /** 503 with a body in the endpoint's own shape. */
  z.object({ kind: z.literal("unavailable"), retryAfter }),
  /** A proxy's 502, in HTML. */
  z.object({ kind: z.literal("bad_gateway") }),
  /** The connection ends without an answer; with `afterProcessing` the request has taken effect. */
  z.object({ kind: z.literal("dropped"), afterProcessing: z.optional(z.boolean()) }),
  /** The true answer, late. */
  z.object({ kind: z.literal("delayed"), milliseconds: z.number() }),
  /** The true answer, a few bytes every so many milliseconds. */
  z.object({ kind: z.literal("dripped"), milliseconds: z.number() }),
  /** 200 with megabytes of valid JSON. */
  z.object({ kind: z.literal("huge"), megabytes: z.optional(z.number()) }),
  z.object({ kind: z.literal("redirected"), location: z.string(), status: z.optional(z.number()) }),
  /** Called JSON, but is none. */
  z.object({ kind: z.literal("garbled") }),
  /** `{}`, by default with status 200. */
  z.object({ kind: z.literal("empty_object"), status: z.optional(z.number()) }),
  /** Any status, headers and body. */
  z.object({
    kind: z.literal("answer"),
    status: z.number(),
    headers: z.optional(z.record(z.string(), z.string())),
    body: z.string(),
  }),
  /** A refusal in the token endpoint's shape, with any AADSTS numbers. */
  z.object({
    kind: z.literal("refused"),
    error: z.string(),
    codes: z.array(z.number()),
    suberror: z.optional(z.string()),
    claims: z.optional(z.string()),
    text: z.optional(z.string()),
    status: z.optional(z.number()),
  }),
  /** A refusal in Graph's shape. */
  z.object({
    kind: z.literal("graph_refused"),
    status: z.number(),
    code: z.string(),
    message: z.optional(z.string()),
  }),
]);
export type Fault = z.infer<typeof fault>;

const endpointName = z.enum([
  "authorize",
  "token",
  "keys",
  "openid_configuration",
  "admin_consent",
  "graph",
]);
export type EndpointName = z.infer<typeof endpointName>;

const times = z.optional(z.union([z.literal("always"), z.number()]));

export const faultOrder = z.object({
  endpoint: endpointName,
  fault,
  /** How many calls it hits; one if left out. */
  times,
  /** Only token requests of this kind. */
  grantType: z.optional(z.enum(["authorization_code", "refresh_token"])),
});
export type FaultOrder = z.infer<typeof faultOrder>;

/** How an ID token is spoilt. Named claims and header fields are set to any value, or left out. */
const idTokenAlteration = z.object({
  claims: z.optional(z.record(z.string(), z.unknown())),
  omitClaims: z.optional(z.array(z.string())),
  header: z.optional(z.record(z.string(), z.unknown())),
  omitHeader: z.optional(z.array(z.string())),
  /**
   * `foreign_key`: signed by a key that is not published, under a published `kid`. `none`: unsigned.
   * `hs256`: HMAC keyed with the published public key, the classic confusion of algorithms.
   */
  signature: z.optional(z.enum(["foreign_key", "none", "hs256"])),
});
export type IdTokenAlteration = z.infer<typeof idTokenAlteration>;

/** How a successful answer of the token endpoint is spoilt. */
const tokenAlteration = z.object({
  /** Members that are left out, such as `refresh_token`. */
  omit: z.optional(z.array(z.string())),
  /** Members that are set to any value, such as `expires_in: "soon"`. */
  set: z.optional(z.record(z.string(), z.unknown())),
  /** Scopes that are granted instead of those that were asked for. */
  scopes: z.optional(z.array(z.string())),
  /** Username of another account that the tokens belong to. */
  account: z.optional(z.string()),
  idToken: z.optional(idTokenAlteration),
});
export type TokenAlteration = z.infer<typeof tokenAlteration>;

export const alterationOrder = z.object({
  alteration: tokenAlteration,
  /** How many answers it hits; one if left out. */
  times,
  grantType: z.optional(z.enum(["authorization_code", "refresh_token"])),
});
export type AlterationOrder = z.infer<typeof alterationOrder>;

interface Ordered {
  readonly times?: "always" | number | undefined;
  readonly grantType?: string | undefined;
}

/** Orders wait in line: the first that fits is used, and gone once it was used often enough. */
export class OrderBook<Order extends Ordered> {
  #waiting: { readonly order: Order; left: number }[] = [];

  add(order: Order): void {
    const { times = 1 } = order;
    this.#waiting.push({ order, left: times === "always" ? Number.POSITIVE_INFINITY : times });
  }

  /** @param grantType of the request, if it is a token request */
  take(grantType: string | undefined, fits: (order: Order) => boolean): Order | undefined {
    const found = this.#waiting.find(
      ({ order, left }) =>
        left > 0 && (order.grantType === undefined || order.grantType === grantType) && fits(order),
    );
    if (!found) return undefined;
    found.left -= 1;
    this.#waiting = this.#waiting.filter(({ left }) => left > 0);
    return found.order;
  }

  clear(): void {
    this.#waiting = [];
  }
}
