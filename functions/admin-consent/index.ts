import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { dynamoDbConsentRequests } from "../../shared/adapters/dynamodb/consent-requests.ts";
import { dynamoDbSignInFrequencies } from "../../shared/adapters/dynamodb/sign-in-frequencies.ts";
import { dynamoDbTenantConsents } from "../../shared/adapters/dynamodb/tenant-consents.ts";
import { adminConsentUrl } from "../../shared/adapters/microsoft/admin-consent-url.ts";
import { readEnv } from "../../shared/config.ts";
import { requestedScopeSet } from "../../shared/domain/permissions.ts";
import { logApprovalStep } from "../../shared/logger.ts";
import { adminConsentEnv } from "./env.ts";
import { adminConsentHandler } from "./handler.ts";

const env = readEnv(adminConsentEnv);
const dynamoDb = openDynamoDb();
const approval = { clientId: env.MICROSOFT_CLIENT_ID, scopeSet: requestedScopeSet };

export const handler = adminConsentHandler(env, {
  requests: dynamoDbConsentRequests(dynamoDb, env.TENANT_CONSENTS_TABLE, approval),
  consents: dynamoDbTenantConsents(dynamoDb, env.TENANT_CONSENTS_TABLE, approval),
  frequencies: dynamoDbSignInFrequencies(
    dynamoDb,
    env.TENANT_CONSENTS_TABLE,
    env.MICROSOFT_CLIENT_ID,
  ),
  adminConsentUrl: adminConsentUrl({
    loginEndpoint: env.MICROSOFT_LOGIN_ENDPOINT,
    clientId: env.MICROSOFT_CLIENT_ID,
    redirectUri: env.ADMIN_CONSENT_REDIRECT_URI,
  }),
  noteStep: logApprovalStep,
  now: () => new Date(),
});
