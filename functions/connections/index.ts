import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { dynamoDbConnections } from "../../shared/adapters/dynamodb/connections.ts";
import { dynamoDbTenantConsents } from "../../shared/adapters/dynamodb/tenant-consents.ts";
import { readEnv } from "../../shared/config.ts";
import { requestedScopeSet } from "../../shared/domain/permissions.ts";
import { logLeftUndone } from "../../shared/logger.ts";
import { connectionsEnv } from "./env.ts";
import { connectionsHandler } from "./handler.ts";

const env = readEnv(connectionsEnv);
const dynamoDb = openDynamoDb();

export const handler = connectionsHandler(env, {
  connections: dynamoDbConnections(dynamoDb, env.CONNECTIONS_TABLE),
  consents: dynamoDbTenantConsents(dynamoDb, env.TENANT_CONSENTS_TABLE, {
    clientId: env.MICROSOFT_CLIENT_ID,
    scopeSet: requestedScopeSet,
  }),
  report: logLeftUndone,
});
