import { beforeAll, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { type Stage, stages } from "../../../infra/aws/stages.ts";
import { type SynthesizedStage, synthesized } from "./synthesized.ts";

const workerRoles = [
  "arn:aws:iam::210987654321:role/workflows/worker",
  "arn:aws:iam::321098765432:role/worker",
];
const backEndRoles = ["arn:aws:iam::432109876543:role/product/back-end"];
const withOtherAccounts: Stage = { ...stages.prod, workerRoles, backEndRoles };

const withTable: Stage = { ...stages.prod, tokenVault: "table" };

const withFederatedCredential: Stage = {
  ...stages.prod,
  microsoft: { ...stages.prod.microsoft, federatedCredential: "used" },
};

const vault =
  "arn:<Partition>:secretsmanager:<Region>:<AccountId>:secret:outlook-connect/prod/refresh-tokens/*";
const viaDynamoDb = "DataKey, if kms:ViaService is dynamodb.<Region>.amazonaws.com";
const viaSecrets = "DataKey, if kms:ViaService is secretsmanager.<Region>.amazonaws.com";

/** Only from our own sender. */
const ours = "if ses:FromAddress is approvals@mail.appse.example";
const mail = {
  [`arn:<Partition>:ses:<Region>:<AccountId>:identity/mail.appse.example, ${ours}`]: [
    "ses:SendEmail",
  ],
  [`arn:<Partition>:ses:<Region>:<AccountId>:configuration-set/outlook-connect-prod, ${ours}`]: [
    "ses:SendEmail",
  ],
};

const rotation = [
  "secretsmanager:DescribeSecret",
  "secretsmanager:GetSecretValue",
  "secretsmanager:PutSecretValue",
  "secretsmanager:UpdateSecretVersionStage",
];

/** Everything a function may do besides writing its own log and trace. */
const allowed = {
  Start: {
    Attempts: ["dynamodb:PutItem"],
    UserConnections: ["dynamodb:GetItem"],
    "UserConnections/index/byOwner": ["dynamodb:Query"],
    TenantConsents: ["dynamodb:GetItem"],
    SignInKeys: ["secretsmanager:GetSecretValue"],
    [viaDynamoDb]: ["kms:Decrypt"],
    [viaSecrets]: ["kms:Decrypt"],
  },
  AttemptStatus: {
    Attempts: ["dynamodb:GetItem"],
    TenantConsents: ["dynamodb:GetItem", "dynamodb:PutItem"],
    [viaDynamoDb]: ["kms:Decrypt"],
  },
  Callback: {
    Attempts: ["dynamodb:GetItem", "dynamodb:UpdateItem"],
    SignInKeys: ["secretsmanager:GetSecretValue"],
    [viaDynamoDb]: ["kms:Decrypt"],
    [viaSecrets]: ["kms:Decrypt"],
  },
  Complete: {
    Attempts: ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:UpdateItem"],
    UserConnections: ["dynamodb:GetItem", "dynamodb:PutItem"],
    TenantConsents: ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
    SignInKeys: ["secretsmanager:GetSecretValue"],
    TokenKeys: ["secretsmanager:GetSecretValue"],
    ClientCredential: ["secretsmanager:GetSecretValue"],
    [vault]: ["secretsmanager:CreateSecret", "secretsmanager:DeleteSecret"],
    RefreshTokens: ["dynamodb:DeleteItem"],
    [viaDynamoDb]: ["kms:Decrypt"],
    [viaSecrets]: ["kms:Decrypt", "kms:GenerateDataKey"],
  },
  Connections: {
    UserConnections: ["dynamodb:GetItem"],
    "UserConnections/index/byOwner": ["dynamodb:Query"],
    TenantConsents: ["dynamodb:GetItem"],
    [viaDynamoDb]: ["kms:Decrypt"],
  },
  Disconnect: {
    UserConnections: ["dynamodb:GetItem", "dynamodb:PutItem"],
    [vault]: ["secretsmanager:DeleteSecret"],
    RefreshTokens: ["dynamodb:DeleteItem"],
    [viaDynamoDb]: ["kms:Decrypt"],
  },
  TokenFetch: {
    UserConnections: ["dynamodb:GetItem", "dynamodb:UpdateItem"],
    TenantConsents: ["dynamodb:GetItem", "dynamodb:PutItem"],
    TokenKeys: ["secretsmanager:GetSecretValue"],
    ClientCredential: ["secretsmanager:GetSecretValue"],
    [vault]: [
      "secretsmanager:CreateSecret",
      "secretsmanager:DeleteSecret",
      "secretsmanager:GetSecretValue",
      "secretsmanager:PutSecretValue",
    ],
    RefreshTokens: ["dynamodb:DeleteItem", "dynamodb:GetItem"],
    [viaDynamoDb]: ["kms:Decrypt"],
    [viaSecrets]: ["kms:Decrypt", "kms:GenerateDataKey"],
  },
  AdminConsentRequest: {
    Attempts: ["dynamodb:GetItem"],
    UserConnections: ["dynamodb:GetItem"],
    TenantConsents: [
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ],
    SignInKeys: ["secretsmanager:GetSecretValue"],
    ...mail,
    [viaDynamoDb]: ["kms:Decrypt"],
    [viaSecrets]: ["kms:Decrypt"],
  },
  ApprovalStatus: {
    UserConnections: ["dynamodb:GetItem"],
    TenantConsents: ["dynamodb:GetItem"],
    [viaDynamoDb]: ["kms:Decrypt"],
  },
  AdminConsent: {
    TenantConsents: ["dynamodb:GetItem", "dynamodb:Query"],
    [viaDynamoDb]: ["kms:Decrypt"],
  },
  AdminConsentCallback: {
    Attempts: ["dynamodb:GetItem", "dynamodb:UpdateItem"],
    TenantConsents: ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
    SignInKeys: ["secretsmanager:GetSecretValue"],
    ClientCredential: ["secretsmanager:GetSecretValue"],
    [viaDynamoDb]: ["kms:Decrypt"],
    [viaSecrets]: ["kms:Decrypt"],
  },
  ResumeWaiting: {
    TenantConsents: ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem"],
    "TenantConsents/index/byNotice": ["dynamodb:Query"],
    ...mail,
    [viaDynamoDb]: ["kms:Decrypt"],
  },
  MailEvents: {
    TenantConsents: [
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ],
    [viaDynamoDb]: ["kms:Decrypt"],
  },
  KeepAlive: {
    UserConnections: ["dynamodb:GetItem"],
    "UserConnections/index/byKeepAlive": ["dynamodb:Query"],
    TokenFetchFunction: ["lambda:InvokeFunction"],
    [viaDynamoDb]: ["kms:Decrypt"],
  },
  SweepVault: {
    UserConnections: ["dynamodb:GetItem"],
    RefreshTokens: ["dynamodb:DeleteItem", "dynamodb:Scan"],
    [vault]: ["secretsmanager:DeleteSecret"],
    "*": ["secretsmanager:ListSecrets"],
    [viaDynamoDb]: ["kms:Decrypt"],
  },
  EraseConnections: {
    Attempts: ["dynamodb:DeleteItem", "dynamodb:GetItem"],
    UserConnections: ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan"],
    "UserConnections/index/byOwner": ["dynamodb:Query"],
    TenantConsents: ["dynamodb:DeleteItem", "dynamodb:GetItem"],
    [vault]: ["secretsmanager:DeleteSecret"],
    RefreshTokens: ["dynamodb:DeleteItem"],
    [viaDynamoDb]: ["kms:Decrypt"],
  },
  RequireSignIn: {
    UserConnections: ["dynamodb:GetItem", "dynamodb:Scan", "dynamodb:UpdateItem"],
    [vault]: ["secretsmanager:DeleteSecret"],
    RefreshTokens: ["dynamodb:DeleteItem"],
    [viaDynamoDb]: ["kms:Decrypt"],
  },
  RotateVaultKeys: {
    SignInKeys: rotation,
    TokenKeys: rotation,
    [viaSecrets]: ["kms:Decrypt", "kms:GenerateDataKey"],
  },
  CredentialExpiry: {
    ClientCredential: ["secretsmanager:GetSecretValue"],
    SignInKeys: ["secretsmanager:DescribeSecret"],
    TokenKeys: ["secretsmanager:DescribeSecret"],
    [viaSecrets]: ["kms:Decrypt"],
  },
};

const list = <Item extends z.ZodMiniType>(item: Item) =>
  z.union([
    z.array(item),
    z.pipe(
      item,
      z.transform((one) => [one]),
    ),
  ]);

const statementSchema = z.strictObject({
  Sid: z.optional(z.string()),
  Effect: z.enum(["Allow", "Deny"]),
  Principal: z.optional(z.unknown()),
  Action: list(z.string()),
  Resource: list(z.unknown()),
  Condition: z.optional(z.record(z.string(), z.record(z.string(), z.unknown()))),
});
const policySchema = z.object({ Statement: z.array(statementSchema) });

describe("permissions", () => {
  let prod: SynthesizedStage;
  beforeAll(async () => {
    prod = await synthesized(stages.prod);
  });

  const described = (condition: z.infer<typeof statementSchema>["Condition"] = {}) =>
    Object.values(condition)
      .flatMap((keys) => Object.entries(keys))
      .map(([key, value]) => `, if ${key} is ${prod.readable(value)}`)
      .join("");

  /** Actions by resource, of one role. */
  const permissionsOf = (role: string, stage = prod) => {
    const permissions: Record<string, string[]> = {};
    for (const { Properties } of stage.resources("AWS::IAM::Policy")) {
      const roles = z
        .array(z.unknown())
        .parse(Properties.Roles)
        .map((each) => stage.readable(each));
      if (!roles.includes(role)) continue;
      for (const statement of policySchema.parse(Properties.PolicyDocument).Statement) {
        expect(statement.Effect).toBe("Allow");
        for (const resource of statement.Resource) {
          const name = `${stage.readable(resource)}${described(statement.Condition)}`;
          permissions[name] = [...(permissions[name] ?? []), ...statement.Action].sort();
        }
      }
    }
    return permissions;
  };

  it.each(Object.entries(allowed))("of %s are those of its table and no more", (name, expected) => {
    const { Properties } = prod.resource("AWS::Lambda::Function", `${name}Function`);

    const permissions = permissionsOf(prod.readable(Properties.Role));

    expect(permissions).toEqual({
      ...expected,
      [`${name}Logs`]: ["logs:CreateLogStream", "logs:PutLogEvents"],
      "*": [
        ...("*" in expected ? expected["*"] : []),
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
      ],
    });
  });

  it("to make entries are for the vault that the stage chooses; of the other one they are only read and erased", async () => {
    const table = await synthesized(withTable);
    const ofVaults = (name: string) => {
      const { RefreshTokens, [vault]: secrets } = permissionsOf(`${name}Role`, table);
      return { RefreshTokens, secrets };
    };

    expect(ofVaults("Complete")).toEqual({
      RefreshTokens: ["dynamodb:DeleteItem", "dynamodb:PutItem"],
      secrets: ["secretsmanager:DeleteSecret"],
    });
    expect(ofVaults("TokenFetch")).toEqual({
      RefreshTokens: [
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
      ],
      secrets: ["secretsmanager:DeleteSecret", "secretsmanager:GetSecretValue"],
    });
    expect(ofVaults("Disconnect")).toEqual({
      RefreshTokens: ["dynamodb:DeleteItem"],
      secrets: ["secretsmanager:DeleteSecret"],
    });
  });

  it("to be named to Microsoft by AWS are given where the stage uses it, to the functions that ask Microsoft", async () => {
    const federated = await synthesized(withFederatedCredential);
    const granted =
      "*, if sts:IdentityTokenAudience is api://AzureADTokenExchange, if sts:IdentityTokenAudience is false, if sts:DurationSeconds is 300, if sts:SigningAlgorithm is RS256";

    for (const name of Object.keys(allowed)) {
      const before = permissionsOf(`${name}Role`);
      const asksMicrosoft = ["Complete", "TokenFetch", "AdminConsentCallback"].includes(name);

      expect(permissionsOf(`${name}Role`, federated)).toEqual({
        ...before,
        ...(asksMicrosoft && { [granted]: ["sts:GetWebIdentityToken"] }),
      });
    }
    const [statement] = federated
      .resources("AWS::IAM::Policy")
      .flatMap(({ Properties }) => policySchema.parse(Properties.PolicyDocument).Statement)
      .filter(({ Action }) => Action.includes("sts:GetWebIdentityToken"));
    expect(Object.keys(statement?.Condition ?? {}).toSorted()).toEqual([
      "ForAllValues:StringEquals",
      "Null",
      "NumericLessThanEquals",
      "StringEquals",
    ]);
    const subjects = federated.service.Outputs.FederatedCredentialSubjects?.Value;
    expect(federated.readable(subjects).split(" ")).toEqual([
      "CompleteRole",
      "TokenFetchRole",
      "AdminConsentCallbackRole",
    ]);
  });

  it("to tell the operator are given to EventBridge by a role, for the topic and its key", () => {
    const { Properties } = prod.resource("AWS::IAM::Role", "AlarmsEventsRole");

    expect(Properties.AssumeRolePolicyDocument).toMatchObject({
      Statement: [
        {
          Action: "sts:AssumeRole",
          Effect: "Allow",
          Principal: { Service: "events.amazonaws.com" },
        },
      ],
    });
    expect(permissionsOf("AlarmsEventsRole")).toEqual({
      AlarmsTopic: ["sns:Publish"],
      OperationsKey: ["kms:Decrypt", "kms:GenerateDataKey*"],
    });
  });

  it("belong to one role for each function, which takes no other policy", () => {
    const roles = prod.resources("AWS::IAM::Role");
    const used = prod
      .resources("AWS::Lambda::Function")
      .map(({ Properties }) => prod.readable(Properties.Role));

    expect(used.toSorted()).toEqual(
      Object.keys(allowed)
        .map((name) => `${name}Role`)
        .toSorted(),
    );
    expect(roles.map(({ id }) => id).toSorted()).toEqual([...used, "AlarmsEventsRole"].toSorted());
    for (const { Properties } of roles) {
      expect(Object.keys(Properties)).not.toContain("ManagedPolicyArns");
      expect(Object.keys(Properties)).not.toContain("Policies");
    }
  });

  it("of workers and of the product's back end are to invoke one function each and nothing else", () => {
    const policies = prod.resources("AWS::IAM::ManagedPolicy").map(({ id, Properties }) => {
      const { Statement } = policySchema.parse(Properties.PolicyDocument);
      return [
        id,
        Statement.map(({ Action, Resource }) => [
          Action,
          Resource.map((each) => prod.readable(each)),
        ]),
      ];
    });

    const toInvoke = (name: string) => [[["lambda:InvokeFunction"], [name]]];
    expect(policies).toEqual([
      ["WorkerInvokePolicy", toInvoke("TokenFetchFunction")],
      ["EraseInvokePolicy", toInvoke("EraseConnectionsFunction")],
    ]);
    for (const [output, id] of [
      ["WorkerInvokePolicyArn", "WorkerInvokePolicy"],
      ["EraseInvokePolicyArn", "EraseInvokePolicy"],
      ["EraseConnectionsFunctionName", "EraseConnectionsFunction"],
      ["RequireSignInFunctionName", "RequireSignInFunction"],
    ] as const) {
      expect(prod.readable(prod.service.Outputs[output]?.Value)).toBe(id);
    }
  });

  it("to invoke a function are given to the API for that function's routes, to EventBridge for its own, and to Secrets Manager for the rotation of the vault keys", () => {
    const invocations = prod
      .resources("AWS::Lambda::Permission")
      .map(({ Properties }) => [
        Properties.Principal,
        prod.readable(Properties.FunctionName),
        prod.readable(Properties.SourceArn).replace(/^arn:.*:/, ""),
      ]);

    expect(invocations.toSorted()).toEqual(
      [
        ["apigateway.amazonaws.com", "StartFunction", "Api/*/POST/start"],
        ["apigateway.amazonaws.com", "AttemptStatusFunction", "Api/*/GET/attempts/*"],
        ["apigateway.amazonaws.com", "CallbackFunction", "Api/*/POST/callback"],
        ["apigateway.amazonaws.com", "CompleteFunction", "Api/*/POST/complete"],
        ["apigateway.amazonaws.com", "ConnectionsFunction", "Api/*/GET/connections"],
        ["apigateway.amazonaws.com", "ConnectionsFunction", "Api/*/GET/connections/*"],
        ["apigateway.amazonaws.com", "DisconnectFunction", "Api/*/DELETE/connections/*"],
        [
          "apigateway.amazonaws.com",
          "AdminConsentRequestFunction",
          "Api/*/POST/admin-consent-requests",
        ],
        ["apigateway.amazonaws.com", "ApprovalStatusFunction", "Api/*/GET/admin-consent-requests"],
        ["apigateway.amazonaws.com", "AdminConsentFunction", "Api/*/GET/admin-consent/*"],
        [
          "apigateway.amazonaws.com",
          "AdminConsentCallbackFunction",
          "Api/*/GET/admin-consent-callback",
        ],
        [
          "apigateway.amazonaws.com",
          "AdminConsentCallbackFunction",
          "Api/*/POST/admin-consent-callback",
        ],
        ["events.amazonaws.com", "ResumeWaitingFunction", "EachMinute"],
        ["events.amazonaws.com", "MailEventsFunction", "MailEventRule"],
        ["events.amazonaws.com", "CredentialExpiryFunction", "TwiceADay"],
        ["events.amazonaws.com", "KeepAliveFunction", "TwiceAnHour"],
        ["events.amazonaws.com", "SweepVaultFunction", "EachHour"],
        ["secretsmanager.amazonaws.com", "RotateVaultKeysFunction", "SignInKeys"],
        ["secretsmanager.amazonaws.com", "RotateVaultKeysFunction", "TokenKeys"],
      ].toSorted(),
    );
  });

  it("to fetch tokens and to end connections are given to those roles of other accounts that the stage names for it", async () => {
    const stage = await synthesized(withOtherAccounts);

    const given = stage
      .resources("AWS::Lambda::Permission")
      .map(({ Properties }) => Properties)
      .filter(({ Principal }) => !String(Principal).endsWith(".amazonaws.com"));

    expect(
      given.map(({ FunctionName, ...rest }) => ({
        ...rest,
        FunctionName: stage.readable(FunctionName),
      })),
    ).toEqual(
      [
        ...workerRoles.map((Principal) => ({ Principal, FunctionName: "TokenFetchFunction" })),
        ...backEndRoles.map((Principal) => ({
          Principal,
          FunctionName: "EraseConnectionsFunction",
        })),
      ].map((permission) => ({ ...permission, Action: "lambda:InvokeFunction" })),
    );
  });

  const roleArns = (functions: readonly string[]) =>
    functions.map(
      (name) =>
        `arn:<Partition>:iam::<AccountId>:role/${prod.readable(
          prod.resource("AWS::IAM::Role", `${name}Role`).Properties.RoleName,
        )}`,
    );

  it.each(["SignInKeys", "TokenKeys", "ClientCredential"])(
    "to read %s are refused to everybody but the functions that are granted it",
    (secret) => {
      const readers = Object.keys(allowed).filter((name) =>
        permissionsOf(`${name}Role`)[secret]?.includes("secretsmanager:GetSecretValue"),
      );

      const { Properties } = prod.resource(
        "AWS::SecretsManager::ResourcePolicy",
        `${secret}Readers`,
      );

      expect(prod.readable(Properties.SecretId)).toBe(secret);
      expect(Properties.BlockPublicPolicy).toBe(true);
      const [refusal, ...others] = policySchema.parse(Properties.ResourcePolicy).Statement;
      expect(others).toEqual([]);
      expect(refusal).toMatchObject({
        Effect: "Deny",
        Principal: { AWS: "*" },
        // Not PutSecretValue: the operator writes what he may not read.
        Action: ["secretsmanager:GetSecretValue"],
        Resource: ["*"],
      });
      expect(Object.keys(refusal?.Condition ?? {})).toEqual(["ArnNotLike"]);
      expect(described(refusal?.Condition)).toBe(
        `, if aws:PrincipalArn is ${roleArns(readers).join()}`,
      );
    },
  );

  describe("on the key of tables and secrets", () => {
    const statements = () =>
      policySchema.parse(prod.resource("AWS::KMS::Key", "DataKey").Properties.KeyPolicy).Statement;

    it("let administrators manage it, and use it only through the services", () => {
      const using = statements().filter(
        ({ Effect, Action }) =>
          Effect === "Allow" &&
          Action.some((action) =>
            /\*$|:(Encrypt|Decrypt|ReEncrypt|GenerateDataKey|CreateGrant|Sign)/.test(action),
          ),
      );

      expect(using).toHaveLength(1);
      expect(described(using[0]?.Condition)).toBe(
        ", if kms:ViaService is dynamodb.<Region>.amazonaws.com,secretsmanager.<Region>.amazonaws.com",
      );
    });

    it("decrypt refresh tokens for the functions that redeem them and for nobody else", () => {
      const [refusal, ...others] = statements().filter(({ Effect }) => Effect === "Deny");
      expect(others).toEqual([]);
      expect(refusal?.Action).toEqual(["kms:Decrypt"]);
      expect(refusal?.Principal).toEqual({ AWS: "*" });
      expect(Object.keys(refusal?.Condition ?? {})).toEqual(["StringLike", "ArnNotLike"]);
      expect(described(refusal?.Condition)).toBe(
        `, if kms:EncryptionContext:SecretARN is ${vault}, if aws:PrincipalArn is ${roleArns(["Complete", "TokenFetch"]).join()}`,
      );
    });
  });
});
