import * as z from "zod/mini";
import { clientCredentialEnv, signInKeysEnv, tokenKeysEnv } from "../../shared/config.ts";

export const credentialExpiryEnv = z.object({
  ...clientCredentialEnv,
  ...signInKeysEnv,
  ...tokenKeysEnv,
});
export type CredentialExpiryEnv = z.input<typeof credentialExpiryEnv>;
