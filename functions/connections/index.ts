import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { dynamoDbConnections } from "../../shared/adapters/dynamodb/connections.ts";
import { readEnv } from "../../shared/config.ts";
import { connectionsEnv } from "./env.ts";
import { connectionsHandler } from "./handler.ts";

const env = readEnv(connectionsEnv);

export const handler = connectionsHandler(env, {
  connections: dynamoDbConnections(openDynamoDb(), env.CONNECTIONS_TABLE),
});
