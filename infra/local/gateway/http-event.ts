import type { IncomingMessage } from "node:http";
import * as z from "zod/mini";
import type { JwtAuthorization } from "./jwt-authorizer.ts";

/** `GET /connections/{connectionId}`, or `$default`. */
export interface RouteMatch {
  readonly routeKey: string;
  readonly pathParameters: Readonly<Record<string, string>>;
}

export interface EventContext {
  readonly accountId: string;
  readonly apiId: string;
  readonly requestId: string;
  readonly now: Date;
  readonly match: RouteMatch;
  readonly url: URL;
  readonly body: Buffer;
  readonly authorization: JwtAuthorization | undefined;
}

/** Belong to one connection (RFC 9110 §7.6.1) or are handed over in a field of their own. */
const keptFromFunctions = new Set([
  "connection",
  "cookie",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Bodies of these media types are handed over as text, all others (form posts!) in base64.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
const isText = (contentType: string | undefined) =>
  /^(text\/.*|application\/(json|javascript|xml))$/i.test(contentType?.split(";")[0]?.trim() ?? "");

const joined = (pairs: Iterable<readonly [string, string]>): Record<string, string> => {
  const values = new Map<string, string[]>();
  for (const [name, value] of pairs) values.set(name, [...(values.get(name) ?? []), value]);
  return Object.fromEntries([...values].map(([name, all]) => [name, all.join(",")]));
};

/** `12/Mar/2020:19:03:58 +0000` */
const commonLogTime = (now: Date) => {
  const [, day, month, year, time] =
    /^\w+, (\d+) (\w+) (\d+) ([\d:]+)/.exec(now.toUTCString()) ?? [];
  return `${day}/${month}/${year}:${time} +0000`;
};

/**
 * The event of payload format 2.0.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
export const httpEvent = (request: IncomingMessage, context: EventContext) => {
  const { accountId, apiId, requestId, now, match, url, body, authorization } = context;
  const sourceIp = request.socket.remoteAddress ?? "127.0.0.1";
  const received = Object.entries(request.headersDistinct).flatMap(([name, values]) =>
    keptFromFunctions.has(name) || !values ? [] : [[name, values.join(",")] as const],
  );
  const cookies = (request.headers.cookie ?? "").split(/; */).filter((cookie) => cookie !== "");
  const query = joined(url.searchParams);
  const asText = isText(request.headers["content-type"]);
  const domainName = url.hostname;
  const path = decodeURIComponent(url.pathname);

  return {
    version: "2.0",
    routeKey: match.routeKey,
    rawPath: path,
    rawQueryString: url.search.slice(1),
    ...(cookies.length > 0 && { cookies }),
    headers: {
      "content-length": "0",
      ...Object.fromEntries(received),
      "x-forwarded-for": sourceIp,
      "x-forwarded-port": url.port,
      "x-forwarded-proto": "http",
    },
    ...(url.search.length > 1 && { queryStringParameters: query }),
    requestContext: {
      accountId,
      apiId,
      ...(authorization && { authorizer: { jwt: authorization } }),
      domainName,
      domainPrefix: domainName.split(".")[0],
      http: {
        method: request.method,
        path,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp,
        userAgent: request.headers["user-agent"] ?? "",
      },
      requestId,
      routeKey: match.routeKey,
      stage: "$default",
      time: commonLogTime(now),
      timeEpoch: now.getTime(),
    },
    ...(Object.keys(match.pathParameters).length > 0 && { pathParameters: match.pathParameters }),
    ...(body.length > 0 && { body: body.toString(asText ? "utf8" : "base64") }),
    isBase64Encoded: body.length > 0 && !asText,
  };
};

export interface HttpAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies?: readonly string[];
  readonly body: string | Buffer;
}

/** As the gateway itself answers: one message and nothing else. */
export const gatewayAnswer = (
  statusCode: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer => ({
  statusCode,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify({ message }),
});

const proxyResponse = z.object({
  statusCode: z.coerce.number().check(z.int(), z.gte(100), z.lte(599)),
  headers: z.nullish(z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))),
  cookies: z.nullish(z.array(z.string())),
  body: z.nullish(z.string()),
  isBase64Encoded: z.nullish(z.boolean()),
});

/**
 * Reads what a function returned. Anything without a status code is the body of a 200.
 *
 * @returns `undefined` if it has a status code but is no response
 */
export const httpAnswer = (payload: string): HttpAnswer | undefined => {
  const result: unknown = JSON.parse(payload);
  if (typeof result !== "object" || result === null || !("statusCode" in result)) {
    const body = typeof result === "string" ? result : payload;
    return { statusCode: 200, headers: { "content-type": "application/json" }, body };
  }
  const read = proxyResponse.safeParse(result);
  if (!read.success) return undefined;

  const { statusCode, headers, cookies, body, isBase64Encoded } = read.data;
  const given = Object.entries(headers ?? {}).map(([name, value]) => [
    name.toLowerCase(),
    `${value}`,
  ]);
  return {
    statusCode,
    headers: {
      ...(body && { "content-type": "text/plain;charset=UTF-8" }),
      ...Object.fromEntries(given),
    },
    ...(cookies && { cookies }),
    body: isBase64Encoded ? Buffer.from(body ?? "", "base64") : (body ?? ""),
  };
};
