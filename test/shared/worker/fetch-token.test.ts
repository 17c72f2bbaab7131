import { execFile } from "node:child_process";
import { copyFile, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import timers from "node:timers/promises";
import { inspect, promisify } from "node:util";
import { ServiceException, TooManyRequestsException } from "@aws-sdk/client-lambda";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fetchToken, type TokenFunction, tokenClient } from "../../../shared/worker/fetch-token.ts";

/** How long was waited, in milliseconds; the test waits for nothing. */
const waits: number[] = [];
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
  vi.spyOn(timers, "setTimeout").mockImplementation(async (milliseconds = 0, value, options) => {
    options?.signal?.throwIfAborted();
    waits.push(milliseconds);
    vi.advanceTimersByTime(milliseconds);
    return value as never;
  });
  syncBuiltinESMExports();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  syncBuiltinESMExports();
});

const root = join(import.meta.dirname, "../../..");

const request = {
  connectionId: "conn_1",
  workspaceId: "ws_north",
  run: { workflowId: "newest-mail", runId: "run-1" },
};

const answering = (payload: string): TokenFunction => ({
  functionName: "token-fetch",
  lambda: { send: async () => ({ Payload: new TextEncoder().encode(payload) }) },
});

const token = {
  ok: true,
  accessToken: "planted-token",
  tokenType: "Bearer",
  expiresAt: "2026-11-20T10:00:00.000Z",
  scopes: ["Mail.Send"],
  graphBaseUrl: "https://graph.microsoft.com/v1.0",
  degraded: false,
};

it("runs where nothing else of this repository is", async () => {
  const folder = await mkdtemp(join(tmpdir(), "worker-"));
  try {
    await copyFile(join(root, "shared/worker/fetch-token.ts"), join(folder, "fetch-token.ts"));
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    await writeFile(
      join(folder, "use.mts"),
      `import { fetchToken } from "./fetch-token.ts";
       const Payload = new TextEncoder().encode(${JSON.stringify(JSON.stringify(token))});
       const lambda = { send: async () => ({ Payload }) };
       const answer = await fetchToken(${JSON.stringify(request)}, { lambda, functionName: "f" });
       console.log(answer.accessToken.reveal());`,
    );

    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, "use.mts")]);

    expect(stdout).toBe("planted-token\n");
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("hands on a token that cannot be printed by mistake", async () => {
  const answer = await fetchToken(request, answering(JSON.stringify(token)));

  expect(answer.ok && answer.accessToken.reveal()).toBe("planted-token");
  const printed = [
    inspect(answer, { depth: 10, showHidden: true }),
    JSON.stringify(answer),
    answer.ok && `${answer.accessToken}`,
  ];
  for (const text of printed) expect(text).not.toContain("planted");
});

it.for([
  ["that breaks off", JSON.stringify(token).slice(5, 60)],
  ["that begins with the token", "planted-token"],
  ["in another form", JSON.stringify({ ...token, expiresAt: "soon" })],
] as const)("throws without quoting an answer %s", async ([, payload]) => {
  const error = await fetchToken(request, answering(payload)).catch((reason: unknown) => reason);

  expect(error).toBeInstanceOf(Error);
  expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("planted");
});

describe("what passes by itself", () => {
  const $metadata = { requestId: "request-1" };
  const refusal = (changes: Record<string, unknown> = {}) =>
    JSON.stringify({
      ok: false,
      error: {
        code: "throttled",
        actor: "nobody",
        retryable: true,
        retryAfterSeconds: 5,
        message: "Microsoft asks us to wait.",
        traceId: "trace-1",
        ...changes,
      },
    });

  /** With what Lambda says of a function that broke. */
  const broken = { FunctionError: "Unhandled", payload: '{"trace":["planted-token"]}' };

  const answeringInTurn = (...payloads: readonly (string | Error | typeof broken)[]) => {
    let asked = 0;
    const tokens: TokenFunction = {
      functionName: "token-fetch",
      lambda: {
        send: async () => {
          const payload = payloads[asked] ?? payloads.at(-1) ?? "";
          asked += 1;
          if (payload instanceof Error) throw payload;
          if (typeof payload === "string") return { Payload: new TextEncoder().encode(payload) };
          const { FunctionError } = payload;
          return { FunctionError, Payload: new TextEncoder().encode(payload.payload) };
        },
      },
    };
    return { tokens, asked: () => asked };
  };

  beforeEach(() => {
    waits.length = 0;
  });

  it("is asked for again when the service says so, a little later and never earlier", async () => {
    const { tokens, asked } = answeringInTurn(refusal(), refusal(), JSON.stringify(token));

    const answer = await fetchToken(request, tokens);

    expect(answer.ok).toBe(true);
    expect(asked()).toBe(3);
    expect(waits).toHaveLength(2);
    for (const milliseconds of waits) {
      expect(milliseconds).toBeGreaterThanOrEqual(5_000);
      expect(milliseconds).toBeLessThanOrEqual(6_000);
    }
  });

  it("is not asked for by all at once who were told the same", async () => {
    vi.spyOn(Math, "random").mockReturnValueOnce(0.25).mockReturnValueOnce(0.75);
    const { tokens } = answeringInTurn(refusal(), refusal(), JSON.stringify(token));

    await fetchToken(request, tokens);

    expect(waits).toEqual([5_250, 5_750]);
  });

  it("is a function that breaks, too, as while it is replaced: it is asked again", async () => {
    const { tokens, asked } = answeringInTurn(broken, broken, JSON.stringify(token));

    const answer = await fetchToken(request, tokens);

    expect(answer.ok).toBe(true);
    expect(asked()).toBe(3);
  });

  it("is named if the function goes on breaking, without what it printed", async () => {
    const { tokens } = answeringInTurn(broken);

    const answer = await fetchToken(request, tokens, { patienceSeconds: 0 });

    expect(answer).toMatchObject({
      ok: false,
      error: { code: "temporarily_unavailable", actor: "operator", retryable: true },
    });
    expect(JSON.stringify(answer)).not.toContain("planted");
  });

  it("is waited for no longer than there is patience, in all", async () => {
    const { tokens, asked } = answeringInTurn(refusal());

    const answer = await fetchToken(request, tokens, { patienceSeconds: 20 });

    expect(answer).toMatchObject({ ok: false, error: { code: "throttled", retryAfterSeconds: 5 } });
    expect(asked()).toBeLessThanOrEqual(5);
    expect(waits.reduce((sum, milliseconds) => sum + milliseconds, 0)).toBeLessThanOrEqual(20_000);
  });

  it("is asked for no later than there is patience, however long the answers take", async () => {
    const begun = performance.now();
    const begins: number[] = [];
    const slow: TokenFunction = {
      functionName: "token-fetch",
      lambda: {
        send: async () => {
          begins.push(performance.now() - begun);
          vi.advanceTimersByTime(1_500);
          return { Payload: new TextEncoder().encode(refusal({ retryAfterSeconds: 1 })) };
        },
      },
    };

    await fetchToken(request, slow, { patienceSeconds: 4 });

    expect(begins).toHaveLength(2);
    expect(Math.max(...begins)).toBeLessThanOrEqual(4_000);
  });

  it.for([
    ["throttled", new TooManyRequestsException({ message: "Rate exceeded", $metadata })],
    ["temporarily_unavailable", new ServiceException({ message: "Internal error", $metadata })],
  ] as const)("may be Lambda's: %s", async ([code, error]) => {
    const { tokens, asked } = answeringInTurn(error, error, JSON.stringify(token));

    expect(await fetchToken(request, tokens, { patienceSeconds: 0 })).toEqual({
      ok: false,
      error: {
        code,
        actor: "nobody",
        retryable: true,
        retryAfterSeconds: 2,
        message: expect.stringMatching(/tried again shortly/),
        traceId: "request-1",
      },
    });
    expect(await fetchToken(request, tokens)).toMatchObject({ ok: true });
    expect(asked()).toBe(3);
  });

  it("is not that Lambda forbids the call, which is thrown", async () => {
    const forbidden = Object.assign(new Error("not authorized"), { name: "AccessDeniedException" });
    const { tokens, asked } = answeringInTurn(forbidden);

    await expect(fetchToken(request, tokens)).rejects.toBe(forbidden);
    expect(asked()).toBe(1);
  });

  it("is returned at once to who has no patience, and when it takes longer than there is", async () => {
    const impatient = answeringInTurn(refusal());
    const tooLong = answeringInTurn(refusal({ retryAfterSeconds: 61 }));

    await fetchToken(request, impatient.tokens, { patienceSeconds: 0 });
    await fetchToken(request, tooLong.tokens);

    expect([impatient.asked(), tooLong.asked()]).toEqual([1, 1]);
    expect(waits).toEqual([]);
  });

  it("is not hammered when the service names no time, or none at all", async () => {
    const unnamed = await fetchToken(
      request,
      answeringInTurn(refusal({ retryAfterSeconds: undefined })).tokens,
      { patienceSeconds: 0 },
    );
    await fetchToken(
      request,
      answeringInTurn(refusal({ retryAfterSeconds: 0 }), JSON.stringify(token)).tokens,
    );

    expect(unnamed).toMatchObject({ error: { retryAfterSeconds: 30 } });
    expect(waits).toHaveLength(1);
    expect(waits[0]).toBeGreaterThanOrEqual(1_000);
  });

  it("is told apart from what somebody must act on, which is returned at once", async () => {
    const { tokens, asked } = answeringInTurn(
      refusal({ code: "reauthorization_required", actor: "user", retryable: false }),
    );

    expect(await fetchToken(request, tokens)).toMatchObject({
      ok: false,
      error: { actor: "user", retryable: false },
    });
    expect(asked()).toBe(1);
  });

  it("may have a code that this version does not know", async () => {
    const { tokens } = answeringInTurn(refusal({ code: "eclipse", retryable: false }));

    expect(await fetchToken(request, tokens)).toMatchObject({ error: { code: "eclipse" } });
  });

  it("is given up when the run is", async () => {
    const { tokens, asked } = answeringInTurn(refusal());
    const run = AbortSignal.abort(new Error("the run was cancelled"));

    await expect(fetchToken(request, tokens, { signal: run })).rejects.toThrow();
    expect(asked()).toBe(1);
  });
});

it("ends a request that is under way when the run is given up", async () => {
  const run = new AbortController();
  const hanging: TokenFunction = {
    functionName: "token-fetch",
    lambda: {
      send: (_: unknown, options?: { readonly abortSignal?: AbortSignal }) =>
        new Promise<never>((_resolve, reject) => {
          options?.abortSignal?.addEventListener("abort", () => reject(new Error("aborted")));
          run.abort();
          reject(new Error("goes on"));
        }),
    } as TokenFunction["lambda"],
  };

  await expect(fetchToken(request, hanging, { signal: run.signal })).rejects.toThrow("aborted");
});

it("repeats a request once, so that time-outs do not add up", async () => {
  const { maxAttempts } = tokenClient({ region: "eu-central-1" }).config;

  expect(await maxAttempts()).toBe(2);
});
