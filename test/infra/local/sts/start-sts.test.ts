import {
  GetCallerIdentityCommand,
  GetWebIdentityTokenCommand,
  type GetWebIdentityTokenCommandInput,
  STSClient,
} from "@aws-sdk/client-sts";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { Access } from "../../../../infra/local/iam/access.ts";
import { credentialsOf } from "../../../../infra/local/iam/function-credentials.ts";
import { type RunningGuard, startGuard } from "../../../../infra/local/iam/guard.ts";
import { requestedResources } from "../../../../infra/local/iam/requested-resources.ts";
import { readRolePolicies } from "../../../../infra/local/iam/role-policies.ts";
import { type RunningSts, startSts } from "../../../../infra/local/sts/start-sts.ts";

const roleArn = "arn:aws:iam::123456789012:role/the-role";
const now = new Date();

let sts: RunningSts;
let guard: RunningGuard;
const clients: STSClient[] = [];
beforeAll(async () => {
  sts = await startSts({
    accountId: "123456789012",
    roleArnOf: (signer) => (signer === "asks" || signer === "mute" ? roleArn : undefined),
    now: () => now,
  });
  const policies = readRolePolicies({
    Service: {
      Resources: Object.fromEntries(
        ["asks", "mute"].flatMap((name) => [
          [`${name}Role`, { Type: "AWS::IAM::Role", Properties: roleOf(name) }],
          [
            name,
            {
              Type: "AWS::Lambda::Function",
              Properties: { FunctionName: name, Role: { "Fn::GetAtt": [`${name}Role`, "Arn"] } },
            },
          ],
        ]),
      ),
    },
  });
  guard = await startGuard({
    service: "sts",
    target: sts.origin,
    access: new Access(policies),
    resourcesOf: requestedResources("sts", {}),
  });
});
afterAll(async () => {
  for (const client of clients) client.destroy();
  await Promise.all([sts.close(), guard.close()]);
});

/** As the service's stack grants it. */
const roleOf = (name: string) => ({
  RoleName: name,
  Policies:
    name === "asks"
      ? [
          {
            PolicyDocument: {
              Statement: [
                {
                  Effect: "Allow",
                  Action: "sts:GetWebIdentityToken",
                  Resource: "*",
                  Condition: {
                    "ForAllValues:StringEquals": { "sts:IdentityTokenAudience": "for-microsoft" },
                    Null: { "sts:IdentityTokenAudience": "false" },
                    NumericLessThanEquals: { "sts:DurationSeconds": "300" },
                    StringEquals: { "sts:SigningAlgorithm": "RS256" },
                  },
                },
              ],
            },
          },
        ]
      : [],
});

/** AWS's own client, as the function of this name. */
const clientOf = (name: string, endpoint = guard.origin) => {
  const credentials = credentialsOf(name);
  const client = new STSClient({
    endpoint,
    region: "eu-west-1",
    maxAttempts: 1,
    credentials: {
      accessKeyId: credentials.AWS_ACCESS_KEY_ID,
      secretAccessKey: credentials.AWS_SECRET_ACCESS_KEY,
      sessionToken: credentials.AWS_SESSION_TOKEN,
    },
  });
  clients.push(client);
  return client;
};

const forMicrosoft: GetWebIdentityTokenCommandInput = {
  Audience: ["for-microsoft"],
  DurationSeconds: 300,
  SigningAlgorithm: "RS256",
};

it("gives AWS's own client a token that the issuer's published keys verify", async () => {
  const { WebIdentityToken = "", Expiration } = await clientOf("asks").send(
    new GetWebIdentityTokenCommand(forMicrosoft),
  );

  const found = await fetch(`${sts.origin}/.well-known/openid-configuration`);
  const { issuer, jwks_uri } = z
    .object({ issuer: z.string(), jwks_uri: z.string() })
    .parse(await found.json());
  const { payload } = await jwtVerify(WebIdentityToken, createRemoteJWKSet(new URL(jwks_uri)), {
    algorithms: ["RS256"],
    issuer,
    audience: "for-microsoft",
    subject: roleArn,
  });
  expect(issuer).toBe(sts.origin);
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300);
  expect(Expiration).toEqual(new Date((payload.exp ?? 0) * 1000));
});

describe("a role's conditions", () => {
  it.for<readonly [string, Partial<GetWebIdentityTokenCommandInput>]>([
    ["another audience", { Audience: ["somebody-else"] }],
    ["another audience beside the right one", { Audience: ["for-microsoft", "somebody-else"] }],
    ["no audience", { Audience: [] }],
    ["a longer life", { DurationSeconds: 301 }],
    ["a life that is not said", { DurationSeconds: undefined }],
    ["another algorithm", { SigningAlgorithm: "ES384" }],
  ])("deny %s", async ([, changes]) => {
    const before = sts.issued();

    await expect(
      clientOf("asks").send(new GetWebIdentityTokenCommand({ ...forMicrosoft, ...changes })),
    ).rejects.toMatchObject({ name: "AccessDenied", $metadata: { httpStatusCode: 403 } });

    expect(sts.issued()).toBe(before);
  });
});

it.for([
  ["mute", "AccessDenied"],
  ["nobody", "InvalidClientTokenId"],
])("denies %s, who may not", async ([name, code]) => {
  await expect(
    clientOf(name ?? "").send(new GetWebIdentityTokenCommand(forMicrosoft)),
  ).rejects.toMatchObject({ name: code });
});

describe("without a guard", () => {
  it.for<readonly [string, Partial<GetWebIdentityTokenCommandInput>]>([
    ["too short a life", { DurationSeconds: 59 }],
    ["too long a life", { DurationSeconds: 3601 }],
    ["no audience", { Audience: [] }],
    ["too many audiences", { Audience: Array.from({ length: 11 }, (_, index) => `a${index}`) }],
  ])("refuses %s as STS does", async ([, changes]) => {
    await expect(
      clientOf("asks", sts.origin).send(
        new GetWebIdentityTokenCommand({ ...forMicrosoft, ...changes }),
      ),
    ).rejects.toMatchObject({ name: "ValidationError" });
  });

  it("knows no other action", async () => {
    await expect(
      clientOf("asks", sts.origin).send(new GetCallerIdentityCommand({})),
    ).rejects.toMatchObject({ name: "InvalidAction" });
  });

  it("refuses as it is ordered, until it is no more", async () => {
    sts.refuseWith("OutboundWebIdentityFederationDisabledException");
    const asked = () =>
      clientOf("asks", sts.origin).send(new GetWebIdentityTokenCommand(forMicrosoft));

    await expect(asked()).rejects.toMatchObject({
      name: "OutboundWebIdentityFederationDisabledException",
    });
    sts.refuseWith(undefined);
    await expect(asked()).resolves.toBeDefined();
  });
});
