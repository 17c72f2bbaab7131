import * as z from "zod/mini";
import {
  clientCredentialEnv,
  connectionsEnv,
  graphEnv,
  microsoftEnv,
  tenantConsentsEnv,
  tokenVaultEnv,
  vaultKeysEnv,
} from "../../shared/config.ts";

export const tokenFetchEnv = z.object({
  ...clientCredentialEnv,
  ...connectionsEnv,
  ...graphEnv,
  ...microsoftEnv,
  ...tenantConsentsEnv,
  ...tokenVaultEnv,
  ...vaultKeysEnv,
});
export type TokenFetchEnv = z.input<typeof tokenFetchEnv>;
