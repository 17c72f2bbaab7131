import { ArnPrincipal, ManagedPolicy, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { RequestFunction } from "../constructs/request-function.ts";
import type { ServiceFunctions } from "./functions.ts";
import type { ServiceContext } from "./service-context.ts";

/** A policy for roles of this account. */
const invokePolicy = (
  { stack }: ServiceContext,
  id: string,
  description: string,
  { lambda }: RequestFunction,
) =>
  new ManagedPolicy(stack, id, {
    description,
    statements: [
      new PolicyStatement({
        actions: ["lambda:InvokeFunction"],
        resources: [lambda.functionArn],
      }),
    ],
  });

/** Roles of other accounts need the function's own permission beside their policy. */
const letIn = (kind: string, roles: readonly string[] = [], { lambda }: RequestFunction) => {
  for (const role of roles) {
    lambda.addPermission(`${kind} ${role}`, {
      principal: new ArnPrincipal(role),
      action: "lambda:InvokeFunction",
    });
  }
};

/** Who may invoke the functions that no route leads to: workers, and the product's back end. */
export const defineInvokers = (
  context: ServiceContext,
  { tokenFetch, eraseConnections }: ServiceFunctions,
) => {
  const { workerRoles, backEndRoles } = context.stage;
  const worker = invokePolicy(
    context,
    "WorkerInvokePolicy",
    "For the roles of workflow workers: may ask for Outlook tokens, and nothing else",
    tokenFetch,
  );
  const erase = invokePolicy(
    context,
    "EraseInvokePolicy",
    "For the role of the product's back end: may end Outlook connections, and nothing else",
    eraseConnections,
  );
  letIn("Worker", workerRoles, tokenFetch);
  letIn("BackEnd", backEndRoles, eraseConnections);
  return { worker, erase };
};

export type InvokePolicies = ReturnType<typeof defineInvokers>;
