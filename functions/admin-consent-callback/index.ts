import { dynamoDbAttempts } from "../../shared/adapters/dynamodb/authorization-attempts.ts";
import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { dynamoDbConsentProofs } from "../../shared/adapters/dynamodb/consent-proofs.ts";
import { dynamoDbConsentRequests } from "../../shared/adapters/dynamodb/consent-requests.ts";
import { dynamoDbTenantConsents } from "../../shared/adapters/dynamodb/tenant-consents.ts";
import { isFreeMailDomain } from "../../shared/adapters/email-providers/free-mail.ts";
import { idTokenVerifier } from "../../shared/adapters/jose/id-token.ts";
import { jweSealer } from "../../shared/adapters/jwe/sealer.ts";
import { authorizationUrl } from "../../shared/adapters/microsoft/authorization-url.ts";
import { classifyRedirect } from "../../shared/adapters/microsoft/failure-table.ts";
import { msalExchange } from "../../shared/adapters/microsoft/msal-exchange.ts";
import { openAppCredentials } from "../../shared/adapters/microsoft/open-app-credentials.ts";
import { msalProveIdentity } from "../../shared/adapters/microsoft/redeem-code.ts";
import { microsoftTenants } from "../../shared/adapters/microsoft/tenants.ts";
import { openSecretReader } from "../../shared/adapters/secrets-manager/read-secret.ts";
import { secretsManagerVaultKeys } from "../../shared/adapters/secrets-manager/vault-keys.ts";
import { readEnv } from "../../shared/config.ts";
import {
  approvedScopes,
  identityScopes,
  requestedScopeSet,
} from "../../shared/domain/permissions.ts";
import {
  logApprovalStep,
  logCredentialFallback,
  logFederationUnavailable,
} from "../../shared/logger.ts";
import { adminConsentCallbackEnv } from "./env.ts";
import { adminConsentCallbackHandler } from "./handler.ts";

const env = readEnv(adminConsentCallbackEnv);
const now = () => new Date();
const dynamoDb = openDynamoDb();
const readSecret = openSecretReader();
const approval = { clientId: env.MICROSOFT_CLIENT_ID, scopeSet: requestedScopeSet };
const microsoft = {
  authority: env.MICROSOFT_AUTHORITY,
  loginEndpoint: env.MICROSOFT_LOGIN_ENDPOINT,
  clientId: env.MICROSOFT_CLIENT_ID,
};
const credentials = openAppCredentials(env, readSecret, now);

const proof = {
  ...microsoft,
  redirectUri: env.ADMIN_CONSENT_REDIRECT_URI,
  isSignedIn: true,
};

export const handler = adminConsentCallbackHandler(env, {
  attempts: dynamoDbAttempts(dynamoDb, env.ATTEMPTS_TABLE),
  requests: dynamoDbConsentRequests(dynamoDb, env.TENANT_CONSENTS_TABLE, approval),
  consents: dynamoDbTenantConsents(dynamoDb, env.TENANT_CONSENTS_TABLE, approval),
  proofs: dynamoDbConsentProofs(dynamoDb, env.TENANT_CONSENTS_TABLE),
  identity: {
    proveIdentity: msalProveIdentity({
      exchange: msalExchange(microsoft, credentials, {
        now,
        onFallback: logCredentialFallback,
        onUnavailable: logFederationUnavailable,
      }),
      verifyIdToken: idTokenVerifier(microsoft),
      redirectUri: env.ADMIN_CONSENT_REDIRECT_URI,
      now,
    }),
  },
  meaningOf: classifyRedirect,
  tenants: microsoftTenants(microsoft, now),
  isFreeMailDomain,
  sealer: jweSealer(secretsManagerVaultKeys(readSecret, env.SIGN_IN_KEYS_SECRET_ARN, now)),
  authorizationUrl: authorizationUrl({ ...microsoft, redirectUri: env.REDIRECT_URI }),
  silentProofUrl: authorizationUrl({ ...proof, scopes: approvedScopes }),
  proofUrl: authorizationUrl({ ...proof, scopes: identityScopes }),
  noteStep: logApprovalStep,
  now,
});
