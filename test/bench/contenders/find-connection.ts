import { type DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";

export const findConnectionIn = (client: DynamoDBClient) => async (id: string) => {
  const { Item } = await client.send(
    new GetItemCommand({ TableName: process.env.BENCH_TABLE, Key: { id: { S: id } } }),
  );
  return { workspaceId: Item?.workspaceId?.S ?? "", cacheKey: Item?.cacheKey?.S ?? "" };
};
