import { CompactEncrypt } from "jose";
import type { Binding, Sealer } from "../../domain/sealer.ts";
import { bindingOf, jweOpener, type VaultKeys } from "./opener.ts";

/** Seals as JWE compact serialization, `dir` with `A256GCM`; jose draws a fresh IV for every seal. */
export const jweSealer = <For extends Binding>(keys: VaultKeys): Sealer<For> => ({
  ...jweOpener<For>(keys),

  async seal(plaintext, binding) {
    const { id, key } = await keys.current();
    return new CompactEncrypt(new TextEncoder().encode(plaintext.reveal()))
      .setProtectedHeader({ alg: "dir", enc: "A256GCM", kid: id, bnd: bindingOf(binding) })
      .encrypt(key);
  },
});
