import { ListSecretsCommand, type SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { connectionId } from "../../domain/ids.ts";
import { connectionOfEntry } from "../../domain/token-vaults.ts";
import type { VaultEntries } from "../../domain/vault-entries.ts";

/** With which a connection's id goes on behind `conn_`: base64url, RFC 4648 §5. */
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/**
 * The vault of secrets: a part is those whose names go on with some of the letters. Ids are hashes, so that parts are of
 * a size.
 *
 * @param prefix of the stage: secrets of others are not asked for
 */
export const secretsManagerVaultEntries = (
  client: SecretsManagerClient,
  prefix: string,
): VaultEntries => ({
  async *inPart({ index, of }) {
    const letters = [...alphabet].filter((_, place) => place % of === index);
    if (letters.length === 0) return;
    let from: string | undefined;
    do {
      const page = await client.send(
        new ListSecretsCommand({
          Filters: [{ Key: "name", Values: letters.map((letter) => `${prefix}/conn_${letter}`) }],
          MaxResults: 100,
          ...(from && { NextToken: from }),
        }),
      );
      for (const { Name, LastChangedDate, CreatedDate } of page.SecretList ?? []) {
        const writtenAt = LastChangedDate ?? CreatedDate;
        // The filter ignores case on some engines, and a name that cannot be read is nobody's to erase.
        if (!Name || !writtenAt || !letters.includes(Name[prefix.length + "/conn_".length] ?? "")) {
          continue;
        }
        yield { entry: Name, connectionId: connectionId(connectionOfEntry(Name)), writtenAt };
      }
      from = page.NextToken;
    } while (from);
  },
});
