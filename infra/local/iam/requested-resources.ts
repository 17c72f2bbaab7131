import * as z from "zod/mini";
import { localArn } from "../gateway/template-values.ts";
import type { GuardedService } from "./role-policies.ts";

/**
 * ARNs of what a request is about, by which IAM decides; `*` for an operation without any.
 *
 * @param body of the request, parsed from JSON
 * @returns `undefined` if it is no request of this service
 */
export type RequestedResources = (body: unknown) => readonly string[] | undefined;

const dynamoDbBody = z.object({
  TableName: z.optional(z.string()),
  IndexName: z.optional(z.string()),
  /** Of the batch operations: requests by table. */
  RequestItems: z.optional(z.record(z.string(), z.unknown())),
});

const tableArn = (table: string) =>
  table.startsWith("arn:") ? table : localArn("dynamodb", `table/${table}`);

/** Service Authorization Reference, "Actions, resources, and condition keys for Amazon DynamoDB" */
const dynamoDbResources: RequestedResources = (body) => {
  const { success, data } = dynamoDbBody.safeParse(body);
  if (!success) return undefined;
  const { TableName, IndexName, RequestItems } = data;
  if (RequestItems) return Object.keys(RequestItems).map(tableArn);
  if (TableName === undefined) return ["*"];
  const arn = tableArn(TableName);
  return [IndexName === undefined ? arn : `${arn}/index/${IndexName}`];
};

const secretsManagerBody = z.object({
  SecretId: z.optional(z.string()),
  /** Of a secret to be created. */
  Name: z.optional(z.string()),
});

/**
 * A secret's ARN ends in six characters that only AWS knows. A secret of the stack has its own; for one that a
 * function makes, question marks stand for them, which only a wildcard matches: AWS, too, takes no permission
 * to create a secret that leaves the six characters out.
 */
const secretsManagerResources =
  (secretArns: Readonly<Record<string, string>>): RequestedResources =>
  (body) => {
    const { success, data } = secretsManagerBody.safeParse(body);
    if (!success) return undefined;
    const id = data.SecretId ?? data.Name;
    if (id === undefined) return ["*"];
    if (id.startsWith("arn:")) return [id];
    return [secretArns[id] ?? localArn("secretsmanager", `secret:${id}-??????`)];
  };

/** @param secretArns of the stack's own secrets, by name */
export const requestedResources = (
  service: GuardedService,
  secretArns: Readonly<Record<string, string>>,
): RequestedResources => {
  switch (service) {
    case "dynamodb":
      return dynamoDbResources;
    case "secretsmanager":
      return secretsManagerResources(secretArns);
    case "sts":
      // GetWebIdentityToken is about whoever calls.
      return () => ["*"];
    default:
      return service satisfies never;
  }
};
