import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import { Stack, Tokenization, Validations } from "aws-cdk-lib/core";
import type { DataKey } from "./data-key.ts";
import type { Readers } from "./readers.ts";
import type { RequestFunction } from "./request-function.ts";

/** Which calls Secrets Manager answers only for those who may use the key, and how. */
const keyActions: Readonly<Record<string, readonly string[]>> = {
  "secretsmanager:CreateSecret": ["kms:Decrypt", "kms:GenerateDataKey"],
  "secretsmanager:PutSecretValue": ["kms:Decrypt", "kms:GenerateDataKey"],
  "secretsmanager:GetSecretValue": ["kms:Decrypt"],
};

export interface RefreshTokenVaultProps {
  readonly prefix: string;
  /** ARN, with wildcards, of all that is named below the prefix. */
  readonly secrets: string;
  /** Decrypts the secrets for these readers only. */
  readonly key: DataKey;
  readonly readers: Readers;
}

/** An ARN as cdk-nag writes it: what is known only when it is deployed, by its name in brackets. */
const asFound = (arn: string, stack: Stack): string => {
  const fragments = Tokenization.reverseString(arn).mapTokens({
    mapToken: (token) => `<${stack.resolve(token).Ref}>`,
  });
  return fragments.join({ join: (left, right) => `${left}${right}` });
};

/** The secrets that functions make, one for each sign-in, under one prefix of names. */
export class RefreshTokenVault {
  readonly prefix: string;
  readonly key: DataKey;
  readonly #secrets: string;
  readonly #readers: Readers;

  constructor({ prefix, secrets, key, readers }: RefreshTokenVaultProps) {
    this.prefix = prefix;
    this.#secrets = secrets;
    this.key = key;
    this.#readers = readers;
  }

  /** Their names, and those of all secrets of the account: AWS knows no permission for some of them. */
  grantList({ role }: RequestFunction): void {
    role.addToPolicy(
      new PolicyStatement({ actions: ["secretsmanager:ListSecrets"], resources: ["*"] }),
    );
    Validations.of(role).acknowledge({
      id: "AwsSolutions-IAM5[Resource::*]",
      reason: "ListSecrets is granted for all secrets or for none; it tells names, not values.",
    });
  }

  /** Exactly these actions, on the vault's secrets only. */
  grant(grantee: RequestFunction, ...actions: string[]): void {
    grantee.role.addToPolicy(new PolicyStatement({ actions, resources: [this.#secrets] }));
    const needed = new Set(actions.flatMap((action) => keyActions[action] ?? []));
    if (needed.size > 0) {
      this.#readers.require(grantee, this.prefix);
      this.key.grantThrough("secretsmanager", grantee, ...needed);
    }
    Validations.of(grantee.role).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${asFound(this.#secrets, Stack.of(grantee.role))}]`,
      reason:
        "One secret for each sign-in, made at run time: only their common prefix is known here.",
    });
  }
}
