import { type DynamoDBClient, GetItemCommand, ScanCommand } from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import * as z from "zod/mini";
import { connectionId } from "../../domain/ids.ts";
import { connectionOfEntry } from "../../domain/token-vaults.ts";
import type { VaultEntries, VaultNames } from "../../domain/vault-entries.ts";
import { fieldsOf } from "./fields.ts";
import { fromSeconds } from "./instant.ts";
import { readOrTell } from "./read-or-tell.ts";

const entryName = z.string().check(z.refine((name) => connectionOfEntry(name) !== ""));

const entryItem = z.object({ id: entryName, writtenAt: fromSeconds });

/** The vault `table`: a part is a segment of its scan. */
export const dynamoDbVaultEntries = (client: DynamoDBClient, tableName: string): VaultEntries => ({
  async *inPart({ index, of }, onUnreadable) {
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
      for (const each of page.Items ?? []) {
        const item = fieldsOf(each);
        const read = readOrTell(entryItem, item, String(item.id), onUnreadable);
        if (!read) continue;
        const { id: entry, writtenAt } = read;
        yield { entry, connectionId: connectionId(connectionOfEntry(entry)), writtenAt };
      }
      from = page.LastEvaluatedKey && unmarshall(page.LastEvaluatedKey);
    } while (from);
  },
});

const naming = z.object({
  status: z.string(),
  vaultEntry: entryName,
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
    const { data } = naming.safeParse(fieldsOf(Item));
    if (!data) return "unreadable";
    const { status, vaultEntry: entry, forgottenAt } = data;
    // A tombstone names the entry that is to be erased.
    return status === "disconnected" ? undefined : { entry, forgottenAt };
  },
});
