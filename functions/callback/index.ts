import { dynamoDbAttempts } from "../../shared/adapters/dynamodb/authorization-attempts.ts";
import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { jweSealer } from "../../shared/adapters/jwe/sealer.ts";
import { openSecretReader } from "../../shared/adapters/secrets-manager/read-secret.ts";
import { secretsManagerVaultKeys } from "../../shared/adapters/secrets-manager/vault-keys.ts";
import { readEnv } from "../../shared/config.ts";
import { callbackEnv } from "./env.ts";
import { callbackHandler } from "./handler.ts";

const env = readEnv(callbackEnv);
const now = () => new Date();

export const handler = callbackHandler(env, {
  attempts: dynamoDbAttempts(openDynamoDb(), env.ATTEMPTS_TABLE),
  sealer: jweSealer(secretsManagerVaultKeys(openSecretReader(), env.SIGN_IN_KEYS_SECRET_ARN, now)),
  now,
});
