import * as z from "zod/mini";
import {
  allowedOriginsEnv,
  connectionsEnv,
  productClaimsEnv,
  refreshTokensEnv,
} from "../../shared/config.ts";

export const disconnectEnv = z.object({
  ...allowedOriginsEnv,
  ...connectionsEnv,
  ...productClaimsEnv,
  ...refreshTokensEnv,
});
export type DisconnectEnv = z.input<typeof disconnectEnv>;
