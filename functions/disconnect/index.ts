import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { dynamoDbConnections } from "../../shared/adapters/dynamodb/connections.ts";
import { dynamoDbVaultEraser } from "../../shared/adapters/dynamodb/token-vault.ts";
import { openSecretsManager } from "../../shared/adapters/secrets-manager/client.ts";
import { secretsManagerVaultEraser } from "../../shared/adapters/secrets-manager/token-vault.ts";
import { readEnv } from "../../shared/config.ts";
import { vaultErasers } from "../../shared/domain/token-vaults.ts";
import { logDisconnected } from "../../shared/logger.ts";
import { disconnectEnv } from "./env.ts";
import { disconnectHandler } from "./handler.ts";

const env = readEnv(disconnectEnv);
const dynamoDb = openDynamoDb();

export const handler = disconnectHandler(env, {
  connections: dynamoDbConnections(dynamoDb, env.CONNECTIONS_TABLE),
  vault: vaultErasers({
    "secrets-manager": secretsManagerVaultEraser(openSecretsManager()),
    table: dynamoDbVaultEraser(dynamoDb, env.REFRESH_TOKENS_TABLE),
  }),
  noteDisconnected: logDisconnected,
  now: () => new Date(),
});
