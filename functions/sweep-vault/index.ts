import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { dynamoDbVaultEraser } from "../../shared/adapters/dynamodb/token-vault.ts";
import {
  dynamoDbVaultEntries,
  dynamoDbVaultNames,
} from "../../shared/adapters/dynamodb/vault-entries.ts";
import { openSecretsManager } from "../../shared/adapters/secrets-manager/client.ts";
import { secretsManagerVaultEraser } from "../../shared/adapters/secrets-manager/token-vault.ts";
import { secretsManagerVaultEntries } from "../../shared/adapters/secrets-manager/vault-entries.ts";
import { readEnv } from "../../shared/config.ts";
import { vaultErasers } from "../../shared/domain/token-vaults.ts";
import { sweepVaultEnv } from "./env.ts";
import { sweepVaultHandler } from "./handler.ts";

const env = readEnv(sweepVaultEnv);
const dynamoDb = openDynamoDb();
const secretsManager = openSecretsManager();

export const handler = sweepVaultHandler({
  vaults: [
    secretsManagerVaultEntries(secretsManager, env.TOKEN_VAULT_PREFIX),
    dynamoDbVaultEntries(dynamoDb, env.REFRESH_TOKENS_TABLE),
  ],
  connections: dynamoDbVaultNames(dynamoDb, env.CONNECTIONS_TABLE),
  ...vaultErasers({
    "secrets-manager": secretsManagerVaultEraser(secretsManager),
    table: dynamoDbVaultEraser(dynamoDb, env.REFRESH_TOKENS_TABLE),
  }),
  now: () => new Date(),
});
