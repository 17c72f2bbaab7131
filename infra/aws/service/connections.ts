import { HttpMethod } from "aws-cdk-lib/aws-apigatewayv2";
import type { ConnectionsEnv } from "../../../functions/connections/env.ts";
import type { DisconnectEnv } from "../../../functions/disconnect/env.ts";
import type { EraseConnectionsEnv } from "../../../functions/erase-connections/env.ts";
import type { RequireSignInEnv } from "../../../functions/require-sign-in/env.ts";
import { byOwner } from "../data-stack.ts";
import type { ServiceContext } from "./service-context.ts";

const defineConnections = (context: ServiceContext) => {
  const { api, data, settings } = context;
  const connections = context.define("Connections", {
    name: "connections",
    description: "GET /connections: lists a user's mailboxes, or shows one",
    timeoutSeconds: 10,
    environment: {
      ...settings.microsoftClient,
      ...settings.connections,
      ...settings.productClaims,
      ...settings.tenantConsents,
    } satisfies ConnectionsEnv,
  });
  api.route(HttpMethod.GET, "/connections", connections);
  api.route(HttpMethod.GET, "/connections/{connectionId}", connections);
  data.connections.grant(connections, "dynamodb:GetItem");
  data.connections.grantQuery(connections, byOwner);
  data.tenantConsents.grant(connections, "dynamodb:GetItem");
  return connections;
};

const defineDisconnect = (context: ServiceContext) => {
  const { api, data, settings } = context;
  const disconnect = context.define("Disconnect", {
    name: "disconnect",
    description: "DELETE /connections/{connectionId}: disconnects a mailbox and erases its token",
    timeoutSeconds: 10,
    environment: {
      ...settings.allowedOrigins,
      ...settings.connections,
      ...settings.productClaims,
      ...settings.refreshTokens,
    } satisfies DisconnectEnv,
  });
  api.route(HttpMethod.DELETE, "/connections/{connectionId}", disconnect);
  data.connections.grant(disconnect, "dynamodb:GetItem", "dynamodb:PutItem");
  data.refreshTokens.grant(disconnect, "secretsmanager:DeleteSecret");
  data.refreshTokenItems.grant(disconnect, "dynamodb:DeleteItem");
  return disconnect;
};

const defineEraseConnections = (context: ServiceContext) => {
  const { data, settings } = context;
  const eraseConnections = context.define("EraseConnections", {
    name: "erase-connections",
    description:
      "Invoked by the product's back end: ends the connections of a person or a workspace",
    // Short of the minute after which the AWS CLI gives up and asks again.
    timeoutSeconds: 50,
    environment: {
      ...settings.attempts,
      ...settings.microsoftClient,
      ...settings.connections,
      ...settings.refreshTokens,
      ...settings.tenantConsents,
    } satisfies EraseConnectionsEnv,
  });
  data.attempts.grant(eraseConnections, "dynamodb:DeleteItem", "dynamodb:GetItem");
  data.connections.grant(eraseConnections, "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan");
  data.connections.grantQuery(eraseConnections, byOwner);
  data.tenantConsents.grant(eraseConnections, "dynamodb:DeleteItem", "dynamodb:GetItem");
  data.refreshTokens.grant(eraseConnections, "secretsmanager:DeleteSecret");
  data.refreshTokenItems.grant(eraseConnections, "dynamodb:DeleteItem");
  return eraseConnections;
};

const defineRequireSignIn = (context: ServiceContext) => {
  const { data, settings } = context;
  const requireSignIn = context.define("RequireSignIn", {
    name: "require-sign-in",
    description: "Invoked by operators: deletes the tokens of many, who then sign in again",
    // Short of the minute after which the AWS CLI gives up and asks again.
    timeoutSeconds: 50,
    environment: { ...settings.connections, ...settings.refreshTokens } satisfies RequireSignInEnv,
  });
  data.connections.grant(requireSignIn, "dynamodb:GetItem", "dynamodb:Scan", "dynamodb:UpdateItem");
  data.refreshTokens.grant(requireSignIn, "secretsmanager:DeleteSecret");
  data.refreshTokenItems.grant(requireSignIn, "dynamodb:DeleteItem");
  return requireSignIn;
};

/** What people see of their own connections, and how they end one. */
export const defineOwnConnections = (context: ServiceContext) => ({
  connections: defineConnections(context),
  disconnect: defineDisconnect(context),
});

/** How the product's back end and operators end the connections of many, or have their people sign in again. */
export const defineConnectionsOfMany = (context: ServiceContext) => ({
  eraseConnections: defineEraseConnections(context),
  requireSignIn: defineRequireSignIn(context),
});

export type ConnectionFunctions = ReturnType<typeof defineOwnConnections> &
  ReturnType<typeof defineConnectionsOfMany>;
