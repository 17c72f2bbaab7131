import { type Binding, SealedTextRefused, type Sealer } from "../../shared/domain/sealer.ts";
import { Secret } from "../../shared/domain/secret.ts";

/** Hides nothing, but binds as promised, in one step: a simulated run with it can be repeated exactly. */
export const plainSealer: Sealer<Binding> = {
  seal: async (plaintext, binding) => JSON.stringify([plaintext.reveal(), binding]),
  open: async (sealed, binding) => {
    const [plaintext, sealedFor] = JSON.parse(sealed);
    if (JSON.stringify(sealedFor) !== JSON.stringify(binding)) {
      throw new SealedTextRefused("sealed for something else");
    }
    return new Secret(String(plaintext));
  },
};
