import * as z from "zod/mini";
import {
  allowedOriginsEnv,
  attemptsEnv,
  clientCredentialEnv,
  connectionsEnv,
  graphEnv,
  microsoftEnv,
  personalAccountsEnv,
  productClaimsEnv,
  productPersonEnv,
  redirectEnv,
  tenantConsentsEnv,
  tokenVaultEnv,
  vaultKeysEnv,
} from "../../shared/config.ts";

export const completeEnv = z.object({
  ...allowedOriginsEnv,
  ...attemptsEnv,
  ...clientCredentialEnv,
  ...connectionsEnv,
  ...graphEnv,
  ...microsoftEnv,
  ...personalAccountsEnv,
  ...productClaimsEnv,
  ...productPersonEnv,
  ...redirectEnv,
  ...tenantConsentsEnv,
  ...tokenVaultEnv,
  ...vaultKeysEnv,
});
export type CompleteEnv = z.input<typeof completeEnv>;
