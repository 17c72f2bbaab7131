import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import * as z from "zod/mini";
import { tokenClient } from "../../../shared/worker/fetch-token.ts";
import { type Answer, json, problem, seeOther } from "./answer.ts";
import { createIdentityProvider } from "./identity-provider.ts";
import { type Person, people } from "./people.ts";
import { runWorkflow } from "./run-workflow.ts";
import { Sessions } from "./sessions.ts";
import { staticFile } from "./static-files.ts";

/** What is a function is known only later, when its part of the stack has started. */
export interface WebAppOptions {
  /** A free port by default. */
  readonly port?: number;
  readonly apiOrigin: () => string;
  readonly lambdaEndpoint: () => string;
  readonly region: string;
  readonly tokenFetchFunctionName: () => string;
  readonly clock: { now(): Date; advance(seconds: number): void };
  /** The control page of the Microsoft simulator, for the footer of the demo. */
  readonly simulatorOrigin?: () => string;
  /** The inbox of the local mail server, for the footer of the demo. */
  readonly mailOrigin?: () => string;
}

export interface WebApp {
  readonly origin: string;
  readonly issuer: string;
  readonly audience: string;
  close(): Promise<void>;
}

const audience = "appse-ai";
const bodyLimitBytes = 16_384;

interface Visit {
  readonly body: unknown;
  readonly cookies: string | undefined;
  readonly person: Person | undefined;
}

type Route = (visit: Visit) => Answer | Promise<Answer>;

const signInBody = z.strictObject({ personId: z.string() });
const runBody = z.strictObject({
  connectionId: z.string().check(z.regex(/^conn_[\w-]{22}$/)),
  minTtlSeconds: z.optional(z.int().check(z.positive())),
});
const clockBody = z.strictObject({ seconds: z.int().check(z.positive()) });

/**
 * A stand-in for the product: its web app, its identity provider, and one worker that reads a mailbox.
 * Listens on the loopback address only.
 */
export const startWebApp = async (options: WebAppOptions): Promise<WebApp> => {
  const { clock, region } = options;
  const server = createServer();
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  const host = `127.0.0.1:${address.port}`;
  const origin = `http://${host}`;

  const now = () => clock.now();
  const identityProvider = await createIdentityProvider({ issuer: origin, audience, now });
  const sessions = new Sessions();

  const routes: Readonly<Record<string, Route>> = {
    "GET /.well-known/openid-configuration": () => json(200, identityProvider.discovery),
    "GET /jwks.json": () => json(200, identityProvider.keys),

    "GET /config.json": () =>
      json(200, {
        apiUrl: options.apiOrigin(),
        local: {
          now: now().toISOString(),
          simulatorUrl: options.simulatorOrigin && `${options.simulatorOrigin()}/_control`,
          mailUrl: options.mailOrigin?.(),
        },
      }),

    "GET /people": () => json(200, { people }),
    "GET /session": ({ person }) => (person ? json(200, person) : nobody()),
    "POST /session": ({ body }) => {
      const signIn = signInBody.safeParse(body);
      const cookie = signIn.success ? sessions.begin(signIn.data.personId) : undefined;
      if (cookie === undefined) return problem(400, "invalid_request", "There is no such person.");
      return { status: 204, headers: { "set-cookie": cookie } };
    },
    "DELETE /session": ({ cookies }) => ({
      status: 204,
      headers: { "set-cookie": sessions.end(cookies) },
    }),
    "POST /session/token": async ({ person }) =>
      person ? json(200, { token: await identityProvider.issueToken(person) }) : nobody(),

    "POST /workflows/run": async ({ body, person }) => {
      if (!person) return nobody();
      const run = runBody.safeParse(body);
      if (!run.success) return problem(400, "invalid_request", "A connectionId is needed.");
      const lambda = tokenClient({
        endpoint: options.lambdaEndpoint(),
        region,
        credentials: { accessKeyId: "local", secretAccessKey: "local" },
      });
      const { connectionId, minTtlSeconds } = run.data;
      const request = {
        connectionId,
        workspaceId: person.workspace.id,
        ...(minTtlSeconds !== undefined && { minTtlSeconds }),
        run: { workflowId: "newest-mail", runId: randomUUID() },
      };
      try {
        return json(
          200,
          await runWorkflow(request, { lambda, functionName: options.tokenFetchFunctionName() }),
        );
      } finally {
        lambda.destroy();
      }
    },

    "POST /local/clock": ({ body }) => {
      const jump = clockBody.safeParse(body);
      if (!jump.success) return problem(400, "invalid_request", "A number of seconds is needed.");
      clock.advance(jump.data.seconds);
      return json(200, { now: now().toISOString() });
    },
  };

  const respond = async (request: IncomingMessage): Promise<Answer> => {
    // A page of another site whose name was made to point here (DNS rebinding) still sends its own name.
    if (request.headers.host !== host) return problem(421, "wrong_host", `This is ${origin}.`);

    const { pathname } = new URL(request.url ?? "/", origin);
    const method = request.method ?? "GET";
    const cookies = request.headers.cookie;
    const person = sessions.find(cookies);

    const route = routes[`${method} ${pathname}`];
    if (route) {
      if (method !== "GET" && !isSameOrigin(request, origin)) {
        return problem(403, "cross_origin", "Only the product's own pages may ask for this.");
      }
      const body = method === "POST" ? await readJson(request) : undefined;
      return route({ body, cookies, person });
    }

    if (method === "GET") {
      if (pathname === "/" && !person) return seeOther("/sign-in");
      if (pathname === "/sign-in" && person) return seeOther("/");
      const file = await staticFile(pathname, { apiOrigin: options.apiOrigin() });
      if (file) return file;
    }
    return problem(404, "not_found", "There is nothing here.");
  };

  server.on("request", (request, response) => {
    respond(request)
      .catch((error: unknown) => {
        console.error("web app: a request failed", error);
        return problem(500, "internal_error", "Something went wrong in the demo itself.");
      })
      .then((answer) => send(response, answer));
  });

  return {
    origin,
    issuer: origin,
    audience,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
};

const nobody = () => problem(401, "signed_out", "Nobody is signed in.");

/** The cookie alone proves nothing: other sites' pages send it too. Fetch Metadata; RFC 6454 §7 */
const isSameOrigin = ({ headers }: IncomingMessage, origin: string) =>
  headers["sec-fetch-site"] === undefined
    ? headers.origin === origin
    : headers["sec-fetch-site"] === "same-origin";

/** @returns `undefined` for everything that is not a short piece of JSON */
const readJson = async (request: IncomingMessage): Promise<unknown> => {
  if (Number(request.headers["content-length"] ?? 0) > bodyLimitBytes) return undefined;
  try {
    return JSON.parse(await text(request));
  } catch {
    return undefined;
  }
};

const send = (response: ServerResponse, { status, headers, body }: Answer) => {
  response
    .writeHead(status, {
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "cross-origin-resource-policy": "same-origin",
      ...headers,
    })
    .end(body);
};
