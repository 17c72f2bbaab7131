import type { IGrantable } from "aws-cdk-lib/aws-iam";
import {
  AccountRootPrincipal,
  AnyPrincipal,
  Effect,
  PolicyDocument,
  PolicyStatement,
} from "aws-cdk-lib/aws-iam";
import { Key } from "aws-cdk-lib/aws-kms";
import { Aws, Duration, RemovalPolicy } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { nameInTemplate } from "./logical-id.ts";
import type { Readers } from "./readers.ts";

export type EncryptingService = "dynamodb" | "secretsmanager";

export interface DataKeyProps {
  readonly alias: string;
  readonly removalProtection: boolean;
  /** ARN, with wildcards, of the secrets that hold refresh tokens. */
  readonly refreshTokens: string;
  /** For whom alone a refresh token is ever decrypted. */
  readonly refreshTokenReaders: Readers;
}

const viaService = (services: readonly EncryptingService[]) => ({
  "kms:ViaService": services.map((service) => `${service}.${Aws.REGION}.amazonaws.com`),
});

/**
 * The key under which tables and secrets are kept.
 *
 * Nobody uses it directly: administrators may manage it, and DynamoDB and Secrets Manager may use
 * it for those whom they and IAM let in. Refresh tokens are decrypted for the functions that
 * redeem them and for nobody else, however much IAM allows.
 */
export class DataKey extends Key {
  constructor(
    scope: Construct,
    id: string,
    { alias, removalProtection, refreshTokens, refreshTokenReaders }: DataKeyProps,
  ) {
    const policy = new PolicyDocument({
      statements: [
        new PolicyStatement({
          sid: "Administration",
          principals: [new AccountRootPrincipal()],
          // Everything but cryptographic operations and grants, which hand them on.
          actions: [
            "kms:CancelKeyDeletion",
            "kms:DescribeKey",
            "kms:DisableKey",
            "kms:DisableKeyRotation",
            "kms:EnableKey",
            "kms:EnableKeyRotation",
            "kms:GetKeyPolicy",
            "kms:GetKeyRotationStatus",
            "kms:ListAliases",
            "kms:ListGrants",
            "kms:ListKeyPolicies",
            "kms:ListKeyRotations",
            "kms:ListResourceTags",
            "kms:CreateAlias",
            "kms:DeleteAlias",
            "kms:UpdateAlias",
            "kms:PutKeyPolicy",
            "kms:RevokeGrant",
            "kms:ScheduleKeyDeletion",
            "kms:TagResource",
            "kms:UntagResource",
            "kms:UpdateKeyDescription",
          ],
          resources: ["*"],
        }),
        new PolicyStatement({
          sid: "UseThroughServices",
          principals: [new AccountRootPrincipal()],
          actions: [
            "kms:CreateGrant",
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey*",
            "kms:ReEncrypt*",
          ],
          resources: ["*"],
          conditions: { StringEquals: viaService(["dynamodb", "secretsmanager"]) },
        }),
        new PolicyStatement({
          sid: "RefreshTokensForTheirReadersOnly",
          effect: Effect.DENY,
          principals: [new AnyPrincipal()],
          actions: ["kms:Decrypt"],
          resources: ["*"],
          conditions: {
            StringLike: { "kms:EncryptionContext:SecretARN": refreshTokens },
            ArnNotLike: { "aws:PrincipalArn": refreshTokenReaders.roleArns },
          },
        }),
      ],
    });
    super(scope, id, {
      alias,
      description: "Outlook Connect: tables and secrets",
      enableKeyRotation: true,
      pendingWindow: Duration.days(30),
      policy,
      removalPolicy: removalProtection ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    nameInTemplate(this, id);
  }

  /** Lets a function use the key, but only through one service. */
  grantThrough(service: EncryptingService, grantee: IGrantable, ...actions: string[]): void {
    grantee.grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({
        actions,
        resources: [this.keyArn],
        conditions: { StringEquals: viaService([service]) },
      }),
    );
  }
}
