import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { aldermoor, brightwater, larkfield } from "../../../../infra/local/microsoft/directory.ts";
import {
  ada,
  adminRedirectUri,
  ben,
  juno,
  mailScopes,
  margit,
  niall,
  quentin,
  type SimulatedApp,
  startSimulatedApp,
} from "./simulated-app.ts";

let app: SimulatedApp;
beforeAll(async () => {
  app = await startSimulatedApp();
});
beforeEach(() => app.control.reset());
afterAll(() => app.close());

describe("declining", () => {
  it("at work answers AADSTS65004", async () => {
    const { fields } = await app.arrive({ username: ben, consent: "decline" });

    expect(fields.get("error")).toBe("access_denied");
    expect(fields.get("error_description")).toContain("AADSTS65004: User declined");
    expect(fields.get("state")).toBe("the-state");
    expect(app.control.report().issued.codes).toEqual([]);
  });

  it("with a personal account answers without a number", async () => {
    const { fields } = await app.arrive({ username: juno, consent: "decline" });

    expect(fields.get("error")).toBe("access_denied");
    expect(fields.get("error_description")).toBe(
      "The user has denied access to the scope requested by the client application.",
    );
  });

  it("by closing the page answers nothing", async () => {
    expect(await app.walk({ username: ben, consent: "leave" })).toMatchObject({ kept: "consent" });
  });
});

describe("where an administrator must approve", () => {
  it("keeps the person on its page", async () => {
    const answer = await app.walk({ username: niall });

    expect(answer).toMatchObject({ kept: "need-admin-approval" });
  });

  it("turning back answers access_denied, cancel and no description", async () => {
    const { fields } = await app.arrive({ username: niall, approval: "return" });

    expect(Object.fromEntries(fields)).toEqual({
      error: "access_denied",
      error_subcode: "cancel",
      state: "the-state",
    });
  });

  it("a person cannot accept what only the page of an administrator offers", async () => {
    const cookies = new Map<string, string>();
    const kept = await app.walk({ username: niall, cookies });
    const action = "html" in kept ? (/action="([^"]+)"/.exec(kept.html)?.[1] ?? "") : "";

    const response = await fetch(new URL(action, app.origin), {
      method: "POST",
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
      body: new URLSearchParams({ action: "accept", organization: "true" }),
    });

    expect(await response.text()).toContain('data-page="need-admin-approval"');
    expect(app.control.report().issued.codes).toEqual([]);
  });

  it("users still connect without mail permissions", async () => {
    const url = app.authorizeUrl({ scope: "openid profile offline_access User.Read" });

    expect(await app.codeFor(niall, url)).toBeTruthy();
  });

  it("a request can be sent, and going back then looks like declining", async () => {
    const { fields, pages } = await app.arrive({
      username: quentin,
      approval: "request_and_return",
    });

    expect(pages).toContain("request-sent");
    expect(fields.get("error_description")).toContain("AADSTS65004");
    expect(app.control.report().approvalRequests).toMatchObject([
      { username: quentin, tenantId: brightwater.id },
    ]);
  });

  it("a Global Administrator may consent for everybody while signing in", async () => {
    await app.arrive({ username: margit, consent: "accept_for_organization" });

    const { pages } = await app.arrive({ username: niall });
    expect(pages).toEqual(["sign-in", "password"]);
  });

  it("an administrator who consents only for themselves helps nobody else", async () => {
    await app.arrive({ username: margit, consent: "accept" });

    expect(await app.walk({ username: niall })).toMatchObject({ kept: "need-admin-approval" });
  });

  it("prompt=consent asks users for approval even after it was given", async () => {
    app.control.grantTenantConsent({ tenantId: aldermoor.id });

    const answer = await app.walk({ username: niall }, app.authorizeUrl({ prompt: "consent" }));

    expect(answer).toMatchObject({ kept: "need-admin-approval" });
  });
});

it("offers no consent for the organisation to ordinary users and other administrators", async () => {
  const offers = async (username: string) => {
    const kept = await app.walk({ username, consent: "leave" });
    return "html" in kept && kept.html.includes("Consent on behalf of your organization");
  };

  expect(await offers(ada)).toBe(true);
  expect(await offers(ben)).toBe(false);
  expect(await offers("pell.hargreave@aldermoor.example")).toBe(false);
});

it("a token request says when consent was withdrawn", async () => {
  const { refresh_token } = await app.tokensFor(ben);

  app.control.withdrawUserConsent({ username: ben });

  expect(await app.refusalOf(app.refresh(refresh_token))).toMatchObject({
    status: 400,
    error: "invalid_grant",
    suberror: "consent_required",
    error_codes: [65001],
  });
});

describe("admin consent", () => {
  it("answers with the tenant, and lets its users in", async () => {
    const { action, fields } = await app.arrive({ username: margit }, app.adminConsentUrl());

    expect(action.href).toBe(adminRedirectUri);
    expect(Object.fromEntries(fields)).toEqual({
      admin_consent: "True",
      tenant: aldermoor.id,
      state: "the-state",
      scope: mailScopes,
    });
    expect(await app.codeFor(niall)).toBeTruthy();
  });

  it("may be granted by a Cloud Application Administrator", async () => {
    const { fields } = await app.arrive(
      { username: "pell.hargreave@aldermoor.example" },
      app.adminConsentUrl({}, aldermoor.id),
    );

    expect(fields.get("tenant")).toBe(aldermoor.id);
  });

  it("declined, says admin_consent=True all the same, but names an error and no tenant", async () => {
    const { fields } = await app.arrive(
      { username: margit, consent: "decline" },
      app.adminConsentUrl(),
    );

    expect(fields.get("admin_consent")).toBe("True");
    expect(fields.get("error")).toBe("access_denied");
    expect(fields.get("error_description")).toContain("AADSTS65004");
    expect(fields.has("tenant")).toBe(false);
  });

  it("is no matter of ordinary users", async () => {
    const kept = await app.walk({ username: niall }, app.adminConsentUrl());
    const { fields } = await app.arrive(
      { username: niall, approval: "return" },
      app.adminConsentUrl(),
    );

    expect(kept).toMatchObject({ kept: "need-admin-approval" });
    expect(fields.get("error_subcode")).toBe("cancel");
    expect(fields.has("error_description")).toBe(false);
    expect(fields.has("tenant")).toBe(false);
  });

  it.for([
    ["common", {}, 900144],
    ["organizations", { scope: undefined }, 900144],
    ["organizations", { redirect_uri: undefined }, 900971],
    ["organizations", { redirect_uri: "http://127.0.0.1:9/callback" }, 50011],
  ] as const)("at %s with %o stays on an error page", async ([authority, changes, aadsts]) => {
    const answer = await app.walk({ username: margit }, app.adminConsentUrl(changes, authority));

    expect(answer).toMatchObject({ kept: "error", aadsts });
  });

  it("reaches the token endpoint only after a while", async () => {
    app.control.setPropagation({ seconds: 45 });
    await app.arrive({ username: margit }, app.adminConsentUrl());

    const early = await app.refusalOf(app.redeem(await app.codeFor(niall)));
    app.clock.advance(46);
    const late = await app.redeem(await app.codeFor(niall));

    expect(early.error_codes).toEqual([65001]);
    expect(late.status).toBe(200);
  });

  it("replaces what was granted before", async () => {
    app.control.grantTenantConsent({ tenantId: larkfield.id });
    await app.arrive(
      { username: ada },
      app.adminConsentUrl({ scope: "openid https://graph.microsoft.com/User.Read" }),
    );

    const answer = await app.arrive({ username: ben });

    expect(answer.pages).toContain("consent");
  });
});
