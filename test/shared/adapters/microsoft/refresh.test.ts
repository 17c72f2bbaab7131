import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { msalExchange } from "../../../../shared/adapters/microsoft/msal-exchange.ts";
import { msalRefresh } from "../../../../shared/adapters/microsoft/refresh.ts";
import { objectId, personalAccountsTenant, tenantId } from "../../../../shared/domain/ids.ts";
import type { RefreshRequest } from "../../../../shared/domain/microsoft.ts";
import { succeed } from "../../../../shared/domain/result.ts";
import { Secret } from "../../../../shared/domain/secret.ts";
import { clientSecrets } from "../../../fakes/app-credentials.ts";
import { fakeClock } from "../../../fakes/fake-clock.ts";
import {
  annaClaims,
  annaObject,
  annaTenant,
  authority,
  clientId,
  newSigningKey,
  type SigningKey,
  signIdToken,
} from "../../../fakes/id-tokens.ts";
import {
  type Answer,
  answerJson,
  answerText,
  dropConnection,
  type ScriptedServer,
  startScriptedServer,
} from "../../../fakes/scripted-server.ts";

let server: ScriptedServer;
let key: SigningKey;
beforeAll(async () => {
  server = await startScriptedServer();
  key = await newSigningKey("one");
});
afterAll(() => server.close());

const now = new Date("2026-11-20T09:00:00Z");
const scopes = ["openid", "profile", "offline_access", "User.Read", "Mail.ReadWrite", "Mail.Send"];
const anna = { tenantId: tenantId(annaTenant), objectId: objectId(annaObject) };

const refresh = (changes: Partial<RefreshRequest> = {}, clock = () => now) =>
  msalRefresh({
    exchange: msalExchange(
      { authority, loginEndpoint: server.origin, clientId },
      clientSecrets(() => ["planted-client-secret"]),
      { now: clock, onFallback: () => {}, onUnavailable: () => {} },
    ),
    now: clock,
  })({
    refreshToken: new Secret("planted-refresh-token"),
    account: anna,
    scopes,
    until: new Date(now.getTime() + 8_000),
    ...changes,
  });

const good = async (changes: Record<string, unknown> = {}) => ({
  token_type: "Bearer",
  scope: "User.Read Mail.ReadWrite Mail.Send",
  expires_in: 3599,
  access_token: "next-access",
  refresh_token: "next-refresh",
  id_token: await signIdToken(key, annaClaims({ nonce: undefined })),
  ...changes,
});

it("brings new tokens", async () => {
  server.script(answerJson(200, await good()));

  expect(await refresh()).toEqual(
    succeed({
      accessToken: new Secret("next-access"),
      accessTokenExpiresAt: new Date("2026-11-20T09:59:59Z"),
      refreshToken: new Secret("next-refresh"),
      scopes: ["User.Read", "Mail.ReadWrite", "Mail.Send"],
    }),
  );
});

it("counts a token's life from when it was asked for, however long the answer took", async () => {
  const clock = fakeClock(now);
  const answer = answerJson(200, await good());
  server.script((...asked) => {
    clock.pass(6);
    answer(...asked);
  });

  expect(await refresh({}, clock.now)).toMatchObject({
    ok: true,
    value: { accessTokenExpiresAt: new Date("2026-11-20T09:59:59Z") },
  });
});

it.for([
  [5_399, "2026-11-20T10:29:59Z"],
  [5_400, "2026-11-20T10:30:00Z"],
  [24 * 3600, "2026-11-20T10:30:00Z"],
] as const)("uses a token that lives %i seconds until %s", async ([expires_in, until]) => {
  server.script(answerJson(200, await good({ expires_in })));

  expect(await refresh()).toMatchObject({
    ok: true,
    value: { accessTokenExpiresAt: new Date(until) },
  });
});

it("sends what Microsoft documents, to the account's own tenant", async () => {
  // https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#refresh-the-access-token
  server.script(answerJson(200, await good()));

  await refresh();

  const [request] = server.requests;
  const form = Object.fromEntries(new URLSearchParams(request?.body));
  expect(request).toMatchObject({ method: "POST", path: `/${annaTenant}/oauth2/v2.0/token` });
  expect(form).toMatchObject({
    grant_type: "refresh_token",
    client_id: clientId,
    client_secret: "planted-client-secret",
    refresh_token: "planted-refresh-token",
  });
  expect(form.scope?.split(" ").sort()).toEqual([...scopes].sort());
  expect(`${request?.path}?${request?.query}`).not.toMatch(/planted/);
});

it("asks for a personal account where personal accounts live", async () => {
  server.script(answerJson(200, await good({ id_token: undefined })));

  await refresh({ account: { ...anna, tenantId: personalAccountsTenant } });

  expect(server.requests[0]?.path).toBe("/consumers/oauth2/v2.0/token");
});

it.for([2, 5, 12])("takes and sends tokens of %i KB", async (kilobytes) => {
  const token = (letter: string) => letter.repeat(kilobytes * 1024);
  server.script(
    answerJson(200, await good({ access_token: token("a"), refresh_token: token("n") })),
  );

  const refreshed = await refresh({ refreshToken: new Secret(token("r")) });

  expect(new URLSearchParams(server.requests[0]?.body).get("refresh_token")).toBe(token("r"));
  expect(refreshed).toMatchObject({
    value: { accessToken: new Secret(token("a")), refreshToken: new Secret(token("n")) },
  });
});

it("says when Microsoft leaves the refresh token as it was", async () => {
  server.script(answerJson(200, await good({ refresh_token: undefined })));

  expect(await refresh()).toMatchObject({ ok: true, value: { refreshToken: undefined } });
});

it("returns fewer scopes as they were granted", async () => {
  server.script(answerJson(200, await good({ scope: "User.Read" })));

  expect(await refresh()).toMatchObject({ ok: true, value: { scopes: ["User.Read"] } });
});

it("works without an ID token", async () => {
  server.script(answerJson(200, await good({ id_token: undefined })));

  expect((await refresh()).ok).toBe(true);
});

describe("an answer that cannot be used is an outage, and ends no connection", () => {
  it.for<readonly [string, Record<string, unknown>]>([
    ["no access token", { access_token: undefined }],
    ["an empty access token", { access_token: "" }],
    ["another token type", { token_type: "pop" }],
    ["no lifetime", { expires_in: undefined }],
    ["no lifetime left", { expires_in: 0 }],
    ["a garbled ID token", { id_token: "garbled" }],
  ])("%s", async ([, change]) => {
    server.script(answerJson(200, await good(change)));

    expect(await refresh()).toMatchObject({
      ok: false,
      failure: { kind: "temporarily_unavailable", actor: "nobody", retryable: true },
    });
  });

  it.for<readonly [string, Record<string, unknown>]>([
    ["another account of the tenant", { oid: "33333333-3333-4333-8333-333333333333" }],
    ["the same object id in another tenant", { tid: "33333333-3333-4333-8333-333333333333" }],
    ["nobody", { oid: undefined }],
  ])("tokens for %s", async ([, claims]) => {
    const id_token = await signIdToken(key, annaClaims(claims));
    server.script(answerJson(200, await good({ id_token })));

    expect(await refresh()).toMatchObject({
      ok: false,
      failure: {
        kind: "temporarily_unavailable",
        evidence: { error: "answer_for_another_account" },
      },
    });
  });

  it.for<readonly [string, Answer]>([
    ["an empty body", answerText(200, "")],
    ["{} with 200", answerJson(200, {})],
    ["{} with 500", answerJson(500, {})],
    ["HTML with 502", answerText(502, "<html>")],
    ["a redirect", answerText(302, "", { location: "/elsewhere" })],
    ["a closed connection", dropConnection],
  ])("%s, asked once", async ([, answer]) => {
    server.script(answer);

    expect(await refresh()).toMatchObject({
      ok: false,
      failure: { kind: "temporarily_unavailable", actor: "nobody", retryable: true },
    });
    expect(server.requests).toHaveLength(1);
  });
});

describe("Microsoft's refusals", () => {
  it("keep the wait that it asks for", async () => {
    server.script(answerJson(429, { error: "temporarily_unavailable" }, { "retry-after": "17" }));

    expect(await refresh()).toMatchObject({
      failure: { kind: "throttled", retryAfterSeconds: 17, retryable: true },
    });
  });

  it("keep the claims for the next sign-in", async () => {
    const claims = '{"access_token":{"polids":{"essential":true}}}';
    server.script(answerJson(400, { error: "interaction_required", error_codes: [50076], claims }));

    expect(await refresh()).toMatchObject({ failure: { kind: "sign_in_required", claims } });
  });

  it("mean an administrator for a work account, and the person for a personal one", async () => {
    server.script(
      answerJson(400, {
        error: "invalid_grant",
        suberror: "consent_required",
        error_codes: [65001],
      }),
    );

    expect(await refresh()).toMatchObject({ failure: { kind: "admin_approval_required" } });
    expect(await refresh({ account: { ...anna, tenantId: personalAccountsTenant } })).toMatchObject(
      { failure: { kind: "sign_in_required", actor: "user" } },
    );
  });

  it("put no secret into a failure", async () => {
    server.script(
      answerJson(400, {
        error: "invalid_grant",
        error_description: "AADSTS700082: planted-refresh-token of anna@contoso.example expired",
      }),
    );

    const refused = await refresh();

    expect(refused).toMatchObject({ ok: false, failure: { evidence: { errorCodes: [700082] } } });
    expect(inspect(refused, { depth: 10, showHidden: true })).not.toMatch(/planted|anna@/);
  });
});

it("is not asked of Microsoft when the answer could come too late", async () => {
  server.script(answerJson(200, await good()));

  const refreshed = await refresh({ until: new Date(now.getTime() + 7_999) });

  expect(refreshed).toMatchObject({
    ok: false,
    failure: {
      kind: "temporarily_unavailable",
      retryable: true,
      evidence: { error: "out_of_time" },
    },
  });
  expect(server.requests).toEqual([]);
});
