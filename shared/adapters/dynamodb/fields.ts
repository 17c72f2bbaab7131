import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import { unmarshall } from "@aws-sdk/util-dynamodb";

/**
 * An item as it lies there, whatever somebody has made of it. A number too large for JavaScript is rounded, so that the
 * schema refuses it: by itself `unmarshall` may throw, and nobody could tell which item it is.
 */
export const fieldsOf = (item: Record<string, AttributeValue>): Record<string, unknown> =>
  unmarshall(item, { wrapNumbers: Number });
