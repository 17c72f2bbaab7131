import * as z from "zod/mini";
import {
  allowedOriginsEnv,
  apiUrlEnv,
  attemptsEnv,
  connectionsEnv,
  mailEnv,
  microsoftEnv,
  productClaimsEnv,
  productPersonEnv,
  returnPagesEnv,
  supportEnv,
  tenantConsentsEnv,
  vaultKeysEnv,
} from "../../shared/config.ts";

export const adminConsentRequestEnv = z.object({
  ...allowedOriginsEnv,
  ...apiUrlEnv,
  ...attemptsEnv,
  ...connectionsEnv,
  ...mailEnv,
  ...microsoftEnv,
  ...productClaimsEnv,
  ...productPersonEnv,
  ...returnPagesEnv,
  ...supportEnv,
  ...tenantConsentsEnv,
  ...vaultKeysEnv,
});
export type AdminConsentRequestEnv = z.input<typeof adminConsentRequestEnv>;
