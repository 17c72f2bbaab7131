import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { marshall } from "@aws-sdk/util-dynamodb";
import * as z from "zod/mini";
import { connectionId, tenantId, workspaceId } from "../../domain/ids.ts";
import type { KeepAliveQueue, QueuedConnection } from "../../domain/keep-alive.ts";
import { fromIso, fromSeconds } from "./instant.ts";
import { queried } from "./query.ts";

/** Sparse: a connection that has ended is not in it. */
export const keepAliveIndex = "byKeepAlive";

const queuedItem = z.object({
  id: z.pipe(z.string(), z.transform(connectionId)),
  workspaceId: z.pipe(z.string(), z.transform(workspaceId)),
  tenantId: z.pipe(z.string(), z.transform(tenantId)),
  keepAliveAt: fromIso,
  refreshTokenStoredAt: fromSeconds,
});

/**
 * Connections in the order in which they are to be kept alive: an index of their table.
 *
 * @param onUnreadable told of an item that is none of ours any more, each time it is met; those behind it are not to wait
 *   for whoever mends it
 */
export const dynamoDbKeepAliveQueue = (
  client: DynamoDBClient,
  tableName: string,
  onUnreadable: (id: string, error: unknown) => void,
): KeepAliveQueue => {
  async function* query(
    condition: string,
    values: Record<string, string>,
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
      else onUnreadable(String(item.id), error);
    }
  }

  return {
    due: (shard, now) =>
      query("keepAliveShard = :shard AND keepAliveAt <= :now", {
        ":shard": shard,
        ":now": now.toISOString(),
      }),
    all: (shard) => query("keepAliveShard = :shard", { ":shard": shard }),
  };
};
