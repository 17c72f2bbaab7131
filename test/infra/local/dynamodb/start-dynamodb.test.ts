import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DynamoDBClient, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { expect, it } from "vitest";
import { createTables } from "../../../../infra/local/dynamodb/create-tables.ts";
import { startDynamoDb } from "../../../../infra/local/dynamodb/start-dynamodb.ts";

const clientFor = (endpoint: string) =>
  new DynamoDBClient({
    endpoint,
    region: "eu-west-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });

it("finds its tables and items again after a restart with the same folder", async () => {
  const folder = await mkdtemp(join(tmpdir(), "dynamodb-"));
  const before = await startDynamoDb({ folder });
  await createTables(before.origin, [
    {
      TableName: "Things",
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
    },
  ]);
  const writer = clientFor(before.origin);
  await writer.send(new PutItemCommand({ TableName: "Things", Item: { id: { S: "a" } } }));
  writer.destroy();
  await before.close();

  const after = await startDynamoDb({ folder });

  const reader = clientFor(after.origin);
  const read = new GetItemCommand({ TableName: "Things", Key: { id: { S: "a" } } });
  expect((await reader.send(read)).Item).toEqual({ id: { S: "a" } });
  reader.destroy();
  await after.close();
  await rm(folder, { recursive: true });
});
