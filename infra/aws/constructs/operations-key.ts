import { PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Key } from "aws-cdk-lib/aws-kms";
import { ArnFormat, Aws, Stack } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import type { Stage } from "../stages.ts";
import { operationsRemovalPolicy } from "./removal-policy.ts";

/** Encrypts logs and alarms, which hold no secrets; apart from the key of what does. */
export class OperationsKey extends Key {
  constructor(scope: Construct, id: string, stage: Stage) {
    super(scope, id, {
      description: "Outlook Connect: logs and alarms",
      enableKeyRotation: true,
      removalPolicy: operationsRemovalPolicy(stage),
    });
    this.addToResourcePolicy(
      new PolicyStatement({
        sid: "Logs",
        principals: [new ServicePrincipal(`logs.${Aws.REGION}.amazonaws.com`)],
        actions: [
          "kms:Decrypt",
          "kms:DescribeKey",
          "kms:Encrypt",
          "kms:GenerateDataKey*",
          "kms:ReEncrypt*",
        ],
        resources: ["*"],
        conditions: {
          ArnLike: {
            "kms:EncryptionContext:aws:logs:arn": Stack.of(this).formatArn({
              service: "logs",
              resource: "log-group",
              resourceName: `*outlook-connect-${stage.name}-*`,
              arnFormat: ArnFormat.COLON_RESOURCE_NAME,
            }),
          },
        },
      }),
    );
    this.addToResourcePolicy(
      new PolicyStatement({
        sid: "Alarms",
        principals: [new ServicePrincipal("cloudwatch.amazonaws.com")],
        actions: ["kms:Decrypt", "kms:GenerateDataKey*"],
        resources: ["*"],
        conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
      }),
    );
  }
}
