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
  signInKeysEnv,
  tenantConsentsEnv,
  tokenKeysEnv,
  tokenVaultEnv,
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
  ...tokenKeysEnv,
  ...signInKeysEnv,
});
export type CompleteEnv = z.input<typeof completeEnv>;
