import * as z from "zod/mini";
import { allowedOriginsEnv, connectionsEnv, productClaimsEnv } from "../../shared/config.ts";

export const disconnectEnv = z.object({
  ...allowedOriginsEnv,
  ...connectionsEnv,
  ...productClaimsEnv,
});
export type DisconnectEnv = z.input<typeof disconnectEnv>;
