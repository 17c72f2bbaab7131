import {
  CreateSecretCommand,
  DescribeSecretCommand,
  RotateSecretCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { expect, it, onTestFinished } from "vitest";
import { startSecretsManager } from "../../../../infra/local/secrets-manager/start-secrets-manager.ts";
import { secretsManagerRotatedAt } from "../../../../shared/adapters/secrets-manager/rotated-at.ts";

const openSecret = async () => {
  const engine = await startSecretsManager({ invokeRotation: async () => true });
  onTestFinished(() => engine.close());
  const client = new SecretsManagerClient({
    endpoint: engine.origin,
    region: "eu-west-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  onTestFinished(() => client.destroy());
  const { ARN = "" } = await client.send(
    new CreateSecretCommand({ Name: "TokenKeys", SecretString: "key" }),
  );
  return { client, arn: ARN, rotationsEnded: () => engine.rotationsEnded() };
};

it("tells when a secret was made that was never rotated", async () => {
  const { client, arn } = await openSecret();

  const { CreatedDate } = await client.send(new DescribeSecretCommand({ SecretId: arn }));
  expect(await secretsManagerRotatedAt(client, arn)()).toEqual(CreatedDate);
});

it("tells when it was rotated last", async () => {
  const { client, arn, rotationsEnded } = await openSecret();
  await client.send(
    new RotateSecretCommand({
      SecretId: arn,
      RotationLambdaARN: "arn:aws:lambda:eu-west-1:000000000000:function:rotate",
      RotationRules: { AutomaticallyAfterDays: 30 },
    }),
  );
  await rotationsEnded();

  const { LastRotatedDate } = await client.send(new DescribeSecretCommand({ SecretId: arn }));
  expect(LastRotatedDate).toBeInstanceOf(Date);
  expect(await secretsManagerRotatedAt(client, arn)()).toEqual(LastRotatedDate);
});
