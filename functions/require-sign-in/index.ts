import {
  dynamoDbAllConnections,
  pauseBetweenPages,
} from "../../shared/adapters/dynamodb/all-connections.ts";
import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { dynamoDbConnections } from "../../shared/adapters/dynamodb/connections.ts";
import { dynamoDbVaultEraser } from "../../shared/adapters/dynamodb/token-vault.ts";
import { openSecretsManager } from "../../shared/adapters/secrets-manager/client.ts";
import { secretsManagerVaultEraser } from "../../shared/adapters/secrets-manager/token-vault.ts";
import { readEnv } from "../../shared/config.ts";
import { vaultErasers } from "../../shared/domain/token-vaults.ts";
import { logSignInRequired, logUnreadable } from "../../shared/logger.ts";
import { requireSignInEnv } from "./env.ts";
import { requireSignInHandler } from "./handler.ts";

const env = readEnv(requireSignInEnv);
const dynamoDb = openDynamoDb();

export const handler = requireSignInHandler({
  connections: dynamoDbConnections(dynamoDb, env.CONNECTIONS_TABLE),
  all: dynamoDbAllConnections(dynamoDb, env.CONNECTIONS_TABLE),
  vault: vaultErasers({
    "secrets-manager": secretsManagerVaultEraser(openSecretsManager()),
    table: dynamoDbVaultEraser(dynamoDb, env.REFRESH_TOKENS_TABLE),
  }),
  noteEnded: logSignInRequired,
  noteUnreadable: logUnreadable,
  pause: pauseBetweenPages,
  now: () => new Date(),
});
