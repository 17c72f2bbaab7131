import { randomUUID } from "node:crypto";
import type * as z from "zod/mini";
import { msalExchange } from "../../shared/adapters/microsoft/msal-exchange.ts";
import { msalRefresh } from "../../shared/adapters/microsoft/refresh.ts";
import { openSecretsManager } from "../../shared/adapters/secrets-manager/client.ts";
import { secretsManagerClientCredential } from "../../shared/adapters/secrets-manager/client-credential.ts";
import type { ReadSecret } from "../../shared/adapters/secrets-manager/read-secret.ts";
import { secretsManagerTokenVault } from "../../shared/adapters/secrets-manager/token-vault.ts";
import type { Connections } from "../../shared/domain/connection.ts";
import type { Sealer } from "../../shared/domain/sealer.ts";
import type { tokenFetchEnv } from "./env.ts";
import { type RefreshConnection, refreshConnection } from "./refresh-connection.ts";

export interface RefreshWiring {
  readonly env: z.output<typeof tokenFetchEnv>;
  readonly connections: Connections;
  readonly sealer: Sealer;
  readonly readSecret: ReadSecret;
  readonly now: () => Date;
  readonly report: (error: unknown) => void;
}

/** The second entry of this function's bundle. What the first one has loaded is handed over. */
export const openRefresh = ({
  env,
  connections,
  sealer,
  readSecret,
  now,
  report,
}: RefreshWiring): RefreshConnection =>
  refreshConnection({
    connections,
    sealer,
    now,
    report,
    leaseOwner: randomUUID,
    identity: {
      refresh: msalRefresh({
        exchange: msalExchange(
          {
            authority: env.MICROSOFT_AUTHORITY,
            loginEndpoint: env.MICROSOFT_LOGIN_ENDPOINT,
            clientId: env.MICROSOFT_CLIENT_ID,
          },
          secretsManagerClientCredential(readSecret, env.CLIENT_CREDENTIAL_SECRET_ARN, now),
        ),
        now,
      }),
    },
    vault: secretsManagerTokenVault(openSecretsManager(), {
      prefix: env.TOKEN_VAULT_PREFIX,
      kmsKeyArn: env.TOKEN_VAULT_KEY_ARN,
    }),
  });
