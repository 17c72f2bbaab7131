import * as z from "zod/mini";
import {
  attemptsEnv,
  connectionsEnv,
  microsoftClientEnv,
  refreshTokensEnv,
  tenantConsentsEnv,
} from "../../shared/config.ts";

export const eraseConnectionsEnv = z.object({
  ...attemptsEnv,
  ...connectionsEnv,
  ...microsoftClientEnv,
  ...refreshTokensEnv,
  ...tenantConsentsEnv,
});
export type EraseConnectionsEnv = z.input<typeof eraseConnectionsEnv>;
