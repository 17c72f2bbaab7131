import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import {
  administratorsBrowser,
  buttonOn,
  linkIn,
  mailsTo,
  openPage,
  tryAgainOn,
} from "../../infra/local/administrator-client.ts";
import { aldermoor } from "../../infra/local/microsoft/directory.ts";
import { signIn } from "../../infra/local/microsoft/walk-sign-in.ts";
import type { ProductClient } from "../../infra/local/product-client.ts";
import { forgetApprovals } from "./forget-approvals.ts";
import { openScene, problemIn, type Scene, served } from "./scene.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
});
afterAll(() => scene?.close());
beforeEach(async () => {
  scene.newDay();
  await forgetApprovals(scene.stack);
});

const niall = "niall.byrne@aldermoor.example";
const oona = "oona.virtanen@aldermoor.example";
const margit = { username: "margit.solberg@aldermoor.example" };

const approval = z.object({
  status: z.string(),
  approvalUrl: z.optional(z.url()),
  mail: z.optional(z.object({ status: z.string(), to: z.optional(z.string()) })),
});

/** Somebody whom Microsoft tells that an administrator must approve, and who comes back without. */
const turnedAway = async (product: ProductClient, username: string) => {
  const { attemptId, returned } = await scene.goToMicrosoft(product, {
    username,
    approval: "return",
  });
  const answer = await product.complete(returned);
  return { attemptId, problem: await problemIn(answer) };
};

const ask = async (product: ProductClient, body: object) => {
  const answer = await product.call("POST", "/admin-consent-requests", body);
  expect(answer.status, await answer.clone().text()).toBe(200);
  return approval.parse(await answer.json());
};

const statusOf = async (product: ProductClient) =>
  approval.parse(await (await product.call("GET", "/admin-consent-requests")).json()).status;

describe("the ordinary user of a locked organisation", () => {
  it("is blocked, asks, and connects once the administrator has approved; so do colleagues", async () => {
    const product = await scene.signedIn("user_niall");
    const colleague = await scene.signedIn("user_oona");

    const { attemptId, problem } = await turnedAway(product, niall);
    expect(problem).toMatchObject({ code: "admin_approval_required", actor: "tenant_admin" });
    expect(await statusOf(product)).toBe("blocked");

    const asked = await ask(product, { attemptId, adminEmail: margit.username });
    expect(asked).toMatchObject({ status: "requested", mail: { status: "sent" } });
    const warned = await colleague.call("POST", "/start", {});
    expect(await warned.json()).toMatchObject({ adminApproval: { status: "requested" } });

    const [mail, ...more] = await mailsTo(scene.stack, margit.username);
    if (!mail) expect.fail("no mail came");
    expect(more).toEqual([]);
    const link = linkIn(mail);
    expect(link.href).toBe(asked.approvalUrl);
    expect(`${mail.body.text}${mail.body.html}`).toContain(niall);

    const page = await openPage(link);
    expect(page.status).toBe(200);
    const browser = administratorsBrowser();
    const reported = await browser.decide(buttonOn(page.html), margit);
    expect(await statusOf(product)).toBe("reported");
    const proved = await browser.prove(reported, margit);
    expect(proved.status).toBe(200);
    expect(await statusOf(product)).toBe("verified");
    expect(await statusOf(colleague)).toBe("verified");

    scene.stack.clock.advance(120);
    await scene.stack.runSchedules();
    scene.stack.clock.advance(120);
    await scene.stack.runSchedules();
    const told = await mailsTo(scene.stack, niall);
    expect(told).toHaveLength(1);
    expect(told[0]?.body.text).toContain("Ask Appse AI at support@appse.example.");

    const connection = await scene.connect(product, { username: niall });
    expect(served(await scene.fetchToken({ product, connection })).text).toBeDefined();
    await scene.connect(colleague, { username: oona });
  });

  it("who never comes back from Microsoft's page is probably blocked, and so is the next one warned", async () => {
    const product = await scene.signedIn("user_niall");
    const { attemptId, authorizationUrl } = await product.start();
    const kept = await signIn(authorizationUrl, { username: niall });
    expect(kept).toMatchObject({ kept: "need-admin-approval" });

    scene.stack.clock.advance(601);
    expect(await scene.attempt(product, attemptId)).toMatchObject({
      status: "expired",
      problem: { code: "probably_blocked" },
    });

    const colleague = await scene.signedIn("user_oona");
    const warned = await colleague.call("POST", "/start", {});
    expect(await warned.json()).toMatchObject({ adminApproval: { status: expect.any(String) } });
  });
});

/** Niall was turned away and has asked; Margit has the page behind the link open. */
const askedMargit = async (product: ProductClient) => {
  const { attemptId } = await turnedAway(product, niall);
  const { approvalUrl } = await ask(product, { attemptId });
  if (!approvalUrl) expect.fail("there is no link to pass on");
  const page = await openPage(new URL(approvalUrl));
  return { button: buttonOn(page.html), browser: administratorsBrowser() };
};

/** The schedules run, until those who wait have been told. @returns how many mails Niall got since `before` */
const toldSince = async (before: number): Promise<number> => {
  for (let minutes = 0; minutes < 4; minutes += 2) {
    scene.stack.clock.advance(120);
    await scene.stack.runSchedules();
  }
  return (await mailsTo(scene.stack, niall)).length - before;
};

describe("an organisation in which only assigned people may use the app", () => {
  it("has an administrator who is not: told so, they are assigned, try again, and everybody is told", async () => {
    const { microsoft } = scene;
    const policy = { assignmentRequired: true };
    microsoft.setTenantPolicy({ tenantId: aldermoor.id, policy });
    microsoft.assignUser({ username: niall, assigned: true });
    const product = await scene.signedIn("user_niall");
    const before = (await mailsTo(scene.stack, niall)).length;
    const { button, browser } = await askedMargit(product);

    const reported = await browser.decide(button, margit);
    const stopped = await browser.prove(reported, margit);

    expect(stopped.status).toBe(200);
    const html = await stopped.text();
    expect(html).toContain("What you approved at Microsoft stands");
    expect(html).toContain("Users and groups");
    expect(await statusOf(product)).toBe("reported");
    const again = () => browser.open(tryAgainOn(html, stopped.url));
    const stoppedAgain = await browser.prove(await again(), margit);
    expect(await stoppedAgain.text()).toBe(html);
    expect(await toldSince(before)).toBe(0);

    microsoft.assignUser({ username: margit.username, assigned: true });
    const proved = await browser.prove(await again(), margit);

    expect(await proved.text()).toContain("Approved. Thank you");
    expect(await statusOf(product)).toBe("verified");
    expect(await toldSince(before)).toBe(1);
    await scene.connect(product, { username: niall });
    const { authorizationUrl } = await (await scene.signedIn("user_oona")).start();
    expect(await signIn(authorizationUrl, { username: oona })).toMatchObject({
      kept: "error",
      aadsts: 50105,
    });
  });
});

describe("an administrator who has approved", () => {
  /** As Microsoft's page would have answered. */
  const madeUp = (button: URL) => {
    const url = new URL("/admin-consent-callback", scene.stack.origins.api);
    const state = button.searchParams.get("state") ?? "";
    const answer = { admin_consent: "True", tenant: aldermoor.id, state };
    url.search = new URLSearchParams(answer).toString();
    return url;
  };

  it("is shown nothing more of Microsoft's while it needs nothing", async () => {
    const product = await scene.signedIn("user_niall");
    const { button, browser } = await askedMargit(product);
    const before = scene.microsoft.report().calls.authorize ?? 0;

    await browser.prove(await browser.decide(button, margit), margit);

    expect((scene.microsoft.report().calls.authorize ?? 0) - before).toBe(1);
    expect(await statusOf(product)).toBe("verified");
  });

  it("is led on to Microsoft's pages where it has to show one, and proves it there", async () => {
    const product = await scene.signedIn("user_niall");
    const { button, browser } = await askedMargit(product);
    const reported = await browser.decide(button, margit);
    scene.microsoft.setTenantPolicy({ tenantId: aldermoor.id, policy: { mfa: true } });

    const proved = await browser.prove(reported, margit);

    expect(await proved.text()).toContain("Approved. Thank you");
    expect(await statusOf(product)).toBe("verified");
  });

  it("is not believed who declined, and was led past Microsoft's page to one that proves who they are", async () => {
    const product = await scene.signedIn("user_niall");
    const { button, browser } = await askedMargit(product);
    await browser.decide(button, { ...margit, consent: "decline" });
    const reported = await browser.open(madeUp(button));
    scene.microsoft.setTenantPolicy({ tenantId: aldermoor.id, policy: { mfa: true } });

    const page = await browser.prove(reported, margit);

    expect(await page.text()).toContain("Microsoft has no approval of yours");
    expect(await statusOf(product)).toBe("reported");
  });

  it("is not believed who declined, and was then led past Microsoft's page by a made-up address", async () => {
    const product = await scene.signedIn("user_niall");
    const before = (await mailsTo(scene.stack, niall)).length;
    const { button, browser } = await askedMargit(product);
    const declined = await browser.decide(button, { ...margit, consent: "decline" });
    expect(await declined.text()).toContain("Not approved");

    const page = await browser.prove(await browser.open(madeUp(button)), margit);

    expect(await page.text()).toContain("Microsoft has no approval of yours");
    expect(await statusOf(product)).toBe("reported");
    expect(await toldSince(before)).toBe(0);
  });
});
