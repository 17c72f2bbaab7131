import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { Clock } from "../clock.ts";
import { type CorsConfiguration, corsHeaders, isCorsHeader, preflightHeaders } from "./cors.ts";
import {
  gatewayAnswer,
  type HttpAnswer,
  httpAnswer,
  httpEvent,
  type RouteMatch,
} from "./http-event.ts";
import { JwtAuthorizer, type JwtAuthorizerConfiguration } from "./jwt-authorizer.ts";
import type { LambdaService } from "./lambda-service.ts";
import { listen, readBody, stopListening } from "./listen.ts";

export interface Route {
  /** `GET`, …, or `ANY`. */
  readonly method: string;
  /** `/connections/{connectionId}`; `{proxy+}` takes the rest; `$default` everything else. */
  readonly path: string;
  readonly functionName: string;
  readonly authorizer?: JwtAuthorizerConfiguration;
  readonly scopes?: readonly string[];
  /** How long the gateway waits for the function: 30 seconds unless the integration says less. */
  readonly timeoutMs?: number;
}

export interface HttpApi {
  readonly id: string;
  readonly accountId: string;
  readonly routes: readonly Route[];
  readonly cors?: CorsConfiguration;
}

export interface Gateway {
  readonly origin: string;
  /** From now on requests reach the functions. */
  serve(api: HttpApi, lambda: Pick<LambdaService, "invoke">): void;
  close(): Promise<void>;
}

/** https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html */
const bodyLimitBytes = 10 * 1024 * 1024;
const integrationLimitMs = 30_000;

/**
 * An API Gateway HTTP API in front of the functions: routes, JWT authorizer, CORS, payload format 2.0. It listens before
 * it serves, because the functions' settings hold its address; until then it answers 503.
 */
export const startGateway = async (options: {
  readonly port?: number;
  readonly clock: Clock;
}): Promise<Gateway> => {
  const { clock, port } = options;
  let served: Served | undefined;
  const authorizers = new Map<string, JwtAuthorizer>();
  const authorizerOf = (configuration: JwtAuthorizerConfiguration) => {
    const key = JSON.stringify(configuration);
    const authorizer = authorizers.get(key) ?? new JwtAuthorizer(configuration, clock);
    authorizers.set(key, authorizer);
    return authorizer;
  };

  const answer = async (
    request: IncomingMessage,
    url: URL,
    requestId: string,
  ): Promise<HttpAnswer> => {
    if (served === undefined) return gatewayAnswer(503, "Service Unavailable");
    const { api, lambda, routes } = served;
    const segments = decodedSegments(url.pathname);
    if (segments === undefined) return gatewayAnswer(400, "Bad Request");
    const found = findRoute(routes, request.method ?? "", segments);
    if (found === undefined) return gatewayAnswer(404, "Not Found");
    const { route, match } = found;

    const authorized =
      route.authorizer &&
      (await authorizerOf(route.authorizer).authorize(
        request.headersDistinct.authorization?.join(","),
        route.scopes ?? [],
      ));
    if (authorized?.kind === "unauthorized") {
      return gatewayAnswer(401, "Unauthorized", { "www-authenticate": authorized.challenge });
    }
    if (authorized?.kind === "forbidden") return gatewayAnswer(403, "Forbidden");

    const body = await readBody(request, bodyLimitBytes);
    if (body === undefined) return gatewayAnswer(413, "Request Entity Too Large");

    const event = httpEvent(request, {
      accountId: api.accountId,
      apiId: api.id,
      requestId,
      now: clock.now(),
      match,
      url,
      body,
      authorization: authorized?.authorization,
    });
    const outcome = await within(
      route.timeoutMs ?? integrationLimitMs,
      lambda.invoke(route.functionName, JSON.stringify(event)),
    );
    if (outcome === "timed out" || outcome === "throttled") {
      return gatewayAnswer(503, "Service Unavailable");
    }
    const answered = outcome.ok ? httpAnswer(outcome.payload) : undefined;
    return answered ?? gatewayAnswer(500, "Internal Server Error");
  };

  const server = createServer((request, response) => {
    const requestId = `${randomBytes(11).toString("base64url")}=`;
    const { origin } = request.headers;
    const cors = served?.api.cors;

    const send = ({ statusCode, headers, cookies, body }: HttpAnswer) => {
      const own = Object.entries(headers).filter(([name]) => !(cors && isCorsHeader(name)));
      response.writeHead(statusCode, {
        ...Object.fromEntries(own),
        ...(cookies?.length && { "set-cookie": [...cookies] }),
        ...(cors && corsHeaders(cors, origin)),
        ...(statusCode !== 204 &&
          statusCode !== 304 && {
            "content-length": `${Buffer.byteLength(body)}`,
          }),
        "apigw-requestid": requestId,
      });
      response.end(body);
    };

    if (cors && request.method === "OPTIONS") {
      const method = request.headers["access-control-request-method"];
      response.writeHead(204, {
        ...preflightHeaders(cors, origin, method),
        "apigw-requestid": requestId,
      });
      response.end();
      return;
    }
    const host = request.headers.host ?? "127.0.0.1";
    const url = URL.parse(`http://${host}${request.url}`);
    if (url === null) return send(gatewayAnswer(400, "Bad Request"));
    answer(request, url, requestId)
      .then(send)
      .catch((error: unknown) => {
        if (response.destroyed) return; // whoever asked is gone
        // A fault of this gateway itself must not pass in silence.
        console.error(error);
        if (response.headersSent) response.destroy();
        else send(gatewayAnswer(500, "Internal Server Error"));
      });
  });
  return {
    origin: await listen(server, port),
    serve(api, lambda) {
      const routes = [...api.routes].sort((one, other) => vagueness(one) - vagueness(other));
      served = { api, lambda, routes };
    },
    close: () => stopListening(server),
  };
};

interface Served {
  readonly api: HttpApi;
  readonly lambda: Pick<LambdaService, "invoke">;
  /** The most exact first. */
  readonly routes: readonly Route[];
}

/** Of the routes that match, the one that leaves least open wins. */
const vagueness = ({ path, method }: Route): number => {
  const ofPath =
    path === "$default" ? 1000 : path.includes("+}") ? 100 : path.split("{").length - 1;
  return ofPath * 2 + (method === "ANY" ? 1 : 0);
};

const decodedSegments = (path: string): readonly string[] | undefined => {
  try {
    return path.split("/").slice(1).map(decodeURIComponent);
  } catch {
    return undefined;
  }
};

const findRoute = (routes: readonly Route[], method: string, segments: readonly string[]) => {
  for (const route of routes) {
    if (route.method !== "ANY" && route.method !== method) continue;
    const pathParameters = matchPath(route.path, segments);
    if (pathParameters === undefined) continue;
    const routeKey = route.path === "$default" ? "$default" : `${route.method} ${route.path}`;
    const match: RouteMatch = { routeKey, pathParameters };
    return { route, match };
  }
  return undefined;
};

const matchPath = (
  path: string,
  segments: readonly string[],
): Record<string, string> | undefined => {
  if (path === "$default") return {};
  const parameters: Record<string, string> = {};
  const pattern = path.split("/").slice(1);
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index];
    const [, name, greedy] = /^\{([^}+]+)(\+?)\}$/.exec(part) ?? [];
    if (segment === undefined || (name !== undefined && segment === "")) return undefined;
    if (name === undefined) {
      if (part !== segment) return undefined;
    } else if (greedy) {
      return { ...parameters, [name]: segments.slice(index).join("/") };
    } else {
      parameters[name] = segment;
    }
  }
  return pattern.length === segments.length ? parameters : undefined;
};

const within = async <Value>(
  limitMs: number,
  work: Promise<Value>,
): Promise<Value | "timed out"> => {
  const { promise, resolve } = Promise.withResolvers<"timed out">();
  const timer = setTimeout(resolve, limitMs, "timed out");
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
};
