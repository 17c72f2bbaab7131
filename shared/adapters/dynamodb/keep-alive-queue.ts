import { type DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { marshall } from "@aws-sdk/util-dynamodb";
import * as z from "zod/mini";
import { connectionId, tenantId, workspaceId } from "../../domain/ids.ts";
import type { KeepAliveQueue, QueuedConnection } from "../../domain/keep-alive.ts";
import type { Unreadable } from "../../domain/unreadable-connection.ts";
import { laterItem } from "./connections.ts";
import { fieldsOf } from "./fields.ts";
import { fromIso, fromSeconds } from "./instant.ts";
import { queried } from "./query.ts";
import { unreadableConnection } from "./unreadable-connection.ts";

/** Sparse: a connection that has ended is not in it. */
export const keepAliveIndex = "byKeepAlive";

const queuedItem = z.object({
  id: z.pipe(z.string(), z.transform(connectionId)),
  workspaceId: z.pipe(z.string(), z.transform(workspaceId)),
  tenantId: z.pipe(z.string(), z.transform(tenantId)),
  keepAliveAt: fromIso,
  refreshTokenStoredAt: fromSeconds,
});

/** Connections in the order in which they are to be kept alive: an index of their table. */
export const dynamoDbKeepAliveQueue = (
  client: DynamoDBClient,
  tableName: string,
): KeepAliveQueue => {
  async function* query(
    condition: string,
    values: Record<string, string>,
    noteUnreadable: (connection: Unreadable) => Promise<void>,
  ): AsyncIterable<QueuedConnection> {
    const items = queried(client, {
      TableName: tableName,
      IndexName: keepAliveIndex,
      KeyConditionExpression: condition,
      ExpressionAttributeValues: marshall(values),
    });
    for await (const item of items) {
      const { data, error } = queuedItem.safeParse(item);
      if (data) yield data;
      else await noteUnreadable(unreadableConnection(connectionId(String(item.id)), error));
    }
  }

  /** Read from the table, since the index does not hold the layout. */
  const isOfLaterLayout = async (id: string) => {
    const { Item = {} } = await client.send(
      new GetItemCommand({
        TableName: tableName,
        Key: marshall({ id }),
        ConsistentRead: true,
        ProjectionExpression: "schemaVersion",
      }),
    );
    return laterItem.safeParse(fieldsOf(Item)).success;
  };

  return {
    due: (shard, now) =>
      query(
        "keepAliveShard = :shard AND keepAliveAt <= :now",
        { ":shard": shard, ":now": now.toISOString() },
        async () => {},
      ),
    all: (shard, noteUnreadable) =>
      query("keepAliveShard = :shard", { ":shard": shard }, async (connection) => {
        if (!(await isOfLaterLayout(connection.id))) noteUnreadable(connection);
      }),
  };
};
