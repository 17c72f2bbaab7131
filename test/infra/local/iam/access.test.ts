import { describe, expect, it } from "vitest";
import { Access } from "../../../../infra/local/iam/access.ts";
import { requestedResources } from "../../../../infra/local/iam/requested-resources.ts";
import type { Permission } from "../../../../infra/local/iam/role-policies.ts";

const table = "arn:aws:dynamodb:us-east-1:123456789012:table/People";
const secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret";

const can = (action: string, resource: string): Permission => ({ action, resource });

const accessOf = (allow: readonly Permission[], deny: readonly Permission[] = []) =>
  new Access(new Map([["reader", { roleName: "role-of-reader", allow, deny }]]));

const isAllowed = (
  permission: Permission,
  action: string,
  resource: string,
  deny: readonly Permission[] = [],
) => accessOf([permission], deny).refusal("reader", action, [resource]) === undefined;

describe("an action is allowed", () => {
  it.each([
    [can("dynamodb:GetItem", table), "dynamodb:GetItem", table, true],
    [can("dynamodb:GetItem", table), "dynamodb:PutItem", table, false],
    [can("dynamodb:getitem", table), "dynamodb:GetItem", table, true],
    [can("dynamodb:Get*", table), "dynamodb:GetItem", table, true],
    [can("dynamodb:Get*", table), "dynamodb:BatchGetItem", table, false],
    [can("dynamodb:?etItem", table), "dynamodb:GetItem", table, true],
    [can("dynamodb:?GetItem", table), "dynamodb:GetItem", table, false],
    [can("*", "*"), "dynamodb:GetItem", table, true],
    [can("dynamodb:GetItem", "arn:aws:dynamodb"), "dynamodb:GetItem", table, true],
    [can("dynamodb:GetItem", "arn:aws:dynamodb:*:*:table/*"), "dynamodb:GetItem", table, true],
    // A dot is a dot.
    [can("dynamodb:GetItem", table.replace("People", "P.ople")), "dynamodb:GetItem", table, false],
    // Resources are told apart by case, and a wildcard stays within its field.
    [can("dynamodb:GetItem", table.toLowerCase()), "dynamodb:GetItem", table, false],
    [can("dynamodb:GetItem", "arn:aws:*:table/People"), "dynamodb:GetItem", table, false],
    [can("dynamodb:GetItem", `${table}-2`), "dynamodb:GetItem", table, false],
    [can("dynamodb:GetItem", table), "dynamodb:GetItem", `${table}-2`, false],
    // A table is not its indexes, nor the other way round.
    [can("dynamodb:Query", table), "dynamodb:Query", `${table}/index/byName`, false],
    [can("dynamodb:Query", `${table}/index/byName`), "dynamodb:Query", table, false],
    [can("dynamodb:Query", `${table}/index/*`), "dynamodb:Query", `${table}/index/byName`, true],
  ])("by %j: %s on %s → %s", (permission, action, resource, expected) => {
    expect(isAllowed(permission, action, resource)).toBe(expected);
  });

  it("unless it is denied as well", () => {
    const deny = [can("dynamodb:*", `${table}/index/byName`)];

    expect(isAllowed(can("*", "*"), "dynamodb:Query", `${table}/index/byName`, deny)).toBe(false);
    expect(isAllowed(can("*", "*"), "dynamodb:Query", `${table}/index/byAge`, deny)).toBe(true);
  });

  it("only if it is on every resource of the request", () => {
    const access = accessOf([can("dynamodb:BatchGetItem", table)]);

    expect(access.refusal("reader", "dynamodb:BatchGetItem", [table])).toBeUndefined();
    expect(access.refusal("reader", "dynamodb:BatchGetItem", [table, `${table}-2`])).toMatchObject({
      message: expect.stringContaining(`${table}-2`),
    });
  });
});

describe("the resource of a request", () => {
  const dynamoDb = requestedResources("dynamodb", {});
  const secrets = requestedResources("secretsmanager", { TokenKeys: `${secret}:TokenKeys-aB3dE6` });

  it.each([
    [dynamoDb, { TableName: "People", Key: {} }, [table]],
    [dynamoDb, { TableName: table }, [table]],
    [dynamoDb, { TableName: "People", IndexName: "byName" }, [`${table}/index/byName`]],
    [
      dynamoDb,
      { RequestItems: { People: {}, Mail: {} } },
      [table, table.replace("People", "Mail")],
    ],
    [dynamoDb, { Limit: 1 }, ["*"]],
    [dynamoDb, { TableName: 1 }, undefined],
    [dynamoDb, undefined, undefined],
    [secrets, { SecretId: "TokenKeys" }, [`${secret}:TokenKeys-aB3dE6`]],
    [secrets, { SecretId: `${secret}:a/b-Xy12Zz` }, [`${secret}:a/b-Xy12Zz`]],
    [secrets, { SecretId: "a/b" }, [`${secret}:a/b-??????`]],
    [secrets, { Name: "a/b", SecretString: "s" }, [`${secret}:a/b-??????`]],
    [secrets, { MaxResults: 1 }, ["*"]],
    [secrets, { SecretId: 1 }, undefined],
  ])("%# is an ARN", (resourcesOf, body, expected) => {
    expect(resourcesOf(body)).toEqual(expected);
  });

  it.each([
    [`${secret}:a/*`, true],
    [`${secret}:a/b-*`, true],
    [`${secret}:a/b-??????`, true],
    [`${secret}:a/b`, false],
    [`${secret}:a/b-?????`, false],
    [`${secret}:a/b-aB3dE6`, false],
    [`${secret}:a/bc-*`, false],
  ])("that is a secret's name is covered by %s: %s", (resource, expected) => {
    const [named = ""] = secrets({ SecretId: "a/b" }) ?? [];
    const permission = can("secretsmanager:GetSecretValue", resource);

    expect(isAllowed(permission, "secretsmanager:GetSecretValue", named)).toBe(expected);
  });
});

describe("a refusal", () => {
  it("says who may not do what, and why", () => {
    const access = accessOf([], [can("dynamodb:DeleteItem", "*")]);
    const who = "User: arn:aws:sts::123456789012:assumed-role/role-of-reader/reader";

    expect(access.refusal("reader", "dynamodb:GetItem", [table])).toEqual({
      code: "AccessDeniedException",
      message: `${who} is not authorized to perform: dynamodb:GetItem on resource: ${table} because no identity-based policy allows the dynamodb:GetItem action`,
    });
    expect(access.refusal("reader", "dynamodb:DeleteItem", [table])).toEqual({
      code: "AccessDeniedException",
      message: `${who} is not authorized to perform: dynamodb:DeleteItem on resource: ${table} with an explicit deny in an identity-based policy`,
    });
    expect(access.refusal("reader", "secretsmanager:ListSecrets", ["*"])?.message).toBe(
      `${who} is not authorized to perform: secretsmanager:ListSecrets because no identity-based policy allows the secretsmanager:ListSecrets action`,
    );
  });

  it.each([undefined, "local", ""])("meets a caller that is no function: %s", (caller) => {
    const access = accessOf([can("*", "*")]);

    expect(access.refusal(caller, "dynamodb:GetItem", [table])).toEqual({
      code: "UnrecognizedClientException",
      message: "The security token included in the request is invalid.",
    });
  });
});

describe("the record", () => {
  it("holds what was used, what was not, and what was denied, each once", () => {
    const access = accessOf([can("dynamodb:GetItem", table), can("dynamodb:PutItem", table)]);

    for (let call = 0; call < 3; call += 1) {
      access.refusal("reader", "dynamodb:GetItem", [table]);
      access.refusal("reader", "dynamodb:DeleteItem", [table]);
    }

    expect(access.unusedGrants).toEqual([
      { functionName: "reader", ...can("dynamodb:PutItem", table) },
    ]);
    expect(access.denied).toEqual([
      { functionName: "reader", ...can("dynamodb:DeleteItem", table) },
    ]);
  });

  it("does not grow without end", () => {
    const access = accessOf([]);

    for (let call = 0; call < 1000; call += 1) {
      access.refusal("reader", "dynamodb:GetItem", [`${table}-${call}`]);
    }

    expect(access.denied).toHaveLength(100);
  });

  it("counts a grant as used only if the whole request was allowed", () => {
    const access = accessOf([can("dynamodb:BatchGetItem", table)]);

    access.refusal("reader", "dynamodb:BatchGetItem", [table, `${table}-2`]);

    expect(access.unusedGrants).toHaveLength(1);
  });
});

it("denies what a withdrawn grant allowed, until it is given back", () => {
  const access = accessOf([can("dynamodb:GetItem", table)]);
  const [grant] = access.grants;
  if (!grant) expect.fail("there is no grant");
  const isServed = () => access.refusal("reader", "dynamodb:GetItem", [table]) === undefined;

  const giveBack = access.withdraw(grant);
  expect(isServed()).toBe(false);
  giveBack();
  expect(isServed()).toBe(true);
});
