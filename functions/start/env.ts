import * as z from "zod/mini";
import {
  allowedOriginsEnv,
  attemptsEnv,
  connectionsEnv,
  microsoftEnv,
  personalAccountsEnv,
  productClaimsEnv,
  redirectEnv,
  returnPagesEnv,
  vaultKeysEnv,
} from "../../shared/config.ts";

export const startEnv = z.object({
  ...allowedOriginsEnv,
  ...attemptsEnv,
  ...connectionsEnv,
  ...microsoftEnv,
  ...personalAccountsEnv,
  ...productClaimsEnv,
  ...redirectEnv,
  ...returnPagesEnv,
  ...vaultKeysEnv,
});
export type StartEnv = z.input<typeof startEnv>;
