import { CompactEncrypt, compactDecrypt, errors } from "jose";
import * as z from "zod/mini";
import { hashOf } from "../../domain/ids.ts";
import { type Binding, SealedTextRefused, type Sealer } from "../../domain/sealer.ts";
import { Secret } from "../../domain/secret.ts";

export interface VaultKey {
  readonly id: string;
  /** 256 bits. */
  readonly key: Uint8Array;
}

export interface VaultKeys {
  /** The key to seal with. */
  current(): Promise<VaultKey>;
  /** A key to open with; `undefined` if there is no such key (any more). */
  byId(id: string): Promise<VaultKey | undefined>;
}

/**
 * The protected header is authenticated with the text (RFC 7516 §5.1), so a binding in it cannot be
 * changed. It is hashed to be short, not to be secret.
 */
const bindingOf = (binding: Binding): string =>
  hashOf(
    "binding",
    JSON.stringify(Object.entries(binding).toSorted(([left], [right]) => (left < right ? -1 : 1))),
  );

const sealedHeader = z.object({
  alg: z.literal("dir"),
  enc: z.literal("A256GCM"),
  kid: z.string(),
  bnd: z.string(),
});

/** Seals as JWE compact serialization, `dir` with `A256GCM`; jose draws a fresh IV for every seal. */
export const joseSealer = (keys: VaultKeys): Sealer => ({
  async seal(plaintext, binding) {
    const { id, key } = await keys.current();
    return new CompactEncrypt(new TextEncoder().encode(plaintext.reveal()))
      .setProtectedHeader({ alg: "dir", enc: "A256GCM", kid: id, bnd: bindingOf(binding) })
      .encrypt(key);
  },

  async open(sealed, binding) {
    try {
      const { plaintext } = await compactDecrypt(
        sealed,
        async (header) => {
          const read = sealedHeader.safeParse(header);
          if (!read.success) throw new SealedTextRefused("not sealed here");
          const { kid, bnd } = read.data;
          if (bnd !== bindingOf(binding)) throw new SealedTextRefused("sealed for something else");
          const vaultKey = await keys.byId(kid);
          if (!vaultKey) throw new SealedTextRefused("sealed under a key that is gone");
          return vaultKey.key;
        },
        { keyManagementAlgorithms: ["dir"], contentEncryptionAlgorithms: ["A256GCM"] },
      );
      return new Secret(new TextDecoder().decode(plaintext));
    } catch (error) {
      if (error instanceof errors.JOSEError) throw new SealedTextRefused("altered");
      throw error;
    }
  },
});
