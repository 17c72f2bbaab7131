import { describe, expect, it } from "vitest";
import { readRolePolicies } from "../../../../infra/local/iam/role-policies.ts";

const table = "arn:aws:dynamodb:us-east-1:123456789012:table/People";
const read = {
  Effect: "Allow",
  Action: "dynamodb:GetItem",
  Resource: { "Fn::GetAtt": ["People", "Arn"] },
};

const policy = (statements: readonly unknown[], properties: Record<string, unknown>) => ({
  PolicyDocument: { Version: "2012-10-17", Statement: statements },
  ...properties,
});

const templates = (
  resources: Record<string, unknown>,
  role: Record<string, unknown> = { RoleName: "role-of-it" },
) => ({
  Service: {
    Resources: {
      People: { Type: "AWS::DynamoDB::Table", Properties: { TableName: "People" } },
      Role: { Type: "AWS::IAM::Role", Properties: role },
      It: {
        Type: "AWS::Lambda::Function",
        Properties: { FunctionName: "it", Role: { "Fn::GetAtt": ["Role", "Arn"] } },
      },
      ...resources,
    },
  },
});

const attached = (...statements: readonly unknown[]) =>
  templates({
    Policy: {
      Type: "AWS::IAM::Policy",
      Properties: policy(statements, { PolicyName: "p", Roles: [{ Ref: "Role" }] }),
    },
  });

describe("a function's permissions", () => {
  const inline = policy([read], { PolicyName: "p" });
  const withRoles = policy([read], { Roles: [{ Ref: "Role" }] });
  const withRoleName = policy([read], { RoleName: { Ref: "Role" } });

  it.each([
    ["a policy that names the role", attached(read)],
    ["the role itself", templates({}, { RoleName: "role-of-it", Policies: [inline] })],
    [
      "a managed policy that names the role",
      templates({ Policy: { Type: "AWS::IAM::ManagedPolicy", Properties: withRoles } }),
    ],
    [
      "a managed policy that the role names",
      templates(
        { Policy: { Type: "AWS::IAM::ManagedPolicy", Properties: policy([read], {}) } },
        { RoleName: "role-of-it", ManagedPolicyArns: [{ Ref: "Policy" }] },
      ),
    ],
    [
      "an inline policy of its own in the template",
      templates({ Policy: { Type: "AWS::IAM::RolePolicy", Properties: withRoleName } }),
    ],
  ])("are read from %s", (_, given) => {
    const policies = readRolePolicies(given);

    expect(Object.fromEntries(policies)).toEqual({
      it: {
        roleName: "role-of-it",
        allow: [{ action: "dynamodb:GetItem", resource: table }],
        deny: [],
      },
    });
  });

  it("are one for each action on each resource, of the guarded services only", () => {
    const policies = readRolePolicies(
      attached(
        {
          Effect: "Allow",
          Action: ["dynamodb:GetItem", "dynamodb:Query", "logs:PutLogEvents"],
          Resource: [{ "Fn::GetAtt": ["People", "Arn"] }, `${table}/index/*`],
        },
        { Effect: "Deny", Action: "*", Resource: `${table}/index/secret` },
      ),
    );

    expect(policies.get("it")).toEqual({
      roleName: "role-of-it",
      allow: [
        { action: "dynamodb:GetItem", resource: table },
        { action: "dynamodb:GetItem", resource: `${table}/index/*` },
        { action: "dynamodb:Query", resource: table },
        { action: "dynamodb:Query", resource: `${table}/index/*` },
      ],
      deny: [{ action: "*", resource: `${table}/index/secret` }],
    });
  });

  it("are those of its own role and of no other", () => {
    const policies = readRolePolicies(
      templates({
        Other: { Type: "AWS::IAM::Role", Properties: { RoleName: "role-of-another" } },
        Policy: {
          Type: "AWS::IAM::Policy",
          Properties: policy([read], { Roles: [{ Ref: "Other" }] }),
        },
      }),
    );

    expect(policies.get("it")?.allow).toEqual([]);
  });
});

describe("what is not understood", () => {
  const condition = { StringEquals: { "dynamodb:Select": "COUNT" } };

  it.each([
    [
      "a condition on a table",
      attached({ ...read, Condition: condition }),
      /condition on dynamodb:GetItem/,
    ],
    [
      "a condition on tokens of STS by an operator that is not known",
      attached({
        ...read,
        Action: "sts:GetWebIdentityToken",
        Condition: { StringLike: { "sts:IdentityTokenAudience": "*" } },
      }),
      /condition on sts:GetWebIdentityToken/,
    ],
    [
      "a condition on everything",
      attached({ ...read, Action: "*", Condition: condition }),
      /condition on \*/,
    ],
    [
      "a condition on secrets, written in capitals",
      attached({ ...read, Action: "SecretsManager:Get*", Condition: condition }),
      /condition on SecretsManager:Get\*/,
    ],
    [
      "NotAction",
      attached({ Effect: "Deny", NotAction: "dynamodb:GetItem", Resource: "*" }),
      /NotAction/,
    ],
    [
      "NotResource",
      attached({ Effect: "Allow", Action: "dynamodb:GetItem", NotResource: table }),
      /NotResource/,
    ],
    [
      "a policy variable",
      attached({ ...read, Resource: `${table.replace("People", "$")}{aws:username}` }),
      /policy variable/,
    ],
    [
      "a policy of AWS",
      templates(
        {},
        {
          RoleName: "role-of-it",
          ManagedPolicyArns: ["arn:aws:iam::aws:policy/AmazonDynamoDBReadOnlyAccess"],
        },
      ),
      /AmazonDynamoDBReadOnlyAccess is in no template/,
    ],
    [
      "a permissions boundary",
      templates({}, { RoleName: "role-of-it", PermissionsBoundary: "arn:aws:iam::aws:policy/Any" }),
      /permissions boundary/,
    ],
  ])("is an error, not a guess: %s", (_, given, message) => {
    expect(() => readRolePolicies(given)).toThrow(message);
  });

  it("does not matter where nothing is checked: a condition on the use of keys", () => {
    const statement = { ...read, Action: "kms:Decrypt", Condition: condition };

    expect(readRolePolicies(attached(statement)).get("it")?.allow).toEqual([]);
  });
});
