import { hash } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EndpointHandler } from "../../shared/http/endpoint.ts";
import type { HttpResponse } from "../../shared/http/response.ts";
import { approvalUnavailablePage } from "../../shared/pages/approval-outcome.ts";
import type { Page } from "../../shared/pages/page.ts";
import { signInWaitingPage } from "../../shared/pages/sign-in-waiting.ts";
import { captureLog } from "../fakes/captured-log.ts";
import {
  formRequest,
  httpEvent,
  jsonRequest,
  lambdaContext,
  type SampleRequest,
  send,
} from "../fakes/http-event.ts";
import { neverSettles } from "../fakes/intercepted.ts";
import { alice } from "../fakes/samples.ts";
import { problemIn, type ServiceScript, serviceInMemory } from "../fakes/service-in-memory.ts";

const log = captureLog();

const connectionId = `conn_${"c".repeat(22)}`;
const attemptId = `att_${"a".repeat(43)}`;
const oneTimeValue = "v".repeat(43);

type Endpoint = keyof ReturnType<typeof serviceInMemory>["handlers"];

interface Route {
  readonly endpoint: Endpoint;
  readonly request: SampleRequest;
  /** What a browser is shown when something is down, where a program gets a problem. */
  readonly broken?: Page;
}

/** A request of each route that gets as far as the first port. */
const pageRoutes: readonly Route[] = [
  {
    endpoint: "callback",
    request: { route: "POST /callback", ...formRequest({ state: oneTimeValue, code: "c" }) },
    broken: signInWaitingPage,
  },
  {
    endpoint: "adminConsent",
    request: { route: "GET /admin-consent/{token}", pathParameters: { token: oneTimeValue } },
    broken: approvalUnavailablePage,
  },
  {
    endpoint: "adminConsentCallback",
    request: {
      route: "GET /admin-consent-callback",
      query: `state=${oneTimeValue}&error=access_denied`,
    },
    broken: approvalUnavailablePage,
  },
  {
    endpoint: "adminConsentCallback",
    request: {
      route: "POST /admin-consent-callback",
      cookies: [`__Host-outlook-connect-approval=${oneTimeValue}`],
      ...formRequest({ state: oneTimeValue, code: "c" }),
    },
    broken: approvalUnavailablePage,
  },
];
const productRoutes: readonly Route[] = [
  { endpoint: "start", request: { route: "POST /start", ...jsonRequest({}) } },
  {
    endpoint: "attempts",
    request: { route: "GET /attempts/{attemptId}", pathParameters: { attemptId } },
  },
  {
    endpoint: "complete",
    request: {
      route: "POST /complete",
      ...jsonRequest({ attemptId, completion: oneTimeValue }),
    },
  },
  { endpoint: "connections", request: { route: "GET /connections" } },
  {
    endpoint: "connections",
    request: { route: "GET /connections/{connectionId}", pathParameters: { connectionId } },
  },
  {
    endpoint: "disconnect",
    request: { route: "DELETE /connections/{connectionId}", pathParameters: { connectionId } },
  },
  {
    endpoint: "requestApproval",
    request: { route: "POST /admin-consent-requests", ...jsonRequest({ attemptId }) },
  },
  { endpoint: "approvalStatus", request: { route: "GET /admin-consent-requests" } },
];

const opened = (endpoint: Endpoint, script: ServiceScript = {}): EndpointHandler =>
  serviceInMemory(script).handlers[endpoint];

const throwing = (thrown: unknown): ServiceScript => ({
  intercept: () => Promise.reject(thrown),
});

/** What anybody could compute of every address there is. */
const unkeyed = (address: string) => hash("sha256", address).slice(0, 12);

const internalError = { statusCode: 500, code: "internal_error", actor: "operator" };

const expectInternalError = (answer: HttpResponse, broken: Page | undefined) => {
  if (!broken) expect(problemIn(answer)).toEqual(internalError);
  else expect(answer).toMatchObject({ statusCode: 503, body: broken.html });
};

describe.for([...pageRoutes, ...productRoutes])(
  "$request.route",
  ({ endpoint, request, broken }) => {
    const secret = "0.AXkA-a-code-of-alices";

    it("answers before Lambda ends it when something never answers, and logs it", async () => {
      const handler = opened(endpoint, { intercept: neverSettles });
      const almostOver = { ...lambdaContext, getRemainingTimeInMillis: () => 1_050 };

      const answer = await Promise.race([
        handler(httpEvent({ user: alice, ...request }), almostOver),
        wait(800, undefined),
      ]);

      if (!answer) expect.fail("there is no answer a quarter of a second before the end");
      expectInternalError(answer, broken);
      expect(log.lines().join()).toContain("TimeoutError");
    });

    it.for<readonly [string, unknown]>([
      ["an error", new Error(`no table at arn:aws:dynamodb for ${secret}`)],
      ["an error with a cause", new Error("failed", { cause: new Error(secret) })],
      ["an error with a name", Object.assign(new Error(secret), { name: "AccessDeniedException" })],
      ["an error with a status", Object.assign(new Error(secret), { statusCode: 418 })],
      ["an error with a response", Object.assign(new Error(""), { response: { body: secret } })],
      ["an error without a stack", Object.assign(new Error(secret), { stack: undefined })],
      ["a text", secret],
      ["an object", { body: secret, statusCode: 200 }],
      ["nothing", undefined],
      ["null", null],
    ])("answers the same when %s is thrown, and logs it once", async ([, thrown]) => {
      const sent = { ...request, user: alice };

      const answer = await send(opened(endpoint, throwing(thrown)), sent);

      expectInternalError(answer, broken);
      expect(answer).toEqual(await send(opened(endpoint, throwing(new Error("other"))), sent));
      const written = log.lines().join("");
      expect(written).not.toContain(secret);
      expect(written.match(/"failure":"internal_error"/g)).toHaveLength(2);
    });

    it("names in the log who called, and never by the address", async () => {
      const handler = opened(endpoint, throwing(new Error("no table")));

      for (const sourceIp of ["192.0.2.7", "198.51.100.9", "192.0.2.7"]) {
        await send(handler, { ...request, user: alice, sourceIp });
      }

      const [one, other, again] = log.lines().map((line) => JSON.parse(line).caller);
      expect(one).toMatch(/^[0-9a-f]{12}$/);
      expect(other).toMatch(/^[0-9a-f]{12}$/);
      expect(other).not.toBe(one);
      expect(again).toBe(one);
      expect(log.lines().join("")).not.toMatch(/192\.0\.2\.7|198\.51\.100\.9/);
      for (const name of [one, other]) {
        expect(["192.0.2.7", "198.51.100.9"].map(unkeyed)).not.toContain(name);
      }
    });

    it("keeps the rules and knows its codes, whatever it is sent", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.record(
            {
              headers: fc.dictionary(
                fc.constantFrom("content-type", "origin", "cookie", "x-forwarded-for"),
                fc.oneof(
                  fc.string({ maxLength: 20 }),
                  fc.constantFrom("application/json", "application/x-www-form-urlencoded"),
                ),
              ),
              body: fc.oneof(fc.json(), fc.string({ unit: "binary", maxLength: 100 })),
              isBase64Encoded: fc.boolean(),
              query: fc.string({ maxLength: 20 }),
              pathParameters: fc.dictionary(
                fc.constantFrom("attemptId", "connectionId", "token", "__proto__", "proxy"),
                fc.string({ unit: "binary", maxLength: 60 }),
              ),
            },
            { requiredKeys: [] },
          ),
          async (nonsense) => {
            const answer = await send(opened(endpoint), { ...request, user: alice, ...nonsense });

            expect(answer.statusCode).not.toBe(500);
          },
        ),
        { numRuns: 40 },
      );
    });
  },
);

describe.for(productRoutes)("$request.route", ({ endpoint, request }) => {
  it.for<readonly [string, Record<string, string> | undefined]>([
    ["no claims", undefined],
    ["no user", { org: "ws_north" }],
    ["no workspace", { sub: "alice" }],
    ["an empty user", { sub: "", org: "ws_north" }],
    ["an empty workspace", { sub: "alice", org: "" }],
    ["a user of 300 letters", { sub: "a".repeat(300), org: "ws_north" }],
    ["claims of another provider", { "cognito:username": "alice", "custom:org": "ws_north" }],
  ])("serves nobody where the token has %s", async ([, claims]) => {
    const asked: string[] = [];
    const handler = opened(endpoint, {
      intercept: (name, call) => {
        asked.push(name);
        return call();
      },
    });

    const answer = await send(handler, { ...request, ...(claims && { claims }) });

    expect(problemIn(answer)).toEqual(internalError);
    expect(asked).toEqual([]);
  });
});
