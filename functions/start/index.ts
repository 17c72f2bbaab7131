import { dynamoDbAttempts } from "../../shared/adapters/dynamodb/authorization-attempts.ts";
import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { dynamoDbConnections } from "../../shared/adapters/dynamodb/connections.ts";
import { dynamoDbTenantConsents } from "../../shared/adapters/dynamodb/tenant-consents.ts";
import { isFreeMailDomain } from "../../shared/adapters/email-providers/free-mail.ts";
import { jweSealer } from "../../shared/adapters/jwe/sealer.ts";
import { adminConsentUrl } from "../../shared/adapters/microsoft/admin-consent-url.ts";
import { authorizationUrl } from "../../shared/adapters/microsoft/authorization-url.ts";
import { microsoftTenants } from "../../shared/adapters/microsoft/tenants.ts";
import { openSecretReader } from "../../shared/adapters/secrets-manager/read-secret.ts";
import { secretsManagerVaultKeys } from "../../shared/adapters/secrets-manager/vault-keys.ts";
import { readEnv } from "../../shared/config.ts";
import { requestedScopeSet } from "../../shared/domain/permissions.ts";
import { logLeftUndone } from "../../shared/logger.ts";
import { startEnv } from "./env.ts";
import { startHandler } from "./handler.ts";

const env = readEnv(startEnv);
const now = () => new Date();
const dynamoDb = openDynamoDb();

export const handler = startHandler(env, {
  attempts: dynamoDbAttempts(dynamoDb, env.ATTEMPTS_TABLE),
  connections: dynamoDbConnections(dynamoDb, env.CONNECTIONS_TABLE),
  sealer: jweSealer(secretsManagerVaultKeys(openSecretReader(), env.SIGN_IN_KEYS_SECRET_ARN, now)),
  authorizationUrl: authorizationUrl({
    loginEndpoint: env.MICROSOFT_LOGIN_ENDPOINT,
    clientId: env.MICROSOFT_CLIENT_ID,
    redirectUri: env.REDIRECT_URI,
  }),
  adminConsentUrl: adminConsentUrl({
    loginEndpoint: env.MICROSOFT_LOGIN_ENDPOINT,
    clientId: env.MICROSOFT_CLIENT_ID,
    redirectUri: env.ADMIN_CONSENT_REDIRECT_URI,
  }),
  consents: dynamoDbTenantConsents(dynamoDb, env.TENANT_CONSENTS_TABLE, {
    clientId: env.MICROSOFT_CLIENT_ID,
    scopeSet: requestedScopeSet,
  }),
  tenants: microsoftTenants(
    { authority: env.MICROSOFT_AUTHORITY, loginEndpoint: env.MICROSOFT_LOGIN_ENDPOINT },
    now,
  ),
  isFreeMailDomain,
  firstAuthority: env.PERSONAL_ACCOUNTS === "allowed" ? "common" : "organizations",
  now,
  report: logLeftUndone,
});
