import * as z from "zod/mini";
import {
  connectionsEnv,
  microsoftEnv,
  productClaimsEnv,
  productPersonEnv,
  tenantConsentsEnv,
} from "../../shared/config.ts";

export const approvalStatusEnv = z.object({
  ...connectionsEnv,
  ...microsoftEnv,
  ...productClaimsEnv,
  ...productPersonEnv,
  ...tenantConsentsEnv,
});
export type ApprovalStatusEnv = z.input<typeof approvalStatusEnv>;
