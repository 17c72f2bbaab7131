import {
  type DynamoDBClient,
  QueryCommand,
  type QueryCommandInput,
} from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import { fieldsOf } from "./fields.ts";

/** All items of a query, however many pages they fill. A page is read when the one before it is used up. */
export async function* queried(
  client: DynamoDBClient,
  query: QueryCommandInput,
): AsyncIterable<Record<string, unknown>> {
  let from: Record<string, unknown> | undefined;
  do {
    const page = await client.send(
      new QueryCommand({ ...query, ...(from && { ExclusiveStartKey: marshall(from) }) }),
    );
    for (const item of page.Items ?? []) yield fieldsOf(item);
    from = page.LastEvaluatedKey && unmarshall(page.LastEvaluatedKey);
  } while (from);
}
