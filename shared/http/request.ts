import type { APIGatewayProxyEventV2WithJWTAuthorizer } from "aws-lambda";

/** The event of a route; public routes have no authorizer. */
export type HttpEvent = Omit<APIGatewayProxyEventV2WithJWTAuthorizer, "requestContext"> & {
  readonly requestContext: Omit<
    APIGatewayProxyEventV2WithJWTAuthorizer["requestContext"],
    "authorizer"
  > & {
    readonly authorizer?: APIGatewayProxyEventV2WithJWTAuthorizer["requestContext"]["authorizer"];
  };
};

export interface HttpRequest {
  readonly route: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly query: URLSearchParams;
  /** Each as `name=value`: the gateway takes them out of the headers. */
  readonly cookies: readonly string[];
  readonly pathParameters: Readonly<Record<string, string | undefined>>;
  /** Text, whatever way the gateway handed it over. */
  readonly body: string;
  /** Claims of the verified JWT; empty on a public route. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** From its arrival until it must be answered. */
  readonly millisecondsLeft: number;
}

export const requestOf = (event: HttpEvent, millisecondsLeft: number): HttpRequest => ({
  route: event.routeKey,
  headers: event.headers,
  query: new URLSearchParams(event.rawQueryString),
  cookies: event.cookies ?? [],
  pathParameters: event.pathParameters ?? {},
  body: Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8").toString("utf8"),
  claims: event.requestContext.authorizer?.jwt.claims ?? {},
  millisecondsLeft,
});
