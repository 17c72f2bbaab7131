import { once } from "node:events";
import { createServer, request as httpRequest, type Server } from "node:http";
import { text } from "node:stream/consumers";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as z from "zod/mini";
import { startWebApp, type WebApp } from "../../../../infra/local/web-app/server.ts";

const connectionId = `conn_${"a".repeat(22)}`;
const accessToken = "an-access-token-that-no-page-may-see";
const start = new Date("2030-01-02T03:04:05Z");

/** Answers for Lambda and for Graph, and remembers what it was asked. */
interface Cloud {
  readonly server: Server;
  readonly origin: string;
  readonly asked: { path: string; authorization: string | undefined; body: string }[];
  answer: (path: string) => { status?: number; headers?: Record<string, string>; body: unknown };
}

const portOf = (server: Server) => {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening");
  return address.port;
};

const startCloud = async (): Promise<Cloud> => {
  const asked: Cloud["asked"] = [];
  const server = createServer(async (request, response) => {
    const path = request.url ?? "";
    const { authorization } = request.headers;
    asked.push({ path, authorization, body: await text(request) });
    const { status = 200, headers = {}, body } = cloud.answer(path);
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${portOf(server)}`;
  const cloud: Cloud = { server, origin, asked, answer: () => ({ body: {} }) };
  return cloud;
};

let cloud: Cloud;
let app: WebApp;
let now: Date;

beforeEach(async () => {
  now = start;
  cloud = await startCloud();
  app = await startWebApp({
    apiOrigin: () => "http://127.0.0.1:4000",
    lambdaEndpoint: () => cloud.origin,
    region: "eu-central-1",
    tokenFetchFunctionName: () => "token-fetch",
    clock: {
      now: () => now,
      advance: (seconds) => {
        now = new Date(now.getTime() + seconds * 1000);
      },
    },
    simulatorOrigin: () => "http://127.0.0.1:5000",
  });
});

afterEach(async () => {
  await app.close();
  cloud.server.closeAllConnections();
  cloud.server.close();
});

const ask = (path: string, init: RequestInit = {}) =>
  fetch(`${app.origin}${path}`, { redirect: "manual", ...init });

const post = (path: string, body: unknown = {}, headers: Record<string, string> = {}) =>
  ask(path, {
    method: "POST",
    headers: { "content-type": "application/json", origin: app.origin, ...headers },
    body: JSON.stringify(body),
  });

const signIn = async (personId = "user_ines") => {
  const answer = await post("/session", { personId });
  const cookie = answer.headers.get("set-cookie") ?? "";
  return { cookie: cookie.split(";")[0] ?? "", attributes: cookie };
};

describe("the session", () => {
  it("is a cookie that no script reads and that survives the way back from Microsoft", async () => {
    const { attributes } = await signIn();

    expect(attributes).toMatch(/; HttpOnly/);
    expect(attributes).toMatch(/; SameSite=Lax/);
  });

  it("says who is signed in, until the person signs out", async () => {
    const { cookie } = await signIn("user_leo");

    const during = await ask("/session", { headers: { cookie } });
    await ask("/session", { method: "DELETE", headers: { cookie, origin: app.origin } });
    const after = await ask("/session", { headers: { cookie } });

    expect(await during.json()).toMatchObject({ id: "user_leo", workspace: { id: "ws_juniper" } });
    expect(after.status).toBe(401);
  });

  it("begins for nobody who does not exist", async () => {
    const answer = await post("/session", { personId: "user_nobody" });

    expect(answer.status).toBe(400);
    expect(answer.headers.get("set-cookie")).toBeNull();
  });

  it("is needed for the connections, and the way to it is shown", async () => {
    const { cookie } = await signIn();

    const stranger = await ask("/");
    const person = await ask("/", { headers: { cookie } });

    expect([stranger.status, stranger.headers.get("location")]).toEqual([303, "/sign-in"]);
    expect(person.status).toBe(200);
  });
});

describe("the token for the API", () => {
  const tokenFor = async (cookie: string) => {
    const answer = await post("/session/token", {}, { cookie });
    return z.object({ token: z.string() }).parse(await answer.json()).token;
  };

  it("is verified with what the identity provider publishes, and names person and workspace", async () => {
    const { cookie } = await signIn();
    const discovery = z
      .object({ issuer: z.string(), jwks_uri: z.string() })
      .parse(await (await ask("/.well-known/openid-configuration")).json());

    const { payload } = await jwtVerify(
      await tokenFor(cookie),
      createRemoteJWKSet(new URL(discovery.jwks_uri)),
      { issuer: app.issuer, audience: app.audience, currentDate: now, algorithms: ["RS256"] },
    );

    expect(discovery.issuer).toBe(app.issuer);
    expect(payload).toMatchObject({
      sub: "user_ines",
      workspace_id: "ws_larkfield",
      email: "ines.calder@larkfield.example",
      name: "Ines Calder",
    });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(900);
  });

  it("follows the clock of the stack", async () => {
    const { cookie } = await signIn();

    await post("/local/clock", { seconds: 3600 });
    const token = await tokenFor(cookie);

    const keys = createRemoteJWKSet(new URL(`${app.origin}/jwks.json`));
    const { payload } = await jwtVerify(token, keys, { currentDate: now });
    expect(payload.iat).toBe(start.getTime() / 1000 + 3600);
  });

  it("is for nobody without a session", async () => {
    expect((await post("/session/token")).status).toBe(401);
  });

  it.each([
    ["another site's page", { "sec-fetch-site": "cross-site" }],
    ["another port's page, which is same-site", { "sec-fetch-site": "same-site" }],
    ["another origin, in a browser without fetch metadata", { origin: "http://127.0.0.1:1" }],
  ])("is refused to %s, session or not", async (_, headers) => {
    const { cookie } = await signIn();

    const answer = await post("/session/token", {}, { cookie, ...headers });

    expect(answer.status).toBe(403);
    expect(await answer.text()).not.toContain('token":');
  });
});

describe("the pages", () => {
  it.each(["/sign-in", "/outlook/return"])(
    "%s allows nothing but its own files and the API",
    async (path) => {
      const { headers, status } = await ask(path);

      expect(status).toBe(200);
      expect(headers.get("content-security-policy")).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; " +
          "connect-src 'self' http://127.0.0.1:4000; img-src 'self' data:; form-action 'self'; " +
          "base-uri 'none'; frame-ancestors 'none'",
      );
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("cross-origin-opener-policy")).toBe("same-origin-allow-popups");
      expect(headers.get("cache-control")).toBe("no-store");
    },
  );

  it.each(["/connect-outlook.js", "/app.css", "/icon.svg"])("%s is served", async (path) => {
    expect((await ask(path)).status).toBe(200);
  });

  it.each([
    "/tsconfig.json",
    "/..%2fserver.ts",
    "/%2e%2e/server.ts",
    "/connections.html",
    "/none.js",
  ])("%s is not", async (path) => {
    expect((await ask(path)).status).toBe(404);
  });

  it("know where the API and the local controls are", async () => {
    const config = await (await ask("/config.json")).json();

    expect(config).toEqual({
      apiUrl: "http://127.0.0.1:4000",
      local: { now: start.toISOString(), simulatorUrl: "http://127.0.0.1:5000/_control" },
    });
  });

  it("are for this host name only", async () => {
    const url = new URL(app.origin);
    const request = httpRequest(url, { headers: { host: `rebound.example:${url.port}` } }).end();

    const [answer] = await once(request, "response");

    expect(answer.statusCode).toBe(421);
    answer.resume();
  });
});

describe("a workflow's run", () => {
  const granted = () => ({
    ok: true,
    accessToken,
    tokenType: "Bearer",
    expiresAt: "2030-01-02T04:04:05.000Z",
    scopes: ["Mail.ReadWrite"],
    graphBaseUrl: `${cloud.origin}/v1.0`,
    degraded: false,
  });

  const refused = {
    ok: false,
    error: {
      code: "reauthorization_required",
      actor: "user",
      retryable: false,
      message: "Sign in.",
      traceId: "trace",
    },
  };

  const isInvoke = (path: string) => path.includes("/invocations");

  const run = async (personId?: string) => {
    const { cookie } = await signIn(personId);
    return post("/workflows/run", { connectionId }, { cookie });
  };

  it("reads the newest mail with a token that the page does not get", async () => {
    cloud.answer = (path) =>
      isInvoke(path)
        ? { body: granted() }
        : {
            body: {
              value: [
                {
                  subject: "Hello",
                  from: { emailAddress: { name: "Jon", address: "jon@aas.example" } },
                  receivedDateTime: "2030-01-02T03:00:00Z",
                  bodyPreview: "Twelve, not ten.",
                },
                { subject: null },
              ],
            },
          };

    const answer = await (await run()).text();

    expect(JSON.parse(answer)).toEqual({
      status: "succeeded",
      mails: [
        {
          subject: "Hello",
          from: { name: "Jon", address: "jon@aas.example" },
          receivedAt: "2030-01-02T03:00:00Z",
          preview: "Twelve, not ten.",
        },
        { subject: "", from: { name: "", address: "" }, receivedAt: "", preview: "" },
      ],
      token: { expiresAt: "2030-01-02T04:04:05.000Z", degraded: false },
    });
    expect(answer).not.toContain(accessToken);
    const [invoked, read] = cloud.asked;
    expect(invoked?.path).toBe("/2015-03-31/functions/token-fetch/invocations");
    expect(JSON.parse(invoked?.body ?? "")).toEqual({
      connectionId,
      workspaceId: "ws_larkfield",
      run: { workflowId: "newest-mail", runId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
    expect(read?.path).toBe(
      "/v1.0/me/messages?$top=5&$select=subject,from,receivedDateTime,bodyPreview&$orderby=receivedDateTime%20desc",
    );
    expect(read?.authorization).toBe(`Bearer ${accessToken}`);
  });

  it("asks for the session's workspace, whatever the page says", async () => {
    const { cookie } = await signIn("user_priya");

    const answer = await post(
      "/workflows/run",
      { connectionId, workspaceId: "ws_larkfield" },
      { cookie },
    );
    cloud.answer = () => ({ body: refused });
    await run("user_priya");

    expect(answer.status).toBe(400);
    expect(cloud.asked).toHaveLength(1);
    expect(JSON.parse(cloud.asked[0]?.body ?? "").workspaceId).toBe("ws_juniper");
  });

  it("tells who must act when there is no token, and does not ask Microsoft", async () => {
    cloud.answer = () => ({ body: refused });

    const answer = await (await run()).json();

    expect(answer).toEqual({
      status: "failed",
      failure: {
        code: "reauthorization_required",
        actor: "user",
        retryable: false,
        message: "Sign in.",
      },
    });
    expect(cloud.asked).toHaveLength(1);
  });

  it("waits as long as Graph asks for", async () => {
    cloud.answer = (path) =>
      isInvoke(path)
        ? { body: granted() }
        : { status: 429, headers: { "retry-after": "17" }, body: { error: { code: "x" } } };

    const answer = await (await run()).json();

    expect(answer).toMatchObject({
      failure: {
        code: "mailbox_throttled",
        actor: "nobody",
        message: "The mailbox does not answer right now. Run the workflow again in a while.",
        retryable: true,
        retryAfterSeconds: 17,
      },
    });
  });

  it.for([
    ["a function that broke", "temporarily_unavailable", { "x-amz-function-error": "Unhandled" }],
    ["an answer that it cannot read", "step_broke", {}],
  ] as const)("shows and logs nothing of %s: %s", async ([, code, headers]) => {
    const logged = vi.spyOn(console, "error").mockReturnValue(undefined);
    cloud.answer = () => ({ headers, body: { errorMessage: "secret detail", trace: [] } });

    const answer = await (await run()).text();

    expect(JSON.parse(answer).failure).toMatchObject({ code, actor: "operator" });
    expect(answer).not.toContain("secret detail");
    expect(JSON.stringify(logged.mock.calls)).not.toContain("secret detail");
    logged.mockRestore();
  });

  it("is for people who are signed in", async () => {
    const answer = await post("/workflows/run", { connectionId });

    expect(answer.status).toBe(401);
    expect(cloud.asked).toEqual([]);
  });
});
