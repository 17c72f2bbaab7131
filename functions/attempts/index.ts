import { dynamoDbAttempts } from "../../shared/adapters/dynamodb/authorization-attempts.ts";
import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { dynamoDbTenantConsents } from "../../shared/adapters/dynamodb/tenant-consents.ts";
import { isFreeMailDomain } from "../../shared/adapters/email-providers/free-mail.ts";
import { microsoftTenants } from "../../shared/adapters/microsoft/tenants.ts";
import { readEnv } from "../../shared/config.ts";
import { requestedScopeSet } from "../../shared/domain/permissions.ts";
import { logApprovalStep, logLeftUndone } from "../../shared/logger.ts";
import { attemptsEnv } from "./env.ts";
import { attemptsHandler } from "./handler.ts";

const env = readEnv(attemptsEnv);
const now = () => new Date();
const dynamoDb = openDynamoDb();

export const handler = attemptsHandler(env, {
  attempts: dynamoDbAttempts(dynamoDb, env.ATTEMPTS_TABLE),
  consents: dynamoDbTenantConsents(dynamoDb, env.TENANT_CONSENTS_TABLE, {
    clientId: env.MICROSOFT_CLIENT_ID,
    scopeSet: requestedScopeSet,
  }),
  tenants: microsoftTenants(
    { authority: env.MICROSOFT_AUTHORITY, loginEndpoint: env.MICROSOFT_LOGIN_ENDPOINT },
    now,
  ),
  isFreeMailDomain,
  noteStep: logApprovalStep,
  now,
  report: logLeftUndone,
});
