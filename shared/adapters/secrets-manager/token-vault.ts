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
import { Secret } from "../../domain/secret.ts";
import type { TokenVault } from "../../domain/token-vault.ts";
import { tokenInPayload, vaultPayload } from "../vault-payload.ts";

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
        SecretString: vaultPayload(owner, refreshToken).reveal(),
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
    return tokenInPayload(new Secret(secretString ?? ""), owner);
  },

  async replace(entry, owner, refreshToken) {
    await client.send(
      new PutSecretValueCommand({
        SecretId: entry,
        SecretString: vaultPayload(owner, refreshToken).reveal(),
        ClientRequestToken: randomUUID(),
      }),
    );
  },

  ...secretsManagerVaultEraser(client),
});
