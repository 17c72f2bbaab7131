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
  signInKeysEnv,
  supportEnv,
  tenantConsentsEnv,
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
  ...signInKeysEnv,
});
export type AdminConsentRequestEnv = z.input<typeof adminConsentRequestEnv>;
