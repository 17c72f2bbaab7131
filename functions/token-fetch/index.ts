import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { dynamoDbConnections } from "../../shared/adapters/dynamodb/connections.ts";
import { jweOpener } from "../../shared/adapters/jwe/opener.ts";
import { openSecretReader } from "../../shared/adapters/secrets-manager/read-secret.ts";
import { secretsManagerVaultKeys } from "../../shared/adapters/secrets-manager/vault-keys.ts";
import { readEnv } from "../../shared/config.ts";
import { inTime } from "../../shared/domain/in-time.ts";
import { errorFields, logger } from "../../shared/logger.ts";
import { crowdSense } from "./crowd.ts";
import { tokenFetchEnv } from "./env.ts";
import { tokenFetchHandler } from "./handler.ts";
import { leaseFirst } from "./lease-first.ts";
import type { RefreshUnderLease } from "./refresh-connection.ts";
import { secretBounds, stepLimits } from "./time-budget.ts";
import { inMemoryTokenCache } from "./token-cache.ts";

const env = readEnv(tokenFetchEnv);
const now = () => new Date();
const dynamoDb = openDynamoDb();
const connections = dynamoDbConnections(dynamoDb, env.CONNECTIONS_TABLE);
const readSecret = openSecretReader(process.env, secretBounds);
const tokenKeys = secretsManagerVaultKeys(readSecret, env.TOKEN_KEYS_SECRET_ARN, now);

let isKeyRead = false;

/** The key is read beside the first item instead of after it; whoever needs it asks again if this fails. */
const readKeyBeside = () => {
  if (isKeyRead) return;
  isKeyRead = true;
  tokenKeys.current().catch(() => {});
};

const report = (error: unknown) => {
  logger.error("token not renewed", { failure: "internal_error", error: errorFields(error) });
};

let refresh: Promise<RefreshUnderLease> | undefined;

/** A bundle of its own: msal and the vault's client are loaded by a refresh, and by nothing else. */
const loadRefresh = () => {
  refresh ??= import("./refresh.ts").then(({ openRefresh }) =>
    openRefresh({ env, dynamoDb, connections, readSecret, tokenKeys, now, report }),
  );
  return refresh;
};

export const handler = tokenFetchHandler(env.GRAPH_ENDPOINT, {
  connections: {
    findForWorkspace: (...wanted) => {
      readKeyBeside();
      return connections.findForWorkspace(...wanted);
    },
  },
  sealer: jweOpener(tokenKeys),
  cache: inMemoryTokenCache(),
  refresh: leaseFirst({
    connections: { acquireLease: inTime(stepLimits.table, connections.acquireLease) },
    load: loadRefresh,
    now,
    leaseOwner: randomUUID,
  }),
  senseCrowd: crowdSense(),
  now,
  random: Math.random,
  wait: async (milliseconds) => {
    await wait(milliseconds);
  },
  report,
  onUnreadable: ({ id, owner }) => {
    logger.error("stored token does not open", {
      failure: "sealed_token_unreadable",
      connectionId: id,
      workspaceId: owner.workspaceId,
    });
  },
});
