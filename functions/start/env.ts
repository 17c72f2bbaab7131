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
  signInKeysEnv,
  tenantConsentsEnv,
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
  ...signInKeysEnv,
});
export type StartEnv = z.input<typeof startEnv>;
