import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import { text } from "node:stream/consumers";
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { afterEach, expect, it } from "vitest";
import { listen, stopListening } from "../../../../infra/local/gateway/listen.ts";
import { Access } from "../../../../infra/local/iam/access.ts";
import { credentialsOf } from "../../../../infra/local/iam/function-credentials.ts";
import { startGuard } from "../../../../infra/local/iam/guard.ts";
import { requestedResources } from "../../../../infra/local/iam/requested-resources.ts";
import type { GuardedService } from "../../../../infra/local/iam/role-policies.ts";

const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An engine that notes what reaches it, behind a guard that lets `reader` read. */
const start = async (service: GuardedService, answer?: RequestListener) => {
  const received: Received[] = [];
  const engine = createServer(async (request, response) => {
    if (answer) return answer(request, response);
    received.push({ headers: request.headers, body: await text(request) });
    response.writeHead(200, { "x-amzn-requestid": "of-the-engine", "x-amz-crc32": "1" });
    response.end('{"Item":{}}');
  });
  const target = await listen(engine);
  cleanUp.push(() => stopListening(engine));
  const allow = [
    { action: "dynamodb:GetItem", resource: "arn:aws:dynamodb:*:*:table/People" },
    { action: "secretsmanager:GetSecretValue", resource: "arn:aws:secretsmanager:*:*:secret:a-*" },
  ];
  const guard = await startGuard({
    service,
    target,
    access: new Access(new Map([["reader", { roleName: "role", allow, deny: [] }]])),
    resourcesOf: requestedResources(service, {}),
    now: () => new Date("2030-01-01T00:00:00Z"),
  });
  cleanUp.push(guard.close);
  return { origin: guard.origin, received };
};

const signedBy = (caller: string) => ({
  authorization: `AWS4-HMAC-SHA256 Credential=${caller}/20300101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00`,
});

const post = (
  origin: string,
  body: string,
  headers: Record<string, string> = signedBy("reader"),
  target = "DynamoDB_20120810.GetItem",
) =>
  fetch(origin, {
    method: "POST",
    body,
    headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": target, ...headers },
  });

const clientOptions = (endpoint: string, caller: string) => {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = credentialsOf(caller);
  return {
    endpoint,
    region: "us-east-1",
    maxAttempts: 1,
    credentials: {
      accessKeyId: AWS_ACCESS_KEY_ID,
      secretAccessKey: AWS_SECRET_ACCESS_KEY,
      sessionToken: AWS_SESSION_TOKEN,
    },
  };
};

it("passes on what is allowed and its answer, unchanged", async () => {
  const { origin, received } = await start("dynamodb");
  const body = '{"TableName": "People",  "Key": {"id": {"S": "ü"}}}';

  const response = await post(origin, body);

  expect(response.status).toBe(200);
  expect(response.headers.get("x-amzn-requestid")).toBe("of-the-engine");
  expect(response.headers.get("x-amz-crc32")).toBe("1");
  expect(await response.text()).toBe('{"Item":{}}');
  expect(received).toEqual([
    {
      body,
      headers: expect.objectContaining({
        ...signedBy("reader"),
        "content-length": String(Buffer.byteLength(body)),
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": "DynamoDB_20120810.GetItem",
      }),
    },
  ]);
});

it("refuses the SDK of DynamoDB as AWS does, and the engine never hears of it", async () => {
  const { origin, received } = await start("dynamodb");
  const client = new DynamoDBClient(clientOptions(origin, "reader"));
  const get = (TableName: string) =>
    client.send(new GetItemCommand({ TableName, Key: { id: { S: "1" } } }));

  await expect(get("Mail")).rejects.toMatchObject({
    name: "AccessDeniedException",
    message: expect.stringMatching(/role\/reader is not authorized to perform: dynamodb:GetItem/),
    $metadata: { httpStatusCode: 400, requestId: expect.stringMatching(/./) },
  });
  expect(received).toEqual([]);
  await expect(get("People")).resolves.toMatchObject({ Item: {} });
  client.destroy();
});

it("refuses the SDK of Secrets Manager as AWS does", async () => {
  const { origin, received } = await start("secretsmanager");
  const client = new SecretsManagerClient(clientOptions(origin, "reader"));

  await expect(client.send(new GetSecretValueCommand({ SecretId: "b" }))).rejects.toMatchObject({
    name: "AccessDeniedException",
    message: expect.stringContaining("secretsmanager:GetSecretValue"),
  });
  expect(received).toEqual([]);
  client.destroy();
});

it.each([
  ["nobody", {}],
  ["somebody else", signedBy("local")],
  ["somebody whose name only begins alike", signedBy("reader2")],
  ["a bearer token", { authorization: "Bearer Credential=reader/" }],
])("does not serve %s", async (_, headers) => {
  const { origin, received } = await start("dynamodb");

  const response = await post(origin, '{"TableName":"People"}', headers);

  expect(response.status).toBe(400);
  expect(response.headers.get("date")).toBe("Tue, 01 Jan 2030 00:00:00 GMT");
  expect(await response.json()).toEqual({
    __type: "com.amazon.coral.service#UnrecognizedClientException",
    Message: "The security token included in the request is invalid.",
  });
  expect(received).toEqual([]);
});

it.each([
  ["is not JSON", "People", "DynamoDB_20120810.GetItem", 400, "SerializationException"],
  ["is no object", "[]", "DynamoDB_20120810.GetItem", 400, "SerializationException"],
  ["names no operation", "{}", "", 400, "UnknownOperationException"],
  [
    "is larger than any request of ours",
    JSON.stringify({ TableName: "People", Key: "x".repeat(1024 * 1024) }),
    "DynamoDB_20120810.GetItem",
    413,
    "RequestEntityTooLargeException",
  ],
])("stops a request that %s", async (_, body, target, status, code) => {
  const { origin, received } = await start("dynamodb");

  const response = await post(origin, body, signedBy("reader"), target);

  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({
    __type: `com.amazon.coral.service#${code}`,
  });
  expect(received).toEqual([]);
});

it("passes on a body of nearly 1 MB", async () => {
  const { origin, received } = await start("dynamodb");
  const body = JSON.stringify({ TableName: "People", Key: "x".repeat(1_000_000) });

  expect((await post(origin, body)).status).toBe(200);
  expect(received[0]?.body).toBe(body);
});

it.each<[string, RequestListener]>([
  ["before its answer", (request) => request.socket.destroy()],
  [
    "in the middle of its answer",
    (_, response) => {
      response.writeHead(200, { "content-length": 100 });
      response.write("{", () => response.destroy());
    },
  ],
])("cuts the connection when the engine cuts it %s", async (_, answer) => {
  const { origin } = await start("dynamodb", answer);

  await expect(
    post(origin, '{"TableName":"People"}').then((response) => response.text()),
  ).rejects.toThrow();
});
