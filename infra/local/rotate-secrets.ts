import { RotateSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { Schedule } from "./gateway/scheduler.ts";
import type { RunningSecretsManager } from "./secrets-manager/start-secrets-manager.ts";

const clientOf = ({ origin }: RunningSecretsManager, region: string) =>
  new SecretsManagerClient({
    endpoint: origin,
    region,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });

/** Tells Secrets Manager who rotates which secrets, as CloudFormation would. */
export const setUpRotations = async (
  secretsManager: RunningSecretsManager,
  region: string,
  schedules: readonly Schedule[],
  lambdaArnOf: (functionName: string) => string,
): Promise<void> => {
  const client = clientOf(secretsManager, region);
  try {
    for (const { rotates, functionName, everySeconds } of schedules) {
      if (rotates === undefined) continue;
      await client.send(
        new RotateSecretCommand({
          SecretId: rotates,
          RotationLambdaARN: lambdaArnOf(functionName),
          RotationRules: { AutomaticallyAfterDays: everySeconds / (24 * 3600) },
          RotateImmediately: false,
        }),
      );
    }
  } finally {
    client.destroy();
  }
};

/** Rotates a secret and waits for the end of it. */
export const rotate = async (
  secretsManager: RunningSecretsManager,
  region: string,
  secretArn: string,
): Promise<void> => {
  const client = clientOf(secretsManager, region);
  try {
    await client.send(new RotateSecretCommand({ SecretId: secretArn }));
    await secretsManager.rotationsEnded();
  } finally {
    client.destroy();
  }
};
