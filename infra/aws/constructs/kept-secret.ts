import { AnyPrincipal, Effect, PolicyDocument, PolicyStatement } from "aws-cdk-lib/aws-iam";
import { CfnResourcePolicy, CfnSecret } from "aws-cdk-lib/aws-secretsmanager";
import { ArnFormat, Fn, RemovalPolicy, Stack } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import type { DataKey } from "./data-key.ts";
import type { Readers } from "./readers.ts";
import type { RequestFunction } from "./request-function.ts";

export interface KeptSecretProps {
  readonly description: string;
  readonly key: DataKey;
  readonly readers: Readers;
  readonly removalProtection: boolean;
  /** The first value: made by Secrets Manager, or a text in which nothing is secret yet. */
  readonly first: CfnSecret.GenerateSecretStringProperty | string;
}

/** A secret that outlives its stack, and that only its readers read, however much IAM allows others. */
export class KeptSecret extends Construct {
  readonly arn: string;
  readonly secret: CfnSecret;
  readonly #key: DataKey;
  readonly #readers: Readers;

  constructor(
    scope: Construct,
    id: string,
    { description, key, readers, removalProtection, first }: KeptSecretProps,
  ) {
    super(scope, id);
    this.#key = key;
    this.#readers = readers;
    const removalPolicy = removalProtection ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    this.secret = new CfnSecret(this, "Secret", {
      description,
      kmsKeyId: key.keyArn,
      ...(typeof first === "string" ? { secretString: first } : { generateSecretString: first }),
    });
    this.secret.overrideLogicalId(id);
    this.secret.applyRemovalPolicy(removalPolicy);
    this.arn = this.secret.ref;

    // Here and not on the key, where refresh tokens are guarded: Secrets Manager decrypts with the key for whoever
    // creates a secret under it and at times for whoever puts a value in, and neither CloudFormation nor the
    // operator may read. A batch asks for GetSecretValue of each secret as well.
    // https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
    const policy = new CfnResourcePolicy(this, "Readers", {
      secretId: this.arn,
      blockPublicPolicy: true,
      resourcePolicy: new PolicyDocument({
        statements: [
          new PolicyStatement({
            sid: "ForItsReadersOnly",
            effect: Effect.DENY,
            principals: [new AnyPrincipal()],
            actions: ["secretsmanager:GetSecretValue"],
            resources: ["*"],
            conditions: { ArnNotLike: { "aws:PrincipalArn": readers.roleArns } },
          }),
        ],
      }),
    });
    policy.overrideLogicalId(`${id}Readers`);
    policy.applyRemovalPolicy(removalPolicy);
  }

  /** All that Secrets Manager takes for its id: its ARN, its ARN without the random end, its name. */
  get names(): readonly string[] {
    const stack = Stack.of(this);
    const { resourceName = "" } = stack.splitArn(this.arn, ArnFormat.COLON_RESOURCE_NAME);
    // CloudFormation names it after its logical id, with a random part; Secrets Manager appends another one.
    const [id, random] = [0, 1].map((index) => Fn.select(index, Fn.split("-", resourceName)));
    const name = `${id}-${random}`;
    const withoutEnd = stack.formatArn({
      service: "secretsmanager",
      resource: "secret",
      resourceName: name,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    return [this.arn, withoutEnd, name];
  }

  /** What a rotation function does with it. */
  grantRotation(grantee: RequestFunction): void {
    this.grantRead(grantee);
    grantee.grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({
        actions: [
          "secretsmanager:DescribeSecret",
          "secretsmanager:PutSecretValue",
          "secretsmanager:UpdateSecretVersionStage",
        ],
        resources: [this.arn],
      }),
    );
    this.#key.grantThrough("secretsmanager", grantee, "kms:GenerateDataKey");
  }

  /** When it was rotated, and which versions there are; never a value. */
  grantDescribe(grantee: RequestFunction): void {
    grantee.grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ["secretsmanager:DescribeSecret"],
        resources: [this.arn],
      }),
    );
  }

  grantRead(grantee: RequestFunction): void {
    this.#readers.require(grantee, this.node.id);
    grantee.grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ["secretsmanager:GetSecretValue"],
        resources: [this.arn],
      }),
    );
    this.#key.grantThrough("secretsmanager", grantee, "kms:Decrypt");
  }
}
