import { dynamoDbAttempts } from "../../shared/adapters/dynamodb/authorization-attempts.ts";
import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { readEnv } from "../../shared/config.ts";
import { attemptsEnv } from "./env.ts";
import { attemptsHandler } from "./handler.ts";

const env = readEnv(attemptsEnv);

export const handler = attemptsHandler(env, {
  attempts: dynamoDbAttempts(openDynamoDb(), env.ATTEMPTS_TABLE),
  now: () => new Date(),
});
