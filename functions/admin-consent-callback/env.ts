import * as z from "zod/mini";
import {
  adminConsentRedirectEnv,
  attemptsEnv,
  clientCredentialEnv,
  microsoftEnv,
  redirectEnv,
  returnPagesEnv,
  tenantConsentsEnv,
  vaultKeysEnv,
} from "../../shared/config.ts";

export const adminConsentCallbackEnv = z.object({
  ...adminConsentRedirectEnv,
  ...attemptsEnv,
  ...clientCredentialEnv,
  ...microsoftEnv,
  ...redirectEnv,
  ...returnPagesEnv,
  ...tenantConsentsEnv,
  ...vaultKeysEnv,
});
export type AdminConsentCallbackEnv = z.input<typeof adminConsentCallbackEnv>;
