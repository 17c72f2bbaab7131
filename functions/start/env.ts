import * as z from "zod/mini";
import {
  adminConsentRedirectEnv,
  allowedOriginsEnv,
  attemptsEnv,
  connectionsEnv,
  microsoftEnv,
  personalAccountsEnv,
  productClaimsEnv,
  productPersonEnv,
  redirectEnv,
  returnPagesEnv,
  tenantConsentsEnv,
  vaultKeysEnv,
} from "../../shared/config.ts";

export const startEnv = z.object({
  ...adminConsentRedirectEnv,
  ...allowedOriginsEnv,
  ...attemptsEnv,
  ...connectionsEnv,
  ...microsoftEnv,
  ...personalAccountsEnv,
  ...productClaimsEnv,
  ...productPersonEnv,
  ...redirectEnv,
  ...returnPagesEnv,
  ...tenantConsentsEnv,
  ...vaultKeysEnv,
});
export type StartEnv = z.input<typeof startEnv>;
