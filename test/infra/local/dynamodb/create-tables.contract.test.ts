import {
  DescribeTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTables } from "../../../../infra/local/dynamodb/create-tables.ts";
import { engines } from "../../../engines/engines.ts";

const clientFor = (endpoint: string) =>
  new DynamoDBClient({
    endpoint,
    region: "eu-west-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });

const table = {
  TableName: "Connections",
  BillingMode: "PAY_PER_REQUEST",
  KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
  AttributeDefinitions: [
    { AttributeName: "id", AttributeType: "S" },
    { AttributeName: "ownerKey", AttributeType: "S" },
    { AttributeName: "createdAt", AttributeType: "S" },
  ],
  GlobalSecondaryIndexes: [
    {
      IndexName: "byOwner",
      KeySchema: [
        { AttributeName: "ownerKey", KeyType: "HASH" },
        { AttributeName: "createdAt", KeyType: "RANGE" },
      ],
      Projection: { ProjectionType: "ALL" },
    },
  ],
  TimeToLiveSpecification: { AttributeName: "deleteAt", Enabled: true },
  PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
};

describe.for(Object.entries(engines))("createTables on %s", ([, start]) => {
  let engine: Awaited<ReturnType<typeof start>>;
  let client: DynamoDBClient;
  beforeAll(async () => {
    engine = await start();
    client = clientFor(engine.origin);
  });
  afterAll(async () => {
    client.destroy();
    await engine.close();
  });

  it("creates a table as the template has it, ready for use with its index", async () => {
    await createTables(engine.origin, [table]);

    const item = { id: { S: "a" }, ownerKey: { S: "o" }, createdAt: { S: "2026" } };
    await client.send(new PutItemCommand({ TableName: "Connections", Item: item }));
    const found = await client.send(
      new QueryCommand({
        TableName: "Connections",
        IndexName: "byOwner",
        KeyConditionExpression: "ownerKey = :o",
        ExpressionAttributeValues: { ":o": { S: "o" } },
      }),
    );
    expect(found.Items).toEqual([item]);
  });

  it("leaves a table that exists, and what is in it, alone", async () => {
    const kept = { ...table, TableName: "Kept" };
    await createTables(engine.origin, [kept]);
    await client.send(new PutItemCommand({ TableName: "Kept", Item: { id: { S: "a" } } }));

    await createTables(engine.origin, [kept]);

    const read = new GetItemCommand({ TableName: "Kept", Key: { id: { S: "a" } } });
    expect((await client.send(read)).Item).toEqual({ id: { S: "a" } });
  });

  it("refuses a table that exists with another index than the template's", async () => {
    const older = { ...table, TableName: "Older" };
    const { GlobalSecondaryIndexes: _, ...withoutIndex } = older;
    const AttributeDefinitions = [{ AttributeName: "id", AttributeType: "S" }];
    await createTables(engine.origin, [{ ...withoutIndex, AttributeDefinitions }]);

    await expect(createTables(engine.origin, [older])).rejects.toThrow(/Older .* other keys/);
  });

  it("takes the properties of a global table", async () => {
    const { PointInTimeRecoverySpecification: _, ...common } = table;
    const globalTable = {
      ...common,
      TableName: "Global",
      GlobalSecondaryIndexes: table.GlobalSecondaryIndexes.map((index) => ({
        ...index,
        WriteOnDemandThroughputSettings: { MaxWriteRequestUnits: 10 },
      })),
      Replicas: [{ Region: "eu-west-1" }],
    };

    await createTables(engine.origin, [globalTable]);

    const { Table } = await client.send(new DescribeTableCommand({ TableName: "Global" }));
    expect(Table?.TableStatus).toBe("ACTIVE");
    expect(Table?.GlobalSecondaryIndexes?.map((index) => index.IndexName)).toEqual(["byOwner"]);
  });

  it("refuses a table whose name is not a plain string", async () => {
    const unnamed = { ...table, TableName: { Ref: "Connections" } };

    await expect(createTables(engine.origin, [unnamed])).rejects.toThrow();
  });
});
