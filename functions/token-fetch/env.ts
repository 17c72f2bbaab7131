import * as z from "zod/mini";
import {
  clientCredentialEnv,
  connectionsEnv,
  graphEnv,
  microsoftEnv,
  tokenVaultEnv,
  vaultKeysEnv,
} from "../../shared/config.ts";

export const tokenFetchEnv = z.object({
  ...clientCredentialEnv,
  ...connectionsEnv,
  ...graphEnv,
  ...microsoftEnv,
  ...tokenVaultEnv,
  ...vaultKeysEnv,
});
export type TokenFetchEnv = z.input<typeof tokenFetchEnv>;
