import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { dynamoDbKeepAliveQueue } from "../../shared/adapters/dynamodb/keep-alive-queue.ts";
import { invokeTokenFetch, openLambda } from "../../shared/adapters/lambda/token-fetch.ts";
import { readEnv } from "../../shared/config.ts";
import { keepAliveEnv } from "./env.ts";
import { keepAliveHandler } from "./handler.ts";

const env = readEnv(keepAliveEnv);

export const handler = keepAliveHandler({
  queue: dynamoDbKeepAliveQueue(openDynamoDb(), env.CONNECTIONS_TABLE),
  refresh: invokeTokenFetch(openLambda(), env.TOKEN_FETCH_FUNCTION),
  now: () => new Date(),
});
