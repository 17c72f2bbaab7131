import { dynamoDbAttempts } from "../../shared/adapters/dynamodb/authorization-attempts.ts";
import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { dynamoDbConnections } from "../../shared/adapters/dynamodb/connections.ts";
import { dynamoDbConsentRequests } from "../../shared/adapters/dynamodb/consent-requests.ts";
import { dynamoDbTenantConsents } from "../../shared/adapters/dynamodb/tenant-consents.ts";
import { dynamoDbTokenVault } from "../../shared/adapters/dynamodb/token-vault.ts";
import { isFreeMailDomain } from "../../shared/adapters/email-providers/free-mail.ts";
import { idTokenVerifier } from "../../shared/adapters/jose/id-token.ts";
import { jweOpener } from "../../shared/adapters/jwe/opener.ts";
import { jweSealer } from "../../shared/adapters/jwe/sealer.ts";
import { classifyRedirect } from "../../shared/adapters/microsoft/failure-table.ts";
import { graphMailboxes } from "../../shared/adapters/microsoft/mailboxes.ts";
import { msalExchange } from "../../shared/adapters/microsoft/msal-exchange.ts";
import { openAppCredentials } from "../../shared/adapters/microsoft/open-app-credentials.ts";
import { msalRedeemCode } from "../../shared/adapters/microsoft/redeem-code.ts";
import { microsoftTenants } from "../../shared/adapters/microsoft/tenants.ts";
import { openSecretsManager } from "../../shared/adapters/secrets-manager/client.ts";
import { openSecretReader } from "../../shared/adapters/secrets-manager/read-secret.ts";
import { secretsManagerTokenVault } from "../../shared/adapters/secrets-manager/token-vault.ts";
import { secretsManagerVaultKeys } from "../../shared/adapters/secrets-manager/vault-keys.ts";
import { readEnv } from "../../shared/config.ts";
import { requestedScopeSet } from "../../shared/domain/permissions.ts";
import type { TokenSealer } from "../../shared/domain/sealer.ts";
import { tokenVaults } from "../../shared/domain/token-vaults.ts";
import {
  logApprovalStep,
  logCredentialFallback,
  logFederationUnavailable,
  logLeftUndone,
} from "../../shared/logger.ts";
import { completeEnv } from "./env.ts";
import { completeHandler } from "./handler.ts";
import { stepLimits } from "./time-budget.ts";

const env = readEnv(completeEnv);
const now = () => new Date();
const dynamoDb = openDynamoDb();
const readSecret = openSecretReader();
const microsoft = {
  authority: env.MICROSOFT_AUTHORITY,
  loginEndpoint: env.MICROSOFT_LOGIN_ENDPOINT,
  clientId: env.MICROSOFT_CLIENT_ID,
};
const approval = { clientId: env.MICROSOFT_CLIENT_ID, scopeSet: requestedScopeSet };
const signInKeys = secretsManagerVaultKeys(readSecret, env.SIGN_IN_KEYS_SECRET_ARN, now);
const tokenKeys = secretsManagerVaultKeys(readSecret, env.TOKEN_KEYS_SECRET_ARN, now);
const tokenSealer: TokenSealer = jweSealer(tokenKeys);
const entryBounds = {
  tries: stepLimits.entryTries,
  tryMilliseconds: stepLimits.entryTry * 1000,
};
const credentials = openAppCredentials(env, readSecret, now);

export const handler = completeHandler(env, {
  attempts: dynamoDbAttempts(dynamoDb, env.ATTEMPTS_TABLE),
  connections: dynamoDbConnections(dynamoDb, env.CONNECTIONS_TABLE),
  identity: {
    redeemCode: msalRedeemCode({
      exchange: msalExchange(microsoft, credentials, {
        now,
        onFallback: logCredentialFallback,
        onUnavailable: logFederationUnavailable,
      }),
      verifyIdToken: idTokenVerifier(microsoft),
      redirectUri: env.REDIRECT_URI,
      now,
    }),
  },
  meaningOf: classifyRedirect,
  mailboxes: graphMailboxes(env.GRAPH_ENDPOINT),
  vault: tokenVaults(
    {
      "secrets-manager": secretsManagerTokenVault(openSecretsManager(entryBounds), {
        prefix: env.TOKEN_VAULT_PREFIX,
        kmsKeyArn: env.TOKEN_VAULT_KEY_ARN,
      }),
      table: dynamoDbTokenVault(dynamoDb, env.REFRESH_TOKENS_TABLE, tokenSealer, now),
    },
    env.TOKEN_VAULT,
  ),
  signInSealer: jweOpener(signInKeys),
  tokenSealer,
  personalAccounts: env.PERSONAL_ACCOUNTS,
  consents: dynamoDbTenantConsents(dynamoDb, env.TENANT_CONSENTS_TABLE, approval),
  requests: dynamoDbConsentRequests(dynamoDb, env.TENANT_CONSENTS_TABLE, approval),
  tenants: microsoftTenants(microsoft, now),
  isFreeMailDomain,
  noteStep: logApprovalStep,
  now,
  report: logLeftUndone,
});
