import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { idTokenVerifier } from "../../../../shared/adapters/jose/id-token.ts";
import { msalExchange } from "../../../../shared/adapters/microsoft/msal-exchange.ts";
import {
  msalProveIdentity,
  msalRedeemCode,
  type RedeemCodeParts,
} from "../../../../shared/adapters/microsoft/redeem-code.ts";
import { personalAccountsTenant, tenantId } from "../../../../shared/domain/ids.ts";
import type { CodeRedemption, GrantRedemption } from "../../../../shared/domain/microsoft.ts";
import { requestedScopes } from "../../../../shared/domain/permissions.ts";
import { fail, succeed } from "../../../../shared/domain/result.ts";
import { Secret } from "../../../../shared/domain/secret.ts";
import { clientSecrets } from "../../../fakes/app-credentials.ts";
import { fakeClock } from "../../../fakes/fake-clock.ts";
import { hurriedLimits } from "../../../fakes/hurried-limits.ts";
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
  breakOff,
  dropConnection,
  type ScriptedServer,
  saySilence,
  startScriptedServer,
} from "../../../fakes/scripted-server.ts";

let tokenEndpoint: ScriptedServer;
let keysEndpoint: ScriptedServer;
let key: SigningKey;
let foreignKey: SigningKey;
beforeAll(async () => {
  tokenEndpoint = await startScriptedServer();
  keysEndpoint = await startScriptedServer();
  [key, foreignKey] = await Promise.all([newSigningKey("one"), newSigningKey("one")]);
});
afterAll(() => Promise.all([tokenEndpoint.close(), keysEndpoint.close()]));

const now = new Date("2026-11-20T09:00:00Z");

const secrets = {
  clientSecrets: ["planted-new-secret", "planted-old-secret"],
  code: "1.planted-code",
  codeVerifier: "planted-verifier-0123456789-0123456789-0123456789",
};

const redemption: CodeRedemption = {
  authority: "organizations",
  code: new Secret(secrets.code),
  codeVerifier: new Secret(secrets.codeVerifier),
  nonce: new Secret("the-nonce"),
};

const redeem = (changes: Partial<GrantRedemption> = {}) => {
  keysEndpoint.script(answerJson(200, { keys: [key.jwk] }));
  return redeemWithKeys(changes);
};

const parts = (clock = () => now): RedeemCodeParts => ({
  exchange: msalExchange(
    { authority, loginEndpoint: tokenEndpoint.origin, clientId },
    clientSecrets(() => secrets.clientSecrets),
    { now: clock, onFallback: () => {}, onUnavailable: () => {} },
  ),
  verifyIdToken: idTokenVerifier({ authority, loginEndpoint: keysEndpoint.origin, clientId }),
  redirectUri: new URL("https://api.outlook-connect.example/callback"),
  now: clock,
});

const redeemWithKeys = (changes: Partial<GrantRedemption> = {}) =>
  msalRedeemCode(parts())({ ...redemption, scopes: requestedScopes, ...changes });

const good = async (changes: Record<string, unknown> = {}) => ({
  token_type: "Bearer",
  scope: "openid profile email User.Read Mail.ReadWrite Mail.Send",
  expires_in: 3599,
  access_token: "the-access-token",
  refresh_token: "the-refresh-token",
  id_token: await signIdToken(key),
  ...changes,
});

it("turns a code into a grant", async () => {
  tokenEndpoint.script(answerJson(200, await good()));

  expect(await redeem()).toEqual(
    succeed({
      account: {
        tenantId: annaTenant,
        objectId: annaObject,
        displayName: "Anna Keller",
        username: "anna@contoso.example",
      },
      accountType: "member",
      roles: [],
      accessToken: new Secret("the-access-token"),
      accessTokenExpiresAt: new Date("2026-11-20T09:59:59Z"),
      refreshToken: new Secret("the-refresh-token"),
      scopes: ["openid", "profile", "email", "User.Read", "Mail.ReadWrite", "Mail.Send"],
    }),
  );
});

it("counts a token's life from when it was asked for, however long answer and keys took", async () => {
  const clock = fakeClock(now);
  const slowly =
    (answer: Answer): Answer =>
    (...asked) => {
      clock.pass(8);
      answer(...asked);
    };
  tokenEndpoint.script(slowly(answerJson(200, await good())));
  keysEndpoint.script(slowly(answerJson(200, { keys: [key.jwk] })));

  const redeemed = await msalRedeemCode(parts(clock.now))({
    ...redemption,
    scopes: requestedScopes,
  });

  expect(redeemed).toMatchObject({
    ok: true,
    value: { accessTokenExpiresAt: new Date("2026-11-20T09:59:59Z") },
  });
});

it("uses a token no longer than ninety minutes, whatever a policy of the tenant lets it live", async () => {
  tokenEndpoint.script(answerJson(200, await good({ expires_in: 24 * 3600 })));

  expect(await redeem()).toMatchObject({
    ok: true,
    value: { accessTokenExpiresAt: new Date("2026-11-20T10:30:00Z") },
  });
});

it("sends what Microsoft documents for a confidential client with PKCE", async () => {
  // https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#redeem-a-code-for-an-access-token
  tokenEndpoint.script(answerJson(200, await good()));

  await redeem();

  const [request] = tokenEndpoint.requests;
  const form = Object.fromEntries(new URLSearchParams(request?.body));
  expect(request).toMatchObject({ method: "POST", path: "/organizations/oauth2/v2.0/token" });
  expect(request?.headers["content-type"]).toMatch(/^application\/x-www-form-urlencoded/);
  expect(form).toMatchObject({
    grant_type: "authorization_code",
    client_id: clientId,
    client_secret: "planted-new-secret",
    code: secrets.code,
    code_verifier: secrets.codeVerifier,
    redirect_uri: "https://api.outlook-connect.example/callback",
  });
  expect(form.scope?.split(" ").sort()).toEqual(
    [
      "openid",
      "profile",
      "email",
      "offline_access",
      "User.Read",
      "Mail.ReadWrite",
      "Mail.Send",
    ].sort(),
  );
  expect(`${request?.path}?${request?.query}`).not.toMatch(/planted/); // URLs end up in logs
});

it.for(["consumers", "common", tenantId(annaTenant)] as const)(
  "redeems at the authority that issued the code: %s",
  async (at) => {
    tokenEndpoint.script(answerJson(200, await good()));

    expect((await redeem({ authority: at })).ok).toBe(true);

    expect(tokenEndpoint.requests[0]?.path).toBe(`/${at}/oauth2/v2.0/token`);
  },
);

it("tells a personal account from a work account", async () => {
  const id_token = await signIdToken(key, annaClaims({ tid: personalAccountsTenant }));
  tokenEndpoint.script(answerJson(200, await good({ id_token })));

  expect(await redeem()).toMatchObject({ ok: true, value: { accountType: "personal" } });
});

it.for([2, 5, 12])("takes tokens of %i KB", async (kilobytes) => {
  const token = (letter: string) => letter.repeat(kilobytes * 1024);
  tokenEndpoint.script(
    answerJson(200, await good({ access_token: token("a"), refresh_token: token("r") })),
  );

  expect(await redeem()).toMatchObject({
    value: { accessToken: new Secret(token("a")), refreshToken: new Secret(token("r")) },
  });
});

it("asks for the scopes that the sign-in asked for, and grants them where Microsoft names none", async () => {
  const scopes = ["openid", "offline_access", "Mail.Send"];
  tokenEndpoint.script(answerJson(200, await good({ scope: undefined })));

  expect(await redeem({ scopes })).toMatchObject({ ok: true, value: { scopes } });

  const form = new URLSearchParams(tokenEndpoint.requests[0]?.body);
  expect(form.get("scope")?.split(" ")).toEqual(expect.arrayContaining(scopes));
  expect(form.get("scope")).not.toContain("Mail.ReadWrite");
});

it("returns the scopes that were granted, not those that were asked for", async () => {
  tokenEndpoint.script(answerJson(200, await good({ scope: "User.Read Mail.Send" })));

  expect(await redeem()).toMatchObject({ ok: true, value: { scopes: ["User.Read", "Mail.Send"] } });
});

describe("an answer that lacks something", () => {
  it.for<readonly [change: Record<string, unknown>, failure: object]>([
    [{ id_token: undefined }, { kind: "id_token_rejected", check: "missing" }],
    [{ access_token: undefined }, { kind: "grant_incomplete", missing: "access_token" }],
    [{ access_token: "" }, { kind: "grant_incomplete", missing: "access_token" }],
    [{ token_type: "pop" }, { kind: "grant_incomplete", missing: "access_token" }],
    [{ refresh_token: undefined }, { kind: "grant_incomplete", missing: "refresh_token" }],
    [{ expires_in: undefined }, { kind: "grant_incomplete", missing: "expiry" }],
    [{ expires_in: 0 }, { kind: "grant_incomplete", missing: "expiry" }],
    [{ expires_in: -5 }, { kind: "grant_incomplete", missing: "expiry" }],
  ])("%j is no grant: %j", async ([change, failure]) => {
    tokenEndpoint.script(answerJson(200, await good(change)));

    expect(await redeem()).toEqual(fail(failure));
  });

  it("is refused for its ID token first, whatever else it holds", async () => {
    const id_token = await signIdToken(foreignKey);
    tokenEndpoint.script(answerJson(200, await good({ id_token, refresh_token: undefined })));

    expect(await redeem()).toEqual(fail({ kind: "id_token_rejected", check: "signature" }));
  });

  it.for(["another-nonce", undefined])("is refused with the nonce %j", async (nonce) => {
    const id_token = await signIdToken(key, annaClaims({ nonce }));
    tokenEndpoint.script(answerJson(200, await good({ id_token })));

    expect(await redeem()).toEqual(fail({ kind: "id_token_rejected", check: "nonce" }));
  });
});

describe("a code is sent once", () => {
  const outages: readonly (readonly [string, Answer])[] = [
    ["a closed connection", dropConnection],
    ["an answer that breaks off", breakOff],
    ["an empty answer", answerText(200, "")],
    ["{} with 500", answerJson(500, {})],
    ["HTML with 502", answerText(502, "<html>")],
    ["a redirect", answerText(307, "", { location: "/elsewhere" })],
    ["JSON that breaks off", answerText(200, '{"access_token":"ey')],
  ];

  it.for(outages)("after %s too, and nobody is blamed", async ([, answer]) => {
    tokenEndpoint.script(answer);

    expect(await redeem()).toMatchObject({
      ok: false,
      failure: { kind: "temporarily_unavailable", actor: "nobody" },
    });

    expect(tokenEndpoint.requests).toHaveLength(1);
  });

  it("after silence too", async () => {
    hurriedLimits();
    tokenEndpoint.script(saySilence);

    const redeemed = await redeem();

    expect(redeemed).toMatchObject({ ok: false, failure: { kind: "temporarily_unavailable" } });
    expect(tokenEndpoint.requests).toHaveLength(1);
  });

  it("after Microsoft's refusal of the code too", async () => {
    tokenEndpoint.script(answerJson(400, { error: "invalid_grant", error_codes: [54005] }));

    expect(await redeem()).toMatchObject({ ok: false, failure: { kind: "sign_in_required" } });

    expect(tokenEndpoint.requests).toHaveLength(1);
  });

  it("after a malformed one, which any browser can bring: nothing of ours is set up wrongly", async () => {
    tokenEndpoint.script(answerJson(400, { error: "invalid_grant", error_codes: [9002313] }));

    expect(await redeem()).toMatchObject({ ok: false, failure: { kind: "sign_in_required" } });

    expect(tokenEndpoint.requests).toHaveLength(1);
  });

  it("but again with the next secret, when Microsoft refused the app before it saw the code", async () => {
    tokenEndpoint.script(
      answerJson(401, { error: "invalid_client", error_codes: [7000222] }),
      answerJson(200, await good()),
    );

    expect((await redeem()).ok).toBe(true);

    expect(tokenEndpoint.requests).toHaveLength(2);
  });

  it("and then never again, when it is the second secret that meets an outage", async () => {
    tokenEndpoint.script(
      answerJson(401, { error: "invalid_client", error_codes: [7000222] }),
      dropConnection,
    );

    expect((await redeem()).ok).toBe(false);

    expect(tokenEndpoint.requests).toHaveLength(2);
  });
});

it("is a passing failure, and nothing accepted, when Microsoft's keys cannot be had", async () => {
  tokenEndpoint.script(answerJson(200, await good()));
  keysEndpoint.script(answerText(503, "down"));

  expect(await redeemWithKeys()).toMatchObject({
    ok: false,
    failure: { kind: "temporarily_unavailable", retryable: true, actor: "nobody" },
  });
});

it("puts no secret into any failure or error", async () => {
  const id_token = await signIdToken(key, annaClaims({ nonce: "planted-nonce" }));
  const tokens = { access_token: "planted-access", refresh_token: "planted-refresh" };
  const answers: readonly Answer[] = [
    answerJson(200, await good({ ...tokens, id_token })),
    answerJson(200, await good({ ...tokens, expires_in: 0 })),
    answerText(200, `{"access_token":"planted-access","refresh_token":"planted-refre`),
    answerJson(400, {
      error: "invalid_grant",
      error_description: "AADSTS70000: the code 1.planted-code of planted@contoso.example",
    }),
    answerJson(401, { error: "invalid_client", error_description: "planted-new-secret is wrong" }),
    dropConnection,
  ];
  for (const answer of answers) {
    tokenEndpoint.script(answer);
    const redeemed = await redeem();

    expect(redeemed.ok).toBe(false);
    expect(inspect(redeemed, { depth: 10, showHidden: true })).not.toContain("planted");
    expect(JSON.stringify(redeemed)).not.toContain(id_token);
  }

  tokenEndpoint.script(answerJson(200, await good(tokens)));
  keysEndpoint.script(dropConnection);
  const unverified = await redeemWithKeys();

  expect(unverified.ok).toBe(false);
  expect(inspect(unverified, { depth: 10, showHidden: true })).not.toContain("planted");
});

describe("proving who somebody is", () => {
  const prove = () => {
    keysEndpoint.script(answerJson(200, { keys: [key.jwk] }));
    return msalProveIdentity(parts())(redemption);
  };

  it("asks for nothing but who it is, and returns none of the tokens", async () => {
    const answer = { ...(await good()), scope: "openid profile" };
    tokenEndpoint.script(answerJson(200, answer));

    const proven = await prove();

    expect(proven).toMatchObject({ ok: true, value: { account: { tenantId: annaTenant } } });
    const request = new URLSearchParams(tokenEndpoint.requests.at(-1)?.body ?? "");
    expect(request.get("scope")?.split(" ").toSorted()).toEqual(
      expect.arrayContaining(["openid", "profile"]),
    );
    expect(request.get("scope")).not.toMatch(/Mail|User\.Read/);
    expect(inspect(proven, { depth: 10 })).not.toMatch(/the-access-token|the-refresh-token|eyJ/);
  });

  it("needs no refresh token, which nobody keeps", async () => {
    const { refresh_token: _, ...answer } = await good();
    tokenEndpoint.script(answerJson(200, answer));

    expect(await prove()).toMatchObject({ ok: true });
  });

  it("believes no ID token that others signed", async () => {
    tokenEndpoint.script(answerJson(200, await good({ id_token: await signIdToken(foreignKey) })));

    expect(await prove()).toMatchObject({ ok: false, failure: { kind: "id_token_rejected" } });
  });

  it("believes no answer without an ID token", async () => {
    const { id_token: _, ...answer } = await good();
    tokenEndpoint.script(answerJson(200, answer));

    expect(await prove()).toEqual(fail({ kind: "id_token_rejected", check: "missing" }));
  });

  it("hands on why Microsoft refused", async () => {
    tokenEndpoint.script(
      answerJson(400, {
        error: "invalid_grant",
        error_codes: [65001],
        suberror: "consent_required",
      }),
    );

    expect(await prove()).toMatchObject({
      ok: false,
      failure: { kind: "admin_approval_required" },
    });
  });
});
