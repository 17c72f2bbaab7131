import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { userId } from "../../../shared/domain/ids.ts";
import type { Organisation } from "../../../shared/domain/tenant-consent.ts";
import {
  approvalDone,
  approvalExpiredPage,
  approvalReplacedPage,
  approvalUnavailablePage,
  approvalUnknownPage,
} from "../../../shared/pages/approval-outcome.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { send } from "../../fakes/http-event.ts";
import { account, alice, mallory, secondsAfter } from "../../fakes/samples.ts";
import { type ServiceScript, serviceInMemory } from "../../fakes/service-in-memory.ts";

const log = captureLog();

const tenant: Organisation = { kind: "tenant", tenantId: account.tenantId };
const day = 24 * 3600;

/** Somebody who was turned away and asked for a link. */
const asked = async (script: ServiceScript = {}, claims: Readonly<Record<string, string>> = {}) => {
  const service = serviceInMemory(script);
  const ask = async (user = alice) => {
    const { attemptId } = await service.begin(user);
    const answer = await service.askAdministrator(
      user,
      { attemptId },
      user === alice && Object.keys(claims).length > 0
        ? {
            claims: {
              sub: user.userId,
              org: user.workspaceId,
              email: `${user.userId}@north.example`,
              ...claims,
            },
          }
        : {},
    );
    return new URL(JSON.parse(answer.body).approvalUrl).pathname.split("/").at(-1) ?? "";
  };
  return { service, ask, token: await ask() };
};

describe("an administrator who opens the link", () => {
  it("sees who asks, what for, and the way to Microsoft's page of that tenant", async () => {
    const { service, token } = await asked();

    const { statusCode, headers, body } = await service.openLink(token);

    expect(statusCode).toBe(200);
    expect(headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(body).toContain("<strong><bdi>alice Example</bdi></strong> (alice@north.example)");
    expect(body).toContain("<strong><bdi>North Example</bdi></strong>");
    expect(body).toContain("This link works until 8 March 2026");
    expect(body).toMatch(
      new RegExp(
        `href="https://login\\.microsoftonline\\.com/${account.tenantId}/v2\\.0/adminconsent\\?[^"]*state=${token}"`,
      ),
    );
  });

  it("is sent to the tenant of their own account where none is known", async () => {
    const { service, token } = await asked({ tenantsByDomain: {} });

    const { body } = await service.openLink(token);

    expect(body).toContain("https://login.microsoftonline.com/organizations/v2.0/adminconsent?");
    expect(body).not.toContain(account.tenantId);
  });

  it("sees how many others wait, not counting who asks, and not who they are", async () => {
    const { service, ask, token } = await asked();
    await ask(mallory);
    await ask({ ...mallory, userId: userId("mabel") });

    const { body } = await service.openLink(token);

    expect(body).toContain("2 more people of your organisation are waiting");
    expect(body).not.toContain("mallory");
  });

  it("sees that more than twenty others wait, who are not all read to be counted", async () => {
    const { service, ask, token } = await asked();
    for (let n = 0; n < 21; n += 1) await ask({ ...mallory, userId: userId(`mallory-${n}`) });

    const { body } = await service.openLink(token);

    expect(body).toContain("More than 20 other people of your organisation are waiting");
  });

  it.for([
    '<script>alert("x")</script>',
    "Call 555-0199 at evil.example",
    "https://evil.example",
    "Alice\u202etxt.exe",
    "a".repeat(61),
  ])("is not shown a name or a workspace that reads %s", async (planted) => {
    const { service, token } = await asked({}, { name: planted, org_name: planted });

    const { body } = await service.openLink(token);

    expect(body).toContain("<strong>alice@north.example</strong> would like to connect");
    expect(body).not.toContain(planted);
    expect(body).not.toContain("evil");
  });

  it("changes nothing, however often: twenty scanners later the link is as good as new", async () => {
    const { service, token } = await asked();
    const before = await service.consents.find(tenant);
    const first = await service.openLink(token);

    for (let opened = 0; opened < 20; opened += 1) {
      expect(await service.openLink(token)).toEqual(first);
    }

    expect(await service.consents.find(tenant)).toEqual(before);
    expect(service.steps.filter(({ step }) => step === "opened")).toHaveLength(21);
  });

  it("is told when an approval was reported that nobody has proved", async () => {
    const { service, token } = await asked();
    await service.approvalAnswered({
      admin_consent: "True",
      tenant: account.tenantId,
      state: token,
    });

    const { statusCode, body } = await service.openLink(token);

    expect(statusCode).toBe(200);
    expect(body).toContain("not confirmed yet");
    expect(body).toContain("Review and approve at Microsoft");
  });

  it("is told when it is approved, also by a link that has expired or was replaced", async () => {
    const { service, ask, token } = await asked();
    service.clock.pass(8 * day);
    await ask();
    await service.consents.record(
      tenant,
      { kind: "verified", proof: { kind: "user_grant" } },
      service.clock.now(),
    );

    expect(await service.openLink(token)).toMatchObject({
      statusCode: 200,
      body: approvalDone().html,
    });
  });

  it("is told how often the organisation asks for a new sign-in, once a refusal has told it, for three months", async () => {
    const { service, token } = await asked();
    await service.frequencies.learn(account.tenantId, {
      atMostSeconds: 8 * day - 60,
      learntAt: secondsAfter(service.clock.now(), -88 * day),
    });
    const sentence = "sign in again at least every 8 days";

    expect((await service.openLink(token)).body).toContain(sentence);
    service.clock.pass(3 * day);
    expect((await service.openLink(token)).body).not.toContain("sign in again");
    await service.frequencies.learn(account.tenantId, {
      atMostSeconds: 8 * day,
      learntAt: service.clock.now(),
    });
    await service.consents.record(
      tenant,
      { kind: "verified", proof: { kind: "user_grant" } },
      service.clock.now(),
    );
    const approved = await service.openLink(token);
    expect(approved.body).toContain("Already approved");
    expect(approved.body).toContain(sentence);
  });

  it("is told that it has expired, after seven days to the second", async () => {
    const { service, token } = await asked();

    service.clock.pass(7 * day - 1);
    expect((await service.openLink(token)).statusCode).toBe(200);
    service.clock.pass(1);

    expect(await service.openLink(token)).toMatchObject({
      statusCode: 410,
      body: approvalExpiredPage.html,
    });
  });

  it("is told that a link which has served its purpose is no longer in use, and of no newer one", async () => {
    const { service, token } = await asked();
    const verified = { kind: "verified", proof: { kind: "user_grant" } } as const;
    await service.consents.record(tenant, verified, service.clock.now());
    service.clock.pass(120);
    await service.resume();
    await service.consents.record(tenant, { kind: "lost" }, service.clock.now());

    const { statusCode, body } = await service.openLink(token);

    expect(statusCode).toBe(410);
    expect(body).toContain("<h1>This link is no longer in use</h1>");
    expect(body).toContain("If there is none, ask the person who sent you this link for a new one");
    expect(body).not.toContain("There is a newer link");
  });

  it("is told that a link which was replaced is no longer in use", async () => {
    const { service, ask, token } = await asked();
    service.clock.pass(7 * day);
    const newer = await ask();

    expect(newer).not.toBe(token);
    expect(await service.openLink(token)).toMatchObject({
      statusCode: 410,
      body: approvalReplacedPage.html,
    });
    expect((await service.openLink(newer)).statusCode).toBe(200);
  });

  it("is told the same of a link that never was and of one that cannot be", async () => {
    const { service, token } = await asked();
    const unknown = { statusCode: 404, body: approvalUnknownPage.html };

    for (const wrong of ["u".repeat(43), `${token}x`, token.slice(1), "", "%00", `${token}=`]) {
      expect(await service.openLink(wrong)).toMatchObject(unknown);
    }
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", maxLength: 60 }), async (text) => {
        expect(await service.openLink(text)).toMatchObject(unknown);
      }),
    );
  });

  it("sees the same page whatever is added to the address or sent along", async () => {
    const { service, token } = await asked();
    const plain = await service.openLink(token);

    const added = await send(service.handlers.adminConsent, {
      route: "GET /admin-consent/{token}",
      pathParameters: { token },
      query: "admin_consent=True&tenant=x&name=<b>&token=y",
      cookies: ["__Host-outlook-connect-approval=x"],
      headers: { "content-type": "application/json", origin: "https://evil.example" },
      body: '{"approve":true}',
    });

    expect(plain.statusCode).toBe(200);
    expect(added).toEqual(plain);
  });

  it("is asked to come again when something of ours is down, and nothing of it is shown", async () => {
    let isUp = true;
    const { service, token } = await asked({
      intercept: (_, call) => (isUp ? call() : Promise.reject(new Error("no table"))),
    });
    isUp = false;

    const answer = await service.openLink(token);

    expect(answer).toMatchObject({ statusCode: 503, body: approvalUnavailablePage.html });
  });

  it("is logged without the link or anybody's address", async () => {
    const { service, token } = await asked();

    expect((await service.openLink(token)).statusCode).toBe(200);
    expect((await service.openLink("u".repeat(43))).statusCode).toBe(404);

    const written = log.lines().join("");
    for (const kept of [token, "alice@north.example", "u".repeat(43)]) {
      expect(written).not.toContain(kept);
    }
  });
});
