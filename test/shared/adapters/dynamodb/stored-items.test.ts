import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { marshall } from "@aws-sdk/util-dynamodb";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startDynamoDb } from "../../../../infra/local/dynamodb/start-dynamodb.ts";
import { dynamoDbAttempts } from "../../../../shared/adapters/dynamodb/authorization-attempts.ts";
import { dynamoDbConnections } from "../../../../shared/adapters/dynamodb/connections.ts";
import { dynamoDbTenantConsents } from "../../../../shared/adapters/dynamodb/tenant-consents.ts";
import {
  attemptId,
  connectionId,
  tenantId,
  userId,
  workspaceId,
} from "../../../../shared/domain/ids.ts";
import { allReadable } from "../../../fakes/all-readable.ts";
import { createProductTables } from "./product-tables.ts";

/*
 * Items as they lie in tables, to the letter. A change of the code that no longer reads them loses somebody's
 * mailbox: it needs another layout and a way from this one, not another literal here.
 */

const owner = { userId: userId("user_ines"), workspaceId: workspaceId("ws_larkfield") };
const ownerKey = "r_ei76TSm6MIZgsk2lXPzNG2HlFaTY859km8T8uM22c";
const larkfield = tenantId("3b0f5c1e-7a42-4d89-9e15-c2f68ab01d37");

const connected = {
  schemaVersion: 1,
  id: "conn_bg0-ulET3Kl2PyTe4iPSWA",
  version: 2,
  status: "connected",
  ownerKey,
  workspaceId: "ws_larkfield",
  userId: "user_ines",
  tenantId: larkfield,
  objectId: "1f6b3c9d-8e42-4a75-b0d1-5c7e9f2a4b16",
  displayName: "Ben Okafor",
  username: "ben.okafor@larkfield.example",
  scopes: ["openid", "profile", "email", "User.Read", "Mail.ReadWrite", "Mail.Send"],
  requestedScopes: "openid profile email offline_access User.Read Mail.Send",
  createdAt: "2026-11-25T19:18:50.011Z",
  lastRefreshedAt: 1795641530,
  sealedAccessToken: "a sealed access token",
  accessTokenExpiresAt: 1795646796,
  vaultEntry: "outlook-connect/prod/refresh-tokens/conn_bg0-ulET3Kl2PyTe4iPSWA/fa1b765a",
  refreshTokenStoredAt: 1795634330,
  signedInAt: 1795634330,
  lastUsedAt: 1795641530,
  keepAliveShard: "1",
  keepAliveAt: "2026-12-05T20:26:34.000Z",
  writtenBy: "4ecd07c5-bfa6-4506-b433-3d5416a6b660",
};

/** Since it was first stored, and never refreshed by code that knows more. */
const {
  requestedScopes: _,
  signedInAt: __,
  keepAliveShard: ___,
  keepAliveAt: ____,
  lastUsedAt: _____,
  ...older
} = connected;

/** As it has been since connections that have ended are forgotten. */
const { keepAliveShard: ______, keepAliveAt: _______, ...kept } = connected;
const ended = {
  ...kept,
  id: "conn_ended-ulET3Kl2PyTe4iP",
  version: 3,
  status: "reauthorization_required",
  problem: {
    code: "reauthorization_required",
    actor: "user",
    message: "Please sign in to Microsoft again.",
  },
  forgottenAt: 4102444800, // 2100, so that this test needs no clock
  deleteAt: 4103654400,
};

const buried = {
  schemaVersion: 1,
  id: "conn_buried-ET3Kl2PyTe4iPS",
  version: 3,
  status: "disconnected",
  ownerKey,
  workspaceId: "ws_larkfield",
  vaultEntry: "table:conn_buried-ET3Kl2PyTe4iPS/fa1b765a-2492-4250-ab7e-f988adc030c0",
  disconnectedAt: 1795641530,
  deleteAt: 1806009530,
};

const verified = {
  pk: `11111111-2222-4333-8444-555555555555/cRoeNB8641QU/tenant/${larkfield}`,
  sk: "state",
  version: 1,
  organisation: { kind: "tenant", tenantId: larkfield },
  status: "verified",
  times: { verified: 1795634330 },
  proof: { kind: "user_grant" },
  blockIsCertain: false,
  writtenBy: "c0de1e1b-0dd8-412f-b963-e1813fa94158",
  noticesDue: "due",
  verifiedAt: "2026-11-25T19:18:50.039Z",
};

const completed = {
  id: "att_WA8uGMEdPBZeIbwjJt8IBZ4pgoRAzhUVH1ApWgVw2ho",
  slot: 0,
  userId: "user_ines",
  workspaceId: "ws_larkfield",
  status: "completed",
  authority: "common",
  requestedScopes: ["openid", "profile", "email", "offline_access", "User.Read"],
  returnTo: "connections",
  forOrganization: false,
  createdAt: 1795634329,
  expiresAt: 1795634929,
  deleteAt: 1795638529,
  completionHash: "F8_MlAQu8sO8VDB0Boka0KdWNK9omfpwIQLwnNqslNo",
  takenAt: 1795634329,
  takenBy: "7ffb0bd3-42f1-4d62-add5-60dd02b7284e",
  connectionId: "conn_bg0-ulET3Kl2PyTe4iPSWA",
  endedBy: "ca404dcb-4771-435a-9d53-f031cad6a3a6",
};

let engine: Awaited<ReturnType<typeof startDynamoDb>>;
let client: DynamoDBClient;
let tables: Awaited<ReturnType<typeof createProductTables>>;
beforeAll(async () => {
  engine = await startDynamoDb();
  client = new DynamoDBClient({
    endpoint: engine.origin,
    region: "eu-west-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  tables = await createProductTables(engine.origin);
});
afterAll(async () => {
  client.destroy();
  await engine.close();
});

const store = (TableName: string, item: Readonly<Record<string, unknown>>) =>
  client.send(new PutItemCommand({ TableName, Item: marshall(item) }));

it.for([
  ["as it is", connected, connected.requestedScopes.split(" "), 1795641530],
  ["as it was before there was a keep-alive", older, undefined, undefined],
] as const)("a connection %s is read", async ([, item, requestedScopes, lastUsedAt]) => {
  await store(tables.connections, item);
  const connections = dynamoDbConnections(client, tables.connections);

  const stored = await connections.findForWorkspace(connectionId(item.id), owner.workspaceId, {
    consistent: true,
  });

  expect(stored).toMatchObject({
    id: item.id,
    version: 2,
    status: "connected",
    owner,
    account: { tenantId: larkfield, username: "ben.okafor@larkfield.example" },
    sealedAccessToken: "a sealed access token",
    accessTokenExpiresAt: new Date(1795646796_000),
    vaultEntry: item.vaultEntry,
    refreshTokenStoredAt: new Date(1795634330_000),
    requestedScopes,
    lastUsedAt: lastUsedAt && new Date(lastUsedAt * 1000),
  });
  expect((await connections.listOwned(owner)).connections).toHaveLength(1);
});

it("a connection that has ended is read, with the time after which it is not", async () => {
  await store(tables.connections, ended);
  const connections = dynamoDbConnections(client, tables.connections);
  const id = connectionId(ended.id);

  expect(
    await connections.findForWorkspace(id, owner.workspaceId, { consistent: true }),
  ).toMatchObject({
    status: "reauthorization_required",
    problem: ended.problem,
    keepAliveAt: undefined,
    forgottenAt: new Date("2100-01-01T00:00:00Z"),
  });
  expect((await connections.listOwned(owner)).connections).toContainEqual(
    expect.objectContaining({ id, status: "reauthorization_required" }),
  );
});

it("a disconnected connection is not served, and tells what is to be erased", async () => {
  await store(tables.connections, buried);
  const connections = dynamoDbConnections(client, tables.connections);
  const id = connectionId(buried.id);

  expect(
    await connections.findForWorkspace(id, owner.workspaceId, { consistent: true }),
  ).toBeUndefined();
  expect(await connections.disconnect(id, owner, new Date(1795641600_000))).toEqual({
    vaultEntry: buried.vaultEntry,
    isNew: false,
  });
});

it("an organisation's approval is read, and its waiting people are found", async () => {
  await store(tables.tenantConsents, verified);
  const consents = dynamoDbTenantConsents(client, tables.tenantConsents, {
    clientId: "11111111-2222-4333-8444-555555555555",
    scopeSet: "cRoeNB8641QU",
  });
  const expected = {
    organisation: { kind: "tenant", tenantId: larkfield },
    status: "verified",
    times: { verified: new Date(1795634330_000) },
    proof: { kind: "user_grant" },
  };

  expect(await consents.find({ kind: "tenant", tenantId: larkfield })).toMatchObject(expected);
  expect(await consents.noticesDue(5, allReadable)).toMatchObject([expected]);
});

it("an attempt that has ended is read", async () => {
  await store(tables.attempts, completed);

  const view = await dynamoDbAttempts(client, tables.attempts).find(attemptId(completed.id));

  expect(view).toMatchObject({ status: "completed", connectionId: completed.connectionId });
});
