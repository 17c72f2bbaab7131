import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { CreateSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import * as z from "zod/mini";
import { tokenFetchEnv } from "../../../functions/token-fetch/env.ts";
import { openRefresh } from "../../../functions/token-fetch/refresh.ts";
import {
  secretBounds,
  stepLimits,
  timeBudget,
} from "../../../functions/token-fetch/time-budget.ts";
import {
  type RunningSecretsManager,
  startSecretsManager,
} from "../../../infra/local/secrets-manager/start-secrets-manager.ts";
import { openSecretReader } from "../../../shared/adapters/secrets-manager/read-secret.ts";
import { secretsManagerTokenVault } from "../../../shared/adapters/secrets-manager/token-vault.ts";
import type { Connections } from "../../../shared/domain/connection.ts";
import { TookTooLong } from "../../../shared/domain/in-time.ts";
import { requestedScopes } from "../../../shared/domain/permissions.ts";
import { Secret } from "../../../shared/domain/secret.ts";
import type { TokenVaultKind } from "../../../shared/domain/token-vaults.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { hurriedLimits } from "../../fakes/hurried-limits.ts";
import { neverSettles } from "../../fakes/intercepted.ts";
import { memoryConnections } from "../../fakes/memory-connections.ts";
import {
  account,
  alice,
  alicesConnection,
  sampleVaultKeys,
  secondsAfter,
} from "../../fakes/samples.ts";
import {
  answerJson,
  type ScriptedServer,
  saySilence,
  startScriptedServer,
} from "../../fakes/scripted-server.ts";

const vaultSettings = {
  prefix: "outlook",
  kmsKeyArn: "arn:aws:kms:eu-west-1:1:key/00000000-0000-4000-8000-000000000000",
};

let secretsManager: RunningSecretsManager;
let microsoft: ScriptedServer;
/** Knows no circuit, so that Microsoft may be asked. */
let table: ScriptedServer;
let client: SecretsManagerClient;
beforeAll(async () => {
  table = await startScriptedServer();
  secretsManager = await startSecretsManager();
  microsoft = await startScriptedServer();
  client = new SecretsManagerClient({
    endpoint: secretsManager.origin,
    region: "eu-west-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
});
afterAll(async () => {
  client.destroy();
  await Promise.all([secretsManager.close(), microsoft.close(), table.close()]);
});
beforeEach(() => {
  vi.stubEnv("AWS_REGION", "eu-west-1");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "local");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "local");
  table.script(answerJson(200, {}));
  vi.stubEnv("AWS_ENDPOINT_URL_DYNAMODB", table.origin.href);
  vi.stubEnv("AWS_ENDPOINT_URL_SECRETS_MANAGER", secretsManager.origin);
});
afterEach(() => {
  vi.unstubAllEnvs();
  secretsManager.faults.clear();
});
const { lines } = captureLog();

const failuresLogged = () =>
  lines().flatMap((line) => /"failure":"([a-z_]+)"/.exec(line)?.[1] ?? []);

let created = 0;

/** A connection whose token has run out, and the refresh path as it is deployed, beside a table in memory. */
const expired = async (
  changes: Partial<Connections> = {},
  {
    federated = false,
    tokenVault = "secrets-manager",
    signedInDaysAgo = 0,
  }: {
    readonly federated?: boolean;
    readonly tokenVault?: TokenVaultKind;
    readonly signedInDaysAgo?: number;
  } = {},
) => {
  created += 1;
  const { ARN } = await client.send(
    new CreateSecretCommand({
      Name: `credential-${created}`,
      SecretString: JSON.stringify({ clientSecrets: ["new-secret", "old-secret"] }),
    }),
  );
  const vaultEntry = await secretsManagerTokenVault(client, vaultSettings).create(
    {
      connectionId: alicesConnection,
      workspaceId: alice.workspaceId,
      tenantId: account.tenantId,
      objectId: account.objectId,
    },
    new Secret("the-refresh-token"),
  );
  const connections = memoryConnections();
  const now = new Date();
  const signedInAt = secondsAfter(now, -signedInDaysAgo * 24 * 3600);
  await connections.connect({
    id: alicesConnection,
    owner: alice,
    account,
    vaultEntry,
    sealedAccessToken: "sealed",
    accessTokenExpiresAt: now,
    scopes: ["User.Read", "Mail.ReadWrite", "Mail.Send"],
    requestedScopes,
    startedAt: signedInAt,
    now: signedInAt,
  });
  const stored = await connections.findForWorkspace(alicesConnection, alice.workspaceId, {
    consistent: true,
  });
  if (!stored) throw new Error("not connected");
  const refresh = openRefresh({
    env: z.parse(tokenFetchEnv, {
      CLIENT_CREDENTIAL_SECRET_ARN: ARN,
      FEDERATED_CREDENTIAL: federated ? "used" : "unused",
      CONNECTIONS_TABLE: "connections",
      GRAPH_ENDPOINT: "https://graph.microsoft.com",
      IDLE_CONNECTIONS_END_AFTER_DAYS: "400",
      MICROSOFT_AUTHORITY: "https://login.microsoftonline.com",
      MICROSOFT_CLIENT_ID: "c1e27000-0000-4000-8000-00000000a001",
      MICROSOFT_LOGIN_ENDPOINT: microsoft.origin.href,
      TENANT_CONSENTS_TABLE: "tenant-consents",
      TOKEN_VAULT_KEY_ARN: vaultSettings.kmsKeyArn,
      TOKEN_VAULT_PREFIX: vaultSettings.prefix,
      TOKEN_VAULT: tokenVault,
      REFRESH_TOKENS_TABLE: "RefreshTokens",
      TOKEN_KEYS_SECRET_ARN: "arn:aws:secretsmanager:eu-west-1:1:secret:keys",
    }),
    dynamoDb: new DynamoDBClient({ region: "eu-west-1" }),
    connections: { ...connections, ...changes },
    readSecret: openSecretReader(process.env, secretBounds),
    tokenKeys: sampleVaultKeys,
    now: () => new Date(),
    report: (error) => expect.fail(String(error)),
  });
  const lease = { owner: "this-refresh", expiresAt: secondsAfter(now, timeBudget.lease) };
  await connections.acquireLease(stored.id, stored.version, lease, now);
  return { renew: () => refresh(stored, secondsAfter(new Date(), 25), lease, "use") };
};

const rejected = answerJson(401, { error: "invalid_client", error_codes: [7000215] });
const tokens = (scope: string) =>
  answerJson(200, { token_type: "Bearer", expires_in: 3599, access_token: "a-token", scope });
const all = tokens("User.Read Mail.ReadWrite Mail.Send");

it("logs nothing when all is well", async () => {
  const { renew } = await expired();
  microsoft.script(all);

  expect((await renew()).kind).toBe("refreshed");

  expect(lines()).toEqual([]);
});

it("logs which permissions have gone", async () => {
  const { renew } = await expired();
  microsoft.script(tokens("User.Read Mail.ReadWrite"));

  expect((await renew()).kind).toBe("refreshed");

  expect(lines().map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({
      level: "WARN",
      failure: "scopes_narrowed",
      connectionId: alicesConnection,
      missing: ["Mail.Send"],
    }),
  ]);
});

it("logs that an older client secret works and the newer one does not", async () => {
  const { renew } = await expired();
  microsoft.script(rejected, all);

  expect((await renew()).kind).toBe("refreshed");

  expect(failuresLogged()).toEqual(["app_credential_fallback"]);
  expect(lines().join()).not.toMatch(/new-secret|old-secret/);
});

it("logs that a connection has ended, and what Microsoft said", async () => {
  const { renew } = await expired();
  microsoft.script(answerJson(400, { error: "invalid_grant", error_codes: [50173] }));

  expect((await renew()).kind).toBe("refused");

  expect(lines().map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({
      message: "connection ended",
      ended: "sign_in_required",
      connectionId: alicesConnection,
      workspaceId: alice.workspaceId,
      tenantId: account.tenantId,
      microsoft: expect.objectContaining({ error: "invalid_grant", errorCodes: [50173] }),
    }),
  ]);
});

it("logs how often an organisation asks its people to sign in again", async () => {
  const { renew } = await expired({}, { signedInDaysAgo: 8 });
  microsoft.script(answerJson(400, { error: "invalid_grant", error_codes: [70043] }));

  expect((await renew()).kind).toBe("refused");

  const { signInFrequencySeconds, ...logged } = lines()
    .map((line) => JSON.parse(line))
    .find(({ failure }) => failure === "sign_in_frequency");
  expect(logged).toMatchObject({
    level: "WARN",
    actor: "tenant_admin",
    tenantId: account.tenantId,
  });
  expect(signInFrequencySeconds / 24 / 3600).toBeCloseTo(8, 2);
});

it("logs whose refresh token could not be erased where it was, after it was moved", async () => {
  const { renew } = await expired({}, { tokenVault: "table" });
  microsoft.script(all);
  secretsManager.faults.refuse("DeleteSecret", { code: "AccessDeniedException" });

  expect((await renew()).kind).toBe("refreshed");

  expect(lines().map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({
      level: "ERROR",
      failure: "vault_entry_left",
      connectionId: alicesConnection,
      workspaceId: alice.workspaceId,
      error: { name: "AccessDeniedException", frames: expect.any(Array) },
    }),
  ]);
});

it("waits no longer for AWS STS than a secret may take, goes on with what is stored, and logs both", async () => {
  const sts = await startScriptedServer();
  sts.script(saySilence);
  vi.stubEnv("AWS_ENDPOINT_URL_STS", sts.origin.origin);
  const { renew } = await expired({}, { federated: true });
  microsoft.script(all);
  const began = performance.now();

  expect((await renew()).kind).toBe("refreshed");

  expect((performance.now() - began) / 1000).toBeLessThan(stepLimits.secret + 1);
  expect(sts.requests).toHaveLength(stepLimits.secretTries);
  expect(failuresLogged()).toEqual(["federated_credential_unavailable", "app_credential_fallback"]);
  await sts.close();
});

it("waits no longer for saving than a call of the table may take", async () => {
  const { renew } = await expired({ saveRefreshed: neverSettles });
  microsoft.script(all);
  const limits = hurriedLimits((milliseconds) =>
    milliseconds === stepLimits.table * 1000 ? 500 : milliseconds,
  );

  await expect(renew()).rejects.toThrow(TookTooLong);

  const afterAnswer = limits.slice(limits.indexOf(stepLimits.tokenCall * 1000) + 1);
  expect(afterAnswer).toContain(stepLimits.table * 1000);
  expect(Math.max(...afterAnswer)).toBeLessThanOrEqual(stepLimits.secret * 1000);
});

it("waits no longer for the refresh token than a call of Secrets Manager may take, and tries it twice", async () => {
  table.script(answerJson(200, {}));
  vi.stubEnv("AWS_ENDPOINT_URL_DYNAMODB", table.origin.href);
  vi.stubEnv("AWS_ENDPOINT_URL_SECRETS_MANAGER", microsoft.origin.origin);
  const { renew } = await expired();
  microsoft.script(saySilence);
  const secretTry = stepLimits.secretTry * 1000;
  const limits = hurriedLimits((milliseconds) => (milliseconds === secretTry ? 300 : milliseconds));

  await expect(renew()).rejects.toThrow();

  expect(limits).toEqual(expect.arrayContaining([secretTry, stepLimits.secret * 1000]));
  const forRefreshToken = microsoft.requests.filter(({ body }) => !body.includes("credential-"));
  expect(forRefreshToken).toHaveLength(stepLimits.secretTries);
});

it("waits no longer for Microsoft than a refresh may, although a code may have longer", async () => {
  const { renew } = await expired();
  microsoft.script(saySilence);
  const limits = hurriedLimits((milliseconds) =>
    milliseconds === stepLimits.tokenCall * 1000 ? 50 : milliseconds,
  );

  expect(await renew()).toMatchObject({
    kind: "refused",
    failure: { code: "temporarily_unavailable", retryable: true },
  });

  expect(limits).toContain(stepLimits.tokenCall * 1000);
  expect(limits).toContain(stepLimits.secretTry * 1000);
});
