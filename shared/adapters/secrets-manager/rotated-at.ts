import { DescribeSecretCommand, type SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

/**
 * When a secret was rotated last, or made if it never was. Its value is not read.
 *
 * @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
 */
export const secretsManagerRotatedAt =
  (client: SecretsManagerClient, secretArn: string) => async (): Promise<Date> => {
    const { LastRotatedDate, CreatedDate } = await client.send(
      new DescribeSecretCommand({ SecretId: secretArn }),
    );
    const rotatedAt = LastRotatedDate ?? CreatedDate;
    if (!rotatedAt) throw new Error("Secrets Manager does not tell when the secret was made");
    return rotatedAt;
  };
