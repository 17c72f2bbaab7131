import { CompactEncrypt } from "jose";
import type { Sealer } from "../../domain/sealer.ts";
import { bindingOf, jweOpener, type VaultKeys } from "./opener.ts";

/** Seals as JWE compact serialization, `dir` with `A256GCM`; jose draws a fresh IV for every seal. */
export const jweSealer = (keys: VaultKeys): Sealer => ({
  ...jweOpener(keys),

  async seal(plaintext, binding) {
    const { id, key } = await keys.current();
    return new CompactEncrypt(new TextEncoder().encode(plaintext.reveal()))
      .setProtectedHeader({ alg: "dir", enc: "A256GCM", kid: id, bnd: bindingOf(binding) })
      .encrypt(key);
  },
});
