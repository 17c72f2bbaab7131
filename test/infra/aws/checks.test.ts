import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { stages } from "../../../infra/aws/stages.ts";
import { type SynthesizedStage, synthesized } from "./synthesized.ts";

const vault =
  "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:outlook-connect/prod/refresh-tokens/*]";

const functions = [
  "AdminConsentCallback",
  "AdminConsentRequest",
  "AdminConsent",
  "ApprovalStatus",
  "AttemptStatus",
  "Callback",
  "Complete",
  "Connections",
  "CredentialExpiry",
  "Disconnect",
  "EraseConnections",
  "KeepAlive",
  "MailEvents",
  "RequireSignIn",
  "ResumeWaiting",
  "RotateVaultKeys",
  "Start",
  "SweepVault",
  "TokenFetch",
];

/** Every finding that is explained away, and of what. One more needs a reason that convinces a reviewer. */
const explained = {
  "AwsSolutions-APIG4": [
    "ApiGETadminconsentcallback",
    "ApiGETadminconsenttoken",
    "ApiPOSTadminconsentcallback",
    "ApiPOSTcallback",
  ],
  "AwsSolutions-IAM5[Action::kms:GenerateDataKey*]": ["AlarmsEventsRoleDefaultPolicy"],
  "AwsSolutions-IAM5[Resource::*]": functions.map((name) => `${name}RoleDefaultPolicy`).toSorted(),
  [vault]: [
    "Complete",
    "Disconnect",
    "EraseConnections",
    "RequireSignIn",
    "SweepVault",
    "TokenFetch",
  ].map((name) => `${name}RoleDefaultPolicy`),
  "AwsSolutions-SMG4": ["ClientCredential", "SignInKeys", "TokenKeys"],
  "Serverless-EventBusDLQ": [
    "AlarmsKeysInDanger",
    "EachHour",
    "EachMinute",
    "MailEventRule",
    "TwiceADay",
    "TwiceAnHour",
  ],
  "Serverless-LambdaAsyncFailureDestination": functions.map((name) => `${name}Function`).toSorted(),
  "Serverless-LambdaDLQ": functions.map((name) => `${name}Function`).toSorted(),
  "Serverless-SNSRedrivePolicy": ["AlarmsEmail"],
};

/** Where findings are; an acknowledgement also reaches what stands around them. */
const foundOn = [
  "AWS::ApiGatewayV2::Route",
  "AWS::Events::Rule",
  "AWS::IAM::Policy",
  "AWS::Lambda::Function",
  "AWS::SNS::Subscription",
  "AWS::SecretsManager::Secret",
];

const nagMetadata = z.object({
  rules_to_suppress: z.array(
    z.object({ id: z.string(), reason: z.string().check(z.minLength(40)) }),
  ),
});

const hasCfnLint = spawnSync("cfn-lint", ["--version"]).status === 0;

describe("checks", () => {
  let prod: SynthesizedStage;
  beforeAll(async () => {
    // Throws if cdk-nag finds what is not explained.
    prod = await synthesized(stages.prod);
  });

  it("of cdk-nag find nothing but what is explained here", () => {
    const found: Record<string, string[]> = {};
    for (const { id, Metadata } of foundOn.flatMap((type) => prod.resources(type))) {
      const nag = nagMetadata.safeParse(Metadata.cdk_nag);
      for (const rule of nag.data?.rules_to_suppress ?? []) {
        found[rule.id] = [...(found[rule.id] ?? []), id].toSorted();
      }
    }

    expect(found).toEqual(explained);
  });

  it("of cdk-nag find no more where a stage names its account and Region", async () => {
    const env = { account: "111122223333", region: "eu-central-1" };

    await expect(synthesized({ ...stages.dev, env })).resolves.toBeDefined();
  });

  it.skipIf(!hasCfnLint)("of cfn-lint find nothing", () => {
    const folder = mkdtempSync(join(tmpdir(), "outlook-connect-"));
    try {
      const templates = Object.entries(prod.texts).map(([name, text]) => {
        const path = join(folder, `${name}.template.json`);
        writeFileSync(path, text);
        return path;
      });

      // W3005: the CDK names dependencies that CloudFormation could also work out.
      expect(execFileSync("cfn-lint", ["-i", "W3005", "--", ...templates]).toString()).toBe("");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
