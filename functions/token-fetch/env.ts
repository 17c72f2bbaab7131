import * as z from "zod/mini";
import {
  clientCredentialEnv,
  connectionsEnv,
  graphEnv,
  microsoftEnv,
  tenantConsentsEnv,
  tokenKeysEnv,
  tokenVaultEnv,
} from "../../shared/config.ts";

export const tokenFetchEnv = z.object({
  ...clientCredentialEnv,
  ...connectionsEnv,
  ...graphEnv,
  ...microsoftEnv,
  ...tenantConsentsEnv,
  ...tokenVaultEnv,
  ...tokenKeysEnv,
  /** A connection that no worker has used for longer than so many days is not kept alive, but ends. */
  IDLE_CONNECTIONS_END_AFTER_DAYS: z.pipe(
    z.pipe(z.string().check(z.regex(/^\d{2,4}$/)), z.transform(Number)),
    z.int().check(z.gt(90)),
  ),
});
export type TokenFetchEnv = z.input<typeof tokenFetchEnv>;
