import { ConditionalCheckFailedException } from "@aws-sdk/client-dynamodb";

/** A refused condition is an answer, not an error: `undefined`. Everything else goes up unchanged. */
export const unlessRefused = async <Output>(
  write: Promise<Output>,
): Promise<Output | undefined> => {
  try {
    return await write;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return undefined;
    throw error;
  }
};
