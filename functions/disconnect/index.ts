import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { dynamoDbConnections } from "../../shared/adapters/dynamodb/connections.ts";
import { openSecretsManager } from "../../shared/adapters/secrets-manager/client.ts";
import { secretsManagerVaultEraser } from "../../shared/adapters/secrets-manager/token-vault.ts";
import { readEnv } from "../../shared/config.ts";
import { disconnectEnv } from "./env.ts";
import { disconnectHandler } from "./handler.ts";

const env = readEnv(disconnectEnv);

export const handler = disconnectHandler(env, {
  connections: dynamoDbConnections(openDynamoDb(), env.CONNECTIONS_TABLE),
  vault: secretsManagerVaultEraser(openSecretsManager()),
  now: () => new Date(),
});
