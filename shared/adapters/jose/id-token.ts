import { createRemoteJWKSet, customFetch, decodeJwt, errors, jwtVerify } from "jose";
import * as z from "zod/mini";
import { objectId, personalAccountsTenant, tenantId } from "../../domain/ids.ts";
import type { AccountType, IdTokenRejected, MicrosoftAccount } from "../../domain/microsoft.ts";
import { fail, type Result, succeed } from "../../domain/result.ts";
import type { Secret } from "../../domain/secret.ts";
import { boundedRequest, NoAnswer } from "../https/bounded-request.ts";

export interface IdTokenSettings {
  /** Origin of the cloud's authority, in every issuer. */
  readonly authority: URL;
  readonly loginEndpoint: URL;
  readonly clientId: string;
}

export interface VerifiedIdentity {
  readonly account: MicrosoftAccount;
  readonly accountType: AccountType;
  /** Role template ids of the `wids` claim; none if it was not issued. */
  readonly roles: readonly string[];
}

/** Microsoft's signing keys cannot be read just now, so nothing is known of the token. */
export interface KeysUnreachable {
  readonly kind: "keys_unreachable";
}

export type VerifyIdToken = (
  idToken: Secret,
  nonce: Secret,
) => Promise<Result<VerifiedIdentity, IdTokenRejected | KeysUnreachable>>;

const keysMilliseconds = 3_000;
const largestKeysBytes = 256 * 1024;
const clockToleranceSeconds = 300;

const unverifiedTenant = z.object({ tid: z.guid() });

/** Microsoft's own member of a key. OpenID Connect Discovery leaves room for it. */
const signingKey = z.object({ issuer: z.optional(z.string()) });

/** Claims of a v2.0 ID token. learn.microsoft.com/entra/identity-platform/id-token-claims-reference */
const idTokenClaims = z.object({
  aud: z.string(),
  tid: z.guid(),
  oid: z.guid(),
  sub: z.string(),
  iat: z.number(),
  exp: z.number(),
  ver: z.literal("2.0"),
  nonce: z.string(),
  name: z.optional(z.string()),
  preferred_username: z.optional(z.string()),
  email: z.optional(z.string()),
  acct: z.optional(z.number()),
  wids: z.catch(z.optional(z.array(z.guid()).check(z.maxLength(200))), undefined),
});

/** Display text, as long as a person reads it. Its content is escaped where it is shown. */
const shown = (text: string | undefined) => (text ?? "").slice(0, 256);

const checkThatFailed = (error: unknown): string | undefined => {
  if (error instanceof errors.JWTExpired) return "exp";
  if (error instanceof errors.JWTClaimValidationFailed) return error.claim;
  if (error instanceof errors.JWSSignatureVerificationFailed) return "signature";
  if (error instanceof errors.JOSEAlgNotAllowed) return "alg";
  if (error instanceof errors.JWKSNoMatchingKey) return "kid";
  if (error instanceof errors.JWKSMultipleMatchingKeys) return "kid";
  if (error instanceof errors.JWTInvalid || error instanceof errors.JWSInvalid) return "format";
  if (error instanceof errors.JOSENotSupported) return "alg";
  return undefined;
};

/**
 * Checks an ID token as OpenID Connect Core §3.1.3.7 and Microsoft's multi-tenant rules demand: signature,
 * `alg`, `aud`, `exp`, `nbf`, `nonce`, `ver`, and an issuer made from the token's own tenant. msal checks
 * none of it but the nonce.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-issuer
 */
export const idTokenVerifier = ({
  authority,
  loginEndpoint,
  clientId,
}: IdTokenSettings): VerifyIdToken => {
  const keysUrl = new URL("/common/discovery/v2.0/keys", loginEndpoint);
  // Keeps the keys of this environment; asks again for an unknown one, though not again and again.
  const keys = createRemoteJWKSet(keysUrl, {
    cooldownDuration: 5_000,
    [customFetch]: async (url, { headers }) => {
      const answer = await boundedRequest(
        { method: "GET", url: new URL(url), headers: Object.fromEntries(headers) },
        {
          milliseconds: keysMilliseconds,
          largestAnswerBytes: largestKeysBytes,
          origin: loginEndpoint.origin,
        },
      );
      return new Response(answer.body, { status: answer.status });
    },
  });

  /** Of every key that may have signed; a token without `kid` names none. */
  const issuersOfKey = (kid: string | undefined) =>
    (keys.jwks()?.keys ?? [])
      .filter((known) => kid === undefined || known.kid === kid)
      .map((known) => signingKey.parse(known).issuer);

  return async (idToken, nonce) => {
    const reject = (check: string) => fail({ kind: "id_token_rejected", check });
    try {
      const named = unverifiedTenant.safeParse(decodeJwt(idToken.reveal()));
      if (!named.success) return reject("tid");
      const issuer = `${authority.origin}/${named.data.tid}/v2.0`;
      const { payload, protectedHeader } = await jwtVerify(idToken.reveal(), keys, {
        algorithms: ["RS256"],
        audience: clientId,
        issuer,
        clockTolerance: clockToleranceSeconds,
        requiredClaims: ["exp", "iat", "sub"],
      });
      // A key may be good for some issuers only; Microsoft writes `{tenantid}` for all of them.
      const signsForIssuer = issuersOfKey(protectedHeader.kid).every(
        (signs) => signs === undefined || signs.replace("{tenantid}", named.data.tid) === issuer,
      );
      if (!signsForIssuer) return reject("kid");
      const claims = idTokenClaims.safeParse(payload);
      if (!claims.success) return reject(String(claims.error.issues[0]?.path[0] ?? "claims"));
      if (claims.data.nonce !== nonce.reveal()) return reject("nonce");
      const { tid, oid, name, preferred_username, email, acct, wids } = claims.data;
      const account = { tenantId: tenantId(tid), objectId: objectId(oid) };
      const isPersonal = account.tenantId === personalAccountsTenant;
      return succeed({
        account: {
          ...account,
          displayName: shown(name),
          username: shown(preferred_username ?? email),
        },
        accountType: isPersonal ? "personal" : acct === 1 ? "guest" : "member",
        roles: wids ?? [],
      });
    } catch (error) {
      const check = checkThatFailed(error);
      if (check !== undefined) return reject(check);
      // What is left of jose's errors is about the key set: no answer, another status, or no keys in it.
      if (error instanceof NoAnswer || error instanceof errors.JOSEError) {
        return fail({ kind: "keys_unreachable" });
      }
      throw error;
    }
  };
};
