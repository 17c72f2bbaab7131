import { setTimeout as wait } from "node:timers/promises";
import { type DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import * as z from "zod/mini";
import type { AllConnections, FoundItem } from "../../domain/all-connections.ts";
import { connectionId, tenantId, userId, workspaceId } from "../../domain/ids.ts";
import { laterItem } from "./connections.ts";
import { fieldsOf } from "./fields.ts";
import { fromSeconds } from "./instant.ts";
import { unreadableConnection } from "./unreadable-connection.ts";

const id = z.pipe(z.string(), z.transform(connectionId));

const key = z.object({ id });

/** All that a disconnect leaves: a connection that only calls itself disconnected is none, and still holds its tokens. */
const foundTombstone = z.object({
  workspaceId: z.string(),
  vaultEntry: z.string(),
  disconnectedAt: fromSeconds,
});

const foundConnection = z.object({
  status: z.enum(["connected", "reauthorization_required", "admin_approval_required"]),
  workspaceId: z.pipe(z.string(), z.transform(workspaceId)),
  userId: z.pipe(z.string(), z.transform(userId)),
  tenantId: z.pipe(z.string(), z.transform(tenantId)),
  signedInAt: z.optional(fromSeconds),
  tokensDeletedAt: z.optional(fromSeconds),
});

const itemOf = (item: Record<string, unknown>): FoundItem => {
  const { id } = key.parse(item);
  if (laterItem.safeParse(item).success) return { kind: "later", id };
  if (item.status === "disconnected") {
    const { data, error } = foundTombstone.safeParse(item);
    return data
      ? { kind: "tombstone", id, vaultEntry: data.vaultEntry }
      : { kind: "unreadable", ...unreadableConnection(id, error) };
  }
  const { data, error } = foundConnection.safeParse(item);
  if (!data) return { kind: "unreadable", ...unreadableConnection(id, error) };
  const { userId, workspaceId, tenantId, signedInAt, tokensDeletedAt } = data;
  return {
    kind: "connection",
    id,
    owner: { userId, workspaceId },
    tenantId,
    signedInAt,
    hasTokens: tokensDeletedAt === undefined,
  };
};

/**
 * Those whose `name` is as it should be, and those of which it is missing or no text: nobody can tell whose they are, and
 * they are not to be taken for somebody else's. A tombstone has no tenant.
 */
const conditionOf = (name: string) => {
  const isSpoiled = `NOT attribute_type(${name}, :text)`;
  return name === "tenantId"
    ? `(${name} = :${name} OR (${isSpoiled} AND NOT #status = :disconnected))`
    : `(${name} = :${name} OR ${isSpoiled})`;
};

/** A third of a megabyte and some 80 read units, so that others are not held up at a ceiling of a few hundred a second. */
const pageItems = 100;

/** Two pages a second are some 160 read request units: workers, who read the same table, do not feel it. */
const pauseMilliseconds = 500;

export const pauseBetweenPages = async (): Promise<void> => {
  await wait(pauseMilliseconds);
};

/** Found by a scan, without the tokens that they hold. */
export const dynamoDbAllConnections = (
  client: DynamoDBClient,
  tableName: string,
): AllConnections => ({
  async page(whose, after) {
    const meant = Object.entries(whose).filter(([, value]) => value !== undefined);
    const { Items = [], LastEvaluatedKey } = await client.send(
      new ScanCommand({
        TableName: tableName,
        ConsistentRead: true,
        Limit: pageItems,
        ProjectionExpression:
          "id, schemaVersion, #status, workspaceId, userId, tenantId, vaultEntry, signedInAt, tokensDeletedAt, disconnectedAt",
        ExpressionAttributeNames: { "#status": "status" },
        ...(meant.length > 0 && {
          FilterExpression: meant.map(([name]) => conditionOf(name)).join(" AND "),
          ExpressionAttributeValues: marshall({
            ":text": "S",
            ...(whose.tenantId !== undefined && { ":disconnected": "disconnected" }),
            ...Object.fromEntries(meant.map(([name, value]) => [`:${name}`, value])),
          }),
        }),
        ...(after !== undefined && { ExclusiveStartKey: marshall({ id: after }) }),
      }),
    );
    return {
      items: Items.map((item) => itemOf(fieldsOf(item))),
      next: LastEvaluatedKey && key.parse(unmarshall(LastEvaluatedKey)).id,
    };
  },
});
