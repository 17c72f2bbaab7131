import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { newTrace, refusal, type Trace, tokenError } from "./aadsts.ts";
import { readAdminConsent } from "./admin-consent.ts";
import { applyFault, type Delivery } from "./apply-fault.ts";
import { readAuthorize } from "./authorize.ts";
import { carryOut, type SimulatorControl, simulatorControl } from "./control.ts";
import { personalTenantId } from "./directory.ts";
import type { EndpointName } from "./faults.ts";
import { graph } from "./graph.ts";
import {
  type HttpRequest,
  type HttpResponse,
  json,
  readRequest,
  seeOther,
} from "./http-exchange.ts";
import { beginInteraction, continueInteraction, signOut } from "./interactions.ts";
import { keepState, restoreState } from "./kept-state.ts";
import { issuerOf } from "./keys.ts";
import { signedOutPage } from "./pages/account-pages.ts";
import { controlPage } from "./pages/control-page.ts";
import { errorPage } from "./pages/error-page.ts";
import {
  type Authority,
  newSimulation,
  readAuthority,
  type Simulation,
  type SimulatorOptions,
} from "./simulation.ts";
import { tokenEndpoint } from "./token-endpoint.ts";

export interface MicrosoftSimulator {
  readonly origin: string;
  readonly control: SimulatorControl;
  close(): Promise<void>;
}

interface Route {
  readonly method: string;
  /** The first segment is the tenant. */
  readonly path: string;
  readonly endpoint: EndpointName;
  readonly respond: (
    simulation: Simulation,
    request: HttpRequest,
    authority: Authority,
    trace: Trace,
  ) => HttpResponse | Promise<HttpResponse>;
}

const parametersOf = ({ method, url, form }: HttpRequest) =>
  method === "POST" ? form : url.searchParams;

const authorize: Route["respond"] = (simulation, request, authority, trace) => {
  const read = readAuthorize(simulation, parametersOf(request), trace);
  if ("response" in read) return read.response;
  return beginInteraction(simulation, request, authority, read.purpose, trace);
};

const tenantIn = (authority: Authority): string | undefined => {
  if (authority.kind === "tenant") return authority.tenantId;
  return authority.kind === "consumers" ? personalTenantId : undefined;
};

const routes: readonly Route[] = [
  { method: "GET", path: "/oauth2/v2.0/authorize", endpoint: "authorize", respond: authorize },
  { method: "POST", path: "/oauth2/v2.0/authorize", endpoint: "authorize", respond: authorize },
  { method: "POST", path: "/oauth2/v2.0/token", endpoint: "token", respond: tokenEndpoint },
  {
    method: "GET",
    path: "/v2.0/adminconsent",
    endpoint: "admin_consent",
    respond: (simulation, request, authority, trace) => {
      const read = readAdminConsent(simulation, authority, request.url.searchParams, trace);
      if ("response" in read) return read.response;
      return beginInteraction(simulation, request, authority, read.purpose, trace);
    },
  },
  {
    method: "GET",
    path: "/discovery/v2.0/keys",
    endpoint: "keys",
    respond: async ({ keys }, _request, authority) =>
      json(200, await keys.published(tenantIn(authority))),
  },
  {
    method: "GET",
    path: "/v2.0/.well-known/openid-configuration",
    endpoint: "openid_configuration",
    respond: (_simulation, { url }, authority) => {
      const base = `${url.origin}/${tenantIn(authority) ?? authority.kind}`;
      return json(200, {
        issuer: issuerOf(tenantIn(authority) ?? "{tenantid}"),
        authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
        token_endpoint: `${base}/oauth2/v2.0/token`,
        jwks_uri: `${base}/discovery/v2.0/keys`,
        end_session_endpoint: `${base}/oauth2/v2.0/logout`,
        response_types_supported: ["code"],
        response_modes_supported: ["query", "fragment", "form_post"],
        subject_types_supported: ["pairwise"],
        id_token_signing_alg_values_supported: ["RS256"],
        scopes_supported: ["openid", "profile", "email", "offline_access"],
      });
    },
  },
  {
    method: "GET",
    path: "/oauth2/v2.0/logout",
    endpoint: "authorize",
    respond: (simulation, request) => {
      signOut(simulation, request);
      return signedOutPage();
    },
  },
];

/** A server that fails, or refuses the app, has seen the code all the same. */
const countRedemption = (
  { state: { counters, redemptions } }: Simulation,
  grantType: string | undefined,
  code: string | null,
) => {
  if (grantType === undefined) return;
  counters.set(`token.${grantType}`, (counters.get(`token.${grantType}`) ?? 0) + 1);
  if (code !== null) redemptions.set(code, (redemptions.get(code) ?? 0) + 1);
};

/** An endpoint's answer, unless a fault was ordered for it. */
const answer = async (
  simulation: Simulation,
  request: HttpRequest,
  endpoint: EndpointName,
  trace: Trace,
  respond: () => HttpResponse | Promise<HttpResponse>,
): Promise<Delivery> => {
  const { counters, faults } = simulation.state;
  counters.set(endpoint, (counters.get(endpoint) ?? 0) + 1);
  const grantType = request.form.get("grant_type") ?? undefined;
  const code = request.form.get("code");
  if (endpoint === "token") countRedemption(simulation, grantType, code);
  const order = faults.take(grantType, (ordered) => ordered.endpoint === endpoint);
  if (order) return applyFault(order.fault, endpoint, trace, async () => respond());
  return { kind: "whole", response: await respond() };
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text || "{}");
  } catch {
    return undefined;
  }
};

/** A page of another origin must not order anything: its forms cannot send JSON. */
const controlled = (
  simulation: Simulation,
  control: SimulatorControl,
  { method, url, body, headers }: HttpRequest,
): HttpResponse => {
  const name = url.pathname.split("/")[2] ?? "";
  if (method === "GET" && name === "") return controlPage(simulation);
  if (method === "GET" && name === "report") return json(200, control.report());
  if (method !== "POST" || !headers["content-type"]?.startsWith("application/json")) {
    return json(405, { message: "Orders are POSTed as JSON." });
  }
  const problem = carryOut(simulation, name, parseJson(body));
  return problem === undefined ? json(200, {}) : json(400, { message: problem });
};

const respondTo = async (
  simulation: Simulation,
  control: SimulatorControl,
  request: HttpRequest,
): Promise<Delivery> => {
  const { method, url, headers } = request;
  const whole = (response: HttpResponse): Delivery => ({ kind: "whole", response });
  const correlation = url.searchParams.get("client-request-id") ?? headers["client-request-id"];
  const trace = newTrace(
    simulation.now(),
    typeof correlation === "string" ? correlation : undefined,
  );
  const [, first = "", second = ""] = url.pathname.split("/");

  if (first === "") return whole(seeOther(302, "/_control"));
  if (first === "_control") return whole(controlled(simulation, control, request));
  if (first === "interaction" && method === "POST") {
    return whole(continueInteraction(simulation, request, second, trace));
  }
  if (first === "graph") {
    return answer(simulation, request, "graph", trace, () => graph(simulation, request));
  }
  const path = url.pathname.slice(first.length + 1);
  const route = routes.find((known) => known.method === method && known.path === path);
  if (!route) return whole(json(404, { message: "The simulator does not know this path." }));
  const authority = readAuthority(simulation, first);
  if (!authority) {
    const unknown = refusal(90002);
    return whole(
      route.endpoint === "token" ? tokenError(unknown, trace) : errorPage(unknown, trace),
    );
  }
  return answer(simulation, request, route.endpoint, trace, () =>
    route.respond(simulation, request, authority, trace),
  );
};

const dropBytes = 8;

const deliver = async (delivery: Delivery, response: ServerResponse): Promise<void> => {
  if (delivery.kind === "dropped") {
    response.socket?.destroy();
    return;
  }
  const { status, headers, body } = delivery.response;
  for (const [name, value] of Object.entries(headers)) {
    response.setHeader(name, typeof value === "string" ? value : [...value]);
  }
  response.writeHead(status);
  if (delivery.kind === "dripped") {
    const bytes = Buffer.from(body);
    for (let at = 0; at < bytes.length && !response.destroyed; at += dropBytes) {
      response.write(bytes.subarray(at, at + dropBytes));
      await wait(delivery.milliseconds, undefined, { ref: false });
    }
    response.end();
    return;
  }
  response.end(body);
};

/**
 * Microsoft's identity platform and the little of Graph that this project uses, on loopback: what it does
 * follows Microsoft's documentation, and who is in its tenants is invented.
 */
export const startMicrosoftSimulator = async (
  options: SimulatorOptions,
): Promise<MicrosoftSimulator> => {
  const { folder } = options;
  const simulation = newSimulation(options);
  const control = simulatorControl(simulation);
  if (folder !== undefined) restoreState(simulation, folder);
  const server = createServer((message, response) => {
    readRequest(message, simulation.origin)
      .then((request) => respondTo(simulation, control, request))
      .then((delivery) => {
        // Before the answer leaves: what the app was given must still be known after a crash.
        if (folder !== undefined && message.method === "POST") keepState(simulation, folder);
        return deliver(delivery, response);
      })
      .catch((error: unknown) => {
        console.error("the Microsoft simulator broke:", error);
        response.destroy();
      });
  });
  server.listen(options.port ?? 0, "127.0.0.1");
  // Rejects if the port is taken.
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  simulation.origin = `http://127.0.0.1:${address.port}`;
  return {
    origin: simulation.origin,
    control,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
};
