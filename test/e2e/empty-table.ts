import { DeleteItemCommand, DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import type { LocalStack } from "../../infra/local/stack.ts";

/**
 * Deletes all items of a table.
 *
 * @param variable names the table in the environment of the functions
 * @param keyNames the attributes of its primary key
 */
export const emptyTable = async (
  { origins, region, functions }: LocalStack,
  variable: string,
  keyNames: readonly string[],
): Promise<void> => {
  const client = new DynamoDBClient({
    endpoint: origins.dynamoDb,
    region,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  const [TableName] = functions.flatMap(({ environment }) => environment[variable] ?? []);
  try {
    const { Items = [] } = await client.send(new ScanCommand({ TableName }));
    for (const item of Items) {
      const Key = Object.fromEntries(
        keyNames.flatMap((name) => (item[name] ? [[name, item[name]]] : [])),
      );
      await client.send(new DeleteItemCommand({ TableName, Key }));
    }
  } finally {
    client.destroy();
  }
};
