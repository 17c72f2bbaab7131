import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  type TokenAnswer,
  TokenExchange,
} from "../../../../shared/adapters/microsoft/token-exchange.ts";
import { hurriedLimits } from "../../../fakes/hurried-limits.ts";
import {
  type Answer,
  answerJson,
  answerText,
  breakOff,
  drip,
  dropConnection,
  type ScriptedServer,
  saySilence,
  startScriptedServer,
} from "../../../fakes/scripted-server.ts";

let server: ScriptedServer;
beforeAll(async () => {
  server = await startScriptedServer();
});
afterAll(() => server.close());
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** What one token request comes to when the server answers so. */
const outcomeOf = async (...answers: readonly Answer[]) => {
  server.script(...answers);
  const exchange = new TokenExchange(server.origin.origin);
  await exchange
    .sendPostRequestAsync(new URL("/token", server.origin).href, { body: "code=spent-code" })
    .catch(() => undefined); // what msal is told is no part of the outcome
  return exchange.outcome;
};

const answered = (answer: Partial<TokenAnswer>) => ({
  kind: "answered",
  answer: {
    accessToken: undefined,
    refreshToken: undefined,
    idToken: undefined,
    scopes: undefined,
    lifetimeSeconds: undefined,
    ...answer,
  },
});

const refused = (error: string, httpStatus: number) => ({
  kind: "refused",
  refusal: { evidence: { error, errorCodes: [], httpStatus } },
});

const unknown = (error: string, httpStatus?: number) => ({
  kind: "unknown",
  refusal: { evidence: { error, errorCodes: [], ...(httpStatus && { httpStatus }) } },
});

const good = {
  token_type: "Bearer",
  scope: "User.Read Mail.ReadWrite Mail.Send",
  expires_in: 3599,
  access_token: "the-access-token",
  refresh_token: "the-refresh-token",
  id_token: "the.id.token",
};

it("reads a whole answer", async () => {
  expect(await outcomeOf(answerJson(200, good))).toEqual(
    answered({
      accessToken: "the-access-token",
      refreshToken: "the-refresh-token",
      idToken: "the.id.token",
      scopes: ["User.Read", "Mail.ReadWrite", "Mail.Send"],
      lifetimeSeconds: 3599,
    }),
  );
});

it.for([2, 5, 12])("reads tokens of %i KB", async (kilobytes) => {
  const token = (letter: string) => letter.repeat(kilobytes * 1024);
  const outcome = await outcomeOf(
    answerJson(200, { ...good, access_token: token("a"), refresh_token: token("r") }),
  );

  expect(outcome).toMatchObject({
    kind: "answered",
    answer: { accessToken: token("a"), refreshToken: token("r") },
  });
});

describe("an answer that is none", () => {
  it.for<readonly [string, Answer, object]>([
    ["an empty body", answerText(200, ""), unknown("unreadable_answer", 200)],
    ["{} with 200", answerJson(200, {}), answered({})],
    ["{} with 500", answerJson(500, {}), refused("http_500", 500)],
    ["{} with 400", answerJson(400, {}), refused("http_400", 400)],
    ["HTML with 502", answerText(502, "<html>Bad Gateway</html>"), refused("http_502", 502)],
    ["HTML with 200", answerText(200, "<html>"), unknown("unreadable_answer", 200)],
    ["JSON that breaks off", answerText(200, '{"access_tok'), unknown("unreadable_answer", 200)],
    ["null", answerJson(200, null), unknown("unreadable_answer", 200)],
    ["an array", answerJson(200, [good]), unknown("unreadable_answer", 200)],
    ["a string", answerJson(200, "token"), unknown("unreadable_answer", 200)],
    ["null with 503", answerJson(503, null), refused("http_503", 503)],
    [
      "a token that is no text",
      answerJson(200, { ...good, access_token: { a: 1 } }),
      unknown("unreadable_answer", 200),
    ],
    ["tokens with 201", answerJson(201, good), unknown("unreadable_answer", 201)],
    ["10 MB", answerText(200, `{"a":"${"x".repeat(10_000_000)}"}`), unknown("no_answer")],
    ["a closed connection", dropConnection, unknown("no_answer")],
    ["a body that breaks off", breakOff, unknown("no_answer")],
  ])("%s", async ([, answer, expected]) => {
    expect(await outcomeOf(answer)).toEqual(expected);
    expect(server.requests).toHaveLength(1);
  });

  it("a redirect is not followed", async () => {
    const outcome = await outcomeOf(
      answerText(302, "", { location: "/elsewhere" }),
      answerJson(200, good),
    );

    expect(outcome).toEqual(unknown("unreadable_answer", 302));
    expect(server.requests).toHaveLength(1);
  });

  it.for([
    ["silence", saySilence],
    ["a body without end, byte by byte", drip],
  ] as const)("%s ends at the time limit, below the lease", async ([, answer]) => {
    const limits = hurriedLimits();

    expect(await outcomeOf(answer)).toEqual(unknown("no_answer"));

    expect(limits).toEqual([8_000]);
  });
});

describe("a lifetime", () => {
  it.for<readonly [value: unknown, lifetimeSeconds: number | undefined]>([
    [undefined, undefined],
    [0, undefined],
    [-1, undefined],
    [10 ** 9, undefined],
    [48 * 3600 + 1, undefined],
    ["3599", 3599],
    ["0", undefined],
    ["999999999", undefined],
    [28 * 3600, 28 * 3600],
  ])("%j is %j", async ([value, lifetimeSeconds]) => {
    const outcome = await outcomeOf(answerJson(200, { ...good, expires_in: value }));

    expect(outcome).toMatchObject({ kind: "answered", answer: { lifetimeSeconds } });
  });

  it.for([["soon"], ["-5"], ["3599 s"], [true], [null], [[3599]]])(
    "%j makes the answer unusable",
    async ([value]) => {
      const outcome = await outcomeOf(answerJson(200, { ...good, expires_in: value }));

      expect(outcome).toEqual(unknown("unreadable_answer", 200));
    },
  );
});

describe("a token type", () => {
  it.for(["Bearer", "bearer", "BEARER"])("%s is what we can use", async (token_type) => {
    const outcome = await outcomeOf(answerJson(200, { ...good, token_type }));

    expect(outcome).toMatchObject({ answer: { accessToken: "the-access-token" } });
  });

  it.for([undefined, "pop", "MAC", ""])("%j makes the access token useless", async (token_type) => {
    const outcome = await outcomeOf(answerJson(200, { ...good, token_type }));

    expect(outcome).toMatchObject({ kind: "answered", answer: { accessToken: undefined } });
  });
});

it("takes an empty token for none", async () => {
  const empty = { ...good, access_token: "", refresh_token: "", id_token: "", scope: "  " };

  expect(await outcomeOf(answerJson(200, empty))).toEqual(
    answered({ lifetimeSeconds: 3599, scopes: [] }),
  );
});

describe("a refusal", () => {
  const refusal = {
    error: "invalid_grant",
    suberror: "basic_action",
    error_description:
      "AADSTS50076: Anna must use multi-factor authentication. Trace ID: 11111111-2222-3333-4444-555555555555",
    error_codes: [50076],
    timestamp: "2026-11-20 09:00:00Z",
    trace_id: "99999999-2222-4333-8444-555555555555",
    correlation_id: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
    claims: '{"access_token":{}}',
  };

  it("is kept without Microsoft's text", async () => {
    expect(await outcomeOf(answerJson(400, refusal))).toEqual({
      kind: "refused",
      refusal: {
        evidence: {
          error: "invalid_grant",
          suberror: "basic_action",
          errorCodes: [50076],
          httpStatus: 400,
          traceId: refusal.trace_id,
          correlationId: refusal.correlation_id,
        },
        claims: refusal.claims,
      },
    });
  });

  it("is believed with status 200 too", async () => {
    const outcome = await outcomeOf(answerJson(200, { ...good, error: "invalid_grant" }));

    expect(outcome).toMatchObject({ kind: "refused" });
  });

  it("takes numbers and ids from the text where it has no other place for them", async () => {
    const { error, error_description } = refusal;

    expect(await outcomeOf(answerJson(400, { error, error_description }))).toMatchObject({
      refusal: {
        evidence: { errorCodes: [50076], traceId: "11111111-2222-3333-4444-555555555555" },
      },
    });
  });

  it("is read although everything but its error is garbled", async () => {
    const garbled = {
      error: "invalid_grant",
      suberror: { a: 1 },
      error_description: 7,
      error_codes: "many",
      trace_id: "PLANTED",
      correlation_id: ["PLANTED"],
      claims: "x".repeat(5_000),
    };

    expect(await outcomeOf(answerJson(400, garbled))).toEqual({
      kind: "refused",
      refusal: { evidence: { error: "invalid_grant", errorCodes: [], httpStatus: 400 } },
    });
  });

  it.for(["Invalid Grant", "", "x".repeat(65), 7, null, ["invalid_grant"]])(
    "whose error is %j is known by its status alone",
    async (error) => {
      expect(await outcomeOf(answerJson(400, { error }))).toEqual(refused("http_400", 400));
    },
  );

  it.for<readonly [header: string, seconds: number | undefined]>([
    ["7", 7],
    ["0", 0],
    ["999999", 3600],
    ["Fri, 20 Nov 2026 09:01:30 GMT", 90],
    ["Fri, 20 Nov 2026 08:00:00 GMT", 0],
    ["Sat, 21 Nov 2026 09:00:00 GMT", 3600],
    ["soon", undefined],
  ])("asks to wait with Retry-After: %s", async ([header, seconds]) => {
    vi.useFakeTimers({ toFake: ["Date"], now: new Date("2026-11-20T09:00:00Z") });

    for (const body of [{ error: "temporarily_unavailable" }, {}]) {
      const outcome = await outcomeOf(answerJson(429, body, { "retry-after": header }));

      expect(outcome).toMatchObject({
        kind: "refused",
        refusal: { retryAfterSeconds: seconds, evidence: { httpStatus: 429 } },
      });
    }
  });
});

it("sends nothing to an origin it was not made for", async () => {
  server.script(answerJson(200, good));
  const exchange = new TokenExchange("https://login.microsoftonline.com");

  await expect(
    exchange.sendPostRequestAsync(new URL("/token", server.origin).href, { body: "" }),
  ).rejects.toThrow("unlisted host");

  expect(server.requests).toEqual([]);
  expect(exchange.outcome).toBeUndefined();
});

it("asks for no metadata, which msal was given", async () => {
  await expect(new TokenExchange(server.origin.origin).sendGetRequestAsync()).rejects.toThrow();
});

it("comes to an end for every body, and keeps no text of one that is no token answer", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(200, 204, 400, 401, 404, 429, 500, 503),
      fc.oneof(
        fc.json(),
        fc.string(),
        fc
          .record(
            {
              error: fc.oneof(fc.constant("invalid_grant"), fc.constant("PLANTED text")),
              error_description: fc.constant("PLANTED text"),
              suberror: fc.constant("PLANTED text"),
              trace_id: fc.constant("PLANTED text"),
              access_token: fc.jsonValue(),
              expires_in: fc.jsonValue(),
            },
            { requiredKeys: [] },
          )
          .map((value) => JSON.stringify(value)),
      ),
      async (status, body) => {
        const outcome = await outcomeOf(answerText(status, body));

        expect(outcome).toBeDefined();
        expect(JSON.stringify(outcome)).not.toContain("PLANTED");
      },
    ),
    { numRuns: 150 },
  );
});
