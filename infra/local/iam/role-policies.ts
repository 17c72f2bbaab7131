import * as z from "zod/mini";
import type { Templates } from "../gateway/template.ts";
import {
  localIamArn,
  type Resource,
  type RuntimeValues,
  TemplateValues,
} from "../gateway/template-values.ts";
import { type Condition, readCondition } from "./condition.ts";
import { matchesAction } from "./iam-pattern.ts";

/** Services whose calls are checked on this machine. */
const guardedServices = ["dynamodb", "secretsmanager", "sts"] as const;
export type GuardedService = (typeof guardedServices)[number];

/** One action on one resource, both of them patterns with `*` and `?`. */
export interface Permission {
  readonly action: string;
  readonly resource: string;
  /** Of calls to STS only. */
  readonly condition?: Condition;
}

/** What a role says of the guarded services. */
export interface RolePolicy {
  readonly roleName: string;
  readonly allow: readonly Permission[];
  readonly deny: readonly Permission[];
}

const listOfText = z.union([
  z.array(z.string()),
  z.pipe(
    z.string(),
    z.transform((one) => [one]),
  ),
]);

const statement = z.object({
  Sid: z.optional(z.string()),
  Effect: z.enum(["Allow", "Deny"]),
  Action: listOfText,
  Resource: listOfText,
  Condition: z.optional(z.unknown()),
});

const policyDocument = z.object({ Statement: z.array(z.record(z.string(), z.unknown())) });

const isGuarded = (action: string): boolean =>
  guardedServices.some((service) => matchesAction(action.split(":")[0] ?? "", service));

/**
 * What the role of each function allows and denies, by the function's name.
 *
 * Only policies of roles are read: the policies of keys, tables and secrets, and calls to other services, are
 * left to AWS.
 *
 * @throws if a role says something of a guarded service that is not understood here: a condition, a policy
 *   variable, `NotAction`, a policy that is in no template, a permissions boundary
 */
export const readRolePolicies = (
  templates: Templates,
  runtimeValues: RuntimeValues = {},
): ReadonlyMap<string, RolePolicy> => {
  const values = new TemplateValues(templates, runtimeValues);
  const roles = new Map(
    values.resourcesOf("AWS::IAM::Role").map((role) => {
      const roleName = values.nameOf(role, "RoleName");
      return [localIamArn(`role/${roleName}`), { role, roleName }] as const;
    }),
  );
  return new Map(
    values.resourcesOf("AWS::Lambda::Function").map((each) => {
      const arn = z.string().parse(values.read(each, "Role").Role);
      const found = roles.get(arn);
      if (!found) throw new Error(`${each.path.join(".")}: the role ${arn} is in no template`);
      const permissions = documentsOf(found.role, found.roleName, values).flatMap(permissionsIn);
      const saying = (effect: "Allow" | "Deny") =>
        permissions.filter((permission) => permission.effect === effect).map(withoutEffect);
      const policy = { roleName: found.roleName, allow: saying("Allow"), deny: saying("Deny") };
      return [values.nameOf(each, "FunctionName"), policy];
    }),
  );
};

interface Document {
  /** For errors. */
  readonly where: string;
  readonly content: unknown;
}

const roleProperties = z.object({
  Policies: z._default(z.array(z.object({ PolicyDocument: z.unknown() })), []),
  ManagedPolicyArns: z._default(z.array(z.string()), []),
  PermissionsBoundary: z.optional(z.string()),
});

/** Every policy of a role: inline, attached from outside, and attached by the role itself. */
const documentsOf = (
  role: Resource,
  roleName: string,
  values: TemplateValues,
): readonly Document[] => {
  const where = role.path.join(".");
  const { Policies, ManagedPolicyArns, PermissionsBoundary } = roleProperties.parse(
    values.read(role, "Policies", "ManagedPolicyArns", "PermissionsBoundary"),
  );
  if (PermissionsBoundary !== undefined) {
    throw new Error(`${where}: a permissions boundary is not enforced on this machine`);
  }

  const documentOf = (policy: Resource): Document => ({
    where: policy.path.join("."),
    content: values.read(policy, "PolicyDocument").PolicyDocument,
  });
  const managed = new Map(
    values
      .resourcesOf("AWS::IAM::ManagedPolicy")
      .map((policy) => [
        localIamArn(`policy/${values.nameOf(policy, "ManagedPolicyName")}`),
        policy,
      ]),
  );
  return [
    ...Policies.map(({ PolicyDocument }) => ({ where, content: PolicyDocument })),
    ...values
      .resourcesOf("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
      .filter((policy) =>
        z
          .array(z.string())
          .parse(values.read(policy, "Roles").Roles ?? [])
          .includes(roleName),
      )
      .map(documentOf),
    ...values
      .resourcesOf("AWS::IAM::RolePolicy")
      .filter((policy) => values.read(policy, "RoleName").RoleName === roleName)
      .map(documentOf),
    ...ManagedPolicyArns.map((arn) => {
      const policy = managed.get(arn);
      if (!policy) throw new Error(`${where}: the policy ${arn} is in no template`);
      return documentOf(policy);
    }),
  ];
};

interface StatedPermission extends Permission {
  readonly effect: "Allow" | "Deny";
}

const withoutEffect = ({ effect: _, ...permission }: StatedPermission): Permission => permission;

const permissionsIn = ({ where, content }: Document): readonly StatedPermission[] => {
  const notUnderstood = (what: string): never => {
    throw new Error(`${where}: ${what} is not understood on this machine`);
  };
  return policyDocument.parse(content).Statement.flatMap((stated) => {
    for (const element of Object.keys(stated)) {
      // `NotAction` and its like would change what the rest says.
      if (!(element in statement.shape)) notUnderstood(element);
    }
    const { Effect, Action, Resource, Condition } = statement.parse(stated);
    const actions = Action.filter(isGuarded);
    const condition = actions.every((action) => /^sts:/.test(action))
      ? readCondition(Condition)
      : undefined;
    if (actions.length > 0 && Condition !== undefined && condition === undefined) {
      notUnderstood(`a condition on ${actions.join(", ")}`);
    }
    return actions.flatMap((action) =>
      Resource.map((resource) => {
        if (resource.includes("${")) notUnderstood(`the policy variable in ${resource}`);
        return { effect: Effect, action, resource, ...(condition && { condition }) };
      }),
    );
  });
};
