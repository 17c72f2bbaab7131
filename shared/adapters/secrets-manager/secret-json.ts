import type { Secret } from "../../domain/secret.ts";

/**
 * The JSON that a secret holds.
 *
 * @throws without the text: the message of `JSON.parse` quotes its beginning
 */
export const parseSecretJson = (secret: Secret): unknown => {
  try {
    return JSON.parse(secret.reveal());
  } catch {
    throw new Error("a secret does not hold JSON");
  }
};
