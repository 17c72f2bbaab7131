import * as z from "zod/mini";
import { clientCredentialEnv, vaultKeysEnv } from "../../shared/config.ts";

export const credentialExpiryEnv = z.object({ ...clientCredentialEnv, ...vaultKeysEnv });
export type CredentialExpiryEnv = z.input<typeof credentialExpiryEnv>;
