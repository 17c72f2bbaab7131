import type { Context } from "aws-lambda";
import type { ProductUser } from "../../shared/domain/ids.ts";
import type { EndpointHandler } from "../../shared/http/endpoint.ts";
import type { HttpEvent } from "../../shared/http/request.ts";
import type { HttpResponse } from "../../shared/http/response.ts";
import { expectKeepsTheRules } from "./answer-rules.ts";

export const claimNames = {
  USER_CLAIM: "sub",
  WORKSPACE_CLAIM: "org",
  EMAIL_CLAIM: "email",
  NAME_CLAIM: "name",
  WORKSPACE_NAME_CLAIM: "org_name",
};

export interface SampleRequest {
  /** As in the template, such as `GET /attempts/{attemptId}`. */
  readonly route: string;
  /** Who is signed in; a public route has nobody. */
  readonly user?: ProductUser;
  /** Claims in place of those of `user`. */
  readonly claims?: Readonly<Record<string, string>>;
  readonly pathParameters?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: string;
  /** Each as `name=value`. */
  readonly cookies?: readonly string[];
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
  readonly sourceIp?: string;
}

/** Everybody's address at the product; the domain goes with the workspace. */
export const addressOf = ({ userId, workspaceId }: ProductUser): string =>
  `${userId}@${workspaceId.replace("ws_", "")}.example`;

/** An event as API Gateway's HTTP API hands it over. Payload format 2.0 */
export const httpEvent = ({
  route,
  user,
  claims = user && {
    [claimNames.USER_CLAIM]: user.userId,
    [claimNames.WORKSPACE_CLAIM]: user.workspaceId,
    [claimNames.EMAIL_CLAIM]: addressOf(user),
    [claimNames.NAME_CLAIM]: `${user.userId} Example`,
    [claimNames.WORKSPACE_NAME_CLAIM]: "North Example",
  },
  pathParameters,
  headers = {},
  query = "",
  cookies,
  body,
  isBase64Encoded = false,
  sourceIp = "192.0.2.1",
}: SampleRequest): HttpEvent => {
  const [method = "", path = ""] = route.split(" ");
  const rawPath = path.replaceAll(/\{(\w+)\}/g, (_, name) => pathParameters?.[name] ?? "");
  return {
    version: "2.0",
    routeKey: route,
    rawPath,
    rawQueryString: query,
    headers: { host: "api.example", ...headers },
    ...(cookies && { cookies: [...cookies] }),
    ...(pathParameters && { pathParameters: { ...pathParameters } }),
    requestContext: {
      accountId: "123456789012",
      apiId: "a1b2c3d4e5",
      domainName: "api.example",
      domainPrefix: "api",
      http: {
        method,
        path: rawPath,
        protocol: "HTTP/1.1",
        sourceIp,
        userAgent: "test",
      },
      requestId: "request-1",
      routeKey: route,
      stage: "$default",
      time: "01/Mar/2026:12:00:00 +0000",
      timeEpoch: 1_772_366_400_000,
      ...(claims && {
        authorizer: {
          principalId: "",
          integrationLatency: 1,
          jwt: { claims: { ...claims }, scopes: [] },
        },
      }),
    },
    ...(body !== undefined && { body }),
    isBase64Encoded,
  };
};

export const jsonRequest = (content: unknown): Pick<SampleRequest, "headers" | "body"> => ({
  headers: { "content-type": "application/json", origin: "https://app.example" },
  body: JSON.stringify(content),
});

/** As Microsoft's page posts it and the gateway hands it over: in base64. */
export const formRequest = (
  fields: Readonly<Record<string, string>> | string,
): Pick<SampleRequest, "headers" | "body" | "isBase64Encoded"> => {
  const form = typeof fields === "string" ? fields : new URLSearchParams({ ...fields }).toString();
  return {
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      origin: "https://login.microsoftonline.com",
    },
    body: Buffer.from(form).toString("base64"),
    isBase64Encoded: true,
  };
};

const nothing = () => {};

export const lambdaContext: Context = {
  callbackWaitsForEmptyEventLoop: true,
  functionName: "function",
  functionVersion: "$LATEST",
  invokedFunctionArn: "arn:aws:lambda:eu-west-1:123456789012:function:function",
  memoryLimitInMB: "256",
  awsRequestId: "5f0c8a1e-0000-4000-8000-000000000001",
  logGroupName: "group",
  logStreamName: "stream",
  getRemainingTimeInMillis: () => 25_000,
  done: nothing,
  fail: nothing,
  succeed: nothing,
};

/** Calls a handler as Lambda does; whatever it answers must keep the rules that hold for all of them. */
export const send = async (
  handler: EndpointHandler,
  request: SampleRequest,
): Promise<HttpResponse> => {
  const response = await handler(httpEvent(request), lambdaContext);
  expectKeepsTheRules(response);
  return response;
};
