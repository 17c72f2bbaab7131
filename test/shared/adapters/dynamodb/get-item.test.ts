import { inspect } from "node:util";
import { marshall } from "@aws-sdk/util-dynamodb";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import {
  type RunningDynamoDb,
  startDynamoDb,
} from "../../../../infra/local/dynamodb/start-dynamodb.ts";
import { openDynamoDb } from "../../../../shared/adapters/dynamodb/client.ts";
import {
  dynamoDbConnectionReader,
  dynamoDbConnections,
} from "../../../../shared/adapters/dynamodb/connections.ts";
import { openGetItem } from "../../../../shared/adapters/dynamodb/get-item.ts";
import { connectionId } from "../../../../shared/domain/ids.ts";
import {
  account,
  alice,
  alicesConnection,
  noon,
  secondsAfter,
  strangerAlice,
} from "../../../fakes/samples.ts";
import {
  answerJson,
  answerText,
  breakOff,
  dropConnection,
  type ScriptedServer,
  startScriptedServer,
} from "../../../fakes/scripted-server.ts";
import { createProductTables } from "./product-tables.ts";

let engine: RunningDynamoDb;
let scripted: ScriptedServer;
let tableName: string;
beforeAll(async () => {
  engine = await startDynamoDb();
  scripted = await startScriptedServer();
  tableName = (await createProductTables(engine.origin)).connections;
});
afterAll(() => Promise.all([engine.close(), scripted.close()]));
beforeEach(() => {
  vi.stubEnv("AWS_REGION", "eu-west-1");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "local-key-id");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "planted-signing-key");
  vi.stubEnv("AWS_SESSION_TOKEN", "the-session");
  vi.stubEnv("AWS_ENDPOINT_URL_DYNAMODB", engine.origin);
});
afterEach(() => vi.unstubAllEnvs());

const scriptedGetItem = () =>
  openGetItem({ AWS_REGION: "eu-west-1", AWS_ENDPOINT_URL_DYNAMODB: scripted.origin.href });

const request = { TableName: "connections", Key: marshall({ id: "a" }), ConsistentRead: true };

it("reads the same connection as the SDK's client, and none of another workspace", async () => {
  const client = openDynamoDb();
  const whole = dynamoDbConnections(client, tableName);
  await whole.connect({
    id: alicesConnection,
    owner: alice,
    account: { ...account, displayName: 'Zoë "Z" Ünal 🦉' },
    vaultEntry: "entry",
    sealedAccessToken: "sealed",
    accessTokenExpiresAt: secondsAfter(noon, 3600),
    scopes: ["Mail.Send"],
    startedAt: noon,
    now: noon,
  });
  const reader = dynamoDbConnectionReader(openGetItem(), tableName);

  const found = await reader.findForWorkspace(alicesConnection, alice.workspaceId, {
    consistent: true,
  });
  const foreign = await reader.findForWorkspace(alicesConnection, strangerAlice.workspaceId, {
    consistent: false,
  });
  const unknown = await reader.findForWorkspace(connectionId("conn_none"), alice.workspaceId, {
    consistent: false,
  });
  const bySdk = await whole.findForWorkspace(alicesConnection, alice.workspaceId, {
    consistent: true,
  });
  client.destroy();

  expect(found).toBeDefined();
  expect(found).toEqual(bySdk);
  expect([foreign, unknown]).toEqual([undefined, undefined]);
});

it("signs one request with the credentials of the environment, and asks for the consistency it was told", async () => {
  scripted.script(answerJson(200, { Item: { id: { S: "a" } } }));

  await scriptedGetItem()(request);

  const [sent] = scripted.requests;
  expect(scripted.requests).toHaveLength(1);
  expect(sent?.headers).toMatchObject({
    "x-amz-target": "DynamoDB_20120810.GetItem",
    "content-type": "application/x-amz-json-1.0",
    "x-amz-security-token": "the-session",
  });
  expect(sent?.headers.authorization).toMatch(
    /Credential=local-key-id\/\d{8}\/eu-west-1\/dynamodb\/aws4_request/,
  );
  expect(JSON.parse(sent?.body ?? "")).toEqual(request);
});

it.for([
  ["a lost connection", dropConnection],
  ["an answer that breaks off", breakOff],
  [
    "throttling",
    answerJson(400, {
      __type: "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
    }),
  ],
  ["an outage", answerText(503, "unavailable")],
] as const)("repeats after %s", async ([, failure]) => {
  scripted.script(failure, answerJson(200, { Item: { id: { S: "a" } } }));

  expect(await scriptedGetItem()(request)).toEqual({ id: { S: "a" } });
});

it("gives up after three tries, and at once when DynamoDB refuses, without telling what it sent", async () => {
  scripted.script(answerText(500, "planted body"));
  const lasting: unknown = await scriptedGetItem()(request).catch((error: unknown) => error);
  const tries = scripted.requests.length;
  scripted.script(answerJson(400, { __type: "x#AccessDeniedException", message: "planted body" }));
  const refused: unknown = await scriptedGetItem()(request).catch((error: unknown) => error);

  expect([tries, scripted.requests.length]).toEqual([3, 1]);
  expect(inspect([lasting, refused])).toMatch(/HTTP 500.*AccessDeniedException/s);
  expect(inspect([lasting, refused])).not.toMatch(/planted|local-key-id/);
});
