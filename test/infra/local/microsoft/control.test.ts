import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { larkfield } from "../../../../infra/local/microsoft/directory.ts";
import { ben, type SimulatedApp, startSimulatedApp } from "./simulated-app.ts";

let app: SimulatedApp;
beforeAll(async () => {
  app = await startSimulatedApp();
});
beforeEach(() => app.control.reset());
afterAll(() => app.close());

const post = (name: string, body: string, contentType = "application/json") =>
  fetch(`${app.origin}/_control/${name}`, {
    method: "POST",
    headers: { "content-type": contentType },
    body,
  });

describe("over HTTP", () => {
  it("carries out an order and reports", async () => {
    await app.arrive({ username: ben });
    const order = JSON.stringify({ endpoint: "keys", fault: { kind: "bad_gateway" } });

    expect((await post("fault", order)).status).toBe(200);

    expect((await fetch(`${app.origin}/common/discovery/v2.0/keys`)).status).toBe(502);
    const report = await (await fetch(`${app.origin}/_control/report`)).json();
    expect(report).toMatchObject({
      calls: { authorize: 1, keys: 1 },
      issued: { codes: [expect.any(String)] },
    });
  });

  it("assigns the app to somebody", async () => {
    app.control.setTenantPolicy({ tenantId: larkfield.id, policy: { assignmentRequired: true } });
    app.control.grantTenantConsent({ tenantId: larkfield.id });

    expect(
      (await post("assignUser", JSON.stringify({ username: ben, assigned: true }))).status,
    ).toBe(200);

    expect(await app.codeFor(ben)).toBeTruthy();
  });

  it("resets without a body", async () => {
    await app.arrive({ username: ben });

    expect((await post("reset", "")).status).toBe(200);

    expect(app.control.report().issued.codes).toEqual([]);
  });

  it.for([
    ["fault", '{"endpoint":"nowhere"}'],
    ["disableUser", '{"username":"nobody@example.com","disabled":true}'],
    ["assignUser", '{"username":"nobody@example.com","assigned":true}'],
    ["toString", "{}"],
    ["plant", '{"canary":"not a canary"}'],
    ["fault", "{"],
  ] as const)("says why %s %s is not possible", async ([name, body]) => {
    const answer = await post(name, body);

    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({ message: expect.stringMatching(/.+/) });
  });

  it("takes no order that a form of another origin could send", async () => {
    await app.arrive({ username: ben });

    expect((await post("reset", "{}", "text/plain")).status).toBe(405);

    expect(app.control.report().issued.codes).toHaveLength(1);
  });

  it("shows who lives there", async () => {
    const page = await (await fetch(`${app.origin}/`)).text();

    expect(page).toContain("Simulated – not Microsoft");
    expect(page).toContain(ben);
  });
});

it("plants a canary in everything that must not be logged, and remembers it all", async () => {
  app.control.plant({ canary: "CANARY42" });

  const code = await app.codeFor(ben);
  const { access_token, refresh_token, id_token } = await app.tokensOf(app.redeem(code));

  for (const secret of [code, access_token, refresh_token]) expect(secret).toContain("CANARY42");
  expect(app.control.report().issued).toEqual({
    codes: [code],
    accessTokens: [access_token],
    refreshTokens: [refresh_token],
    idTokens: [id_token],
  });
});

it("counts the calls of every endpoint and grant", async () => {
  const { refresh_token, access_token } = await app.tokensFor(ben);
  await app.refresh(refresh_token);
  await app.graph("/me", access_token);

  expect(app.control.report().calls).toEqual({
    authorize: 1,
    token: 2,
    "token.authorization_code": 1,
    "token.refresh_token": 1,
    graph: 1,
  });
});
