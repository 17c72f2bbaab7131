import * as z from "zod/mini";
import {
  connectionsEnv as connectionsTableEnv,
  microsoftClientEnv,
  productClaimsEnv,
  tenantConsentsEnv,
} from "../../shared/config.ts";

export const connectionsEnv = z.object({
  ...connectionsTableEnv,
  ...microsoftClientEnv,
  ...productClaimsEnv,
  ...tenantConsentsEnv,
});
export type ConnectionsEnv = z.input<typeof connectionsEnv>;
