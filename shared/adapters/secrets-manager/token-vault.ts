import { randomUUID } from "node:crypto";
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  GetSecretValueCommand,
  InvalidRequestException,
  PutSecretValueCommand,
  ResourceNotFoundException,
  type SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import * as z from "zod/mini";
import { Secret } from "../../domain/secret.ts";
import type { TokenVault, VaultOwner } from "../../domain/token-vault.ts";
import { parseSecretJson } from "./secret-json.ts";

const payload = z.object({
  connectionId: z.string(),
  workspaceId: z.string(),
  tenantId: z.string(),
  objectId: z.string(),
  refreshToken: z.string().check(z.minLength(1)),
});

const secretStringOf = (owner: VaultOwner, refreshToken: Secret): string =>
  JSON.stringify({
    connectionId: owner.connectionId,
    workspaceId: owner.workspaceId,
    tenantId: owner.tenantId,
    objectId: owner.objectId,
    refreshToken: refreshToken.reveal(),
  } satisfies z.input<typeof payload>);

/**
 * Also while Secrets Manager is still deleting it. Then it refuses with an `InvalidRequestException`, which it
 * has for other states too: those say nothing about the connection.
 */
const isGone = (error: unknown) =>
  error instanceof ResourceNotFoundException ||
  (error instanceof InvalidRequestException && /delet/i.test(error.message));

/** The part of the vault that needs neither its prefix nor its key. */
export const secretsManagerVaultEraser = (
  client: SecretsManagerClient,
): Pick<TokenVault, "erase"> => ({
  async erase(entry) {
    try {
      await client.send(
        new DeleteSecretCommand({ SecretId: entry, ForceDeleteWithoutRecovery: true }),
      );
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  },
});

export interface TokenVaultSettings {
  /** Entries are secrets named `{prefix}/{connection id}/{uuid}`. */
  readonly prefix: string;
  readonly kmsKeyArn: string;
}

/**
 * Refresh tokens in Secrets Manager, one secret per sign-in. A new sign-in makes a new secret instead of
 * reusing a name: Secrets Manager deletes in the background and refuses the same name until it is done.
 */
export const secretsManagerTokenVault = (
  client: SecretsManagerClient,
  { prefix, kmsKeyArn }: TokenVaultSettings,
): TokenVault => ({
  async create(owner, refreshToken) {
    const name = `${prefix}/${owner.connectionId}/${randomUUID()}`;
    await client.send(
      new CreateSecretCommand({
        Name: name,
        Description: "Refresh token of an Outlook connection",
        KmsKeyId: kmsKeyArn,
        SecretString: secretStringOf(owner, refreshToken),
        // Repeating the call after a lost answer is the same call. The SDK keeps it across its retries.
        ClientRequestToken: randomUUID(),
      }),
    );
    return name;
  },

  async read(entry, owner) {
    let secretString: string | undefined;
    try {
      const read = await client.send(
        new GetSecretValueCommand({ SecretId: entry, VersionStage: "AWSCURRENT" }),
      );
      secretString = read.SecretString;
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
    const { refreshToken, ...named } = payload.parse(
      parseSecretJson(new Secret(secretString ?? "")),
    );
    const belongs =
      named.connectionId === owner.connectionId &&
      named.workspaceId === owner.workspaceId &&
      named.tenantId === owner.tenantId &&
      named.objectId === owner.objectId;
    if (!belongs) throw new Error("a vault entry holds the token of another connection");
    return new Secret(refreshToken);
  },

  async replace(entry, owner, refreshToken) {
    await client.send(
      new PutSecretValueCommand({
        SecretId: entry,
        SecretString: secretStringOf(owner, refreshToken),
        ClientRequestToken: randomUUID(),
      }),
    );
  },

  ...secretsManagerVaultEraser(client),
});
