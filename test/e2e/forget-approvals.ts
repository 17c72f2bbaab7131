import { DeleteItemCommand, DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import type { LocalStack } from "../../infra/local/stack.ts";

/** From now on nothing is known of any organisation's approval, and nobody waits for one. */
export const forgetApprovals = async ({ origins, region, functions }: LocalStack) => {
  const client = new DynamoDBClient({
    endpoint: origins.dynamoDb,
    region,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  const [TableName] = functions.flatMap(
    ({ environment }) => environment.TENANT_CONSENTS_TABLE ?? [],
  );
  try {
    const { Items = [] } = await client.send(new ScanCommand({ TableName }));
    for (const { pk, sk } of Items) {
      if (!pk || !sk) continue;
      await client.send(new DeleteItemCommand({ TableName, Key: { pk, sk } }));
    }
  } finally {
    client.destroy();
  }
};
