import * as z from "zod/mini";
import {
  adminConsentRedirectEnv,
  attemptsEnv,
  clientCredentialEnv,
  microsoftEnv,
  redirectEnv,
  returnPagesEnv,
  signInKeysEnv,
  tenantConsentsEnv,
} from "../../shared/config.ts";

export const adminConsentCallbackEnv = z.object({
  ...adminConsentRedirectEnv,
  ...attemptsEnv,
  ...clientCredentialEnv,
  ...microsoftEnv,
  ...redirectEnv,
  ...returnPagesEnv,
  ...tenantConsentsEnv,
  ...signInKeysEnv,
});
export type AdminConsentCallbackEnv = z.input<typeof adminConsentCallbackEnv>;
