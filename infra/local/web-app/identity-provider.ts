import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import type { Person } from "./people.ts";

/** Short, because a token cannot be called back; the page asks for a new one whenever it needs one. */
const tokenLifetimeSeconds = 900;

export interface IdentityProviderOptions {
  readonly issuer: string;
  readonly audience: string;
  readonly now: () => Date;
}

/** The product's own identity provider, as far as an API needs it to check who is calling. */
export interface IdentityProvider {
  /** OpenID Connect Discovery 1.0 §3 */
  readonly discovery: Readonly<Record<string, unknown>>;
  /** RFC 7517 §5 */
  readonly keys: { readonly keys: readonly JWK[] };
  /** A JWT that tells the API who is signed in, and in which workspace. */
  issueToken(person: Person): Promise<string>;
}

/** The signing key is made here and is gone when the process ends. */
export const createIdentityProvider = async ({
  issuer,
  audience,
  now,
}: IdentityProviderOptions): Promise<IdentityProvider> => {
  const alg = "RS256";
  const { publicKey, privateKey } = await generateKeyPair(alg);
  const publicJwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(publicJwk);

  return {
    discovery: {
      issuer,
      jwks_uri: `${issuer}/jwks.json`,
      // The demo signs people in with its own page. Discovery demands these two all the same.
      authorization_endpoint: `${issuer}/sign-in`,
      token_endpoint: `${issuer}/session/token`,
      response_types_supported: ["code"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: [alg],
    },

    keys: { keys: [{ ...publicJwk, kid, alg, use: "sig" }] },

    issueToken({ id, name, email, emailVerified = true, workspace }) {
      const issuedAt = now();
      return new SignJWT({
        workspace_id: workspace.id,
        workspace_name: workspace.name,
        email,
        email_verified: emailVerified,
        name,
      })
        .setProtectedHeader({ alg, kid, typ: "JWT" })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(id)
        .setIssuedAt(issuedAt)
        .setExpirationTime(new Date(issuedAt.getTime() + tokenLifetimeSeconds * 1000))
        .sign(privateKey);
    },
  };
};
