import type { AttributeValue, GetItemCommandInput } from "@aws-sdk/client-dynamodb";
import * as z from "zod/mini";
import { signedJsonCalls } from "../https/signed-json-request.ts";

/** @returns the item, or `undefined` if there is none */
export type GetItem = (
  request: Pick<GetItemCommandInput, "TableName" | "Key" | "ConsistentRead">,
) => Promise<Record<string, AttributeValue> | undefined>;

const attributeValue = z.custom<AttributeValue>((value) => typeof value === "object");
const answer = z.object({ Item: z.optional(z.record(z.string(), attributeValue)) });

/** An item has at most 400 KB; JSON escapes may double them. */
const largestAnswerBytes = 1024 * 1024;

/**
 * `GetItem` without the SDK's client, which takes half of a cold start and of the processor's time for a fetch. For
 * items without binary values: in JSON those are base64.
 *
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
 */
export const openGetItem = (environment: NodeJS.ProcessEnv = process.env): GetItem => {
  const region = environment.AWS_REGION ?? "";
  const call = signedJsonCalls(
    {
      service: "dynamodb",
      region,
      endpoint: new URL(
        environment.AWS_ENDPOINT_URL_DYNAMODB ?? `https://dynamodb.${region}.amazonaws.com/`,
      ),
      target: "DynamoDB_20120810",
      version: "1.0",
    },
    { tries: 3, tryMilliseconds: 2_000, largestAnswerBytes, keepsAlive: true },
  );
  return async (request) => {
    const read = await call("GetItem", JSON.stringify(request));
    if (!read.ok) throw new Error(`DynamoDB did not read an item: ${read.failure.kind}`);
    return answer.parse(JSON.parse(read.value)).Item;
  };
};
