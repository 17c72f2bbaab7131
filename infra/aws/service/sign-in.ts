import { HttpMethod } from "aws-cdk-lib/aws-apigatewayv2";
import type { AttemptsEnv } from "../../../functions/attempts/env.ts";
import type { CallbackEnv } from "../../../functions/callback/env.ts";
import type { CompleteEnv } from "../../../functions/complete/env.ts";
import type { StartEnv } from "../../../functions/start/env.ts";
import { byOwner } from "../data-stack.ts";
import { callbackPath, microsoftsBrowsers } from "./microsoft-redirects.ts";
import type { ServiceContext } from "./service-context.ts";

const defineStart = (context: ServiceContext) => {
  const { api, data, settings } = context;
  const start = context.define("Start", {
    name: "start",
    description: "POST /start: begins an attempt to connect a mailbox",
    timeoutSeconds: 10,
    environment: {
      ...settings.allowedOrigins,
      ...settings.attempts,
      ...settings.connections,
      ...settings.microsoft,
      ...settings.personalAccounts,
      ...settings.productPerson,
      ...settings.redirect,
      ...settings.adminConsentRedirect,
      ...settings.returnPages,
      ...settings.tenantConsents,
      ...settings.signInKeys,
    } satisfies StartEnv,
  });
  api.route(HttpMethod.POST, "/start", start);
  data.tenantConsents.grant(start, "dynamodb:GetItem");
  data.attempts.grant(start, "dynamodb:PutItem");
  data.connections.grant(start, "dynamodb:GetItem");
  data.connections.grantQuery(start, byOwner);
  data.signInKeys.grantRead(start);
  return start;
};

const defineAttempts = (context: ServiceContext) => {
  const { api, data, settings } = context;
  const attempts = context.define("AttemptStatus", {
    name: "attempts",
    description: "GET /attempts/{attemptId}: tells a waiting page how an attempt stands",
    timeoutSeconds: 10,
    environment: {
      ...settings.attempts,
      ...settings.microsoft,
      ...settings.productPerson,
      ...settings.tenantConsents,
    } satisfies AttemptsEnv,
  });
  api.route(HttpMethod.GET, "/attempts/{attemptId}", attempts);
  data.attempts.grant(attempts, "dynamodb:GetItem");
  data.tenantConsents.grant(attempts, "dynamodb:GetItem", "dynamodb:PutItem");
  return attempts;
};

const defineCallback = (context: ServiceContext) => {
  const { api, data, settings, stage } = context;
  const callback = context.define("Callback", {
    name: "callback",
    description: "POST /callback: parks Microsoft's answer until its user is known again",
    timeoutSeconds: 10,
    environment: {
      ...settings.attempts,
      MICROSOFT_AUTHORITY: stage.microsoft.authority,
      ...settings.returnPages,
      ...settings.signInKeys,
    } satisfies CallbackEnv,
    reservedConcurrency: stage.reservedConcurrency.callback,
  });
  api.publicRoute(
    HttpMethod.POST,
    callbackPath,
    callback,
    stage.throttling.callback,
    microsoftsBrowsers,
  );
  data.attempts.grant(callback, "dynamodb:GetItem", "dynamodb:UpdateItem");
  data.signInKeys.grantRead(callback);
  return callback;
};

const defineComplete = (context: ServiceContext) => {
  const { api, appCredential, data, settings, stage } = context;
  const complete = context.define("Complete", {
    name: "complete",
    description: "POST /complete: redeems the code and stores the connection",
    timeoutSeconds: 26,
    environment: {
      ...settings.allowedOrigins,
      ...settings.attempts,
      ...settings.clientCredential,
      ...settings.connections,
      ...settings.graph,
      ...settings.microsoft,
      ...settings.personalAccounts,
      ...settings.productPerson,
      ...settings.redirect,
      ...settings.tenantConsents,
      ...settings.tokenVault,
      ...settings.signInKeys,
      ...settings.tokenKeys,
    } satisfies CompleteEnv,
    reservedConcurrency: stage.reservedConcurrency.complete,
  });
  api.route(HttpMethod.POST, "/complete", complete);
  data.attempts.grant(complete, "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:UpdateItem");
  data.connections.grant(complete, "dynamodb:GetItem", "dynamodb:PutItem");
  data.tenantConsents.grant(
    complete,
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
  );
  data.signInKeys.grantRead(complete);
  data.tokenKeys.grantRead(complete);
  appCredential.grant(complete);
  data.refreshTokens.grant(
    complete,
    ...(context.keepsTokensInTable ? [] : ["secretsmanager:CreateSecret"]),
    "secretsmanager:DeleteSecret",
  );
  data.refreshTokenItems.grant(
    complete,
    "dynamodb:DeleteItem",
    ...(context.keepsTokensInTable ? ["dynamodb:PutItem"] : []),
  );
  return complete;
};

/** How a person connects a mailbox: from the first click to the stored connection. */
export const defineSignIn = (context: ServiceContext) => ({
  start: defineStart(context),
  attempts: defineAttempts(context),
  callback: defineCallback(context),
  complete: defineComplete(context),
});

export type SignInFunctions = ReturnType<typeof defineSignIn>;
