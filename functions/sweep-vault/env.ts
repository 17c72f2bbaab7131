import * as z from "zod/mini";
import { connectionsEnv, refreshTokensEnv, tokenVaultPrefixEnv } from "../../shared/config.ts";

export const sweepVaultEnv = z.object({
  ...connectionsEnv,
  ...refreshTokensEnv,
  ...tokenVaultPrefixEnv,
});
export type SweepVaultEnv = z.input<typeof sweepVaultEnv>;
