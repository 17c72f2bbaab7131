import { randomUUID } from "node:crypto";
import { type DynamoDBClient, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import * as z from "zod/mini";
import type { CircuitScope, Circuits } from "../../domain/circuit.ts";
import { connectionId } from "../../domain/ids.ts";
import { circuitKey } from "./approval-keys.ts";
import { unlessRefused } from "./conditional.ts";
import { fromSeconds, secondsOf } from "./instant.ts";

/** After this nothing of it matters; TTL removes the item. */
const keptSeconds = 24 * 3600;

const circuitItem = z.object({
  version: z.int(),
  writtenBy: z.string(),
  fault: z.enum(["throttled", "temporarily_unavailable", "app_credential_rejected"]),
  failing: z.array(z.pipe(z.string(), z.transform(connectionId))),
  since: fromSeconds,
  openings: z.int(),
  openUntil: z.optional(fromSeconds),
  probeUntil: z.optional(fromSeconds),
});

/** Circuits of one app registration in DynamoDB, one item for each, in the table of the tenants' consents. */
export const dynamoDbCircuits = (
  client: DynamoDBClient,
  tableName: string,
  clientId: string,
): Circuits => {
  const read = async (scope: CircuitScope) => {
    const { Item } = await client.send(
      new GetItemCommand({
        TableName: tableName,
        Key: marshall(circuitKey(clientId, scope)),
        ConsistentRead: true,
      }),
    );
    return Item && circuitItem.parse(unmarshall(Item));
  };

  return {
    async find(scope) {
      const item = await read(scope);
      if (!item) return undefined;
      const { version, fault, failing, since, openings, openUntil, probeUntil } = item;
      return { version, circuit: { fault, failing, since, openings, openUntil, probeUntil } };
    },

    async write(scope, before, { since, openUntil, probeUntil, ...circuit }) {
      const claim = randomUUID();
      const version = before?.version ?? 0;
      // The table keeps whole seconds; nobody is asked earlier than Microsoft said.
      const secondsUp = (instant: Date | undefined) =>
        instant && Math.ceil(instant.getTime() / 1000);
      const written = await unlessRefused(
        client.send(
          new PutItemCommand({
            TableName: tableName,
            Item: marshall(
              {
                ...circuitKey(clientId, scope),
                ...circuit,
                version: version + 1,
                writtenBy: claim,
                since: secondsOf(since),
                openUntil: secondsUp(openUntil),
                probeUntil: secondsUp(probeUntil),
                deleteAt: secondsOf(openUntil ?? since) + keptSeconds,
              },
              { removeUndefinedValues: true },
            ),
            ConditionExpression: "attribute_not_exists(pk) OR version = :version",
            ExpressionAttributeValues: marshall({ ":version": version }),
          }),
        ),
      );
      // The SDK repeats a write whose answer was lost; the repetition is refused.
      return written !== undefined || (await read(scope))?.writtenBy === claim;
    },
  };
};
