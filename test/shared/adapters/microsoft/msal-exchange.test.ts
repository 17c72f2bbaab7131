import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { inspect } from "node:util";
import { decodeProtectedHeader, jwtVerify, SignJWT } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type CertificatePair,
  newCertificate,
} from "../../../../infra/local/microsoft/new-certificate.ts";
import {
  type AppCredential,
  type AppCredentials,
  appCredentials,
  type Fallback,
} from "../../../../shared/adapters/microsoft/app-credential.ts";
import {
  type ExchangeWatch,
  msalExchange,
} from "../../../../shared/adapters/microsoft/msal-exchange.ts";
import { Secret } from "../../../../shared/domain/secret.ts";
import { clientSecretOf, clientSecrets } from "../../../fakes/app-credentials.ts";
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
  const credential: AppCredentials = {
    async *inOrder(options) {
      reads.push(options?.fresh ?? false);
      yield* (options?.fresh ? stored : kept).map(clientSecretOf);
    },
  };
  return { credential, reads };
};

let fallbacks: Fallback[] = [];
let unavailable: unknown[] = [];
beforeEach(() => {
  fallbacks = [];
  unavailable = [];
});

const began = new Date("2026-11-20T09:00:00Z");

const exchangeWith = (credential: AppCredentials, watch: Partial<ExchangeWatch> = {}) =>
  msalExchange({ authority, loginEndpoint: server.origin, clientId }, credential, {
    now: () => began,
    onFallback: (fallback) => {
      fallbacks.push(fallback);
    },
    onUnavailable: (error) => {
      unavailable.push(error);
    },
    ...watch,
  });

const refresh = (credential: AppCredentials, refreshToken = "the-refresh-token") =>
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
    ...[70021, 700211, 700212, 700213, 7002137, 7002138, 7000218].map(
      (number): readonly [string, Answer] => [
        `invalid_request with ${number}`,
        answerJson(400, { error: "invalid_request", error_codes: [number] }),
      ],
    ),
    ...[70002, 50012, 700025, 700027].map((number): readonly [string, Answer] => [
      `invalid_client with ${number}`,
      answerJson(401, { error: "invalid_client", error_codes: [number] }),
    ]),
    ["invalid_client with its number", invalidClient],
    ["invalid_client without a number", answerJson(401, { error: "invalid_client" })],
    [
      "invalid_client with an unknown number",
      answerJson(401, { error: "invalid_client", error_codes: [1234] }),
    ],
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
    [
      "invalid_grant, whatever number stands beside it",
      answerJson(400, { error: "invalid_grant", error_codes: [7000222] }),
    ],
    [
      "a scope that the app has not registered",
      answerJson(400, { error: "invalid_client", error_codes: [650057] }),
    ],
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

  it.for([
    { first: 1234, second: 7000222 },
    { first: 7000222, second: 1234 },
  ])(
    "are not all refused for themselves if one of $first and $second is a number that no list names",
    async ({ first, second }) => {
      const { credential } = credentialOf(["new", "expired"]);
      const refused = (number: number) =>
        answerJson(401, { error: "invalid_client", error_codes: [number] });
      server.script(refused(first), refused(second));

      expect(await refresh(credential)).toMatchObject({
        kind: "refused",
        refusal: { evidence: { error: "invalid_client", errorCodes: [1234] } },
      });

      expect(secretsSent()).toEqual(["new", "expired"]);
    },
  );

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

  it("is told once, and is tried again five minutes later", async () => {
    let now = began;
    const exchange = exchangeWith(
      clientSecrets(() => ["new-secret", "old-secret"]),
      { now: () => now },
    );
    const ask = () =>
      exchange("organizations", (client) =>
        client.acquireTokenByRefreshToken({ refreshToken: "rt", scopes: ["User.Read"] }),
      );
    server.script(rejected(), tokens("one"), tokens("two"), rejected(), tokens("three"));

    await ask();
    await ask();
    expect(secretsSent()).toEqual(["new-secret", "old-secret", "old-secret"]);
    expect(fallbacks).toEqual([{ from: "client_secret", to: "client_secret" }]);

    now = new Date(began.getTime() + 5 * 60_000);
    await ask();
    expect(secretsSent().slice(3)).toEqual(["new-secret", "old-secret"]);
    expect(fallbacks).toHaveLength(2);
  });

  it("is tried again at once when the older one stops working, and then nothing is told", async () => {
    const exchange = exchangeWith(clientSecrets(() => ["new-secret", "old-secret"]));
    const ask = () =>
      exchange("organizations", (client) =>
        client.acquireTokenByRefreshToken({ refreshToken: "rt", scopes: ["User.Read"] }),
      );
    server.script(rejected(), tokens("one"), rejected(), tokens("two"), tokens("three"));

    await ask();
    expect((await ask()).kind).toBe("answered");
    await ask();

    expect(secretsSent()).toEqual([
      "new-secret",
      "old-secret",
      "old-secret",
      "new-secret",
      "new-secret",
    ]);
    expect(fallbacks).toHaveLength(1);
  });

  it("is not told while the first one works", async () => {
    server.script(tokens("one"));

    await refresh(credentialOf(["new-secret", "old-secret"]).credential);

    expect(fallbacks).toEqual([]);
  });

  it.for<readonly [string, Answer]>([
    ["throttled", answerJson(429, { error: "temporarily_unavailable" })],
    ["unwell", answerText(502, "<html>")],
    ["silent", dropConnection],
    ["refusing the grant", answerJson(400, { error: "invalid_grant" })],
  ])(
    "is not told while Microsoft is %s for the older one: that proves nothing",
    async ([, answer]) => {
      const exchange = exchangeWith(clientSecrets(() => ["new-secret", "old-secret"]));
      const ask = () =>
        exchange("organizations", (client) =>
          client.acquireTokenByRefreshToken({ refreshToken: "rt", scopes: ["User.Read"] }),
        );
      server.script(rejected(), answer, rejected(), tokens("one"));

      await ask();
      expect(fallbacks).toEqual([]);

      expect((await ask()).kind).toBe("answered");
      expect(fallbacks).toHaveLength(1);
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
      expect(fallbacks).toHaveLength(sent.length - 1);
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

describe("credentials of every kind", () => {
  let pair: CertificatePair;
  beforeAll(async () => {
    pair = await newCertificate(new Date(), 3600);
  });

  const certificate = (): AppCredential => ({
    kind: "certificate",
    thumbprintSha256: new X509Certificate(pair.certificate).fingerprint256.replaceAll(":", ""),
    privateKey: new Secret(pair.privateKey),
  });

  /** An assertion of another issuer, a certificate and a secret. */
  const everyKind = (assertion: () => Promise<Secret>) =>
    appCredentials(assertion, {
      async *inOrder() {
        yield certificate();
        yield clientSecretOf("the-secret");
      },
    });

  /** How the app proved who it is, request by request. */
  const kindsSent = () =>
    forms().map(({ client_assertion, client_secret }) => {
      if (client_secret !== undefined) return client_secret;
      const { alg, kid } = decodeProtectedHeader(client_assertion ?? "");
      return kid === undefined ? `signed by ${alg}` : "the other issuer's";
    });

  const theirs = async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    return new Secret(
      await new SignJWT({ sub: "arn:aws:iam::123456789012:role/planted-role" })
        .setProtectedHeader({ alg: "RS256", kid: "aws" })
        .sign(privateKey),
    );
  };

  it("are tried in order: federated, certificate, secret", async () => {
    const assertion = await theirs();
    server.script(invalidClient, invalidClient, tokens("a"));

    expect((await refresh(everyKind(async () => assertion))).kind).toBe("answered");

    expect(kindsSent()).toEqual(["the other issuer's", "signed by PS256", "the-secret"]);
    expect(forms()[0]).toMatchObject({
      client_assertion: assertion.reveal(),
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_id: clientId,
    });
    expect(fallbacks).toEqual([{ from: "federated", to: "client_secret" }]);
    expect(unavailable).toEqual([]);
  });

  it("are not even obtained while the first one works", async () => {
    const assertion = await theirs();
    let read = 0;
    const credentials = appCredentials(async () => assertion, {
      async *inOrder() {
        read += 1;
        yield clientSecretOf("the-secret");
      },
    });
    server.script(tokens("a"));

    expect((await refresh(credentials)).kind).toBe("answered");

    expect(read).toBe(0);
    expect(fallbacks).toEqual([]);
  });

  it("are passed over when the issuer gives no assertion, which is not asked again for a while", async () => {
    let asked = 0;
    const credentials = everyKind(async () => {
      asked += 1;
      throw new Error("no token");
    });
    const exchange = exchangeWith(credentials);
    const ask = () =>
      exchange("organizations", (client) =>
        client.acquireTokenByRefreshToken({ refreshToken: "rt", scopes: ["User.Read"] }),
      );
    server.script(tokens("a"), tokens("b"));

    await ask();
    await ask();

    expect(kindsSent()).toEqual(["signed by PS256", "signed by PS256"]);
    expect(asked).toBe(1);
    expect(unavailable).toHaveLength(1);
    expect(fallbacks).toEqual([{ from: "federated", to: "certificate" }]);
  });

  it("are not sent when obtaining them took so long that the answer could come too late", async () => {
    let now = began;
    const assertion = await theirs();
    const slow = appCredentials(
      async () => {
        now = new Date(began.getTime() + 2_001);
        return assertion;
      },
      clientSecrets(() => ["the-secret"]),
    );
    server.script(tokens("a"));

    const outcome = await exchangeWith(slow, { now: () => now, callMilliseconds: 6_000 })(
      "organizations",
      (client) => client.acquireTokenByRefreshToken({ refreshToken: "r", scopes: ["User.Read"] }),
      new Date(began.getTime() + 8_000),
    );

    expect(outcome).toMatchObject({ refusal: { evidence: { error: "out_of_time" } } });
    expect(server.requests).toEqual([]);
  });

  it("that are all not to be had are our fault, and Microsoft is not asked", async () => {
    const nothing = appCredentials(
      async () => {
        throw new Error("no token");
      },
      clientSecrets(() => []),
    );
    server.script(tokens("a"));

    expect(await refresh(nothing)).toMatchObject({
      kind: "refused",
      refusal: { evidence: { error: "invalid_client" } },
    });

    expect(server.requests).toEqual([]);
    expect(unavailable).toHaveLength(1);
  });

  it("sign an assertion as Microsoft wants it, by the certificate's key", async () => {
    server.script(tokens("a"));

    await refresh({
      async *inOrder() {
        yield certificate();
      },
    });

    const { client_assertion = "" } = forms()[0] ?? {};
    const { fingerprint256, publicKey } = new X509Certificate(pair.certificate);
    const { payload, protectedHeader } = await jwtVerify(client_assertion, publicKey, {
      algorithms: ["PS256"],
      issuer: clientId,
      subject: clientId,
      audience: `${server.origin.origin}/organizations/oauth2/v2.0/token`,
      requiredClaims: ["exp", "nbf", "jti"],
      clockTolerance: 1, // msal rounds to the nearest second
    });
    expect(protectedHeader["x5t#S256"]).toBe(
      Buffer.from(fingerprint256.replaceAll(":", ""), "hex").toString("base64url"),
    );
    expect((payload.exp ?? 0) - (payload.nbf ?? 0)).toBe(600);
  });

  it("cannot be read in what is thrown before a request", async () => {
    const exchange = exchangeWith({
      async *inOrder() {
        yield {
          kind: "certificate",
          thumbprintSha256: "ab",
          privateKey: new Secret("planted-key"),
        };
      },
    });

    const error = await exchange("organizations", (client) =>
      client.acquireTokenByRefreshToken({ refreshToken: "rt", scopes: ["User.Read"] }),
    ).catch((reason: unknown) => reason);

    expect(error).toBeInstanceOf(Error);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("planted-key");
  });
});
