import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type * as z from "zod/mini";
import { dynamoDbCircuits } from "../../shared/adapters/dynamodb/circuits.ts";
import { dynamoDbSignInFrequencies } from "../../shared/adapters/dynamodb/sign-in-frequencies.ts";
import { dynamoDbTenantConsents } from "../../shared/adapters/dynamodb/tenant-consents.ts";
import { dynamoDbTokenVault } from "../../shared/adapters/dynamodb/token-vault.ts";
import type { VaultKeys } from "../../shared/adapters/jwe/opener.ts";
import { jweSealer } from "../../shared/adapters/jwe/sealer.ts";
import type { AppCredentials } from "../../shared/adapters/microsoft/app-credential.ts";
import { msalExchange } from "../../shared/adapters/microsoft/msal-exchange.ts";
import { openAppCredentials } from "../../shared/adapters/microsoft/open-app-credentials.ts";
import { msalRefresh } from "../../shared/adapters/microsoft/refresh.ts";
import { openSecretsManager } from "../../shared/adapters/secrets-manager/client.ts";
import type { ReadSecret } from "../../shared/adapters/secrets-manager/read-secret.ts";
import { secretsManagerTokenVault } from "../../shared/adapters/secrets-manager/token-vault.ts";
import type { Connections } from "../../shared/domain/connection.ts";
import { inTime } from "../../shared/domain/in-time.ts";
import { requestedScopeSet } from "../../shared/domain/permissions.ts";
import type { TokenSealer } from "../../shared/domain/sealer.ts";
import { tokenVaults } from "../../shared/domain/token-vaults.ts";
import {
  errorFields,
  logApprovalStep,
  logCredentialFallback,
  logFederationUnavailable,
  logger,
} from "../../shared/logger.ts";
import { circuitBreaker } from "./circuit-breaker.ts";
import type { tokenFetchEnv } from "./env.ts";
import { type RefreshUnderLease, refreshConnection } from "./refresh-connection.ts";
import { causeOfEnd } from "./refresh-failures.ts";
import { signInFrequency } from "./sign-in-frequency.ts";
import { tenantApproval } from "./tenant-approval.ts";
import { secretBounds, stepLimits, timeBudget } from "./time-budget.ts";

export interface RefreshWiring {
  readonly env: z.output<typeof tokenFetchEnv>;
  readonly dynamoDb: DynamoDBClient;
  readonly connections: Connections;
  readonly readSecret: ReadSecret;
  readonly tokenKeys: VaultKeys;
  readonly now: () => Date;
  readonly report: (error: unknown) => void;
}

/** The first credential is read beside the refresh token, not after it; whoever needs it asks again if this fails. */
const readAhead = (credentials: AppCredentials) => {
  credentials
    .inOrder()
    [Symbol.asyncIterator]()
    .next()
    .catch(() => {});
};

/** The second entry of this function's bundle. What the first one has loaded is handed over. */
export const openRefresh = ({
  env,
  dynamoDb,
  connections,
  readSecret,
  tokenKeys,
  now,
  report,
}: RefreshWiring): RefreshUnderLease => {
  const sealer: TokenSealer = jweSealer(tokenKeys);
  const vault = tokenVaults(
    {
      "secrets-manager": secretsManagerTokenVault(openSecretsManager(secretBounds), {
        prefix: env.TOKEN_VAULT_PREFIX,
        kmsKeyArn: env.TOKEN_VAULT_KEY_ARN,
      }),
      table: dynamoDbTokenVault(dynamoDb, env.REFRESH_TOKENS_TABLE, sealer, now),
    },
    env.TOKEN_VAULT,
  );
  const approval = tenantApproval({
    consents: dynamoDbTenantConsents(dynamoDb, env.TENANT_CONSENTS_TABLE, {
      clientId: env.MICROSOFT_CLIENT_ID,
      scopeSet: requestedScopeSet,
    }),
    noteStep: logApprovalStep,
    onLost: ({ account }) => {
      logger.error("an organisation lost its approval", {
        failure: "tenant_consent_lost",
        actor: "tenant_admin",
        tenantId: account.tenantId,
      });
    },
    now,
  });
  const circuits = dynamoDbCircuits(dynamoDb, env.TENANT_CONSENTS_TABLE, env.MICROSOFT_CLIENT_ID);
  const admit = circuitBreaker({
    circuits: {
      find: inTime(stepLimits.table, circuits.find),
      write: inTime(stepLimits.table, circuits.write),
    },
    onOpened: (scope, fault) => {
      logger.warn("requests to Microsoft rest", {
        failure: fault,
        ...(scope.kind === "tenant" && { tenantId: scope.tenantId }),
      });
    },
    now,
    random: Math.random,
  });
  const credentials = openAppCredentials(env, readSecret, now, secretBounds);
  readAhead(credentials);
  const { table, secret, tokenCall } = stepLimits;
  return refreshConnection({
    connections: {
      saveRefreshed: inTime(table, connections.saveRefreshed),
      recordSetback: inTime(table, connections.recordSetback),
    },
    sealer: { seal: inTime(secret, sealer.seal) },
    vault: {
      create: inTime(secret, vault.create),
      read: inTime(secret, vault.read),
      replace: inTime(secret, vault.replace),
      erase: inTime(timeBudget.note, vault.erase),
      isInPlace: vault.isInPlace,
    },
    admit: async (connection) => {
      const { stop, tell } = await admit(connection);
      return { stop, tell: inTime(timeBudget.note, tell) };
    },
    approval: {
      lost: inTime(timeBudget.note, approval.lost),
      returned: inTime(timeBudget.note, approval.returned),
    },
    learnSignInFrequency: inTime(
      table,
      signInFrequency({
        frequencies: dynamoDbSignInFrequencies(
          dynamoDb,
          env.TENANT_CONSENTS_TABLE,
          env.MICROSOFT_CLIENT_ID,
        ),
        onLearnt: (tenantId, signInFrequencySeconds) => {
          logger.warn("an organisation asks for a new sign-in from time to time", {
            failure: "sign_in_frequency",
            actor: "tenant_admin",
            tenantId,
            signInFrequencySeconds,
          });
        },
        now,
      }),
    ),
    now,
    idleDays: env.IDLE_CONNECTIONS_END_AFTER_DAYS,
    onEnded: ({ id, owner, account }, refusal) => {
      logger.warn("connection ended", {
        ended: causeOfEnd(refusal),
        connectionId: id,
        workspaceId: owner.workspaceId,
        tenantId: account.tenantId,
        microsoft: refusal.evidence,
      });
    },
    onEntryLeft: ({ id, owner }, error) => {
      logger.error("a refresh token that is not used any more could not be erased", {
        failure: "vault_entry_left",
        connectionId: id,
        workspaceId: owner.workspaceId,
        error: errorFields(error),
      });
    },
    report,
    identity: {
      refresh: msalRefresh({
        exchange: msalExchange(
          {
            authority: env.MICROSOFT_AUTHORITY,
            loginEndpoint: env.MICROSOFT_LOGIN_ENDPOINT,
            clientId: env.MICROSOFT_CLIENT_ID,
          },
          credentials,
          {
            now,
            onFallback: logCredentialFallback,
            onUnavailable: logFederationUnavailable,
            callMilliseconds: tokenCall * 1000,
          },
        ),
        now,
      }),
    },
    onNarrowed: ({ id, owner }, missing) => {
      logger.warn("a connection lost permissions", {
        failure: "scopes_narrowed",
        connectionId: id,
        workspaceId: owner.workspaceId,
        missing,
      });
    },
  });
};
