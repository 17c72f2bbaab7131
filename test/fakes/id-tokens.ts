import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";

/** Of the app registration that the tests sign in to. */
export const clientId = "c1e27000-0000-4000-8000-00000000a001";

export const annaTenant = "11111111-1111-4111-8111-111111111111";
export const annaObject = "22222222-2222-4222-8222-222222222222";

export const authority = new URL("https://login.microsoftonline.com");

export const issuerOf = (tenant: string) => `${authority.origin}/${tenant}/v2.0`;

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

export const newSigningKey = async (kid: string): Promise<SigningKey> => {
  const { privateKey, publicKey } = await generateKeyPair("RS256");
  const { kty, n = "", e = "" } = await exportJWK(publicKey);
  return { kid, privateKey, jwk: { kty, use: "sig", kid, n, e } as JWK };
};

/** Seconds since the epoch. */
export const seconds = (offset = 0) => Math.floor(Date.now() / 1000) + offset;

/** As Microsoft writes them for a work account, unless changed; a change to `undefined` leaves one out. */
export const annaClaims = (changes: Readonly<Record<string, unknown>> = {}) => {
  const tenant = String(changes.tid ?? annaTenant);
  const claims = {
    aud: clientId,
    iss: issuerOf(tenant),
    iat: seconds(-10),
    nbf: seconds(-10),
    exp: seconds(3600),
    sub: "pairwise-subject",
    oid: annaObject,
    tid: tenant,
    ver: "2.0",
    nonce: "the-nonce",
    name: "Anna Keller",
    preferred_username: "anna@contoso.example",
    ...changes,
  };
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
};

export const signIdToken = (
  { kid, privateKey }: SigningKey,
  claims: Record<string, unknown> = annaClaims(),
  header: { readonly kid?: string | undefined } = { kid },
): Promise<string> =>
  new SignJWT(claims)
    .setProtectedHeader({ alg: "RS256", typ: "JWT", ...(header.kid && { kid: header.kid }) })
    .sign(privateKey);
