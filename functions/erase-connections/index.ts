import {
  dynamoDbAllConnections,
  pauseBetweenPages,
} from "../../shared/adapters/dynamodb/all-connections.ts";
import { dynamoDbAttempts } from "../../shared/adapters/dynamodb/authorization-attempts.ts";
import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { dynamoDbConnections } from "../../shared/adapters/dynamodb/connections.ts";
import { dynamoDbConsentRequests } from "../../shared/adapters/dynamodb/consent-requests.ts";
import { dynamoDbTenantConsents } from "../../shared/adapters/dynamodb/tenant-consents.ts";
import { dynamoDbVaultEraser } from "../../shared/adapters/dynamodb/token-vault.ts";
import { openSecretsManager } from "../../shared/adapters/secrets-manager/client.ts";
import { secretsManagerVaultEraser } from "../../shared/adapters/secrets-manager/token-vault.ts";
import { readEnv } from "../../shared/config.ts";
import { requestedScopeSet } from "../../shared/domain/permissions.ts";
import { vaultErasers } from "../../shared/domain/token-vaults.ts";
import { logDisconnected, logUnreadable } from "../../shared/logger.ts";
import { eraseConnectionsEnv } from "./env.ts";
import { eraseConnectionsHandler } from "./handler.ts";

const env = readEnv(eraseConnectionsEnv);
const dynamoDb = openDynamoDb();
const approval = { clientId: env.MICROSOFT_CLIENT_ID, scopeSet: requestedScopeSet };

export const handler = eraseConnectionsHandler({
  attempts: dynamoDbAttempts(dynamoDb, env.ATTEMPTS_TABLE),
  connections: dynamoDbConnections(dynamoDb, env.CONNECTIONS_TABLE),
  all: dynamoDbAllConnections(dynamoDb, env.CONNECTIONS_TABLE),
  requests: dynamoDbConsentRequests(dynamoDb, env.TENANT_CONSENTS_TABLE, approval),
  consents: dynamoDbTenantConsents(dynamoDb, env.TENANT_CONSENTS_TABLE, approval),
  vault: vaultErasers({
    "secrets-manager": secretsManagerVaultEraser(openSecretsManager()),
    table: dynamoDbVaultEraser(dynamoDb, env.REFRESH_TOKENS_TABLE),
  }),
  pause: pauseBetweenPages,
  noteDisconnected: logDisconnected,
  noteUnreadable: logUnreadable,
  now: () => new Date(),
});
