import { createSecretKey, hkdfSync } from "node:crypto";
import type { VaultKey, VaultKeys } from "../jwe/opener.ts";
import { type ReadSecret, SecretNotFound, type SecretVersion } from "./read-secret.ts";

/** A new key is taken up this long after Secrets Manager made it current. */
const currentKeptMilliseconds = 5 * 60 * 1000;

/** The secret's value is a long random text, from which the key is derived. RFC 5869 */
export const vaultKeyOf = ({ versionId, value }: SecretVersion): VaultKey => {
  const bytes = hkdfSync("sha256", value.reveal(), "", "outlook-connect vault key", 32);
  return { id: versionId, key: createSecretKey(new Uint8Array(bytes)) };
};

/**
 * Vault keys in Secrets Manager: each version of one secret is a key, named by its version id. An
 * execution environment reads each key once; only which one is current is asked again.
 */
export const secretsManagerVaultKeys = (
  readSecret: ReadSecret,
  secretArn: string,
  now: () => Date,
): VaultKeys => {
  const known = new Map<string, Promise<VaultKey>>();
  let current: { readonly key: Promise<VaultKey>; readonly readAt: number } | undefined;

  const remember = (key: VaultKey) => {
    known.set(key.id, Promise.resolve(key));
    return key;
  };

  const currentKey = () => {
    if (!current || now().getTime() - current.readAt > currentKeptMilliseconds) {
      const previous = current?.key;
      const key = readSecret(secretArn)
        .then(vaultKeyOf)
        .then(remember)
        .catch((error: unknown) => {
          // During an outage the last one known still seals.
          if (!previous) throw error;
          return previous;
        });
      current = { key, readAt: now().getTime() };
      key.catch(() => {
        current = undefined;
      });
    }
    return current.key;
  };

  return {
    current: currentKey,

    async byId(id) {
      // The current one may be on its way, and is mostly the one that is wanted.
      if (!known.has(id)) await current?.key.catch(() => {});
      let key = known.get(id);
      if (!key) {
        key = readSecret(secretArn, id).then(vaultKeyOf);
        known.set(id, key);
        key.catch(() => known.delete(id));
      }
      try {
        return await key;
      } catch (error) {
        if (!(error instanceof SecretNotFound)) throw error;
        // That the whole secret is gone says nothing about one version of it.
        await currentKey();
        return undefined;
      }
    },
  };
};
