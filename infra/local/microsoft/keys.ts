import { createHash } from "node:crypto";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK } from "jose";
import { personalTenantId } from "./directory.ts";

/** Microsoft's issuers name the public cloud, wherever this simulator listens. */
export const issuerOf = (tenantId: string): string =>
  `https://login.microsoftonline.com/${tenantId}/v2.0`;

interface SigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly publicJwk: JWK;
}

const newKey = async (): Promise<SigningKey> => {
  const { privateKey, publicKey } = await generateKeyPair("RS256", {
    modulusLength: 2048,
    extractable: true,
  });
  const { kty, n, e } = await exportJWK(publicKey);
  const kid = createHash("sha256").update(String(n)).digest("base64url").slice(0, 27);
  return { kid, privateKey, publicKey, publicJwk: { kty, use: "sig", kid, n, e } as JWK };
};

export interface SigningKeys {
  /** The key that signs ID tokens of this tenant now; personal accounts have their own. */
  signing(tenantId: string): Promise<SigningKey>;
  /** A key that is published nowhere. */
  foreign(): Promise<SigningKey>;
  /**
   * The key set of `/{tenant}/discovery/v2.0/keys`. Every key names the issuer that may use it, with
   * `{tenantid}` for every tenant. Endpoints of one tenant name that tenant [unverified].
   */
  published(tenantId: string | undefined): Promise<{ readonly keys: readonly JWK[] }>;
  /** New keys sign from now on; the old ones stay published unless told otherwise. */
  rotate(options: { readonly keepOld: boolean }): void;
}

/** Keys are made when they are first needed, since each takes a noticeable part of a second. */
export const signingKeys = (): SigningKeys => {
  let work: Promise<SigningKey>[] = [];
  let personal: Promise<SigningKey>[] = [];
  let other: Promise<SigningKey> | undefined;

  const current = (keys: Promise<SigningKey>[]): Promise<SigningKey> => {
    const key = keys[0] ?? newKey();
    if (keys.length === 0) keys.push(key);
    return key;
  };

  return {
    signing: (tenantId) => current(tenantId === personalTenantId ? personal : work),

    foreign() {
      other ??= newKey();
      return other;
    },

    async published(tenantId) {
      await Promise.all([current(work), current(personal)]);
      const named = async (keys: Promise<SigningKey>[], issuer: string) =>
        (await Promise.all(keys)).map(({ publicJwk }) => ({ ...publicJwk, issuer }));
      const forWork = tenantId === undefined ? "{tenantid}" : tenantId;
      return {
        keys: [
          ...(tenantId === personalTenantId ? [] : await named(work, issuerOf(forWork))),
          ...(tenantId === undefined || tenantId === personalTenantId
            ? await named(personal, issuerOf(personalTenantId))
            : []),
        ],
      };
    },

    rotate({ keepOld }) {
      work = [newKey(), ...(keepOld ? work : [])];
      personal = [newKey(), ...(keepOld ? personal : [])];
    },
  };
};
