import * as z from "zod/mini";
import {
  adminConsentRedirectEnv,
  microsoftEnv,
  supportEnv,
  tenantConsentsEnv,
} from "../../shared/config.ts";

export const adminConsentEnv = z.object({
  ...adminConsentRedirectEnv,
  ...microsoftEnv,
  ...supportEnv,
  ...tenantConsentsEnv,
});
export type AdminConsentEnv = z.input<typeof adminConsentEnv>;
