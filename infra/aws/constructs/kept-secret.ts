import { type IGrantable, PolicyStatement } from "aws-cdk-lib/aws-iam";
import { CfnSecret } from "aws-cdk-lib/aws-secretsmanager";
import { RemovalPolicy } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import type { DataKey } from "./data-key.ts";

export interface KeptSecretProps {
  readonly description: string;
  readonly key: DataKey;
  readonly removalProtection: boolean;
  /** The first value: made by Secrets Manager, or a text in which nothing is secret yet. */
  readonly first: CfnSecret.GenerateSecretStringProperty | string;
}

/** A secret that outlives its stack, and that only its readers read. */
export class KeptSecret extends Construct {
  readonly arn: string;
  readonly secret: CfnSecret;
  readonly #key: DataKey;

  constructor(
    scope: Construct,
    id: string,
    { description, key, removalProtection, first }: KeptSecretProps,
  ) {
    super(scope, id);
    this.#key = key;
    this.secret = new CfnSecret(this, "Secret", {
      description,
      kmsKeyId: key.keyArn,
      ...(typeof first === "string" ? { secretString: first } : { generateSecretString: first }),
    });
    this.secret.overrideLogicalId(id);
    this.secret.applyRemovalPolicy(
      removalProtection ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    );
    this.arn = this.secret.ref;
  }

  grantRead(grantee: IGrantable): void {
    grantee.grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ["secretsmanager:GetSecretValue"],
        resources: [this.arn],
      }),
    );
    this.#key.grantThrough("secretsmanager", grantee, "kms:Decrypt");
  }
}
