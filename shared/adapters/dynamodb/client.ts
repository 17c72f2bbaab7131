import { DynamoDBClient } from "@aws-sdk/client-dynamodb";

/**
 * One client per execution environment: it keeps its connections open between invocations. The time-outs
 * leave room for one retry within every function's own limit; `requestTimeout` alone would only warn.
 */
export const openDynamoDb = (): DynamoDBClient =>
  new DynamoDBClient({
    maxAttempts: 3,
    requestHandler: {
      connectionTimeout: 1_000,
      requestTimeout: 2_000,
      throwOnRequestTimeout: true,
    },
  });
