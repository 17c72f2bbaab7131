import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceExistsException,
  ResourceNotFoundException,
  type SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import type { KeyVersions } from "../../domain/key-rotation.ts";
import { Secret } from "../../domain/secret.ts";

/** @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/getting-started.html#term_version */
export const secretsManagerKeyVersions = (
  client: SecretsManagerClient,
  secretArn: string,
): KeyVersions => ({
  async describe() {
    const { RotationEnabled = false, VersionIdsToStages = {} } = await client.send(
      new DescribeSecretCommand({ SecretId: secretArn }),
    );
    return { isRotated: RotationEnabled, labels: new Map(Object.entries(VersionIdsToStages)) };
  },

  async valueOf(versionId) {
    try {
      const { SecretString } = await client.send(
        new GetSecretValueCommand({ SecretId: secretArn, VersionId: versionId }),
      );
      return SecretString === undefined ? undefined : new Secret(SecretString);
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return undefined;
      throw error;
    }
  },

  async store(versionId, value) {
    try {
      await client.send(
        new PutSecretValueCommand({
          SecretId: secretArn,
          ClientRequestToken: versionId,
          SecretString: value.reveal(),
          VersionStages: ["AWSPENDING"],
        }),
      );
    } catch (error) {
      // A repeated step was first, or the answer to our own first try was lost: what is stored is as good.
      if (!(error instanceof ResourceExistsException)) throw error;
    }
  },

  async moveLabel(label, { from, to }) {
    await client.send(
      new UpdateSecretVersionStageCommand({
        SecretId: secretArn,
        VersionStage: label,
        ...(from !== undefined && { RemoveFromVersionId: from }),
        ...(to !== undefined && { MoveToVersionId: to }),
      }),
    );
  },
});
