import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import type { Fault, IdTokenAlteration } from "../../../../infra/local/microsoft/faults.ts";
import { ben, juno, type SimulatedApp, startSimulatedApp } from "./simulated-app.ts";

let app: SimulatedApp;
beforeAll(async () => {
  app = await startSimulatedApp();
});
beforeEach(() => app.control.reset());
afterAll(() => app.close());

const refreshUnder = async (fault: Fault) => {
  const { refresh_token } = await app.tokensFor(ben);
  app.control.fault({ endpoint: "token", fault });
  return { answer: () => app.refresh(refresh_token), refresh_token };
};

describe("the token endpoint", () => {
  it.for<[Fault, number, string | null, RegExp]>([
    [{ kind: "throttled", retryAfter: 17 }, 429, "17", /"error":"temporarily_unavailable"/],
    [{ kind: "throttled" }, 429, null, /AADSTS90055/],
    [
      { kind: "unavailable", retryAfter: "Wed, 21 Oct 2026 07:28:00 GMT" },
      503,
      "Wed, 21 Oct 2026 07:28:00 GMT",
      /AADSTS90033/,
    ],
    [{ kind: "bad_gateway" }, 502, null, /^<html>/],
    [{ kind: "redirected", location: "http://127.0.0.1:9/" }, 302, null, /^$/],
    [{ kind: "garbled" }, 200, null, /^\{"[^}]*$/],
    [{ kind: "empty_object", status: 500 }, 500, null, /^\{\}$/],
    [{ kind: "answer", status: 418, body: "tea" }, 418, null, /^tea$/],
  ])("answers as ordered: %o", async ([fault, status, retryAfter, body]) => {
    const { answer } = await refreshUnder(fault);

    const response = await answer();

    expect(response.status).toBe(status);
    expect(response.headers.get("retry-after")).toBe(retryAfter);
    expect(await response.text()).toMatch(body);
    expect((await answer()).status).toBe(200);
  });

  it("refuses with any numbers", async () => {
    const { answer } = await refreshUnder({
      kind: "refused",
      error: "interaction_required",
      codes: [53000],
      suberror: "additional_action",
      claims: "{}",
    });

    expect(await app.refusalOf(answer())).toMatchObject({
      status: 400,
      error: "interaction_required",
      error_codes: [53000],
      suberror: "additional_action",
      claims: "{}",
    });
  });

  it("drops the connection before it looks at the request", async () => {
    const code = await app.codeFor(ben);
    app.control.fault({ endpoint: "token", fault: { kind: "dropped" } });

    await expect(app.redeem(code)).rejects.toThrow();

    expect((await app.redeem(code)).status).toBe(200);
    expect(app.control.report().redemptions).toEqual({ [code]: 2 });
  });

  it("drops the connection after the code was spent", async () => {
    const code = await app.codeFor(ben);
    app.control.fault({ endpoint: "token", fault: { kind: "dropped", afterProcessing: true } });

    await expect(app.redeem(code)).rejects.toThrow();

    expect((await app.refusalOf(app.redeem(code))).error_codes).toEqual([54005]);
  });

  it("sends megabytes", async () => {
    const { answer } = await refreshUnder({ kind: "huge", megabytes: 2 });

    expect((await (await answer()).text()).length).toBeGreaterThan(2 * 1024 * 1024);
  });

  it.for<Fault>([
    { kind: "delayed", milliseconds: 20 },
    { kind: "dripped", milliseconds: 0 },
  ])("answers truly, if slowly: %o", async (fault) => {
    const { answer } = await refreshUnder(fault);

    expect((await app.tokensOf(answer())).token_type).toBe("Bearer");
  });

  it("never answers somebody who does not wait", async () => {
    const { refresh_token } = await refreshUnder({ kind: "delayed", milliseconds: 60_000 });

    const answer = fetch(`${app.origin}/common/oauth2/v2.0/token`, {
      method: "POST",
      body: new URLSearchParams({ grant_type: "refresh_token", refresh_token }),
      signal: AbortSignal.timeout(50),
    });

    await expect(answer).rejects.toMatchObject({ name: "TimeoutError" });
  });

  it("fails only the grants it was ordered to, as often as ordered", async () => {
    app.control.fault({
      endpoint: "token",
      fault: { kind: "throttled" },
      times: 2,
      grantType: "refresh_token",
    });
    const { refresh_token } = await app.tokensFor(ben);

    const statuses = [];
    for (let call = 0; call < 3; call += 1)
      statuses.push((await app.refresh(refresh_token)).status);

    expect(statuses).toEqual([429, 429, 200]);
  });

  it("fails always until it is healed", async () => {
    const { refresh_token } = await app.tokensFor(ben);
    app.control.fault({ endpoint: "token", fault: { kind: "bad_gateway" }, times: "always" });

    const ill = [
      (await app.refresh(refresh_token)).status,
      (await app.refresh(refresh_token)).status,
    ];
    app.control.heal();

    expect(ill).toEqual([502, 502]);
    expect((await app.refresh(refresh_token)).status).toBe(200);
  });
});

it("Graph fails in its own shape", async () => {
  const { access_token } = await app.tokensFor(ben);
  app.control.fault({ endpoint: "graph", fault: { kind: "throttled", retryAfter: 5 } });
  app.control.fault({
    endpoint: "graph",
    fault: { kind: "graph_refused", status: 403, code: "ErrorAccessDenied" },
  });

  const throttled = await app.graph("/me", access_token);
  const denied = await app.graph("/me", access_token);

  expect(throttled.status).toBe(429);
  expect(await throttled.json()).toMatchObject({ error: { code: "TooManyRequests" } });
  expect(denied.status).toBe(403);
  expect(await denied.json()).toMatchObject({ error: { code: "ErrorAccessDenied" } });
});

it("the key set fails as well", async () => {
  app.control.fault({ endpoint: "keys", fault: { kind: "unavailable" } });

  expect((await fetch(`${app.origin}/common/discovery/v2.0/keys`)).status).toBe(503);
});

const spoilt = z.looseObject({
  scope: z.string(),
  access_token: z.string(),
  id_token: z.string(),
});

describe("a spoilt answer", () => {
  const altered = async (alteration: Parameters<typeof app.control.alter>[0]["alteration"]) => {
    const code = await app.codeFor(ben);
    app.control.alter({ alteration });
    return spoilt.parse(await (await app.redeem(code)).json());
  };

  it("leaves members out", async () => {
    const answer = await altered({ omit: ["refresh_token", "expires_in"] });

    expect(answer).not.toHaveProperty("refresh_token");
    expect(answer).not.toHaveProperty("expires_in");
    expect(answer).toHaveProperty("access_token");
  });

  it("sets members to anything", async () => {
    expect(
      await altered({ set: { access_token: "", expires_in: "soon", token_type: "bearer" } }),
    ).toMatchObject({ access_token: "", expires_in: "soon", token_type: "bearer" });
  });

  it("grants less, and Graph keeps to it", async () => {
    const answer = await altered({ scopes: ["openid", "profile", "User.Read"] });

    expect(answer.scope).toBe("openid profile User.Read");
    expect((await app.graph("/me/messages", answer.access_token)).status).toBe(403);
  });

  it("belongs to another account", async () => {
    const answer = await altered({ account: juno });

    expect(decodeJwt(answer.id_token)).toMatchObject({ preferred_username: juno });
  });

  const verified = async (idToken: string) => {
    return jwtVerify(idToken, createLocalJWKSet(await app.keys("organizations")), {
      currentDate: app.clock.now(),
    });
  };

  it.for<[IdTokenAlteration, string]>([
    [{ signature: "foreign_key" }, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"],
    [{ header: { kid: "unknown" } }, "ERR_JWKS_NO_MATCHING_KEY"],
    [{ claims: { exp: 1 } }, "ERR_JWT_EXPIRED"],
    [{ claims: { nbf: 4_000_000_000 } }, "ERR_JWT_CLAIM_VALIDATION_FAILED"],
  ])("has an ID token that fails: %o", async ([idToken, code]) => {
    const answer = await altered({ idToken });

    await expect(verified(answer.id_token)).rejects.toMatchObject({ code });
  });

  it.for([
    ["none", "none"],
    ["hs256", "HS256"],
  ] as const)("has an ID token with the signature %s", async ([signature, alg]) => {
    const answer = await altered({ idToken: { signature } });

    expect(decodeProtectedHeader(answer.id_token).alg).toBe(alg);
    await expect(verified(answer.id_token)).rejects.toThrow();
  });

  it("has an ID token with other claims, without some, or without a key id", async () => {
    const answer = await altered({
      idToken: { claims: { aud: ["other"] }, omitClaims: ["sub", "nonce"], omitHeader: ["kid"] },
    });

    const claims = decodeJwt(answer.id_token);
    expect(claims.aud).toEqual(["other"]);
    expect(claims).not.toHaveProperty("sub");
    expect(claims).not.toHaveProperty("nonce");
    expect(decodeProtectedHeader(answer.id_token)).not.toHaveProperty("kid");
  });
});
