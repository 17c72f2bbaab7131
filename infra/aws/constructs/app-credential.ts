import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { CredentialExpiryEnv } from "../../../functions/credential-expiry/env.ts";
import type { Stage } from "../stages.ts";
import type { KeptSecret } from "./kept-secret.ts";
import type { RequestFunction } from "./request-function.ts";

/** All that the functions ask STS for; what they ask is tested against it. */
const tokensForMicrosoft = {
  audience: "api://AzureADTokenExchange",
  algorithm: "RS256",
  longestSeconds: 300,
};

/** How functions prove to Microsoft that they are the app: by what AWS says of their role, or by what is stored. */
export class AppCredential {
  readonly environment: Pick<
    CredentialExpiryEnv,
    "CLIENT_CREDENTIAL_SECRET_ARN" | "FEDERATED_CREDENTIAL"
  >;
  readonly #secret: KeptSecret;
  readonly #subjects: string[] = [];

  constructor(stage: Stage, secret: KeptSecret) {
    this.#secret = secret;
    this.environment = {
      CLIENT_CREDENTIAL_SECRET_ARN: secret.arn,
      FEDERATED_CREDENTIAL: stage.microsoft.federatedCredential,
    };
  }

  /** Of the functions that ask Microsoft for tokens: what a federated credential names as its subject. */
  get subjects(): readonly string[] {
    return this.#subjects;
  }

  /** Lets a function ask Microsoft as the app. */
  grant(grantee: RequestFunction): void {
    this.#subjects.push(grantee.role.roleArn);
    this.#secret.grantRead(grantee);
    if (this.environment.FEDERATED_CREDENTIAL === "unused") return;
    const { audience, algorithm, longestSeconds } = tokensForMicrosoft;
    grantee.grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ["sts:GetWebIdentityToken"],
        // It is about whoever calls, and knows no resources.
        resources: ["*"],
        // For Microsoft and nobody else, as it is asked for and no longer.
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_policies.html
        conditions: {
          "ForAllValues:StringEquals": { "sts:IdentityTokenAudience": audience },
          // Without it, a request without an audience would have none that is wrong.
          Null: { "sts:IdentityTokenAudience": "false" },
          NumericLessThanEquals: { "sts:DurationSeconds": String(longestSeconds) },
          StringEquals: { "sts:SigningAlgorithm": algorithm },
        },
      }),
    );
  }
}
