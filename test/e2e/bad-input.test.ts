import { request as httpRequest } from "node:http";
import { generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import type { ProductClient } from "../../infra/local/product-client.ts";
import { problemCodes } from "../../shared/domain/problem.ts";
import { openScene, type Scene } from "./scene.ts";

const attemptId = `att_${"A".repeat(43)}`;
const completion = "A".repeat(43);
const connectionId = `conn_${"A".repeat(22)}`;

let scene: Scene;
let ines: ProductClient;
beforeAll(async () => {
  scene = await openScene();
  ines = await scene.signedIn("user_ines");
});
afterAll(() => scene?.close());

/** On every answer of a function. OWASP ASVS 3.4 */
const securityHeaders: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "cross-origin-resource-policy": "same-site",
  "referrer-policy": "no-referrer",
  "strict-transport-security": "max-age=63072000; includeSubDomains",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** A file name with a line, a frame, a class of error, or an AWS name: nothing of it is the caller's business. */
const insides =
  /\bat .+:\d+|\.(?:ts|cjs|js):\d+|\w+(?:Error|Exception)\b|node_modules|arn:aws|ZodError/;

interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** Whatever was asked: headers, no insides, and a code that clients know. @returns the code, if it is a problem */
const checked = ({ status, headers, body }: Answered): string | undefined => {
  for (const [name, value] of Object.entries(securityHeaders)) {
    expect(headers.get(name), name).toBe(value);
  }
  expect(headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
  expect(headers.get("cross-origin-opener-policy")).not.toBeNull();
  expect(headers.has("set-cookie")).toBe(false);
  expect(body).not.toMatch(insides);
  if (headers.get("content-type") !== "application/problem+json") return undefined;
  const problem = z
    .strictObject({
      type: z.string(),
      title: z.string(),
      status: z.number(),
      code: z.enum(problemCodes),
      detail: z.string(),
      actor: z.string(),
      retryAfterSeconds: z.optional(z.number()),
    })
    .parse(JSON.parse(body));
  expect(problem.status).toBe(status);
  expect(problem.type).toBe(`urn:outlook-connect:problem:${problem.code}`);
  return problem.code;
};

const read = async (response: Response): Promise<Answered> => ({
  status: response.status,
  headers: response.headers,
  body: await response.text(),
});

/** The product's own JWT for a person. */
const jwtOf = async (personId: string): Promise<string> => {
  const { webApp } = scene.stack.origins;
  const session = await fetch(`${webApp}/session`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: webApp },
    body: JSON.stringify({ personId }),
  });
  const issued = await fetch(`${webApp}/session/token`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      origin: webApp,
      cookie: session.headers.getSetCookie()[0]?.split(";")[0] ?? "",
    },
    body: "{}",
  });
  return z.object({ token: z.string() }).parse(await issued.json()).token;
};

const send = async (
  method: string,
  path: string,
  options: {
    readonly body?: string | Uint8Array<ArrayBuffer>;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): Promise<Answered> =>
  read(
    await fetch(`${scene.stack.origins.api}${path}`, {
      method,
      redirect: "manual",
      headers: {
        authorization: `Bearer ${await jwtOf("user_ines")}`,
        origin: scene.stack.origins.webApp,
        ...options.headers,
      },
      ...(options.body !== undefined && { body: options.body }),
    }),
  );

const jsonType = { "content-type": "application/json" };

/** Bodies that are nobody's business, whatever the route. */
const nonsense: readonly [string, string | Uint8Array<ArrayBuffer> | undefined][] = [
  ["no body", undefined],
  ["an empty body", ""],
  ["white space", "   "],
  ["null", "null"],
  ["a number", "7"],
  ["text", '"start"'],
  ["a list", "[]"],
  ["half an object", '{"returnTo":'],
  ["two objects", "{}{}"],
  ["a form", "returnTo=connections"],
  ["an object with an unknown member", '{"admin":true}'],
  ["a prototype", '{"__proto__":{"returnTo":"connections"}}'],
  ["a constructor", '{"constructor":{"prototype":{}}}'],
  ["an object in base64", Buffer.from("{}").toString("base64")],
  ["UTF-16", new Uint8Array(Buffer.from('{"a":1}', "utf16le"))],
  ["bytes that are no text", new Uint8Array([0x7b, 0xff, 0xfe, 0x00, 0x7d])],
  ["a thousand nested lists", "[".repeat(1000) + "]".repeat(1000)],
  ["a member of 5,000 characters", JSON.stringify({ returnTo: "x".repeat(5000) })],
  ["a megabyte of spaces around an object", `${" ".repeat(1_000_000)}{}`],
];

describe.for(["/start", "/complete"])("POST %s", (path) => {
  it.for(nonsense)("refuses %s", async ([, body]) => {
    const answer = await send("POST", path, {
      headers: jsonType,
      ...(body !== undefined && { body }),
    });

    expect(answer.status).toBe(400);
    expect(checked(answer)).toBe("invalid_request");
  });

  it.for([
    "",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/problem+json",
    "application/jsonp",
    "text/html, application/json",
  ])("refuses the right body under the content type “%s”", async (contentType) => {
    const right = path === "/start" ? {} : { attemptId, completion };

    const answer = await send("POST", path, {
      headers: { "content-type": contentType },
      body: JSON.stringify(right),
    });

    expect(answer.status).toBe(400);
    expect(checked(answer)).toBe("invalid_request");
  });

  it.for([
    "https://evil.example",
    "null",
    "http://127.0.0.1",
    "https://appse.example.evil.example",
  ])("refuses a page of %s, which can read no answer either", async (origin) => {
    const answer = await send("POST", path, { headers: { ...jsonType, origin }, body: "{}" });

    expect(answer.status).toBe(400);
    expect(checked(answer)).toBe("invalid_request");
    expect(answer.headers.has("access-control-allow-origin")).toBe(false);
  });
});

describe("POST /start", () => {
  it.for<[string, unknown]>([
    ["a URL to return to", { returnTo: "https://evil.example/" }],
    ["the return page of nobody", { returnTo: "unknown" }],
    ["no return page", { returnTo: "" }],
    ["a return page that every object has", { returnTo: "constructor" }],
    ["a return page that every object hides", { returnTo: "__proto__" }],
    ["a list of return pages", { returnTo: ["connections"] }],
    ["null for a return page", { returnTo: null }],
    ["an empty hint", { loginHint: "" }],
    ["a hint with a line break", { loginHint: "a@b.example\r\nx: y" }],
    ["a hint with a blank", { loginHint: "a b" }],
    ["a hint of 513 characters", { loginHint: "x".repeat(513) }],
    ["a hint in other letters", { loginHint: "ü@larkfield.example" }],
    ["a hint that is an object", { loginHint: {} }],
    ["a connection that looks like none", { connectionId: "conn_short" }],
    ["a connection that is an attempt", { connectionId: attemptId }],
    ["a connection that is a path", { connectionId: "conn_../../../../../../../../" }],
    ["another product user", { userId: "user_leo" }],
    ["scopes of one’s own", { scopes: ["Mail.ReadWrite.Shared"] }],
    ["a redirect of one’s own", { redirectUri: "https://evil.example/callback" }],
  ])("refuses %s", async ([, body]) => {
    const answer = await send("POST", "/start", { headers: jsonType, body: JSON.stringify(body) });

    expect(answer.status).toBe(400);
    expect(checked(answer)).toBe("invalid_request");
  });

  it("takes the last of two members of one name, and checks that one", async () => {
    const answer = await send("POST", "/start", {
      headers: jsonType,
      body: '{"returnTo":"connections","returnTo":"https://evil.example"}',
    });

    expect(answer.status).toBe(400);
    expect(checked(answer)).toBe("invalid_request");
  });

  it("keeps a hint a hint, whatever is in it", async () => {
    const loginHint = "x&prompt=consent&state=mine#fragment";

    const answer = await send("POST", "/start", {
      headers: { "content-type": "application/json; charset=utf-8" },
      body: JSON.stringify({ loginHint }),
    });

    expect(answer.status).toBe(201);
    checked(answer);
    const { authorizationUrl } = z
      .object({ authorizationUrl: z.url() })
      .parse(JSON.parse(answer.body));
    const { searchParams, hash, origin } = new URL(authorizationUrl);
    expect(searchParams.getAll("login_hint")).toEqual([loginHint]);
    expect(searchParams.getAll("state")).toHaveLength(1);
    expect(searchParams.has("prompt")).toBe(false);
    expect(hash).toBe("");
    expect(origin).toBe(scene.stack.origins.microsoft);
  });

  it("does not know a connection that nobody has", async () => {
    const answer = await send("POST", "/start", {
      headers: jsonType,
      body: JSON.stringify({ connectionId }),
    });

    expect(answer.status).toBe(404);
    expect(checked(answer)).toBe("not_found");
  });
});

describe("POST /complete", () => {
  it.for<[string, unknown]>([
    ["no attempt", { completion }],
    ["no completion value", { attemptId }],
    ["an attempt that looks like none", { attemptId: "att_short", completion }],
    ["an attempt that is a list", { attemptId: [attemptId], completion }],
    ["a completion value of 44 characters", { attemptId, completion: `${completion}A` }],
    ["a completion value in plain base64", { attemptId, completion: `${"A".repeat(42)}+` }],
    ["a completion value that is null", { attemptId, completion: null }],
    ["a code", { attemptId, completion, code: "1.A" }],
  ])("refuses %s", async ([, body]) => {
    const answer = await send("POST", "/complete", {
      headers: jsonType,
      body: JSON.stringify(body),
    });

    expect(answer.status).toBe(400);
    expect(checked(answer)).toBe("invalid_request");
  });

  it("does not know an attempt that nobody began", async () => {
    const answer = await send("POST", "/complete", {
      headers: jsonType,
      body: JSON.stringify({ attemptId, completion }),
    });

    expect(answer.status).toBe(404);
    expect(checked(answer)).toBe("attempt_unknown");
  });
});

describe("POST /callback", () => {
  const formType = { "content-type": "application/x-www-form-urlencoded" };

  /** A sign-in that waits for Microsoft's answer: the state is right, and only the rest can be wrong. */
  const waiting = async () => {
    scene.stack.clock.advance(601);
    const { attemptId, authorizationUrl } = await ines.start();
    const state = new URL(authorizationUrl).searchParams.get("state") ?? "";
    return { attemptId, state, right: `state=${state}&code=1.Acode` };
  };

  it.for<[string, (sent: { state: string; right: string }) => string, Record<string, string>]>([
    ["an empty body", () => "", formType],
    ["a form without state", () => "code=1.Acode", formType],
    ["a form without an answer", ({ state }) => `state=${state}`, formType],
    ["a state that nobody began", () => `state=${"A".repeat(43)}&code=1.Acode`, formType],
    ["a state that comes twice", ({ state, right }) => `${right}&state=${state}`, formType],
    ["another state beside it", ({ right }) => `${right}&st%61te=${"B".repeat(43)}`, formType],
    ["a code that comes twice", ({ right }) => `${right}&code=1.Bcode`, formType],
    ["an access token", ({ right }) => `${right}&access_token=x`, formType],
    ["an ID token", ({ right }) => `${right}&id_token=x`, formType],
    [
      "an error that is a sentence",
      ({ state }) => `state=${state}&error=Access%20denied`,
      formType,
    ],
    ["an error that is a page", ({ state }) => `state=${state}&error=<script>`, formType],
    ["another issuer", ({ right }) => `${right}&iss=https%3A%2F%2Fevil.example`, formType],
    ["40,000 characters", ({ right }) => `${right}&x=${"x".repeat(40_000)}`, formType],
    ["a code of 9,000 characters", ({ right }) => `${right}${"x".repeat(9000)}`, formType],
    ["JSON", ({ state }) => JSON.stringify({ state, code: "1.Acode" }), jsonType],
    ["a form that is called text", ({ right }) => right, { "content-type": "text/plain" }],
    ["a form without a content type", ({ right }) => right, { "content-type": "" }],
    [
      "a form of parts",
      ({ right }) => right,
      { "content-type": "multipart/form-data; boundary=x" },
    ],
    ["a form in base64", ({ right }) => Buffer.from(right).toString("base64"), formType],
  ])("answers %s with one and the same page, and leads nowhere", async ([, body, headers]) => {
    const sent = await waiting();

    const answer = await send("POST", "/callback", {
      headers: { ...headers, origin: "https://login.microsoftonline.com" },
      body: body(sent),
    });
    const usual = await send("POST", "/callback", { headers: formType, body: "x=y" });

    expect(answer.status).toBe(400);
    checked(answer);
    expect(answer.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(answer.headers.has("location")).toBe(false);
    expect(answer.headers.has("access-control-allow-origin")).toBe(false);
    expect(answer.body).toBe(usual.body);
    expect(answer.body).not.toMatch(/<script|https?:/i);
    expect(await scene.attempt(ines, sent.attemptId)).toMatchObject({ status: "pending" });
  });

  it("takes nothing from the URL", async () => {
    const { attemptId, right } = await waiting();

    const answer = await send("POST", `/callback?${right}`, { headers: formType, body: "" });

    expect(answer.status).toBe(400);
    checked(answer);
    expect(await scene.attempt(ines, attemptId)).toMatchObject({ status: "pending" });
  });

  it("returns to the product’s own page with the security headers, and to no other", async () => {
    const { state } = await waiting();

    const answer = await send("POST", "/callback?returnTo=https://evil.example", {
      headers: formType,
      body: new URLSearchParams({
        state,
        error: "access_denied",
        error_description: "<script>alert(1)</script> https://evil.example",
        returnTo: "https://evil.example",
      }).toString(),
    });

    expect(answer.status).toBe(303);
    checked(answer);
    const location = new URL(answer.headers.get("location") ?? "");
    expect(location.origin).toBe(scene.stack.origins.webApp);
    expect(location.pathname).toBe("/outlook/return");
    expect(location.search).toBe("");
    expect(answer.body).toBe("");
  });
});

describe("ids in paths", () => {
  const ids = [
    "x",
    "conn_",
    `conn_${"A".repeat(23)}`,
    `conn_${"A".repeat(2000)}`,
    attemptId,
    connectionId,
    "%00",
    "%F0%9F%92%A9",
    "..%2Fconnections",
    "' OR 1=1 --",
    "__proto__",
    "[object Object]",
    "slot_x_0",
  ];

  it.for(ids)("GET and DELETE /connections/%s: not found", async (id) => {
    for (const method of ["GET", "DELETE"]) {
      const answer = await send(method, `/connections/${id}`);

      expect(answer.status).toBe(404);
      expect(checked(answer)).toBe("not_found");
    }
  });

  it.for(ids)("GET /attempts/%s: unknown", async (id) => {
    const answer = await send("GET", `/attempts/${id}`);

    expect(answer.status).toBe(404);
    expect(checked(answer)).toBe("attempt_unknown");
  });

  it("the slots of open sign-ins, which live in the same table, are no attempts", async () => {
    await ines.start();
    const [slot] = (await scene.tables.items("ATTEMPTS_TABLE")).filter(({ id }) =>
      String(id).startsWith("slot_"),
    );

    const answer = await send("GET", `/attempts/${encodeURIComponent(String(slot?.id))}`);

    expect(slot).toBeDefined();
    expect(answer.status).toBe(404);
    expect(checked(answer)).toBe("attempt_unknown");
  });

  it("a query changes nothing, however often a name is in it", async () => {
    const plain = await send("GET", "/connections");
    const queried = await send("GET", "/connections?userId=user_leo&userId=user_priya&limit=-1");

    expect([plain.status, queried.status]).toEqual([200, 200]);
    checked(queried);
    expect(queried.body).toBe(plain.body);
  });

  it("a page of another origin cannot disconnect", async () => {
    const answer = await send("DELETE", `/connections/${connectionId}`, {
      headers: { origin: "https://evil.example" },
    });

    expect(answer.status).toBe(400);
    expect(checked(answer)).toBe("invalid_request");
    expect(answer.headers.has("access-control-allow-origin")).toBe(false);
  });

  it("a body on a request that has none changes nothing", async () => {
    const answer = await send("DELETE", `/connections/${connectionId}`, {
      headers: jsonType,
      body: "{{{",
    });

    expect(checked(answer)).toBe("not_found");
  });
});

const routes: readonly (readonly [string, string])[] = [
  ["POST", "/start"],
  ["GET", `/attempts/${attemptId}`],
  ["POST", "/complete"],
  ["GET", "/connections"],
  ["GET", `/connections/${connectionId}`],
  ["DELETE", `/connections/${connectionId}`],
];

describe.for(routes)("%s %s lets in nobody", ([method, path]) => {
  const knock = async (authorization: string | undefined) =>
    read(
      await fetch(`${scene.stack.origins.api}${path}`, {
        method,
        headers: {
          origin: scene.stack.origins.webApp,
          ...(authorization !== undefined && { authorization }),
          ...(method === "POST" && jsonType),
        },
        ...(method === "POST" && { body: "{}" }),
      }),
    );
  const claims = () => ({
    sub: "user_ines",
    workspace_id: "ws_larkfield",
    iss: scene.stack.origins.webApp,
    aud: "appse-ai",
    exp: Math.floor(scene.stack.clock.now().getTime() / 1000) + 600,
  });
  const signed = async (changes: Record<string, unknown> = {}) => {
    const { privateKey } = await generateKeyPair("RS256");
    return new SignJWT({ ...claims(), ...changes })
      .setProtectedHeader({ alg: "RS256", kid: "mine" })
      .sign(privateKey);
  };

  it.for<[string, () => string | undefined | Promise<string | undefined>]>([
    ["without a JWT", () => undefined],
    ["with an empty header", () => ""],
    ["with a word", () => "Bearer nonsense"],
    ["with a password", () => `Basic ${btoa("user_ines:password")}`],
    ["with an unsigned JWT", () => `Bearer ${new UnsecuredJWT(claims()).encode()}`],
    ["with a JWT of one’s own key", async () => `Bearer ${await signed()}`],
    [
      "with a JWT of another issuer",
      async () => `Bearer ${await signed({ iss: "https://evil.example" })}`,
    ],
    [
      "with a JWT whose signature was cut off",
      async () => `Bearer ${(await jwtOf("user_ines")).replace(/[^.]+$/, "")}`,
    ],
    [
      "with a JWT in which somebody changed the user",
      async () => {
        const [header, , signature] = (await jwtOf("user_ines")).split(".");
        const payload = Buffer.from(JSON.stringify({ ...claims(), sub: "user_leo" }));
        return `Bearer ${header}.${payload.toString("base64url")}.${signature}`;
      },
    ],
    [
      "with a JWT that has expired",
      async () => {
        const jwt = await jwtOf("user_ines");
        scene.stack.clock.advance(901);
        return `Bearer ${jwt}`;
      },
    ],
  ])("%s", async ([, authorization]) => {
    const answer = await knock(await authorization());

    expect(answer.status).toBe(401);
    expect(JSON.parse(answer.body)).toEqual({ message: "Unauthorized" });
    expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer/);
  });
});

describe("what is no route", () => {
  it.for([
    ["GET", "/start"],
    ["PUT", "/start"],
    ["PATCH", "/complete"],
    ["DELETE", "/connections"],
    ["POST", "/connections"],
    ["PUT", `/connections/${connectionId}`],
    ["HEAD", "/connections"],
    ["GET", "/callback"],
    ["DELETE", "/callback"],
    ["GET", "/"],
    ["GET", "/attempts"],
    ["GET", "/attempts/"],
    ["GET", "/connections/"],
    ["GET", `/connections/${connectionId}/token`],
    ["POST", "/token-fetch"],
    ["POST", "/START"],
    ["GET", "/.env"],
  ])("%s %s: not found", async ([method = "", path = ""]) => {
    const answer = await send(method, path, { headers: jsonType });

    expect(answer.status).toBe(404);
    expect(answer.body).not.toMatch(insides);
    if (method !== "HEAD") expect(JSON.parse(answer.body)).toEqual({ message: "Not Found" });
  });

  it("TRACE mirrors nothing", async () => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const sent = httpRequest(
      `${scene.stack.origins.api}/connections`,
      { method: "TRACE", headers: { "x-mirror": "mirror-me" } },
      async (response) => {
        let body = String(response.statusCode);
        for await (const chunk of response) body += String(chunk);
        resolve(body);
      },
    );
    sent.on("error", reject).end();

    const answer = await promise;

    expect(answer).toMatch(/^404/);
    expect(answer).not.toContain("mirror-me");
  });

  it("a preflight names the product’s own pages, and nobody else’s", async () => {
    const preflight = (origin: string) =>
      fetch(`${scene.stack.origins.api}/start`, {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization,content-type",
        },
      });

    const own = await preflight(scene.stack.origins.webApp);
    const foreign = await preflight("https://evil.example");

    expect(own.headers.get("access-control-allow-origin")).toBe(scene.stack.origins.webApp);
    expect(own.headers.has("access-control-allow-credentials")).toBe(false);
    expect(foreign.headers.has("access-control-allow-origin")).toBe(false);
  });
});

describe("an error of our own", () => {
  it("is answered with 500 and one sentence, whatever broke", async () => {
    const { id } = await scene.connect(ines, { username: "ben.okafor@larkfield.example" });
    const item = await scene.tables.connection(id);
    await scene.tables.putConnection({ ...item, scopes: "not a list" });

    const answer = await send("GET", `/connections/${id}`);

    expect(answer.status).toBe(500);
    expect(checked(answer)).toBe("internal_error");
    await scene.tables.putConnection({ ...item });
  });
});
