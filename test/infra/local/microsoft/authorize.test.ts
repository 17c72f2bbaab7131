import { decodeJwt } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  castellan,
  larkfield,
  personalTenantId,
} from "../../../../infra/local/microsoft/directory.ts";
import {
  ada,
  ben,
  juno,
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

describe("a request that cannot be trusted stays on an error page", () => {
  it.for([
    ["another redirect URI", { redirect_uri: `${redirectUri}/` }, 50011],
    ["no redirect URI", { redirect_uri: undefined }, 50011],
    ["another client", { client_id: "7d1c2b3a-0000-4000-8000-000000000000" }, 700016],
  ] as const)("%s", async ([, changes, aadsts]) => {
    const answer = await app.walk({ username: ben }, app.authorizeUrl(changes));

    expect(answer).toMatchObject({ kept: "error", aadsts });
  });

  it("an unknown tenant", async () => {
    const answer = await app.walk({ username: ben }, app.authorizeUrl({}, "nobody.example"));

    expect(answer).toMatchObject({ kept: "error", aadsts: 90002 });
  });
});

describe("a wrong request is told to the app, with its state", () => {
  it.for([
    [
      "an implicit response type",
      { response_type: "id_token" },
      "unsupported_response_type",
      700054,
    ],
    ["an unknown scope", { scope: "openid Mail.Burn" }, "invalid_client", 650053],
    ["a prompt of version 1", { prompt: "admin_consent" }, "invalid_request", 90023],
    [
      "a hint beside select_account",
      { prompt: "select_account", login_hint: ben },
      "invalid_request",
      90023,
    ],
    ["a challenge that is too short", { code_challenge: "short" }, "invalid_request", 501491],
    ["claims that are no JSON", { claims: "{" }, "invalid_request", 90023],
  ] as const)("%s", async ([, changes, error, aadsts]) => {
    const { action, fields } = await app.arrive({ username: ben }, app.authorizeUrl(changes));

    expect(action.href).toBe(redirectUri);
    expect(fields.get("error")).toBe(error);
    expect(fields.get("error_description")).toContain(`AADSTS${aadsts}: `);
    expect(fields.get("state")).toBe("the-state");
    expect(fields.has("code")).toBe(false);
  });
});

describe("the answer", () => {
  it.for(["query", "fragment", "form_post"])("reaches the app by %s", async (mode) => {
    const { action, fields } = await app.arrive(
      { username: ben },
      app.authorizeUrl({ response_mode: mode }),
    );

    expect(action.href).toBe(redirectUri);
    expect(fields.get("state")).toBe("the-state");
    expect(fields.get("code")).toMatch(/^1\.A/);
  });

  it("puts an empty fragment behind a query, so that none survives the redirect", async () => {
    const response = await fetch(app.authorizeUrl({ response_mode: "query", prompt: "none" }), {
      redirect: "manual",
    });

    expect(response.status).toBe(302);
    expect(response.headers.get("location")).toMatch(/#$/);
  });

  it("brings any state back unchanged", async () => {
    const state = `"><script>alert('x')</script>&amp; ü=+%20`;

    const { fields } = await app.arrive({ username: ben }, app.authorizeUrl({ state }));

    expect(fields.get("state")).toBe(state);
  });

  it("is a form that a person without script can send", async () => {
    const response = await fetch(app.authorizeUrl({ prompt: "none" }));

    const html = await response.text();
    expect(html).toContain(`<form method="POST" name="hiddenform" action="${redirectUri}">`);
    expect(html).toMatch(/<noscript>.*<button type="submit">/s);
  });
});

describe("prompt=none", () => {
  it("without a session answers login_required", async () => {
    const { fields } = await app.arrive({ username: ben }, app.authorizeUrl({ prompt: "none" }));

    expect(fields.get("error")).toBe("login_required");
  });

  it("without consent answers interaction_required and names the missing consent", async () => {
    const cookies = new Map<string, string>();
    await app.walk({ username: ben, consent: "leave", cookies });

    const { fields } = await app.arrive(
      { username: ben, cookies },
      app.authorizeUrl({ prompt: "none" }),
    );

    expect(fields.get("error")).toBe("interaction_required");
    expect(fields.get("error_description")).toContain("AADSTS65001");
  });

  it("with session and consent answers with a code and shows nothing", async () => {
    const cookies = new Map<string, string>();
    await app.arrive({ username: ben, cookies });

    const { fields, pages } = await app.arrive(
      { username: ben, cookies },
      app.authorizeUrl({ prompt: "none" }),
    );

    expect(fields.get("code")).toBeTruthy();
    expect(pages).toEqual([]);
  });
});

describe("which pages a person sees", () => {
  it("first sign-in, then consent, then neither", async () => {
    const cookies = new Map<string, string>();

    const first = await app.arrive({ username: ben, cookies });
    const second = await app.arrive({ username: ben, cookies });

    expect(first.pages).toEqual(["sign-in", "password", "consent"]);
    expect(second.pages).toEqual([]);
  });

  it("a hint skips the account", async () => {
    const { pages } = await app.arrive({ username: ben }, app.authorizeUrl({ login_hint: ben }));

    expect(pages).toEqual(["password", "consent"]);
  });

  it("so does the opaque hint of an ID token", async () => {
    const { id_token } = await app.tokensFor(ben);
    const login_hint = String(decodeJwt(id_token).login_hint);

    const { pages } = await app.arrive({ username: ben }, app.authorizeUrl({ login_hint }));

    expect(login_hint).toMatch(/^O\./);
    expect(pages).toEqual(["password"]);
  });

  it("select_account shows who is signed in, and lets somebody else in", async () => {
    const cookies = new Map<string, string>();
    await app.arrive({ username: ben, cookies });
    const url = app.authorizeUrl({ prompt: "select_account" });

    const same = await app.arrive({ username: ben, cookies }, url);
    const other = await app.arrive({ username: juno, cookies }, url);

    expect(same.pages).toEqual(["pick-account"]);
    expect(other.pages).toEqual(["pick-account", "sign-in", "password", "consent"]);
  });

  it("login asks for the password again", async () => {
    const cookies = new Map<string, string>();
    await app.arrive({ username: ben, cookies });

    const { pages } = await app.arrive(
      { username: ben, cookies },
      app.authorizeUrl({ prompt: "login" }),
    );

    expect(pages).toEqual(["sign-in", "password"]);
  });

  it("Conditional Access asks for a second factor once, and again for its claims", async () => {
    const cookies = new Map<string, string>();
    const claims = JSON.stringify({
      access_token: { capolids: { essential: true, values: ["x"] } },
    });

    const first = await app.arrive({ username: tomas, cookies });
    const second = await app.arrive({ username: tomas, cookies });
    const stepUp = await app.arrive({ username: tomas, cookies }, app.authorizeUrl({ claims }));

    expect(first.pages).toEqual(["sign-in", "password", "second-factor", "consent"]);
    expect(second.pages).toEqual([]);
    expect(stepUp.pages).toEqual(["second-factor"]);
  });

  it("asks for the password again when the tenant's sign-in frequency is over", async () => {
    const cookies = new Map<string, string>();
    app.control.setTenantPolicy({
      tenantId: larkfield.id,
      policy: { signInFrequencySeconds: 3600 },
    });
    await app.arrive({ username: ben, cookies });

    app.clock.advance(3601);

    const { pages } = await app.arrive({ username: ben, cookies });
    expect(pages).toEqual(["password"]);
  });
});

describe("who may sign in where", () => {
  it.for([
    ["organizations", juno],
    ["consumers", ben],
    [personalTenantId, ben],
  ] as const)("%s turns %s away and lets them choose again", async ([authority, username]) => {
    const answer = await app.walk({ username }, app.authorizeUrl({}, authority));

    expect(answer).toMatchObject({ kept: "sign-in" });
  });

  it("a tenant turns strangers away on an error page", async () => {
    const answer = await app.walk({ username: ben }, app.authorizeUrl({}, castellan.id));

    expect(answer).toMatchObject({ kept: "error", aadsts: 50020 });
  });

  it("a disabled user stays on an error page", async () => {
    const answer = await app.walk({ username: "edda.rowe@larkfield.example" });

    expect(answer).toMatchObject({ kept: "error", aadsts: 50057 });
  });

  it.for([
    [{ appDisabled: true }, 7000112],
    [{ blocked: true }, 53003],
  ] as const)("a tenant's policy %o keeps the person", async ([policy, aadsts]) => {
    app.control.setTenantPolicy({ tenantId: larkfield.id, policy });

    const answer = await app.walk({ username: ben });

    expect(answer).toMatchObject({ kept: "error", aadsts });
  });
});

describe("where only assigned people may sign in", () => {
  beforeEach(() =>
    app.control.setTenantPolicy({ tenantId: larkfield.id, policy: { assignmentRequired: true } }),
  );

  it.for([ben, ada])("%s is kept on an error page until the app is assigned", async (username) => {
    app.control.grantTenantConsent({ tenantId: larkfield.id });

    expect(await app.walk({ username })).toMatchObject({ kept: "error", aadsts: 50105 });

    app.control.assignUser({ username, assigned: true });
    expect(await app.codeFor(username)).toBeTruthy();

    app.control.assignUser({ username, assigned: false });
    expect(await app.walk({ username })).toMatchObject({ kept: "error", aadsts: 50105 });
  });

  it("an administrator approves without being assigned, and prompt=none then says so", async () => {
    const cookies = new Map<string, string>();

    const approved = await app.arrive({ username: ada, cookies }, app.adminConsentUrl());
    const silently = await app.arrive(
      { username: ada, cookies },
      app.authorizeUrl({ prompt: "none" }),
    );

    expect(approved.fields.get("tenant")).toBe(larkfield.id);
    expect(silently.pages).toEqual([]);
    expect(silently.fields.get("error")).toBe("interaction_required");
    expect(silently.fields.get("error_description")).toContain("AADSTS50105");
    expect(app.control.report().issued.codes).toEqual([]);
  });

  it("the page of who lives there says who is assigned", async () => {
    app.control.assignUser({ username: ben, assigned: true });

    const page = await (await fetch(`${app.origin}/_control`)).text();

    expect(page).toContain("Ordinary user, assigned to the app");
    expect(page).toContain("Global Administrator, not assigned to the app");
  });
});

it("does not let one browser continue what another began", async () => {
  const page = await (await fetch(app.authorizeUrl())).text();
  const action = /action="(\/interaction\/[^"]+)"/.exec(page)?.[1] ?? "";

  const response = await fetch(new URL(action, app.origin), {
    method: "POST",
    body: new URLSearchParams({ account: ben }),
  });

  expect(action).not.toBe("");
  expect(response.status).toBe(400);
});
