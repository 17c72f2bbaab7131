import { type DynamoDBClient, GetItemCommand, ScanCommand } from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import * as z from "zod/mini";
import { connectionId } from "../../domain/ids.ts";
import { connectionOfEntry } from "../../domain/token-vaults.ts";
import type { VaultEntries, VaultNames } from "../../domain/vault-entries.ts";
import { fromSeconds } from "./instant.ts";

const entryItem = z.object({ id: z.string(), writtenAt: fromSeconds });

/** The vault `table`: a part is a segment of its scan. */
export const dynamoDbVaultEntries = (client: DynamoDBClient, tableName: string): VaultEntries => ({
  async *inPart({ index, of }) {
    let from: Record<string, unknown> | undefined;
    do {
      const page = await client.send(
        new ScanCommand({
          TableName: tableName,
          ProjectionExpression: "id, writtenAt",
          Segment: index,
          TotalSegments: of,
          ...(from && { ExclusiveStartKey: marshall(from) }),
        }),
      );
      for (const item of page.Items ?? []) {
        const { id, writtenAt } = entryItem.parse(unmarshall(item));
        yield { entry: id, connectionId: connectionId(connectionOfEntry(id)), writtenAt };
      }
      from = page.LastEvaluatedKey && unmarshall(page.LastEvaluatedKey);
    } while (from);
  },
});

const naming = z.object({
  status: z.string(),
  vaultEntry: z.string(),
  forgottenAt: z.optional(fromSeconds),
});

export const dynamoDbVaultNames = (client: DynamoDBClient, tableName: string): VaultNames => ({
  async entryOf(id) {
    const { Item } = await client.send(
      new GetItemCommand({
        TableName: tableName,
        Key: marshall({ id }),
        ConsistentRead: true,
        ProjectionExpression: "#status, vaultEntry, forgottenAt",
        ExpressionAttributeNames: { "#status": "status" },
      }),
    );
    if (!Item) return undefined;
    const { status, vaultEntry: entry, forgottenAt } = naming.parse(unmarshall(Item));
    // A tombstone names the entry that is to be erased.
    return status === "disconnected" ? undefined : { entry, forgottenAt };
  },
});
