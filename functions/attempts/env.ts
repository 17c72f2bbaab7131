import * as z from "zod/mini";
import {
  attemptsEnv as attemptsTableEnv,
  microsoftEnv,
  productClaimsEnv,
  productPersonEnv,
  tenantConsentsEnv,
} from "../../shared/config.ts";

export const attemptsEnv = z.object({
  ...attemptsTableEnv,
  ...microsoftEnv,
  ...productClaimsEnv,
  ...productPersonEnv,
  ...tenantConsentsEnv,
});
export type AttemptsEnv = z.input<typeof attemptsEnv>;
