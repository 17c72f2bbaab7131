import { CfnOutput } from "aws-cdk-lib/core";
import type { ServiceFunctions } from "./functions.ts";
import type { InvokePolicies } from "./invokers.ts";
import type { ServiceContext } from "./service-context.ts";

/** What an operator copies into other systems. */
export const defineOutputs = (
  { stack, api, appCredential, settings }: ServiceContext,
  { tokenFetch, eraseConnections, requireSignIn }: ServiceFunctions,
  policies: InvokePolicies,
): void => {
  new CfnOutput(stack, "ApiUrl", { value: api.url });
  new CfnOutput(stack, "RedirectUri", {
    description: "Register it at Microsoft to the letter, platform Web",
    value: settings.redirect.REDIRECT_URI,
  });
  new CfnOutput(stack, "AdminConsentRedirectUri", {
    description: "Register it beside the other one",
    value: settings.adminConsentRedirect.ADMIN_CONSENT_REDIRECT_URI,
  });
  new CfnOutput(stack, "FederatedCredentialSubjects", {
    description: "One federated credential of the app registration for each of these roles",
    value: appCredential.subjects.join(" "),
  });
  new CfnOutput(stack, "TokenFetchFunctionName", { value: tokenFetch.lambda.functionName });
  new CfnOutput(stack, "TokenFetchFunctionArn", {
    description: "What workers in other accounts call it by",
    value: tokenFetch.lambda.functionArn,
  });
  new CfnOutput(stack, "WorkerInvokePolicyArn", { value: policies.worker.managedPolicyArn });
  new CfnOutput(stack, "EraseConnectionsFunctionName", {
    value: eraseConnections.lambda.functionName,
  });
  new CfnOutput(stack, "EraseConnectionsFunctionArn", {
    description: "What the product's back end in another account calls it by",
    value: eraseConnections.lambda.functionArn,
  });
  new CfnOutput(stack, "EraseInvokePolicyArn", { value: policies.erase.managedPolicyArn });
  new CfnOutput(stack, "RequireSignInFunctionName", { value: requireSignIn.lambda.functionName });
  if (api.domainTarget) new CfnOutput(stack, "CustomDomainTarget", { value: api.domainTarget });
};
