import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  aldermoor,
  castellan,
  larkfield,
  personalTenantId,
} from "../../../../infra/local/microsoft/directory.ts";
import {
  ben,
  clientId,
  clientSecret,
  juno,
  mailScopes,
  redirectUri,
  type SimulatedApp,
  startSimulatedApp,
  tomas,
} from "./simulated-app.ts";

let app: SimulatedApp;
beforeAll(async () => {
  app = await startSimulatedApp();
});
beforeEach(() => app.control.reset());
afterAll(() => app.close());

const verify = async (idToken: string, tenantId: string) =>
  jwtVerify(idToken, createLocalJWKSet(await app.keys(tenantId)), {
    issuer: `https://login.microsoftonline.com/${tenantId}/v2.0`,
    audience: clientId,
    algorithms: ["RS256"],
    currentDate: app.clock.now(),
  });

describe("a code", () => {
  it("brings all tokens", async () => {
    const answer = await app.redeem(await app.codeFor(ben));

    expect(answer.headers.get("cache-control")).toContain("no-store");
    const tokens = await app.tokensOf(answer);
    expect(tokens.token_type).toBe("Bearer");
    expect(tokens.scope.split(" ").sort()).toEqual(
      ["openid", "profile", "email", "User.Read", "Mail.ReadWrite", "Mail.Send"].sort(),
    );
    expect(tokens.expires_in).toBeGreaterThanOrEqual(3600);
    expect(tokens.expires_in).toBeLessThanOrEqual(5400);
    expect(tokens.refresh_token).toMatch(/^1\.A/);
  });

  it("works once", async () => {
    const code = await app.codeFor(ben);
    await app.tokensOf(app.redeem(code));

    const again = await app.refusalOf(app.redeem(code));

    expect(again).toMatchObject({ status: 400, error: "invalid_grant", error_codes: [54005] });
    expect(app.control.report().redemptions).toEqual({ [code]: 2 });
  });

  it("lives a minute", async () => {
    const code = await app.codeFor(ben);

    app.clock.advance(61);

    expect((await app.refusalOf(app.redeem(code))).error_codes).toEqual([70008]);
  });

  it.for([
    ["another verifier", { code_verifier: "a".repeat(43) }, "common", 501481],
    ["no verifier", { code_verifier: undefined }, "common", 501481],
    ["another redirect URI", { redirect_uri: `${redirectUri}2` }, "common", 50011],
    ["another authority", {}, "organizations", 700005],
    ["the tenant instead of common", {}, larkfield.id, 700005],
  ] as const)("is refused with %s", async ([, changes, authority, aadsts]) => {
    const code = await app.codeFor(ben);

    const refused = await app.refusalOf(app.redeem(code, changes, authority));

    expect(refused).toMatchObject({ error: "invalid_grant", error_codes: [aadsts] });
  });

  it("takes the tenant's id and its domain for the same", async () => {
    const code = await app.codeFor(ben, app.authorizeUrl({}, larkfield.domain));

    expect((await app.redeem(code, {}, larkfield.id)).status).toBe(200);
  });
});

describe("a refusal", () => {
  it("has Microsoft's shape", async () => {
    const correlation = "0f0e0d0c-0b0a-4908-8706-050403020100";
    const answer = await app.refresh("unknown", {}, `common`);
    const echoed = await fetch(
      `${app.origin}/common/oauth2/v2.0/token?client-request-id=${correlation}`,
      { method: "POST", body: new URLSearchParams({ grant_type: "refresh_token" }) },
    );

    const refused = await app.refusalOf(answer);
    expect(refused.error_description).toMatch(
      /^AADSTS70000: .+ Trace ID: [0-9a-f-]{36} Correlation ID: [0-9a-f-]{36} Timestamp: \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/,
    );
    expect(refused.error_description).toContain(refused.trace_id);
    expect(refused.error_uri).toBe("https://login.microsoftonline.com/error?code=70000");
    expect((await app.refusalOf(echoed)).correlation_id).toBe(correlation);
  });
});

describe("the app's credential", () => {
  it.for([
    ["a wrong secret", { client_secret: "wrong" }, 401, "invalid_client", 7000215],
    ["no secret", { client_secret: undefined }, 401, "invalid_client", 7000218],
    ["another client", { client_id: "x" }, 400, "unauthorized_client", 700016],
    [
      "an assertion that nobody signed",
      {
        client_secret: undefined,
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion: "e30.e30.e30",
      },
      401,
      "invalid_client",
      700027,
    ],
  ] as const)(
    "%s is refused before the code is looked at",
    async ([, changes, status, error, aadsts]) => {
      const code = await app.codeFor(ben);

      const refused = await app.refusalOf(app.redeem(code, changes));

      expect(refused).toMatchObject({ status, error, error_codes: [aadsts] });
      expect((await app.redeem(code)).status).toBe(200);
    },
  );

  it("may come in the Basic scheme", async () => {
    const { refresh_token } = await app.tokensFor(ben);
    const basic = Buffer.from(
      `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`,
    ).toString("base64");

    const answer = await fetch(`${app.origin}/common/oauth2/v2.0/token`, {
      method: "POST",
      headers: { authorization: `Basic ${basic}` },
      body: new URLSearchParams({ grant_type: "refresh_token", refresh_token }),
    });

    expect(answer.status).toBe(200);
  });

  it("can expire while a newer one works", async () => {
    const { refresh_token } = await app.tokensFor(ben);

    app.control.setClientSecrets({
      secrets: [
        { secret: clientSecret, expired: true },
        { secret: "newer", expired: false },
      ],
    });

    expect(await app.refusalOf(app.refresh(refresh_token))).toMatchObject({
      status: 401,
      error_codes: [7000222],
    });
    expect((await app.refresh(refresh_token, { client_secret: "newer" })).status).toBe(200);
  });
});

describe("a refresh token", () => {
  it("brings a new one and stays valid itself", async () => {
    const { refresh_token: first } = await app.tokensFor(ben);

    const second = (await app.tokensOf(app.refresh(first))).refresh_token;
    const third = (await app.tokensOf(app.refresh(first))).refresh_token;

    expect(new Set([first, second, third]).size).toBe(3);
    expect((await app.refresh(second)).status).toBe(200);
  });

  it("keeps all its powers when fewer scopes are asked for", async () => {
    const { refresh_token } = await app.tokensFor(juno);

    const narrow = await app.tokensOf(app.refresh(refresh_token, { scope: "openid User.Read" }));
    const wide = await app.tokensOf(app.refresh(narrow.refresh_token));

    expect(narrow.scope).toBe("openid User.Read");
    expect(wide.scope).toContain("Mail.ReadWrite");
  });

  it("spells scopes as they were asked for", async () => {
    const { refresh_token } = await app.tokensFor(juno);

    const { scope } = await app.tokensOf(
      app.refresh(refresh_token, { scope: "openid https://graph.microsoft.com/mail.send" }),
    );

    expect(scope).toBe("openid https://graph.microsoft.com/Mail.Send");
  });

  it("expires after 90 days without use", async () => {
    const { refresh_token } = await app.tokensFor(ben);

    app.clock.advance(90 * 24 * 3600 + 1);

    expect(await app.refusalOf(app.refresh(refresh_token))).toMatchObject({
      error: "invalid_grant",
      error_codes: [700082],
    });
  });

  it.for([
    [
      "sessions are revoked",
      50173,
      "bad_token",
      () => app.control.revokeSessions({ username: ben }),
    ],
    [
      "the user is disabled",
      50057,
      undefined,
      () => app.control.disableUser({ username: ben, disabled: true }),
    ],
    [
      "the app is removed",
      65001,
      "consent_required",
      () => app.control.withdrawTenantConsent({ tenantId: larkfield.id }),
    ],
    [
      "the tenant blocks",
      53003,
      "message_only",
      () => app.control.setTenantPolicy({ tenantId: larkfield.id, policy: { blocked: true } }),
    ],
    ["another scope is asked for", 65001, "consent_required", () => {}],
  ] as const)("is refused when %s", async ([reason, aadsts, suberror, happen]) => {
    const { refresh_token } = await app.tokensFor(ben);

    happen();

    const scope = reason.startsWith("another") ? "openid Calendars.Read" : mailScopes;
    const refused = await app.refusalOf(app.refresh(refresh_token, { scope }));
    expect(refused).toMatchObject({ error: "invalid_grant", error_codes: [aadsts] });
    expect(refused.suberror).toBe(suberror);
  });

  it("works again for who signs in after a revocation", async () => {
    await app.tokensFor(ben);
    app.control.revokeSessions({ username: ben });

    const { refresh_token } = await app.tokensFor(ben);

    expect((await app.refresh(refresh_token)).status).toBe(200);
  });

  it("wants a second factor again, and is satisfied by a sign-in with the claims", async () => {
    const cookies = new Map<string, string>();
    await app.arrive({ username: tomas, cookies });
    const { refresh_token } = await app.tokensFor(tomas);

    app.control.requireSecondFactorAgain({ tenantId: castellan.id });
    const refused = await app.refusalOf(app.refresh(refresh_token));

    expect(refused).toMatchObject({ suberror: "basic_action", error_codes: [50076] });
    const renewed = await app.tokensFor(tomas, app.authorizeUrl({ claims: refused.claims }));
    expect((await app.refresh(renewed.refresh_token)).status).toBe(200);
  });

  it("ends with the tenant's sign-in frequency", async () => {
    const { refresh_token } = await app.tokensFor(ben);
    app.control.setTenantPolicy({ tenantId: larkfield.id, policy: { signInFrequencySeconds: 60 } });

    app.clock.advance(61);

    expect((await app.refusalOf(app.refresh(refresh_token))).error_codes).toEqual([70043]);
  });
});

describe("an ID token", () => {
  it("is signed by a published key and says who signed in where", async () => {
    const { id_token } = await app.tokensFor(ben);

    const { payload } = await verify(id_token, larkfield.id);

    expect(payload).toMatchObject({
      tid: larkfield.id,
      oid: "1f6b3c9d-8e42-4a75-b0d1-5c7e9f2a4b16",
      preferred_username: ben,
      name: "Ben Okafor",
      nonce: "the-nonce",
      ver: "2.0",
      acct: 0,
    });
    expect(payload.wids).not.toContain("62e90394-69f5-4237-9190-012177145e10");
  });

  it("of an administrator names the role", async () => {
    const { id_token } = await app.tokensFor("ada.whitlock@larkfield.example");

    const { payload } = await verify(id_token, larkfield.id);
    expect(payload.wids).toContain("62e90394-69f5-4237-9190-012177145e10");
  });

  it("of a guest names the tenant where they are one, and client_info the home", async () => {
    app.control.grantTenantConsent({ tenantId: aldermoor.id });
    const { id_token, client_info } = await app.tokensFor(
      "clara.lindqvist@larkfield.example",
      app.authorizeUrl({}, aldermoor.id),
      aldermoor.id,
    );

    const { payload } = await verify(id_token, aldermoor.id);
    expect(payload).toMatchObject({ acct: 1, oid: "7b2e4d6f-9c1a-4853-a0b7-e5d3f1c92a64" });
    expect(JSON.parse(Buffer.from(client_info, "base64url").toString("utf8"))).toEqual({
      uid: "94c0d7e8-2a1b-4f3c-8d5e-6b7a8c9d0e21",
      utid: larkfield.id,
    });
  });

  it("of a personal account is signed by a key that only they use", async () => {
    const { id_token, refresh_token } = await app.tokensFor(juno);

    await verify(id_token, personalTenantId);
    const { kid } = decodeProtectedHeader(id_token);
    expect((await app.keys("common")).keys).toContainEqual(
      expect.objectContaining({
        kid,
        issuer: `https://login.microsoftonline.com/${personalTenantId}/v2.0`,
      }),
    );
    expect(refresh_token).toMatch(/^M\.C/);
  });

  it("is signed by a new key after a rotation", async () => {
    const old = await app.tokensFor(ben);

    app.control.rotateSigningKeys({ keepOld: false });
    const renewed = await app.tokensFor(ben);

    await verify(renewed.id_token, larkfield.id);
    await expect(verify(old.id_token, larkfield.id)).rejects.toThrow();
  });
});

describe("an access token", () => {
  it("of a work account looks like a JWT but cannot be read as one", async () => {
    const { access_token } = await app.tokensFor(ben);

    const [header = "", payload = ""] = access_token.split(".");
    expect(access_token.length).toBeGreaterThan(1500);
    expect(JSON.parse(Buffer.from(header, "base64url").toString())).toMatchObject({ typ: "JWT" });
    expect(() => JSON.parse(Buffer.from(payload, "base64url").toString())).toThrow();
  });
});

describe("msal-node", () => {
  it("redeems a code, refreshes silently and finds the home account", async () => {
    const client = app.msal("organizations");
    const { verifier, challenge } = await app.pkce();
    const scopes = ["User.Read", "Mail.ReadWrite", "Mail.Send"];
    const url = await client.getAuthCodeUrl({
      scopes,
      redirectUri,
      responseMode: "form_post",
      state: "s",
      nonce: "n",
      codeChallenge: challenge,
      codeChallengeMethod: "S256",
      prompt: "select_account",
    });
    const code = await app.codeFor(ben, new URL(url));

    const redeemed = await client.acquireTokenByCode({
      code,
      scopes,
      redirectUri,
      codeVerifier: verifier,
      nonce: "n",
    });

    expect(redeemed.account).toMatchObject({ username: ben, tenantId: larkfield.id });
    if (!redeemed.account) throw new Error("no account");
    const silent = await client.acquireTokenSilent({
      account: redeemed.account,
      scopes,
      forceRefresh: true,
    });
    expect(silent.accessToken).not.toBe(redeemed.accessToken);
    expect(silent.scopes).toContain("Mail.ReadWrite");
  });

  it("understands a withdrawn consent", async () => {
    const { refresh_token } = await app.tokensFor(ben);
    app.control.withdrawUserConsent({ username: ben });

    const asked = app
      .msal("organizations")
      .acquireTokenByRefreshToken({ refreshToken: refresh_token, scopes: ["Mail.ReadWrite"] });

    await expect(asked).rejects.toMatchObject({
      name: "InteractionRequiredAuthError",
      errorCode: "invalid_grant",
      subError: "consent_required",
    });
  });
});
