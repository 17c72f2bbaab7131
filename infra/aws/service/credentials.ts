import { Schedule } from "aws-cdk-lib/aws-events";
import { ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { CfnRotationSchedule } from "aws-cdk-lib/aws-secretsmanager";
import { Aws, Duration } from "aws-cdk-lib/core";
import type { CredentialExpiryEnv } from "../../../functions/credential-expiry/env.ts";
import type { RotateVaultKeysEnv } from "../../../functions/rotate-vault-keys/env.ts";
import type { ServiceContext } from "./service-context.ts";

/** How often the end of the app's credential is looked at. */
export const credentialMeasured = Duration.hours(12);

/** Whatever a vault key seals is gone, or sealed anew, long before the last of the former keys is. */
const vaultKeysRotatedEvery = Duration.days(30);

const defineCredentialExpiry = (context: ServiceContext) => {
  const { data, settings } = context;
  const credentialExpiry = context.define("CredentialExpiry", {
    name: "credential-expiry",
    description:
      "Twice a day: tells how long the app's credential at Microsoft will last, and how old the vault keys are",
    timeoutSeconds: 30,
    environment: {
      ...settings.clientCredential,
      ...settings.signInKeys,
      ...settings.tokenKeys,
    } satisfies CredentialExpiryEnv,
  });
  data.clientCredential.grantRead(credentialExpiry);
  data.signInKeys.grantDescribe(credentialExpiry);
  data.tokenKeys.grantDescribe(credentialExpiry);
  context.invoke("TwiceADay", credentialExpiry, {
    description:
      "Measures how long the app's credential at Microsoft will last, and how old the vault keys are.",
    schedule: Schedule.rate(credentialMeasured),
  });
  return credentialExpiry;
};

const defineRotateVaultKeys = (context: ServiceContext) => {
  const { data, settings } = context;
  const rotateVaultKeys = context.define("RotateVaultKeys", {
    name: "rotate-vault-keys",
    description: "Invoked by Secrets Manager: makes a new vault key and keeps the former ones",
    timeoutSeconds: 30,
    environment: { ...settings.signInKeys, ...settings.tokenKeys } satisfies RotateVaultKeysEnv,
  });
  for (const secret of [data.signInKeys, data.tokenKeys]) {
    secret.grantRotation(rotateVaultKeys);
    rotateVaultKeys.lambda.addPermission(secret.node.id, {
      principal: new ServicePrincipal("secretsmanager.amazonaws.com"),
      sourceAccount: Aws.ACCOUNT_ID,
      sourceArn: secret.arn,
    });
    const rotation = new CfnRotationSchedule(context.stack, `${secret.node.id}Rotation`, {
      secretId: secret.arn,
      rotationLambdaArn: rotateVaultKeys.lambda.functionArn,
      rotateImmediatelyOnUpdate: false,
      rotationRules: { automaticallyAfterDays: vaultKeysRotatedEvery.toDays() },
    });
    // Secrets Manager tries whether it may invoke the function, and whether that may do its work.
    rotation.node.addDependency(rotateVaultKeys.lambda, rotateVaultKeys.role);
  }
  return rotateVaultKeys;
};

/** What the service itself holds: the app's credential at Microsoft, and the keys that seal. */
export const defineCredentials = (context: ServiceContext) => ({
  credentialExpiry: defineCredentialExpiry(context),
  rotateVaultKeys: defineRotateVaultKeys(context),
});

export type CredentialFunctions = ReturnType<typeof defineCredentials>;
