import { DynamoDBClient, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { findConnectionIn } from "./find-connection.ts";
import { msalFetch } from "./msal-fetch.ts";

/** msal's cache plugin over DynamoDB: its serialized cache is an item. */
const client = new DynamoDBClient({});
const TableName = process.env.BENCH_TABLE;

export const handler = msalFetch({
  findConnection: findConnectionIn(client),
  cache: {
    get: async (key) => {
      const { Item } = await client.send(
        new GetItemCommand({ TableName, Key: { id: { S: key } }, ConsistentRead: true }),
      );
      return Item?.cache?.S ?? "";
    },
    set: async (key, value) => {
      await client.send(
        new PutItemCommand({ TableName, Item: { id: { S: key }, cache: { S: value } } }),
      );
      return value;
    },
  },
});
