import { randomUUID } from "node:crypto";
import {
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import * as z from "zod/mini";
import type { TokenSealer } from "../../domain/sealer.ts";
import type { TokenVault, VaultOwner } from "../../domain/token-vault.ts";
import { tableEntryPrefix } from "../../domain/token-vaults.ts";
import { tokenInPayload, vaultPayload } from "../vault-payload.ts";
import { secondsOf } from "./instant.ts";

const entryItem = z.object({ schemaVersion: z.literal(1), sealedRefreshToken: z.string() });

const bindingOf = ({ connectionId, workspaceId }: VaultOwner) =>
  ({ purpose: "refresh_token", connectionId, workspaceId }) as const;

/** The part of the vault that needs no key. */
export const dynamoDbVaultEraser = (
  client: DynamoDBClient,
  tableName: string,
): Pick<TokenVault, "erase"> => ({
  async erase(entry) {
    await client.send(
      new DeleteItemCommand({ TableName: tableName, Key: marshall({ id: entry }) }),
    );
  },
});

/**
 * Refresh tokens in a table of their own, one item per sign-in, sealed under the token keys: a fortieth of what a
 * secret costs, and as safe as these keys are.
 */
export const dynamoDbTokenVault = (
  client: DynamoDBClient,
  tableName: string,
  sealer: TokenSealer,
  now: () => Date,
): TokenVault => ({
  async create(owner, refreshToken) {
    const id = `${tableEntryPrefix}${owner.connectionId}/${randomUUID()}`;
    await client.send(
      new PutItemCommand({
        TableName: tableName,
        Item: marshall({
          schemaVersion: 1,
          id,
          sealedRefreshToken: await sealer.seal(
            vaultPayload(owner, refreshToken),
            bindingOf(owner),
          ),
          writtenAt: secondsOf(now()),
        } satisfies z.input<typeof entryItem> & { id: string; writtenAt: number }),
      }),
    );
    return id;
  },

  async read(entry, owner) {
    const { Item } = await client.send(
      new GetItemCommand({
        TableName: tableName,
        Key: marshall({ id: entry }),
        ConsistentRead: true,
      }),
    );
    if (!Item) return undefined;
    const { sealedRefreshToken } = entryItem.parse(unmarshall(Item));
    return tokenInPayload(await sealer.open(sealedRefreshToken, bindingOf(owner)), owner);
  },

  async replace(entry, owner, refreshToken) {
    await client.send(
      new UpdateItemCommand({
        TableName: tableName,
        Key: marshall({ id: entry }),
        UpdateExpression: "SET sealedRefreshToken = :sealed, writtenAt = :now",
        // What was erased stays erased.
        ConditionExpression: "schemaVersion = :version",
        ExpressionAttributeValues: marshall({
          ":sealed": await sealer.seal(vaultPayload(owner, refreshToken), bindingOf(owner)),
          ":now": secondsOf(now()),
          ":version": 1,
        }),
      }),
    );
  },

  ...dynamoDbVaultEraser(client, tableName),
});
