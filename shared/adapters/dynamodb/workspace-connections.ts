import { type DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import * as z from "zod/mini";
import { connectionId, tenantId, userId, workspaceId } from "../../domain/ids.ts";
import type { WorkspaceConnections, WorkspaceItem } from "../../domain/workspace-connections.ts";
import { laterItem } from "./connections.ts";

const id = z.pipe(z.string(), z.transform(connectionId));

const key = z.object({ id });

const foundItem = z.union([
  z.object({ id, status: z.literal("disconnected"), vaultEntry: z.string() }),
  z.object({
    id,
    status: z.enum(["connected", "reauthorization_required", "admin_approval_required"]),
    workspaceId: z.pipe(z.string(), z.transform(workspaceId)),
    userId: z.pipe(z.string(), z.transform(userId)),
    tenantId: z.pipe(z.string(), z.transform(tenantId)),
  }),
]);

const itemOf = (item: Record<string, unknown>): WorkspaceItem => {
  if (laterItem.safeParse(item).success) return { kind: "later", id: key.parse(item).id };
  const found = foundItem.parse(item);
  if (found.status === "disconnected") {
    return { kind: "tombstone", id: found.id, vaultEntry: found.vaultEntry };
  }
  const { userId, workspaceId, tenantId } = found;
  return { kind: "connection", id: found.id, owner: { userId, workspaceId }, tenantId };
};

/** A third of a megabyte and some 80 read units, so that others are not held up at a ceiling of a few hundred a second. */
const pageItems = 100;

/** Found by a scan of all connections, without the tokens that they hold. */
export const dynamoDbWorkspaceConnections = (
  client: DynamoDBClient,
  tableName: string,
): WorkspaceConnections => ({
  async page(workspace, after) {
    const { Items = [], LastEvaluatedKey } = await client.send(
      new ScanCommand({
        TableName: tableName,
        ConsistentRead: true,
        Limit: pageItems,
        ProjectionExpression:
          "id, schemaVersion, #status, workspaceId, userId, tenantId, vaultEntry",
        FilterExpression: "workspaceId = :workspace",
        ExpressionAttributeNames: { "#status": "status" },
        ExpressionAttributeValues: marshall({ ":workspace": workspace }),
        ...(after !== undefined && { ExclusiveStartKey: marshall({ id: after }) }),
      }),
    );
    return {
      items: Items.map((item) => itemOf(unmarshall(item))),
      next: LastEvaluatedKey && key.parse(unmarshall(LastEvaluatedKey)).id,
    };
  },
});
