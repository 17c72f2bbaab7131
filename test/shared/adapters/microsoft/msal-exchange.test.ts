import { inspect } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type ExchangeWatch,
  msalExchange,
} from "../../../../shared/adapters/microsoft/msal-exchange.ts";
import type { ClientCredential } from "../../../../shared/adapters/secrets-manager/client-credential.ts";
import { Secret } from "../../../../shared/domain/secret.ts";
import { authority, clientId } from "../../../fakes/id-tokens.ts";
import {
  type Answer,
  answerJson,
  answerText,
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

/** A credential whose secrets are the first list, and the second one when read afresh. */
const credentialOf = (kept: readonly string[], stored: readonly string[] = kept) => {
  const reads: boolean[] = [];
  const credential: ClientCredential = {
    secrets: async (options) => {
      reads.push(options?.fresh ?? false);
      return (options?.fresh ? stored : kept).map((secret) => new Secret(secret));
    },
  };
  return { credential, reads };
};

let fallbacks = 0;
beforeEach(() => {
  fallbacks = 0;
});

const began = new Date("2026-11-20T09:00:00Z");

const exchangeWith = (credential: ClientCredential, watch: Partial<ExchangeWatch> = {}) =>
  msalExchange({ authority, loginEndpoint: server.origin, clientId }, credential, {
    now: () => began,
    onFallback: () => {
      fallbacks += 1;
    },
    ...watch,
  });

const refresh = (credential: ClientCredential, refreshToken = "the-refresh-token") =>
  exchangeWith(credential)("organizations", (client) =>
    client.acquireTokenByRefreshToken({ refreshToken, scopes: ["User.Read"] }),
  );

const forms = () =>
  server.requests.map(({ body }) => Object.fromEntries(new URLSearchParams(body)));
const secretsSent = () => forms().map(({ client_secret }) => client_secret);

const tokens = (accessToken: string) =>
  answerJson(200, {
    token_type: "Bearer",
    scope: "User.Read",
    expires_in: 3599,
    access_token: accessToken,
    refresh_token: `${accessToken}-refresh`,
  });

const invalidClient = answerJson(401, { error: "invalid_client", error_codes: [7000215] });

describe("the app's secrets", () => {
  it("are tried in order: the first one that Microsoft takes is enough", async () => {
    const { credential, reads } = credentialOf(["new", "old"]);
    server.script(tokens("a"));

    expect((await refresh(credential)).kind).toBe("answered");

    expect(secretsSent()).toEqual(["new"]);
    expect(reads).toEqual([false]);
  });

  it.for<readonly [string, Answer]>([
    ["invalid_client with its number", invalidClient],
    ["invalid_client with an unknown number", answerJson(401, { error: "invalid_client" })],
    ["an expired secret", answerJson(401, { error: "invalid_client", error_codes: [7000222] })],
  ])("the next one is tried after %s", async ([, refusal]) => {
    const { credential } = credentialOf(["new", "old"]);
    server.script(refusal, tokens("a"));

    expect((await refresh(credential)).kind).toBe("answered");

    expect(secretsSent()).toEqual(["new", "old"]);
  });

  it.for<readonly [string, Answer]>([
    ["invalid_grant", answerJson(400, { error: "invalid_grant", error_codes: [700082] })],
    ["invalid_grant without a number", answerJson(400, { error: "invalid_grant" })],
    ["interaction_required", answerJson(400, { error: "interaction_required" })],
    ["invalid_request", answerJson(400, { error: "invalid_request" })],
    ["unauthorized_client", answerJson(400, { error: "unauthorized_client" })],
    ["invalid_client with HTTP 503", answerJson(503, { error: "invalid_client" })],
    ["throttling", answerJson(429, { error: "temporarily_unavailable" })],
    ["an outage", answerText(502, "<html>")],
    ["a closed connection", dropConnection],
    ["an answer that is none", answerText(200, "")],
  ])("the next one is never tried after %s", async ([, answer]) => {
    const { credential, reads } = credentialOf(["new", "old"]);
    server.script(answer, tokens("a"));

    expect((await refresh(credential)).kind).not.toBe("answered");

    expect(secretsSent()).toEqual(["new"]);
    expect(reads).toEqual([false]);
  });

  it("are read afresh once when all are refused, and only new ones are tried", async () => {
    const { credential, reads } = credentialOf(["expired", "older"], ["rotated", "expired"]);
    server.script(invalidClient, invalidClient, tokens("a"));

    expect((await refresh(credential)).kind).toBe("answered");

    expect(secretsSent()).toEqual(["expired", "older", "rotated"]);
    expect(reads).toEqual([false, true]);
  });

  it("end in Microsoft's refusal when none is taken, each of them tried once", async () => {
    const { credential, reads } = credentialOf(["new", "old"]);
    server.script(invalidClient);

    expect(await refresh(credential)).toMatchObject({
      kind: "refused",
      refusal: { evidence: { error: "invalid_client", errorCodes: [7000215] } },
    });

    expect(secretsSent()).toEqual(["new", "old"]);
    expect(reads).toEqual([false, true]);
  });

  it("that are missing are our fault, and Microsoft is not asked", async () => {
    const { credential } = credentialOf([]);
    server.script(tokens("a"));

    expect(await refresh(credential)).toMatchObject({
      kind: "refused",
      refusal: { evidence: { error: "invalid_client" } },
    });

    expect(server.requests).toEqual([]);
  });
});

describe("many users in one process", () => {
  it("get their own tokens and nothing of each other's", async () => {
    const exchange = exchangeWith(credentialOf(["secret"]).credential);
    server.script((response, request) => {
      const sent = new URLSearchParams(request.body).get("refresh_token");
      tokens(`access-for-${sent}`)(response, request);
    });
    const users = Array.from({ length: 8 }, (_, index) => `user${index}`);
    const caches: string[] = [];

    const outcomes = await Promise.all(
      users.map((user) =>
        exchange("organizations", async (client) => {
          caches.push(client.getTokenCache().serialize());
          await client.acquireTokenByRefreshToken({
            refreshToken: user,
            scopes: ["User.Read"],
            forceCache: true,
          });
          caches.push(client.getTokenCache().serialize());
        }),
      ),
    );

    outcomes.forEach((outcome, index) => {
      const text = JSON.stringify(outcome);
      expect(text).toContain(`access-for-user${index}"`);
      expect(users.filter((user) => text.includes(`access-for-${user}"`))).toHaveLength(1);
    });
    for (const cache of caches) {
      expect(users.filter((user) => cache.includes(`access-for-${user}"`)).length).toBeLessThan(2);
    }
  });

  it("are not kept waiting because one of them was told to wait", async () => {
    const { credential } = credentialOf(["secret"]);
    const exchange = exchangeWith(credential);
    const send = (refreshToken: string) =>
      exchange("organizations", (client) =>
        client.acquireTokenByRefreshToken({ refreshToken, scopes: ["User.Read"] }),
      );
    server.script(
      answerJson(429, { error: "temporarily_unavailable" }, { "retry-after": "60" }),
      tokens("a"),
    );

    expect((await send("first-user")).kind).toBe("refused");
    expect((await send("second-user")).kind).toBe("answered");

    expect(server.requests).toHaveLength(2);
  });
});

it("sends one POST to the tenant's token endpoint and asks nothing else", async () => {
  server.script(tokens("a"));

  await refresh(credentialOf(["secret"]).credential);

  expect(server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
    "POST /organizations/oauth2/v2.0/token",
  ]);
});

it("gives up an answer that takes longer than its caller may wait", async () => {
  server.script(saySilence);
  const exchange = exchangeWith(credentialOf(["secret"]).credential, { callMilliseconds: 100 });

  const outcome = await exchange("organizations", (client) =>
    client.acquireTokenByRefreshToken({ refreshToken: "rt", scopes: ["User.Read"] }),
  );

  expect(outcome).toMatchObject({
    kind: "unknown",
    refusal: { evidence: { error: "no_answer" } },
  });
});

it("throws what happens before a request, without the secret", async () => {
  const exchange = exchangeWith(credentialOf(["planted-secret"]).credential);

  const nothingSent = exchange("organizations", async () => {});
  const failed = exchange("organizations", (client) =>
    client.acquireTokenByCode({ code: "", scopes: [], redirectUri: "" }).then(() => {
      throw new Error("the caller's own");
    }),
  );

  await expect(nothingSent).rejects.toThrow("no request");
  const error = await failed.catch((reason: unknown) => reason);
  expect(inspect(error, { depth: 10 })).not.toContain("planted-secret");
});

describe("a newer secret that is refused beside an older one that works", () => {
  const rejected = () => answerJson(401, { error: "invalid_client", error_codes: [7000215] });

  it("is told once, and is not tried again until the credential is read anew", async () => {
    const stored = ["new-secret", "old-secret"].map((secret) => new Secret(secret));
    let reading = stored;
    const exchange = exchangeWith({ secrets: async () => reading });
    const ask = () =>
      exchange("organizations", (client) =>
        client.acquireTokenByRefreshToken({ refreshToken: "rt", scopes: ["User.Read"] }),
      );
    server.script(rejected(), tokens("one"), tokens("two"), rejected(), tokens("three"));

    await ask();
    await ask();
    expect(secretsSent()).toEqual(["new-secret", "old-secret", "old-secret"]);
    expect(fallbacks).toBe(1);

    reading = [...stored];
    await ask();
    expect(secretsSent().slice(3)).toEqual(["new-secret", "old-secret"]);
  });

  it("is not told while the first one works", async () => {
    server.script(tokens("one"));

    await refresh(credentialOf(["new-secret", "old-secret"]).credential);

    expect(fallbacks).toBe(0);
  });

  it.for<readonly [string, Answer]>([
    ["throttled", answerJson(429, { error: "temporarily_unavailable" })],
    ["unwell", answerText(502, "<html>")],
    ["silent", dropConnection],
    ["refusing the grant", answerJson(400, { error: "invalid_grant" })],
  ])(
    "is not told while Microsoft is %s for the older one: that proves nothing",
    async ([, answer]) => {
      const stored = ["new-secret", "old-secret"].map((secret) => new Secret(secret));
      const exchange = exchangeWith({ secrets: async () => stored });
      const ask = () =>
        exchange("organizations", (client) =>
          client.acquireTokenByRefreshToken({ refreshToken: "rt", scopes: ["User.Read"] }),
        );
      server.script(rejected(), answer, rejected(), tokens("one"));

      await ask();
      expect(fallbacks).toBe(0);

      expect((await ask()).kind).toBe("answered");
      expect(fallbacks).toBe(1);
    },
  );

  it.for([
    [6_000, ["new-secret", "old-secret"]],
    [6_001, ["new-secret"]],
  ] as const)(
    "is followed by the older one only while that can answer in time: refused with %i ms gone",
    async ([gone, sent]) => {
      let now = began;
      const { credential } = credentialOf(["new-secret", "old-secret"]);
      server.script((response, request) => {
        now = new Date(began.getTime() + gone);
        rejected()(response, request);
      }, tokens("one"));

      const outcome = await exchangeWith(credential, { now: () => now, callMilliseconds: 4_000 })(
        "organizations",
        (client) => client.acquireTokenByRefreshToken({ refreshToken: "r", scopes: ["User.Read"] }),
        new Date(began.getTime() + 10_000),
      );

      expect(secretsSent()).toEqual(sent);
      expect(outcome.kind).toBe(sent.length === 2 ? "answered" : "unknown");
      expect(fallbacks).toBe(sent.length - 1);
    },
  );

  it("is not followed by the older one when there is no time left for it", async () => {
    const { credential } = credentialOf(["new-secret", "old-secret"]);
    server.script(rejected());

    const outcome = await exchangeWith(credential)(
      "organizations",
      (client) => client.acquireTokenByRefreshToken({ refreshToken: "rt", scopes: ["User.Read"] }),
      new Date(began.getTime() + 7_999),
    );

    expect(outcome).toMatchObject({
      kind: "unknown",
      refusal: { evidence: { error: "out_of_time" } },
    });
    expect(server.requests).toEqual([]);
  });
});
