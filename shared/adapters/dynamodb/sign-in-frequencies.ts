import { type DynamoDBClient, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import * as z from "zod/mini";
import { forgottenSeconds, type SignInFrequencies } from "../../domain/sign-in-frequency.ts";
import { signInFrequencyKey } from "./approval-keys.ts";
import { unlessRefused } from "./conditional.ts";
import { fromSeconds, secondsOf } from "./instant.ts";

const frequencyItem = z.object({ atMostSeconds: z.int(), learntAt: fromSeconds });

/** Sign-in frequencies in DynamoDB, one item for each tenant, in the table of the tenants' consents. */
export const dynamoDbSignInFrequencies = (
  client: DynamoDBClient,
  tableName: string,
  clientId: string,
): SignInFrequencies => ({
  async find(tenantId) {
    const { Item } = await client.send(
      new GetItemCommand({
        TableName: tableName,
        Key: marshall(signInFrequencyKey(clientId, tenantId)),
        ConsistentRead: true,
      }),
    );
    return Item && frequencyItem.parse(unmarshall(Item));
  },

  async learn(tenantId, { atMostSeconds, learntAt }) {
    const at = secondsOf(learntAt);
    const written = await unlessRefused(
      client.send(
        new PutItemCommand({
          TableName: tableName,
          Item: marshall({
            ...signInFrequencyKey(clientId, tenantId),
            atMostSeconds,
            learntAt: at,
            deleteAt: at + forgottenSeconds,
          } satisfies z.input<typeof frequencyItem> & { pk: string; sk: string; deleteAt: number }),
          ConditionExpression:
            "attribute_not_exists(pk) OR atMostSeconds > :seconds OR learntAt < :forgotten",
          ExpressionAttributeValues: marshall({
            ":seconds": atMostSeconds,
            ":forgotten": at - forgottenSeconds,
          }),
        }),
      ),
    );
    return written !== undefined;
  },
});
