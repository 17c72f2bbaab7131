import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import { marshall } from "@aws-sdk/util-dynamodb";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import {
  type RunningDynamoDb,
  startDynamoDb,
} from "../../../../infra/local/dynamodb/start-dynamodb.ts";
import {
  type RunningSecretsManager,
  startSecretsManager,
} from "../../../../infra/local/secrets-manager/start-secrets-manager.ts";
import * as dynamoDb from "../../../../shared/adapters/aws-json/dynamodb.ts";
import * as secretsManager from "../../../../shared/adapters/aws-json/secrets-manager.ts";
import { hurriedLimits } from "../../../fakes/hurried-limits.ts";
import { lookedUpHosts } from "../../../fakes/looked-up-hosts.ts";
import {
  type Answer,
  answerJson,
  answerText,
  breakOff,
  dropConnection,
  type ScriptedServer,
  saySilence,
  startScriptedServer,
} from "../../../fakes/scripted-server.ts";
import { createProductTables } from "../dynamodb/product-tables.ts";

let table: RunningDynamoDb;
let secrets: RunningSecretsManager;
let scripted: ScriptedServer;
let TableName: string;
beforeAll(async () => {
  table = await startDynamoDb();
  secrets = await startSecretsManager();
  scripted = await startScriptedServer();
  TableName = (await createProductTables(table.origin)).connections;
});
afterAll(() => Promise.all([table.close(), secrets.close(), scripted.close()]));
beforeEach(() => {
  vi.stubEnv("AWS_REGION", "eu-west-1");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "local-key-id");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "planted-signing-key");
  vi.stubEnv("AWS_SESSION_TOKEN", "the-session");
  vi.stubEnv("AWS_ENDPOINT_URL_DYNAMODB", table.origin);
  vi.stubEnv("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets.origin);
});
afterEach(() => {
  vi.unstubAllEnvs();
  secrets.faults.clear();
});

const scriptedClient = (configuration = {}) => {
  vi.stubEnv("AWS_ENDPOINT_URL_DYNAMODB", scripted.origin.href);
  return new dynamoDb.DynamoDBClient(configuration);
};
const getItem = new dynamoDb.GetItemCommand({ TableName: "t", Key: marshall({ id: "planted" }) });
const thrownBy = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => "nothing thrown",
    (error: unknown) => error,
  );

it("writes and reads items as the SDK does, and tells a refused condition apart by its class", async () => {
  const client = new dynamoDb.DynamoDBClient();
  const Item = marshall({
    id: "conn_1",
    version: 1,
    displayName: 'Zoë "Z" Ünal 🦉',
    scopes: ["a"],
  });
  const put = new dynamoDb.PutItemCommand({
    TableName,
    Item,
    ConditionExpression: "attribute_not_exists(id)",
  });

  await client.send(put);
  const read = await client.send(
    new dynamoDb.GetItemCommand({ TableName, Key: marshall({ id: "conn_1" }) }),
  );
  const unknown = await client.send(
    new dynamoDb.GetItemCommand({ TableName, Key: marshall({ id: "conn_2" }) }),
  );
  const refused = await thrownBy(client.send(put));

  expect(read).toEqual({ Item });
  expect(unknown).toEqual({});
  expect(refused).toBeInstanceOf(dynamoDb.ConditionalCheckFailedException);
  expect((refused as Error).name).toBe("ConditionalCheckFailedException");
});

it("keeps secrets as the SDK does, and tells one that is gone apart by its class", async () => {
  const client = new secretsManager.SecretsManagerClient();
  const named = { SecretId: "one" };
  await client.send(
    new secretsManager.CreateSecretCommand({
      Name: "one",
      SecretString: "first",
      ClientRequestToken: randomUUID(),
    }),
  );

  await client.send(
    new secretsManager.PutSecretValueCommand({
      ...named,
      SecretString: "second",
      ClientRequestToken: randomUUID(),
    }),
  );
  const read = await client.send(new secretsManager.GetSecretValueCommand(named));
  await client.send(
    new secretsManager.DeleteSecretCommand({ ...named, ForceDeleteWithoutRecovery: true }),
  );
  const gone = await thrownBy(client.send(new secretsManager.GetSecretValueCommand(named)));
  secrets.faults.refuse("GetSecretValue", {
    code: "InvalidRequestException",
    message: "marked for deletion",
  });
  const going = await thrownBy(client.send(new secretsManager.GetSecretValueCommand(named)));

  expect(read).toMatchObject({ SecretString: "second" });
  expect(gone).toBeInstanceOf(secretsManager.ResourceNotFoundException);
  expect(going).toBeInstanceOf(secretsManager.InvalidRequestException);
  expect((going as Error).message).toBe("marked for deletion");
});

it("tells exceptions apart by their name, as they may come from the client of another bundle", () => {
  const { ConditionalCheckFailedException } = dynamoDb;
  const foreign = (name: string) => Object.assign(new Error("refused"), { name });

  expect(
    foreign("ConditionalCheckFailedException") instanceof ConditionalCheckFailedException,
  ).toBe(true);
  expect(foreign("ThrottlingException") instanceof ConditionalCheckFailedException).toBe(false);
  expect(
    { name: "ConditionalCheckFailedException" } instanceof ConditionalCheckFailedException,
  ).toBe(false);
});

it("signs each request with the credentials of the environment", async () => {
  scripted.script(answerJson(200, {}));

  await scriptedClient().send(getItem);

  const [sent] = scripted.requests;
  expect(sent?.headers).toMatchObject({
    "x-amz-target": "DynamoDB_20120810.GetItem",
    "content-type": "application/x-amz-json-1.0",
    "x-amz-security-token": "the-session",
  });
  expect(sent?.headers.authorization).toMatch(
    /Credential=local-key-id\/\d{8}\/eu-west-1\/dynamodb\/aws4_request/,
  );
  expect(JSON.parse(sent?.body ?? "")).toEqual(getItem.input);
});

it.for([
  ["a lost connection", dropConnection],
  ["an answer that breaks off", breakOff],
  ["silence", saySilence],
  [
    "throttling",
    answerJson(400, {
      __type: "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
    }),
  ],
  ["a limit of requests", answerJson(400, { __type: "x#RequestLimitExceeded" })],
  ["too many requests", answerText(429, "slow down")],
  ["an outage", answerText(503, "unavailable")],
] as const)("repeats a call after %s", async ([, failure]) => {
  scripted.script(failure, answerJson(200, { Item: { id: { S: "a" } } }));
  const client = scriptedClient({ requestHandler: { requestTimeout: 300 } });

  expect(await client.send(getItem)).toEqual({ Item: { id: { S: "a" } } });
});

it("waits three seconds for each of three tries unless told otherwise", async () => {
  scripted.script(saySilence);
  const limits = hurriedLimits();

  await expect(scriptedClient().send(getItem)).rejects.toThrow();

  expect(limits).toEqual([3_000, 3_000, 3_000]);
});

it("makes one connection serve one call after the other", async () => {
  const ports = new Set<number | undefined>();
  const answer: Answer = (response, request) => {
    ports.add(response.socket?.remotePort);
    answerJson(200, {})(response, request);
  };
  scripted.script(answer);
  const client = scriptedClient();

  for (let calls = 0; calls < 3; calls += 1) await client.send(getItem);

  expect(ports.size).toBe(1);
});

it("reads the largest item, of characters that are escaped", async () => {
  const Item = { id: { S: '"'.repeat(400 * 1024) } };
  scripted.script(answerJson(200, { Item }));

  expect(await scriptedClient().send(getItem)).toEqual({ Item });
});

it("asks the service of its Region where nothing else is set", async () => {
  vi.stubEnv("AWS_ENDPOINT_URL_DYNAMODB", undefined);
  vi.stubEnv("AWS_ENDPOINT_URL_SECRETS_MANAGER", undefined);
  const hosts = lookedUpHosts();
  const secret = new secretsManager.GetSecretValueCommand({ SecretId: "one" });

  await thrownBy(new dynamoDb.DynamoDBClient({ maxAttempts: 1 }).send(getItem));
  await thrownBy(new secretsManager.SecretsManagerClient({ maxAttempts: 1 }).send(secret));

  expect(hosts).toEqual([
    "dynamodb.eu-west-1.amazonaws.com",
    "secretsmanager.eu-west-1.amazonaws.com",
  ]);
});

it("gives up after as many tries as it was told, and at once when it is refused", async () => {
  scripted.script(answerText(500, "planted body"));
  const lasting = await thrownBy(scriptedClient({ maxAttempts: 2 }).send(getItem));
  const tries = scripted.requests.length;
  scripted.script(answerJson(400, { __type: "x#AccessDeniedException" }));
  const refused = await thrownBy(scriptedClient().send(getItem));

  expect([tries, scripted.requests.length]).toEqual([2, 1]);
  for (const [error, kind] of [
    [lasting, "HTTP 500"],
    [refused, "AccessDeniedException"],
  ]) {
    expect(error).toMatchObject({ name: kind, message: kind });
  }
  expect(inspect([lasting, refused])).not.toMatch(/planted|local-key-id/);
});
