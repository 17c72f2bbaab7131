import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKeyPair } from "jose";
import { afterAll, beforeAll, expect, it } from "vitest";
import * as z from "zod/mini";
import { Clock } from "../../../../infra/local/clock.ts";
import {
  type Gateway,
  type HttpApi,
  startGateway,
} from "../../../../infra/local/gateway/gateway.ts";
import { LambdaService } from "../../../../infra/local/gateway/lambda-service.ts";
import { fixtureFunctions } from "./fixture-functions.ts";
import { startIdentityProvider } from "./identity-provider.ts";

/** Waits for a file. */
const single = `exports.handler = async ({ queryStringParameters: { release } }) => {
  const { existsSync } = require("node:fs");
  while (!existsSync(release)) await new Promise((done) => setTimeout(done, 5));
  return { statusCode: 200, body: "done" };
}`;

/** `answer` answers with what the body says it should, the others with their event or not at all. */
const bundles = {
  echo: "exports.handler = async (event) => event",
  answer: "exports.handler = async (event) => JSON.parse(event.body)",
  throws: `exports.handler = async () => { throw new Error("a secret") }`,
  slow: "exports.handler = () => new Promise(() => {})",
};

const clock = new Clock();
let folder: string;
let identityProvider: Awaited<ReturnType<typeof startIdentityProvider>>;
let lambda: LambdaService;
let gateway: Gateway;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gateway-"));
  identityProvider = await startIdentityProvider();
  lambda = new LambdaService({
    functions: [
      ...(await fixtureFunctions(folder, bundles, { timeoutSeconds: 1 })),
      ...(await fixtureFunctions(folder, { single }, { reservedConcurrency: 1 })),
    ],
    clock,
  });
  const authorizer = { issuer: identityProvider.issuer, audience: ["appse"] };
  const api: HttpApi = {
    id: "abc123",
    accountId: "123456789012",
    routes: [
      { method: "POST", path: "/echo", functionName: "echo" },
      { method: "GET", path: "/things/{id}", functionName: "echo" },
      { method: "GET", path: "/things/mine", functionName: "echo" },
      { method: "ANY", path: "/files/{path+}", functionName: "echo" },
      { method: "GET", path: "/private", functionName: "echo", authorizer },
      { method: "GET", path: "/scoped", functionName: "echo", authorizer, scopes: ["a", "b"] },
      { method: "POST", path: "/answer", functionName: "answer" },
      { method: "GET", path: "/throws", functionName: "throws" },
      { method: "GET", path: "/times-out", functionName: "slow" },
      { method: "GET", path: "/slow", functionName: "slow", timeoutMs: 200 },
      { method: "GET", path: "/single", functionName: "single" },
    ],
    cors: {
      allowOrigins: ["http://app.test"],
      allowMethods: ["GET", "POST"],
      allowHeaders: ["authorization", "content-type"],
      exposeHeaders: ["retry-after"],
      allowCredentials: false,
      maxAgeSeconds: 600,
    },
  };
  gateway = await startGateway({ clock });
  gateway.serve(api, lambda);
});
afterAll(async () => {
  await Promise.all([gateway.close(), lambda.close(), identityProvider.close()]);
  await rm(folder, { recursive: true });
});

const call = (path: string, init?: RequestInit) =>
  fetch(gateway.origin + path, { redirect: "manual", ...init });

/** What the function got. */
const eventOf = async (response: Response) =>
  z.record(z.string(), z.unknown()).parse(await response.json());

const post = (
  path: string,
  body: string | Buffer<ArrayBuffer>,
  headers: Record<string, string> = {},
) => call(path, { method: "POST", body, headers });

/** What the client gets if the function returns `result`. */
const answered = (result: unknown, headers?: Record<string, string>) =>
  post("/answer", JSON.stringify(result), { "content-type": "application/json", ...headers });

it("answers 503 until it serves", async () => {
  const early = await startGateway({ clock });

  expect((await fetch(early.origin)).status).toBe(503);
  await early.close();
});

it("describes a request in an event of format 2.0", async () => {
  clock.advance(86_400);
  const response = await post("/echo?a=1&b=x%20y&a=2", `{"n":1}`, {
    "content-type": "application/json; charset=utf-8",
    cookie: "one=1; two=2",
    "user-agent": "a browser",
    "X-Own": "Yes",
  });

  const event = await eventOf(response);
  expect(event).toEqual({
    version: "2.0",
    routeKey: "POST /echo",
    rawPath: "/echo",
    rawQueryString: "a=1&b=x%20y&a=2",
    cookies: ["one=1", "two=2"],
    headers: expect.objectContaining({
      "content-length": "7",
      "content-type": "application/json; charset=utf-8",
      host: new URL(gateway.origin).host,
      "user-agent": "a browser",
      "x-forwarded-for": "127.0.0.1",
      "x-own": "Yes",
    }),
    queryStringParameters: { a: "1,2", b: "x y" },
    requestContext: {
      accountId: "123456789012",
      apiId: "abc123",
      domainName: "127.0.0.1",
      domainPrefix: "127",
      http: {
        method: "POST",
        path: "/echo",
        protocol: "HTTP/1.1",
        sourceIp: "127.0.0.1",
        userAgent: "a browser",
      },
      requestId: response.headers.get("apigw-requestid"),
      routeKey: "POST /echo",
      stage: "$default",
      time: expect.stringMatching(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/),
      timeEpoch: expect.closeTo(Date.now() + 86_400_000, -4),
    },
    body: `{"n":1}`,
    isBase64Encoded: false,
  });
  expect(event.headers).not.toHaveProperty("cookie");
});

it("leaves out what a request does not have", async () => {
  const event = await eventOf(await call("/things/1"));

  for (const absent of ["cookies", "queryStringParameters", "body"]) {
    expect(event).not.toHaveProperty(absent);
  }
  expect(event.isBase64Encoded).toBe(false);
});

it.for([
  ["a form", "application/x-www-form-urlencoded"],
  ["bytes", "application/octet-stream"],
] as const)("hands %s over in base64", async ([, type]) => {
  const event = await eventOf(await post("/echo", "state=1&code=2", { "content-type": type }));

  expect(event.isBase64Encoded).toBe(true);
  expect(event.body).toBe(Buffer.from("state=1&code=2").toString("base64"));
});

it.for(["text/html", "application/xml", "application/javascript"])(
  "hands %s over as text",
  async (type) => {
    const event = await eventOf(await post("/echo", "ä", { "content-type": type }));

    expect(event).toMatchObject({ isBase64Encoded: false, body: "ä" });
  },
);

it.for([
  ["/things/a%20b", "GET /things/{id}", { id: "a b" }],
  ["/things/mine", "GET /things/mine", undefined],
  ["/files/a/b", "ANY /files/{path+}", { path: "a/b" }],
] as const)("routes %s to %s", async ([path, routeKey, pathParameters]) => {
  const event = await eventOf(await call(path));

  expect(event.routeKey).toBe(routeKey);
  expect(event.pathParameters).toEqual(pathParameters);
});

it.for(["/nothing", "/things", "/things/", "/things/1/2", "/files/", "/throws/"])(
  "finds nothing at %s",
  async (path) => {
    const response = await call(path);

    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({ message: "Not Found" });
  },
);

it("finds nothing for another method", async () => {
  expect((await call("/things/1", { method: "DELETE" })).status).toBe(404);
});

it("answers with status, headers, cookies and body of the function", async () => {
  const response = await answered({
    statusCode: 303,
    headers: { Location: "http://app.test/#a", "x-number": 1 },
    cookies: ["a=1", "b=2; Path=/"],
    body: "see there",
  });

  expect(response.status).toBe(303);
  expect(response.headers.get("location")).toBe("http://app.test/#a");
  expect(response.headers.get("x-number")).toBe("1");
  expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2; Path=/"]);
  expect(response.headers.get("content-type")).toBe("text/plain;charset=UTF-8");
  expect(await response.text()).toBe("see there");
});

it("decodes a body in base64", async () => {
  const response = await answered({ statusCode: 200, body: "w6Q=", isBase64Encoded: true });

  expect(await response.text()).toBe("ä");
});

it("sends a 204 without a body", async () => {
  const response = await answered({ statusCode: 204 });

  expect(response.status).toBe(204);
  expect(response.headers.has("content-type")).toBe(false);
});

it("takes a result without a status code for the body of a 200", async () => {
  const response = await answered({ plain: true });

  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(await response.json()).toEqual({ plain: true });
});

it.for([{ statusCode: "many" }, { statusCode: 200, body: { not: "text" } }])(
  "answers 500 to the malformed response %j",
  async (result) => {
    const response = await answered(result);

    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ message: "Internal Server Error" });
  },
);

it("answers 500 to a thrown error and tells nothing of it", async () => {
  const response = await call("/throws");

  expect(response.status).toBe(500);
  expect(await response.text()).toBe(`{"message":"Internal Server Error"}`);
});

it("answers 500 if the function ran into its time-out", async () => {
  expect((await call("/times-out")).status).toBe(500);
});

it("answers 503 if the function runs longer than the gateway waits", async () => {
  const response = await call("/slow");

  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({ message: "Service Unavailable" });
});

it("answers 503 while the function's reserved concurrency is in use, and serves when it is not", async () => {
  const release = join(folder, "release");
  const path = `/single?release=${encodeURIComponent(release)}`;
  const both = [call(path), call(path)];

  const refused = await Promise.race(both);
  await writeFile(release, "");
  const statuses = (await Promise.all(both)).map(({ status }) => status);
  const afterwards = await call(path);

  expect(refused.status).toBe(503);
  expect(await refused.json()).toEqual({ message: "Service Unavailable" });
  expect(statuses.sort()).toEqual([200, 503]);
  expect(afterwards.status).toBe(200);
});

it("refuses bodies above 10 MB", async () => {
  const response = await post("/echo", Buffer.alloc(10 * 1024 * 1024 + 1));

  expect(response.status).toBe(413);
});

const bearer = async (claims?: Parameters<typeof identityProvider.token>[0]) => ({
  headers: { authorization: `Bearer ${await identityProvider.token(claims)}` },
});
const secondsFromNow = (seconds: number) => Math.floor(clock.now().getTime() / 1000) + seconds;

it("hands over the claims of a valid token, all of them as text", async () => {
  const exp = secondsFromNow(60);
  const response = await call(
    "/private",
    await bearer({ exp, groups: ["a", "b"], admin: true, nothing: null, deep: { n: 1 } }),
  );

  const event = await eventOf(response);
  expect(event).toHaveProperty("requestContext.authorizer", {
    jwt: {
      claims: {
        iss: identityProvider.issuer,
        aud: "appse",
        sub: "ada",
        exp: String(exp),
        groups: "[a b]",
        admin: "true",
        deep: `{"n":1}`,
      },
      scopes: null,
    },
  });
});

it("takes client_id for the audience of a token that has none", async () => {
  const exp = secondsFromNow(60);

  const right = await call("/private", await bearer({ exp, client_id: "appse" }));
  const wrong = await call("/private", await bearer({ exp, aud: "other", client_id: "appse" }));

  expect([right.status, wrong.status]).toEqual([200, 401]);
});

it.for<[string, (() => string | Promise<string>) | undefined]>([
  ["no token", undefined],
  ["no JWT", () => "Bearer nonsense"],
  ["another issuer's", async () => identityProvider.token({ iss: "http://other.test" })],
  ["a token for others", async () => identityProvider.token({ aud: "other" })],
  [
    "a token expired by the stack's clock",
    async () => identityProvider.token({ exp: secondsFromNow(-1) }),
  ],
  [
    "another key's signature",
    async () =>
      identityProvider.token(
        { exp: secondsFromNow(60) },
        (await generateKeyPair("RS256")).privateKey,
      ),
  ],
])("refuses %s", async ([, token]) => {
  const response = await call("/private", {
    headers: token ? { authorization: await token() } : {},
  });

  expect(response.status).toBe(401);
  expect(response.headers.get("www-authenticate")).toMatch(/^Bearer/);
  expect(await response.json()).toEqual({ message: "Unauthorized" });
});

it("asks for one of a route's scopes", async () => {
  const exp = secondsFromNow(60);

  const allowed = await call("/scoped", await bearer({ exp, scope: "b c" }));
  const refused = await call("/scoped", await bearer({ exp, scope: "c" }));

  expect(await eventOf(allowed)).toHaveProperty("requestContext.authorizer.jwt.scopes", ["b", "c"]);
  expect(refused.status).toBe(403);
  expect(await refused.json()).toEqual({ message: "Forbidden" });
});

const preflight = (origin: string, method = "POST") =>
  call("/private", {
    method: "OPTIONS",
    headers: { origin, "access-control-request-method": method },
  });
const corsOf = (response: Response) =>
  Object.fromEntries([...response.headers].filter(([name]) => name.startsWith("access-control-")));

it("answers a preflight itself, without a token", async () => {
  const response = await preflight("http://app.test");

  expect(response.status).toBe(204);
  expect(corsOf(response)).toEqual({
    "access-control-allow-origin": "http://app.test",
    "access-control-allow-methods": "GET,POST",
    "access-control-allow-headers": "authorization,content-type",
    "access-control-max-age": "600",
  });
});

it("allows nothing to other origins and methods", async () => {
  expect(corsOf(await preflight("http://other.test"))).toEqual({});
  expect(corsOf(await preflight("http://app.test", "DELETE"))).toEqual({});
  expect(corsOf(await call("/things/1", { headers: { origin: "http://other.test" } }))).toEqual({});
});

it.for(["/things/1", "/nothing", "/private", "/throws"])(
  "lets an allowed page read the answer of %s, whatever it is",
  async (path) => {
    const response = await call(path, { headers: { origin: "http://app.test" } });

    expect(corsOf(response)).toEqual({
      "access-control-allow-origin": "http://app.test",
      "access-control-expose-headers": "retry-after",
    });
  },
);

it("drops what a function says about CORS", async () => {
  const result = { statusCode: 200, headers: { "Access-Control-Allow-Origin": "*" } };

  expect(corsOf(await answered(result))).toEqual({});
  expect(corsOf(await answered(result, { origin: "http://app.test" }))).toMatchObject({
    "access-control-allow-origin": "http://app.test",
  });
});
