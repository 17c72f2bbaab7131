import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { fail } from "../../../shared/domain/result.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { lambdaContext } from "../../fakes/http-event.ts";
import {
  account,
  alicesConnection,
  microsoftFailure,
  microsoftFailureKinds,
} from "../../fakes/samples.ts";
import { type TokenFetchScript, tokenFetchInMemory } from "../../fakes/token-fetch-in-memory.ts";

const log = captureLog();

const run = { workflowId: "wf-1", runId: "run-1" };
const request = { connectionId: alicesConnection, workspaceId: "ws_north", run };

const connected = async (script: TokenFetchScript = {}, expiresInSeconds = 3600) => {
  const rig = tokenFetchInMemory(script);
  await rig.connect({ expiresInSeconds });
  const { handler, calls } = rig.environment();
  return { ...rig, calls, invoke: (event: unknown) => handler(event, lambdaContext) };
};

/** All that an answer may hold. */
const answer = z.discriminatedUnion("ok", [
  z.strictObject({
    ok: z.literal(true),
    accessToken: z.string(),
    tokenType: z.literal("Bearer"),
    expiresAt: z.iso.datetime(),
    scopes: z.array(z.string()),
    graphBaseUrl: z.url(),
    degraded: z.boolean(),
  }),
  z.strictObject({
    ok: z.literal(false),
    error: z.strictObject({
      code: z.enum([
        "not_found",
        "invalid_request",
        "reauthorization_required",
        "admin_consent_required",
        "tenant_blocked",
        "throttled",
        "temporarily_unavailable",
        "misconfigured",
      ]),
      actor: z.enum(["user", "tenant_admin", "operator", "nobody"]),
      retryable: z.boolean(),
      retryAfterSeconds: z.optional(z.int().check(z.gte(1))),
      message: z.string().check(z.regex(/^[A-Z].*[.]$/)),
      traceId: z.literal(lambdaContext.awsRequestId),
    }),
  }),
]);

describe("a worker gets", () => {
  it("a token, its end, and what it is good for", async () => {
    const { invoke } = await connected();

    expect(await invoke(request)).toEqual({
      ok: true,
      accessToken: "stored-token",
      tokenType: "Bearer",
      expiresAt: "2026-03-01T13:00:00.000Z",
      scopes: ["Mail.Send"],
      graphBaseUrl: "https://graph.microsoft.com/v1.0",
      degraded: false,
    });
  });

  it.for([3600, 200, -1])(
    "never a refresh token, with %i seconds left on the token and whatever Microsoft says",
    async (left) => {
      for (const kind of [undefined, ...microsoftFailureKinds]) {
        const script: TokenFetchScript = kind
          ? { refresh: async () => fail(microsoftFailure(kind)) }
          : {};
        const { invoke } = await connected(script, left);

        for (const minTtlSeconds of [0, 300, 3000]) {
          const given = await invoke({ ...request, minTtlSeconds });

          expect(answer.safeParse(given).error).toBeUndefined();
          expect(given.ok || kind !== undefined).toBe(true);
          expect(JSON.stringify(given)).not.toContain("refresh-token");
        }
      }
    },
  );

  it("a failure with the id under which it is in the log", async () => {
    const { invoke } = await connected();

    const given = await invoke({ ...request, workspaceId: "ws_south" });

    expect(given).toEqual({
      ok: false,
      error: {
        code: "not_found",
        actor: "user",
        retryable: false,
        message: "There is no such connection in this workspace. It may have been disconnected.",
        traceId: lambdaContext.awsRequestId,
      },
    });
    expect(log.lines().join("")).toContain(lambdaContext.awsRequestId);
  });

  it("a failure that may be tried again when our side fails, without a word on how", async () => {
    const { invoke } = await connected({
      intercept: async () => {
        throw new Error("AccessDeniedException at arn:aws:kms");
      },
    });

    const given = await invoke(request);

    expect(given).toMatchObject({
      ok: false,
      error: { code: "temporarily_unavailable", actor: "operator", retryable: true },
    });
    expect(JSON.stringify(given)).not.toContain("AccessDenied");
    expect(log.lines().join("")).toContain('"failure":"internal_error"');
    expect(log.lines().join("")).not.toContain("arn:aws:kms");
  });

  it("a failure that may be tried again when a refresh breaks, and the lease is free again", async () => {
    let isBroken = true;
    const { invoke, stored, clock } = await connected(
      {
        intercept: async (name, call) => {
          if (name === "identity.refresh" && isBroken) throw new Error("no answer");
          return call();
        },
      },
      -1,
    );

    const given = await invoke(request);
    const left = await stored();
    isBroken = false;
    clock.pass(5);

    expect(given).toMatchObject({
      ok: false,
      error: { code: "temporarily_unavailable", actor: "operator", retryable: true },
    });
    expect(left).toMatchObject({ status: "connected", problem: undefined, lease: undefined });
    expect(await invoke(request)).toMatchObject({ ok: true, accessToken: "renewed-1" });
  });

  it("300 seconds where it does not say how many it needs", async () => {
    const { invoke, identity } = await connected({}, 299);

    await invoke(request);

    expect(identity.refreshed).toHaveLength(1);
  });
});

describe("is refused before anything is read:", () => {
  it.for<readonly [string, unknown]>([
    ["nothing", undefined],
    ["null", null],
    ["text", JSON.stringify(request)],
    ["a list", [request]],
    ["an empty object", {}],
    ["no connection", { ...request, connectionId: undefined }],
    ["an attempt for a connection", { ...request, connectionId: `att_${"a".repeat(43)}` }],
    ["a longer connection", { ...request, connectionId: `${alicesConnection}a` }],
    ["a connection with a line after it", { ...request, connectionId: `${alicesConnection}\n` }],
    ["a list of connections", { ...request, connectionId: [alicesConnection] }],
    ["no workspace", { ...request, workspaceId: undefined }],
    ["an empty workspace", { ...request, workspaceId: "" }],
    ["a long workspace", { ...request, workspaceId: "w".repeat(257) }],
    ["a number for a workspace", { ...request, workspaceId: 7 }],
    ["a condition for a workspace", { ...request, workspaceId: { $ne: "" } }],
    ["no run", { ...request, run: undefined }],
    ["half a run", { ...request, run: { runId: "run-1" } }],
    ["a run with more to it", { ...request, run: { ...run, token: "t" } }],
    ["an empty run", { ...request, run: { ...run, runId: "" } }],
    ["a run with a line break", { ...request, run: { ...run, runId: "run\nforged" } }],
    ["a run that could be a token", { ...request, run: { ...run, runId: "r".repeat(65) } }],
    ["minTtlSeconds below 0", { ...request, minTtlSeconds: -1 }],
    ["minTtlSeconds above 3,000", { ...request, minTtlSeconds: 3001 }],
    ["minTtlSeconds in fractions", { ...request, minTtlSeconds: 1.5 }],
    ["minTtlSeconds as text", { ...request, minTtlSeconds: "300" }],
    ["minTtlSeconds that is no number", { ...request, minTtlSeconds: Number.NaN }],
    ["minTtlSeconds without end", { ...request, minTtlSeconds: Number.POSITIVE_INFINITY }],
    ["minTtlSeconds of null", { ...request, minTtlSeconds: null }],
    ["more than it knows", { ...request, userId: "alice" }],
    ["a prototype", JSON.parse(`{"__proto__":${JSON.stringify(request)}}`)],
    ["a prototype beside it", JSON.parse(`{"__proto__":{},${JSON.stringify(request).slice(1)}`)],
    ["an event of API Gateway", { routeKey: "POST /token", body: JSON.stringify(request) }],
  ])("%s", async ([, event]) => {
    const { invoke, calls } = await connected();

    const given = await invoke(event);

    expect(given).toMatchObject({
      ok: false,
      error: { code: "invalid_request", actor: "operator", retryable: false },
    });
    expect(calls).toEqual([]);
  });

  it("whatever else it may be", async () => {
    const { invoke, calls } = await connected();

    await fc.assert(
      fc.asyncProperty(fc.anything({ withNullPrototype: true }), async (event) => {
        const given = await invoke(event);

        expect(answer.safeParse(given).error).toBeUndefined();
        expect(given.ok).toBe(false);
      }),
      { numRuns: 100 },
    );
    expect(calls).toEqual([]);
  });

  it.for([0, 1, 2999, 3000])("but not minTtlSeconds of %i", async (minTtlSeconds) => {
    const { invoke } = await connected();

    expect(await invoke({ ...request, minTtlSeconds })).toMatchObject({ ok: true });
  });
});

describe("the log", () => {
  it("names the run, the connection and where the token came from, and no token", async () => {
    const { invoke } = await connected({}, -1);

    await invoke(request);
    await invoke(request);

    const written = log.lines().join("");
    const lines = log.lines().map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { message: "token served", source: "refresh", ...run, connectionId: alicesConnection },
      { message: "token served", source: "memory", ...run, connectionId: alicesConnection },
    ]);
    for (const secret of ["renewed-1", "refresh-token", account.username, account.objectId]) {
      expect(written).not.toContain(secret);
    }
  });

  it("of a refusal says what Microsoft said, to the operator", async () => {
    const failure = microsoftFailure("app_credential_rejected", {
      evidence: { error: "invalid_client", errorCodes: [7000222], traceId: "trace-1" },
    });
    const { invoke } = await connected({ refresh: async () => fail(failure) }, -1);

    await invoke(request);

    expect(JSON.parse(log.lines().at(-1) ?? "{}")).toMatchObject({
      level: "WARN",
      message: "token not served",
      failure: "app_credential_rejected",
      actor: "operator",
      microsoft: { error: "invalid_client", errorCodes: [7000222], traceId: "trace-1" },
    });
  });

  it("of a degraded answer says why", async () => {
    const { invoke } = await connected(
      { refresh: async () => fail(microsoftFailure("sign_in_required")) },
      200,
    );

    const given = await invoke({ ...request, minTtlSeconds: 60 });

    const lines = log.lines().map((line) => JSON.parse(line));
    expect(given).toMatchObject({ ok: true, degraded: true });
    expect(lines).toMatchObject([
      { message: "token not renewed", failure: "sign_in_required" },
      { message: "token served", degraded: true },
    ]);
  });

  it("never repeats what it did not understand", async () => {
    const { invoke } = await connected();

    await invoke({ ...request, run: { workflowId: "eyJ-secret", runId: "a secret" } });

    expect(log.lines().join("")).not.toContain("secret");
  });
});
