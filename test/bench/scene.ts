import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { CreateTableCommand, type DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { CreateSecretCommand } from "@aws-sdk/client-secrets-manager";
import { ConfidentialClientApplication } from "@azure/msal-node";
import { build } from "esbuild";
import { tokenFetchEnv } from "../../functions/token-fetch/env.ts";
import { functionName } from "../../infra/aws/constructs/request-function.ts";
import { synthesize } from "../../infra/aws/synthesize.ts";
import { buildFunctions } from "../../infra/build.ts";
import { createSecrets } from "../../infra/local/create-secrets.ts";
import { createTables } from "../../infra/local/dynamodb/create-tables.ts";
import { readData, readService } from "../../infra/local/gateway/template.ts";
import { localRegion } from "../../infra/local/gateway/template-values.ts";
import { credentialsOf } from "../../infra/local/iam/function-credentials.ts";
import { localStage } from "../../infra/local/local-stage.ts";
import { packageFoldersIn } from "../../infra/third-party-notices.ts";
import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { dynamoDbConnections } from "../../shared/adapters/dynamodb/connections.ts";
import { jweSealer } from "../../shared/adapters/jwe/sealer.ts";
import { openSecretsManager } from "../../shared/adapters/secrets-manager/client.ts";
import { openSecretReader } from "../../shared/adapters/secrets-manager/read-secret.ts";
import { secretsManagerTokenVault } from "../../shared/adapters/secrets-manager/token-vault.ts";
import { secretsManagerVaultKeys } from "../../shared/adapters/secrets-manager/vault-keys.ts";
import { readEnv } from "../../shared/config.ts";
import {
  connectionIdOf,
  objectId,
  type ProductUser,
  tenantId,
  userId,
  workspaceId,
} from "../../shared/domain/ids.ts";
import { graphScopes, requestedScopes } from "../../shared/domain/permissions.ts";
import { Secret } from "../../shared/domain/secret.ts";
import type { EngineName } from "./engines/messages.ts";
import { type Engines, startEngines } from "./engines/start-engines.ts";
import { refreshTokenOf, tokenAnswer } from "./engines/token-endpoint.ts";

export const tenant = "7f3c2a10-5b64-4d0e-9a1f-0c2d3e4f5a6b";
const clientId = "11111111-2222-4333-8444-555555555555";
const peersTable = "BenchPeers";

/** One way to fetch a token, as a file that exports `handler`. */
export interface Contender {
  readonly name: string;
  readonly bundle: string;
  /** What it is asked, for one of the mailboxes. */
  readonly event: (mailbox: number) => object;
  /** Stores the mailbox anew, with a token that lives so long; negative: it is over. */
  readonly store: (mailbox: number, secondsLeft: number) => Promise<void>;
}

/** A table of connections that holds only what is stored by means of it. */
export interface OwnTable {
  readonly store: Contender["store"];
  readonly environment: Scene["environment"];
}

export interface Scene {
  readonly engines: Engines;
  readonly ours: Contender;
  readonly card: Contender;
  readonly msalDynamoDb: Contender;
  readonly emptyBundle: string;
  /** Variables of an execution environment, with the engines by TLS or without it. */
  readonly environment: (transport: "http" | "https") => Readonly<Record<string, string>>;
  /** Creates another table of connections, as the template has it, in which nothing is yet. */
  readonly openTable: (name: string) => Promise<OwnTable>;
  readonly bundleBytes: Readonly<Record<string, number>>;
  readonly hitPackages: readonly string[];
  close(): Promise<void>;
}

const objectIdOf = (mailbox: number) =>
  `00000000-0000-4000-8000-${String(mailbox).padStart(12, "0")}`;

/** What msal keeps of a connection: some 6 KB. It is made by msal itself, of an answer like Microsoft's. */
const msalCacheOf = async (mailbox: number, secondsLeft: number): Promise<string> => {
  const answer = tokenAnswer(tenant, objectIdOf(mailbox), clientId, Math.max(secondsLeft, 1));
  const respond = () => Promise.resolve({ status: 200, headers: {}, body: answer as never });
  const client = new ConfidentialClientApplication({
    auth: {
      clientId,
      clientSecret: "bench",
      authority: `https://login.microsoftonline.com/${tenant}`,
      authorityMetadata: JSON.stringify({
        authorization_endpoint: `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/authorize`,
        token_endpoint: `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`,
        jwks_uri: `https://login.microsoftonline.com/${tenant}/discovery/v2.0/keys`,
        end_session_endpoint: `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/logout`,
        issuer: "https://login.microsoftonline.com/{tenantid}/v2.0",
      }),
    },
    system: {
      networkClient: { sendGetRequestAsync: respond, sendPostRequestAsync: respond },
    },
  });
  await client.acquireTokenByCode({
    code: "bench",
    redirectUri: "https://bench.example/callback",
    scopes: [...graphScopes],
  });
  return client.getTokenCache().serialize();
};

/** As CDK's NodejsFunction builds by default: one file, not minified, the SDK left to the runtime. */
const buildAsCdk = async (entry: string, outfile: string): Promise<void> => {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "cjs",
    external: ["@aws-sdk/*", "@smithy/*"],
    logLevel: "warning",
  });
};

/** The tables, secrets and functions of the templates, on engines that count. */
export const openScene = async (): Promise<Scene> => {
  await using opening = new AsyncDisposableStack();
  const engines = opening.adopt(await startEngines(), (started) => started.close());
  const { origins } = engines;
  const stage = localStage({
    apiOrigin: "http://127.0.0.1:1",
    product: {
      origin: "http://127.0.0.1:1",
      issuer: "http://127.0.0.1:1",
      audience: "bench",
    },
    microsoft: {
      loginEndpoint: origins.http.microsoft,
      graphEndpoint: `${origins.http.microsoft}/graph`,
      clientId,
    },
  });
  // Inside the project, where a bundle that leaves the SDK to the runtime finds it.
  const dist = join(import.meta.dirname, "..", "..", "dist");
  await mkdir(dist, { recursive: true });
  const work = await mkdtemp(join(dist, "bench-"));
  opening.defer(() => rm(work, { recursive: true, force: true }));
  const bundles = join(work, "functions");
  const built = await buildFunctions({ outFolder: bundles });
  const contenderOf = (name: string) => join(import.meta.dirname, "contenders", `${name}.ts`);
  const [cardBundle, dynamoDbBundle] = [
    join(work, "card", "index.cjs"),
    join(work, "msal-dynamodb", "index.cjs"),
  ];
  await buildAsCdk(contenderOf("card"), cardBundle);
  await buildAsCdk(contenderOf("msal-dynamodb"), dynamoDbBundle);

  const templates = await synthesize(stage, join(work, "cdk.out"), { bundles });
  const { tables, secrets } = readData(templates);
  await createTables(origins.http.dynamoDb, tables);
  const secretArns = await createSecrets(origins.http.secretsManager, localRegion, secrets, {
    ClientCredential: JSON.stringify({ clientSecrets: ["bench"] }),
  });
  const { functions } = readService(templates, {
    assemblyFolder: join(work, "cdk.out"),
    values: { apiEndpoint: "http://127.0.0.1:1", secretArns },
  });
  const tokenFetch = functions.find(({ name }) => name === functionName(stage, "token-fetch"));
  if (!tokenFetch) throw new Error("there is no token-fetch");

  const environment: Scene["environment"] = (transport) => {
    const at: Readonly<Record<EngineName, string>> = origins[transport] ?? origins.http;
    return {
      PATH: process.env.PATH ?? "",
      ...tokenFetch.environment,
      ...credentialsOf(tokenFetch.name),
      AWS_REGION: localRegion,
      AWS_LAMBDA_FUNCTION_NAME: tokenFetch.name,
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(tokenFetch.memoryMegabytes),
      AWS_ENDPOINT_URL_DYNAMODB: at.dynamoDb,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: at.secretsManager,
      MICROSOFT_LOGIN_ENDPOINT: at.microsoft,
      ...(transport === "https" && origins.authority && { NODE_EXTRA_CA_CERTS: origins.authority }),
      BENCH_TABLE: peersTable,
      BENCH_TENANT: tenant,
      BENCH_CLIENT_ID: clientId,
      BENCH_CLIENT_SECRET: "bench",
      BENCH_LOGIN_ENDPOINT: at.microsoft,
      BENCH_SCOPES: graphScopes.join(" "),
    };
  };

  // This process stores what the functions find, through the same adapters.
  Object.assign(process.env, environment("http"));
  const env = readEnv(tokenFetchEnv);
  const dynamoDb = openDynamoDb();
  const secretsManager = openSecretsManager();
  opening.defer(() => {
    dynamoDb.destroy();
    secretsManager.destroy();
  });
  const now = () => new Date();
  const sealer = jweSealer(
    secretsManagerVaultKeys(openSecretReader(), env.TOKEN_KEYS_SECRET_ARN, now),
  );
  const vault = secretsManagerTokenVault(secretsManager, {
    prefix: env.TOKEN_VAULT_PREFIX,
    kmsKeyArn: env.TOKEN_VAULT_KEY_ARN,
  });
  await createPeersTable(dynamoDb);

  const owner: ProductUser = { userId: userId("user_bench"), workspaceId: workspaceId("ws_bench") };
  const accountOf = (mailbox: number) => ({
    tenantId: tenantId(tenant),
    objectId: objectId(objectIdOf(mailbox)),
    displayName: `Bench Person ${mailbox}`,
    username: `bench${mailbox}@larkfield.example`,
  });
  const entries = new Map<number, string>();

  const storeIn = (tableName: string): Contender["store"] => {
    const connections = dynamoDbConnections(dynamoDb, tableName);
    return async (mailbox, secondsLeft) => {
      const account = accountOf(mailbox);
      const id = connectionIdOf(owner, account);
      const vaultOwner = { connectionId: id, workspaceId: owner.workspaceId, ...account };
      const vaultEntry =
        entries.get(mailbox) ??
        (await vault.create(vaultOwner, new Secret(refreshTokenOf(tenant, account.objectId))));
      entries.set(mailbox, vaultEntry);
      const accessToken = new Secret(tokenAnswer(tenant, account.objectId, clientId).access_token);
      await connections.connect({
        id,
        owner,
        account,
        vaultEntry,
        scopes: graphScopes,
        sealedAccessToken: await sealer.seal(accessToken, {
          purpose: "access_token",
          connectionId: id,
          workspaceId: owner.workspaceId,
        }),
        accessTokenExpiresAt: new Date(now().getTime() + secondsLeft * 1000),
        requestedScopes,
        startedAt: now(),
        // An hour old, as a token is that is about to expire: one that was just renewed is left alone.
        now: new Date(now().getTime() - 3600 * 1000),
      });
    };
  };

  const eventOf = (mailbox: number) => ({
    connectionId: connectionIdOf(owner, accountOf(mailbox)),
    workspaceId: owner.workspaceId,
    run: { workflowId: "bench", runId: "1" },
  });

  let stored = 0;
  /** A new entry each time: a secret takes a hundred versions a day. */
  const storePeer =
    (kind: "card" | "msal", save: (key: string, cache: string) => Promise<unknown>) =>
    async (mailbox: number, secondsLeft: number): Promise<void> => {
      stored += 1;
      const key = `${kind}-cache-${mailbox}-${stored}`;
      await save(key, await msalCacheOf(mailbox, secondsLeft));
      await dynamoDb.send(
        new PutItemCommand({
          TableName: peersTable,
          Item: {
            id: { S: `${kind}-${mailbox}` },
            workspaceId: { S: owner.workspaceId },
            cacheKey: { S: key },
          },
        }),
      );
    };
  const peerEventOf = (kind: string) => (mailbox: number) => ({
    connectionId: `${kind}-${mailbox}`,
    workspaceId: owner.workspaceId,
  });

  const running = opening.move();
  return {
    engines,
    ours: {
      name: "ours",
      bundle: join(tokenFetch.codeFolder, "index.cjs"),
      event: eventOf,
      store: storeIn(env.CONNECTIONS_TABLE),
    },
    card: {
      name: "card",
      bundle: cardBundle,
      event: peerEventOf("card"),
      store: storePeer("card", (key, cache) =>
        secretsManager.send(new CreateSecretCommand({ Name: key, SecretString: cache })),
      ),
    },
    msalDynamoDb: {
      name: "msal over DynamoDB",
      bundle: dynamoDbBundle,
      event: peerEventOf("msal"),
      store: storePeer("msal", (key, cache) =>
        dynamoDb.send(
          new PutItemCommand({
            TableName: peersTable,
            Item: { id: { S: key }, cache: { S: cache } },
          }),
        ),
      ),
    },
    emptyBundle: join(import.meta.dirname, "contenders", "empty.cjs"),
    environment,
    openTable: async (name) => {
      const template = tables.find(({ TableName }) => TableName === env.CONNECTIONS_TABLE);
      await createTables(origins.http.dynamoDb, [{ ...template, TableName: name }]);
      return {
        store: storeIn(name),
        environment: (transport) => ({ ...environment(transport), CONNECTIONS_TABLE: name }),
      };
    },
    bundleBytes: Object.fromEntries(
      Object.entries(built["token-fetch"]?.outputs ?? {})
        .filter(([path]) => path.endsWith(".cjs"))
        .map(([path, { bytes }]) => [path.slice(path.lastIndexOf("/") + 1), bytes]),
    ),
    hitPackages: Object.entries(built["token-fetch"]?.outputs ?? {})
      .filter(([path]) => path.endsWith("/index.cjs"))
      .flatMap(([, { inputs }]) => packageFoldersIn(inputs))
      .map((folder) => folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length)),
    close: () => running.disposeAsync(),
  };
};

const createPeersTable = (client: DynamoDBClient) =>
  client.send(
    new CreateTableCommand({
      TableName: peersTable,
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
      BillingMode: "PAY_PER_REQUEST",
    }),
  );
