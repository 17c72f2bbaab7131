import * as z from "zod/mini";
import { clientCredentialEnv } from "../../shared/config.ts";

export const credentialExpiryEnv = z.object({ ...clientCredentialEnv });
export type CredentialExpiryEnv = z.input<typeof credentialExpiryEnv>;
