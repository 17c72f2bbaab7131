import { Schedule } from "aws-cdk-lib/aws-events";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import { Duration } from "aws-cdk-lib/core";
import type { KeepAliveEnv } from "../../../functions/keep-alive/env.ts";
import type { SweepVaultEnv } from "../../../functions/sweep-vault/env.ts";
import type { TokenFetchEnv } from "../../../functions/token-fetch/env.ts";
import type { RequestFunction } from "../constructs/request-function.ts";
import { byKeepAlive } from "../data-stack.ts";
import type { ServiceContext } from "./service-context.ts";

/** How often connections that nobody uses are looked through. */
const keptAliveEvery = Duration.minutes(30);

/** How a worker gets a token. */
export const defineTokenFetch = (context: ServiceContext) => {
  const { appCredential, data, settings, stage } = context;
  const tokenFetch = context.define("TokenFetch", {
    name: "token-fetch",
    description: "Invoked by workflow workers: answers with a fresh Microsoft Graph token",
    timeoutSeconds: 25,
    environment: {
      ...settings.clientCredential,
      ...settings.connections,
      ...settings.graph,
      ...settings.microsoft,
      ...settings.tenantConsents,
      ...settings.tokenVault,
      ...settings.tokenKeys,
      IDLE_CONNECTIONS_END_AFTER_DAYS: String(stage.idleConnectionsEndAfterDays),
    } satisfies TokenFetchEnv,
    reservedConcurrency: stage.reservedConcurrency.tokenFetch,
  });
  data.connections.grant(tokenFetch, "dynamodb:GetItem", "dynamodb:UpdateItem");
  data.tenantConsents.grant(tokenFetch, "dynamodb:GetItem", "dynamodb:PutItem");
  data.tokenKeys.grantRead(tokenFetch);
  appCredential.grant(tokenFetch);
  data.refreshTokens.grant(
    tokenFetch,
    ...(context.keepsTokensInTable
      ? []
      : ["secretsmanager:CreateSecret", "secretsmanager:PutSecretValue"]),
    "secretsmanager:DeleteSecret",
    "secretsmanager:GetSecretValue",
  );
  data.refreshTokenItems.grant(
    tokenFetch,
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    ...(context.keepsTokensInTable ? ["dynamodb:PutItem", "dynamodb:UpdateItem"] : []),
  );
  return tokenFetch;
};

const defineKeepAlive = (context: ServiceContext, tokenFetch: RequestFunction) => {
  const { data, settings, stage } = context;
  const keepAlive = context.define("KeepAlive", {
    name: "keep-alive",
    description: "Twice an hour: has connections refreshed that nobody has used for a week or two",
    timeoutSeconds: 300,
    environment: {
      ...settings.connections,
      TOKEN_FETCH_FUNCTION: tokenFetch.lambda.functionName,
    } satisfies KeepAliveEnv,
    reservedConcurrency: stage.reservedConcurrency.keepAlive,
  });
  data.connections.grantQuery(keepAlive, byKeepAlive);
  data.connections.grant(keepAlive, "dynamodb:GetItem");
  keepAlive.role.addToPolicy(
    new PolicyStatement({
      actions: ["lambda:InvokeFunction"],
      resources: [tokenFetch.lambda.functionArn],
    }),
  );
  context.invoke("TwiceAnHour", keepAlive, {
    description: "Refreshes connections that nobody uses, long before Microsoft forgets them.",
    schedule: Schedule.rate(keptAliveEvery),
  });
  return keepAlive;
};

const defineSweepVault = (context: ServiceContext) => {
  const { data, settings } = context;
  const sweepVault = context.define("SweepVault", {
    name: "sweep-vault",
    description: "Each hour: erases refresh tokens that no connection names",
    timeoutSeconds: 300,
    environment: {
      ...settings.connections,
      ...settings.refreshTokens,
      ...settings.tokenVaultPrefix,
    } satisfies SweepVaultEnv,
  });
  data.connections.grant(sweepVault, "dynamodb:GetItem");
  data.refreshTokenItems.grant(sweepVault, "dynamodb:DeleteItem", "dynamodb:Scan");
  data.refreshTokens.grant(sweepVault, "secretsmanager:DeleteSecret");
  data.refreshTokens.grantList(sweepVault);
  context.invoke("EachHour", sweepVault, {
    description: "Erases refresh tokens that no connection names.",
    schedule: Schedule.rate(Duration.hours(1)),
  });
  return sweepVault;
};

/** What keeps refresh tokens that nobody uses, and erases those that belong to no connection. */
export const defineTokenUpkeep = (context: ServiceContext, tokenFetch: RequestFunction) => ({
  keepAlive: defineKeepAlive(context, tokenFetch),
  sweepVault: defineSweepVault(context),
});

export type TokenFunctions = ReturnType<typeof defineTokenUpkeep> & {
  readonly tokenFetch: RequestFunction;
};
