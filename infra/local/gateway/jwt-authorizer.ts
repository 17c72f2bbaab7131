import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import * as z from "zod/mini";
import type { Clock } from "../clock.ts";

export interface JwtAuthorizerConfiguration {
  readonly issuer: string;
  readonly audience: readonly string[];
}

/** `requestContext.authorizer.jwt` */
export interface JwtAuthorization {
  readonly claims: Readonly<Record<string, string>>;
  readonly scopes: readonly string[] | null;
}

export type AuthorizationOutcome =
  | { readonly kind: "authorized"; readonly authorization: JwtAuthorization }
  | { readonly kind: "unauthorized"; readonly challenge: string }
  | { readonly kind: "forbidden" };

const discoveryDocument = z.object({ jwks_uri: z.url() });

/** The identity provider runs on this machine: it answers at once or not at all. */
const discoveryTimeoutMs = 3_000;

/**
 * Claims reach functions as strings, lists as `[a b]` and objects as JSON; null claims are left out.
 * Measured on AWS by others: https://github.com/floci-io/floci/pull/2011
 */
const claimText = (value: unknown): string | undefined => {
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) return `[${value.join(" ")}]`;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
};

const scopesOf = ({ scp, scope }: JWTPayload): readonly string[] => {
  const scopes = scp ?? scope;
  if (Array.isArray(scopes)) return scopes.map(String);
  return typeof scopes === "string" ? scopes.split(" ").filter((each) => each !== "") : [];
};

const invalidToken = (description: string): AuthorizationOutcome => ({
  kind: "unauthorized",
  challenge: `Bearer scope="" error="invalid_token" error_description="${description}"`,
});

/**
 * The JWT authorizer of HTTP APIs: keys by discovery, RSA signatures only, `aud` or else `client_id`.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
 */
export class JwtAuthorizer {
  readonly #configuration: JwtAuthorizerConfiguration;
  readonly #clock: Clock;
  #keys: Promise<JWTVerifyGetKey> | undefined;

  constructor(configuration: JwtAuthorizerConfiguration, clock: Clock) {
    this.#configuration = configuration;
    this.#clock = clock;
  }

  /** @param routeScopes one of them is enough; none asks for none */
  async authorize(
    header: string | undefined,
    routeScopes: readonly string[],
  ): Promise<AuthorizationOutcome> {
    const token = header?.replace(/^Bearer /i, "").trim();
    if (!token) return { kind: "unauthorized", challenge: "Bearer" };

    let keys: JWTVerifyGetKey;
    try {
      this.#keys ??= this.#discover();
      keys = await this.#keys;
    } catch {
      this.#keys = undefined;
      return invalidToken("OIDC discovery endpoint communication error");
    }

    let claims: JWTPayload;
    try {
      ({ payload: claims } = await jwtVerify(token, keys, {
        algorithms: ["RS256", "RS384", "RS512"],
        currentDate: this.#clock.now(),
        issuer: this.#configuration.issuer,
        requiredClaims: ["exp"],
      }));
    } catch (error) {
      if (error instanceof errors.JWTExpired) return invalidToken("the token has expired");
      if (error instanceof errors.JOSEError) return invalidToken("the token is not valid");
      return invalidToken("JWKS communication error");
    }

    const meantFor = [claims.aud ?? claims.client_id].flat();
    if (!this.#configuration.audience.some((audience) => meantFor.includes(audience))) {
      return invalidToken("the token does not have a valid audience");
    }
    const scopes = scopesOf(claims);
    if (routeScopes.length > 0 && !routeScopes.some((scope) => scopes.includes(scope))) {
      return { kind: "forbidden" };
    }
    const texts = Object.entries(claims).flatMap(([name, value]) => {
      const text = claimText(value);
      return text === undefined ? [] : [[name, text] as const];
    });
    return {
      kind: "authorized",
      authorization: {
        claims: Object.fromEntries(texts),
        scopes: routeScopes.length > 0 ? scopes : null,
      },
    };
  }

  async #discover(): Promise<JWTVerifyGetKey> {
    const issuer = this.#configuration.issuer.replace(/\/$/, "");
    const response = await fetch(`${issuer}/.well-known/openid-configuration`, {
      signal: AbortSignal.timeout(discoveryTimeoutMs),
    });
    const { jwks_uri } = discoveryDocument.parse(await response.json());
    return createRemoteJWKSet(new URL(jwks_uri));
  }
}
