import { randomUUID } from "node:crypto";
import {
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import * as z from "zod/mini";
import type { ConsentProofs } from "../../domain/consent-proof.ts";
import { tenantId } from "../../domain/ids.ts";
import { proofKey } from "./approval-keys.ts";
import { unlessRefused } from "./conditional.ts";
import { fromSeconds, secondsOf } from "./instant.ts";

const proofItem = z.object({
  id: z.string(),
  tenantId: z.string(),
  tokenHash: z.string(),
  browserHash: z.string(),
  /** A deployment before this one wrote neither. */
  step: z._default(z.enum(["silent", "shown", "confirming"]), "shown"),
  provenRoles: z._default(z.array(z.string()), []),
  sealedSecrets: z.string(),
  expiresAt: fromSeconds,
  takenBy: z.optional(z.string()),
});

/** Proving sign-ins in DynamoDB, one item each, removed by TTL. */
export const dynamoDbConsentProofs = (
  client: DynamoDBClient,
  tableName: string,
): ConsentProofs => ({
  async begin(proof) {
    await client.send(
      new PutItemCommand({
        TableName: tableName,
        Item: marshall({
          ...proofKey(proof.id),
          ...proof,
          expiresAt: secondsOf(proof.expiresAt),
          deleteAt: secondsOf(proof.expiresAt),
        }),
      }),
    );
  },

  async take(id, browserHash, now) {
    const claim = randomUUID();
    const key = marshall(proofKey(id));
    const taken = await unlessRefused(
      client.send(
        new UpdateItemCommand({
          TableName: tableName,
          Key: key,
          UpdateExpression: "SET takenBy = :claim",
          // TTL may delete days late, so the deadline is checked here as well.
          ConditionExpression:
            "browserHash = :browser AND attribute_not_exists(takenBy) AND expiresAt > :now",
          ExpressionAttributeValues: marshall({
            ":claim": claim,
            ":browser": browserHash,
            ":now": secondsOf(now),
          }),
          ReturnValues: "ALL_NEW",
        }),
      ),
    );
    const item =
      taken?.Attributes ??
      (
        await client.send(
          new GetItemCommand({ TableName: tableName, Key: key, ConsistentRead: true }),
        )
      ).Item;
    const proof = item && proofItem.parse(unmarshall(item));
    if (proof?.takenBy !== claim) return undefined;
    const { takenBy, ...pending } = proof;
    return { ...pending, tenantId: tenantId(pending.tenantId) };
  },
});
