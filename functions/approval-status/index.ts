import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { dynamoDbConnections } from "../../shared/adapters/dynamodb/connections.ts";
import { dynamoDbConsentRequests } from "../../shared/adapters/dynamodb/consent-requests.ts";
import { dynamoDbTenantConsents } from "../../shared/adapters/dynamodb/tenant-consents.ts";
import { isFreeMailDomain } from "../../shared/adapters/email-providers/free-mail.ts";
import { microsoftTenants } from "../../shared/adapters/microsoft/tenants.ts";
import { readEnv } from "../../shared/config.ts";
import { requestedScopeSet } from "../../shared/domain/permissions.ts";
import { approvalStatusEnv } from "./env.ts";
import { approvalStatusHandler } from "./handler.ts";

const env = readEnv(approvalStatusEnv);
const now = () => new Date();
const dynamoDb = openDynamoDb();
const approval = { clientId: env.MICROSOFT_CLIENT_ID, scopeSet: requestedScopeSet };

export const handler = approvalStatusHandler(env, {
  connections: dynamoDbConnections(dynamoDb, env.CONNECTIONS_TABLE),
  consents: dynamoDbTenantConsents(dynamoDb, env.TENANT_CONSENTS_TABLE, approval),
  requests: dynamoDbConsentRequests(dynamoDb, env.TENANT_CONSENTS_TABLE, approval),
  tenants: microsoftTenants(
    { authority: env.MICROSOFT_AUTHORITY, loginEndpoint: env.MICROSOFT_LOGIN_ENDPOINT },
    now,
  ),
  isFreeMailDomain,
  now,
});
