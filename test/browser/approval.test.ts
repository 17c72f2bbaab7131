import type { Page, Request } from "playwright-core";
import { expect, it } from "vitest";
import { mailsTo } from "../../infra/local/administrator-client.ts";
import { forgetSignIns } from "../e2e/forget-sign-ins.ts";
import { accept, decline, signInAtMicrosoft } from "./microsoft-pages.ts";
import { card, opensMicrosoft, sees, seesNoLonger } from "./sees.ts";
import { type Scene, stories } from "./stories.ts";

const niall = "niall.byrne@aldermoor.example";
const oona = "oona.virtanen@aldermoor.example";
const margit = "margit.solberg@aldermoor.example";

const panel = (page: Page) => page.getByRole("region", { name: "Admin approval is required" });

/** The person is turned away at Microsoft, and sent back to the product. */
const turnedAway = async (page: Page, username: string) => {
  const microsoft = await opensMicrosoft(page, "Connect Outlook");
  await signInAtMicrosoft(microsoft, username);
  await sees(microsoft.getByRole("heading", { name: "Need admin approval" }));
  await microsoft
    .getByRole("button", { name: "Return to the application without granting consent" })
    .click();
  await sees(panel(page));
};

/**
 * An administrator's browser, on the page that the newest mail that asks for an approval leads to. A mail that tells
 * somebody else of one can have come after it.
 */
const openedMail = async (scene: Scene): Promise<Page> => {
  const mails = await (await scene.newBrowser()).newPage();
  await mails.goto(scene.stack.origins.mail);
  const mail = mails
    .locator(".email")
    .filter({ hasText: "Approve Appse AI for your organisation" })
    .first();
  await mail.getByRole("button", { name: "Toggle HTML view" }).click();
  const opened = mails.context().waitForEvent("page");
  await mail.frameLocator("iframe").getByRole("link", { name: "Review and approve" }).click();
  const page = await opened;
  await sees(page.getByRole("heading", { name: "Approve Appse AI for your organisation" }));
  return page;
};

const askByMail = async (page: Page, administrator = margit) => {
  await page.getByLabel("Or e-mail it to your administrator").fill(administrator);
  await page.getByRole("button", { name: "Send" }).click();
};

stories("an organisation in which only an administrator may approve", (scene) => {
  it("is approved once, and then the waiting page goes on and ends connected, as do colleagues", async () => {
    const page = await scene.signIn("user_niall");
    await turnedAway(page, niall);
    await sees(page.getByLabel("Send this link to your administrator"));
    await scene.inspect(page, "connections-approval-needed");

    await askByMail(page);
    await sees(panel(page).getByText(`We have mailed ${margit}.`));
    await scene.inspect(page, "connections-approval-mailed");

    const administrator = await openedMail(scene);
    await sees(administrator.getByText(niall).first());
    await scene.inspect(administrator, "approval-request");
    await administrator.getByText("For your IT: approve without this page").click();
    await scene.inspect(administrator, "approval-request-it");
    await administrator.getByRole("link", { name: "Review and approve at Microsoft" }).click();
    await signInAtMicrosoft(administrator, margit);
    await accept(administrator);
    await sees(administrator.getByRole("heading", { name: "Approved. Thank you" }));
    await scene.inspect(administrator, "approval-verified");

    await sees(page.getByRole("heading", { name: "Approved" }));
    await scene.inspect(page, "connections-approval-granted");
    await page.getByRole("button", { name: "Continue now" }).click();
    await page.getByRole("button", { name: niall }).click();
    await sees(page.getByRole("heading", { name: "Mailbox connected" }));

    const colleague = await scene.signIn("user_oona");
    const microsoft = await opensMicrosoft(colleague, "Connect Outlook");
    await signInAtMicrosoft(microsoft, oona);
    await sees(card(colleague, oona).getByText("Connected", { exact: true }).first());
  });

  it("is approved only once: a person who said not now stays, though the page had asked again", async () => {
    const context = await scene.newBrowser();
    await context.clock.install();
    const page = await scene.signIn("user_niall", context);
    await turnedAway(page, niall);
    await sees(page.getByLabel("Send this link to your administrator"));
    const saidNotNow = Promise.withResolvers<void>();
    await page.route("**/admin-consent-requests", async (route) => {
      const response = await route.fetch();
      if (route.request().method() === "GET") await saidNotNow.promise;
      await route.fulfill({ response, json: { status: "verified" } });
    });
    const isWatching = (request: Request) =>
      request.method() === "GET" && request.url().endsWith("/admin-consent-requests");
    const watching = page.waitForRequest(isWatching);
    await context.clock.runFor(4_000);

    const request = await watching;
    await askByMail(page);
    await sees(page.getByRole("heading", { name: "Approved" }));
    await sees(page.locator("#announcement").getByText("goes on to Microsoft in 20 seconds"));
    await page.getByRole("button", { name: "Not now" }).click();
    await sees(page.locator("button:focus", { hasText: "Connect your mailbox" }));
    await seesNoLonger(page.getByRole("button", { name: "Not now" }));
    saidNotNow.resolve();
    await (await request.response())?.finished();
    // Longer than the page would count down.
    for (let seconds = 0; seconds < 25; seconds += 1) await context.clock.runFor(1_000);

    await sees(page.getByText("Connect whenever you like."));
  });

  it("says so also to a person who closes Microsoft's page, and to the next one beforehand", async () => {
    const page = await scene.signIn("user_niall");
    const microsoft = await opensMicrosoft(page, "Connect Outlook");
    await signInAtMicrosoft(microsoft, niall);
    await sees(microsoft.getByRole("heading", { name: "Need admin approval" }));
    await microsoft.close();

    await page.getByRole("button", { name: "Ask an administrator" }).click();
    await sees(panel(page));
    await askByMail(page);
    await sees(panel(page).getByText("We have mailed"));

    const colleague = await scene.signIn("user_oona");
    await colleague.getByRole("button", { name: "Connect Outlook" }).click();
    await sees(panel(colleague));
    await sees(panel(colleague).getByText("A link was made before"));
    await scene.inspect(colleague, "connections-approval-known");

    const anyway = await opensMicrosoft(colleague, "Try anyway");
    await signInAtMicrosoft(anyway, oona);
    await sees(anyway.getByRole("heading", { name: "Need admin approval" }));
  });

  it("is approved by an administrator who uses the product, and ends with a mailbox, in one go", async () => {
    const first = await scene.signIn("user_niall");
    await turnedAway(first, niall);
    const page = await scene.signIn("user_margit");
    await page.getByRole("button", { name: "Connect Outlook" }).click();
    await sees(panel(page));

    const microsoft = await opensMicrosoft(page, "I am an administrator: approve now");
    await signInAtMicrosoft(microsoft, margit);
    await accept(microsoft);

    await sees(card(page, margit).getByText("Connected", { exact: true }).first());
    await sees(first.getByRole("heading", { name: "Approved" }));
    await first.getByRole("button", { name: "Not now" }).click();
    await sees(first.getByText("Connect whenever you like."));
  });

  it("lets only assigned people in, so that the administrator assigns themselves and tries again", async () => {
    const tenantId = "a94d2e60-15cb-4f38-8b7a-0e6d93f1c582";
    scene.microsoft.setTenantPolicy({ tenantId, policy: { assignmentRequired: true } });
    scene.microsoft.assignUser({ username: niall, assigned: true });
    const page = await scene.signIn("user_niall");
    await turnedAway(page, niall);
    await askByMail(page);
    await sees(panel(page).getByText("We have mailed"));

    const administrator = await openedMail(scene);
    await administrator.getByRole("link", { name: "Review and approve at Microsoft" }).click();
    await signInAtMicrosoft(administrator, margit);
    await accept(administrator);
    await sees(administrator.getByRole("heading", { name: "Approved, and one step is left" }));
    await scene.inspect(administrator, "approval-not-assigned");
    await sees(panel(page).getByText("ask the administrator to open the link again"));

    scene.microsoft.assignUser({ username: margit, assigned: true });
    await administrator.getByRole("link", { name: "Try again" }).click();
    await sees(administrator.getByRole("heading", { name: "Approved. Thank you" }));
    await sees(page.getByRole("heading", { name: "Approved" }));
  });

  it("is confirmed on Microsoft's pages where it has to ask which of two accounts is meant", async () => {
    const page = await scene.signIn("user_niall");
    await turnedAway(page, niall);
    await askByMail(page);
    await sees(panel(page).getByText("We have mailed"));
    const administrator = await openedMail(scene);
    const review = administrator.getByRole("link", { name: "Review and approve at Microsoft" });
    const consent = new URL((await review.getAttribute("href")) ?? "about:blank");
    await review.click();
    await signInAtMicrosoft(administrator, margit);
    await sees(administrator.getByRole("button", { name: "Accept" }));

    const second = await administrator.context().newPage();
    const signInAsAnother = new URL("/organizations/oauth2/v2.0/authorize", consent);
    signInAsAnother.search = new URLSearchParams({
      client_id: consent.searchParams.get("client_id") ?? "",
      redirect_uri: `${scene.stack.origins.api}/callback`,
      response_type: "code",
      scope: "openid",
      prompt: "select_account",
    }).toString();
    await second.goto(signInAsAnother.href);
    await second.getByRole("button", { name: "Use another account" }).click();
    await signInAtMicrosoft(second, oona);
    await sees(second.getByRole("heading"));
    await accept(administrator);

    await sees(administrator.getByRole("heading", { name: "Pick an account" }));
    await administrator.getByRole("button", { name: margit }).click();
    await sees(administrator.getByRole("heading", { name: "Approved. Thank you" }));
  });

  it("is approved by an administrator without a mailbox as well, who reads both", async () => {
    scene.microsoft.setMailbox({ username: margit, mailbox: false });
    const first = await scene.signIn("user_niall");
    await turnedAway(first, niall);
    const page = await scene.signIn("user_margit");
    await page.getByRole("button", { name: "Connect Outlook" }).click();
    await sees(panel(page));

    const microsoft = await opensMicrosoft(page, "I am an administrator: approve now");
    await signInAtMicrosoft(microsoft, margit);
    await accept(microsoft);

    const said = page.getByRole("status");
    await sees(said.getByText("Your approval for the whole organisation is in place."));
    await sees(said.getByText("This account has no Outlook mailbox"));
    await scene.inspect(page, "connections-approved-without-mailbox");
    await sees(first.getByRole("heading", { name: "Approved" }));
  });

  it("stays as it is when the administrator declines", async () => {
    const page = await scene.signIn("user_niall");
    await turnedAway(page, niall);
    await askByMail(page);
    await sees(panel(page).getByText("We have mailed"));

    const administrator = await openedMail(scene);
    await administrator.getByRole("link", { name: "Review and approve at Microsoft" }).click();
    await signInAtMicrosoft(administrator, margit);
    await decline(administrator);

    await sees(administrator.getByRole("heading", { name: "Not approved" }));
    await scene.inspect(administrator, "approval-declined");
    await sees(panel(page));
  });

  it("cannot be approved by somebody who is no administrator and opens the link", async () => {
    const page = await scene.signIn("user_niall");
    await turnedAway(page, niall);
    const link = await page.getByLabel("Send this link to your administrator").inputValue();

    const other = await (await scene.newBrowser()).newPage();
    await other.goto(link);
    await other.getByRole("link", { name: "Review and approve at Microsoft" }).click();
    await signInAtMicrosoft(other, oona);
    await other
      .getByRole("button", { name: "Return to the application without granting consent" })
      .click();

    await sees(other.getByRole("heading", { name: "Only an administrator can approve this" }));
    await scene.inspect(other, "approval-no-administrator");
  });

  it("is not approved by the administrator of another organisation", async () => {
    const page = await scene.signIn("user_niall");
    await turnedAway(page, niall);
    const link = await page.getByLabel("Send this link to your administrator").inputValue();

    const other = await (await scene.newBrowser()).newPage();
    await other.goto(link);
    const consent = await other
      .getByRole("link", { name: "Review and approve at Microsoft" })
      .getAttribute("href");
    // Microsoft itself keeps strangers out of this tenant's page, so that they need to write their own address.
    await other.goto(
      (consent ?? "").replace(
        /\/[0-9a-f-]{36}\/v2\.0\/adminconsent/,
        "/organizations/v2.0/adminconsent",
      ),
    );
    await signInAtMicrosoft(other, "ada.whitlock@larkfield.example");
    await accept(other);

    await sees(other.getByRole("heading", { name: "That was another organisation" }));
    await scene.inspect(other, "approval-other-organisation");
    await sees(panel(page));
  });

  it("may have a workflow of its own for requests at Microsoft", async () => {
    const quentin = "quentin.marsh@brightwater.example";
    const page = await scene.signIn("user_quentin");
    const microsoft = await opensMicrosoft(page, "Connect Outlook");
    await signInAtMicrosoft(microsoft, quentin);
    await microsoft.getByRole("button", { name: "Request approval" }).click();
    await microsoft.getByRole("button", { name: "Back to app" }).click();

    await sees(page.getByText("Nothing was connected"));
    await page.getByRole("button", { name: "Ask an administrator" }).click();
    await sees(panel(page));
  });

  it("cannot be asked by somebody whose address nobody has confirmed, who reads what to do", async () => {
    const rosa = "rosa.ibanez@brightwater.example";
    const page = await scene.signIn("user_rosa");
    const microsoft = await opensMicrosoft(page, "Connect Outlook");
    await signInAtMicrosoft(microsoft, rosa);
    await microsoft.getByRole("button", { name: "Request approval" }).click();
    await microsoft.getByRole("button", { name: "Back to app" }).click();
    await page.getByRole("button", { name: "Ask an administrator" }).click();

    await sees(panel(page).getByText("no confirmed e-mail address"));
    await panel(page).getByRole("button", { name: "Get the link" }).click();
    await sees(panel(page).getByRole("button", { name: "Get the link" }));
    await sees(page.locator("#announcement").getByText("no confirmed e-mail address"));
    await sees(panel(page).locator("h2:focus"));
    await scene.inspect(page, "connections-approval-unconfirmed-address");
  });

  it("is waited for while Microsoft applies the approval, for a minute and a half", async () => {
    scene.microsoft.setPropagation({ seconds: 90 });
    const context = await scene.newBrowser();
    await context.clock.install();
    const page = await scene.signIn("user_niall", context);
    await turnedAway(page, niall);
    await askByMail(page);
    await sees(panel(page).getByText("We have mailed"));
    const administrator = await openedMail(scene);
    await administrator.getByRole("link", { name: "Review and approve at Microsoft" }).click();
    await signInAtMicrosoft(administrator, margit);
    await accept(administrator);
    await sees(administrator.getByRole("heading", { name: "Approved, and being applied" }));
    await scene.inspect(administrator, "approval-spreading");
    await sees(panel(page).getByText("An approval was reported"));

    const microsoft = await opensMicrosoft(page, "Try anyway");
    await microsoft.getByRole("button", { name: niall }).click();
    await sees(microsoft.getByRole("heading", { name: "The approval is being applied" }));
    await scene.inspect(microsoft, "return-approval-spreading");
    scene.stack.clock.advance(90);

    await administrator.getByRole("link", { name: "Confirm the approval" }).click();
    await sees(administrator.getByRole("heading", { name: "Approved. Thank you" }));
    // The person's window goes on by itself.
    await context.clock.fastForward("01:30");
    await sees(card(page, niall));
  });

  it("takes its approval back and gives it again: nobody reconnects", async () => {
    scene.microsoft.grantTenantConsent({ tenantId: "a94d2e60-15cb-4f38-8b7a-0e6d93f1c582" });
    const pages = new Map<string, Page>();
    for (const [person, username] of [
      ["user_niall", niall],
      ["user_oona", oona],
    ] as const) {
      const page = await scene.signIn(person);
      const microsoft = await opensMicrosoft(page, "Connect Outlook");
      await signInAtMicrosoft(microsoft, username);
      await sees(card(page, username).getByText("Connected", { exact: true }).first());
      pages.set(username, page);
    }
    const page = pages.get(niall);
    if (!page) throw new Error("nobody is there");

    scene.microsoft.withdrawTenantConsent({ tenantId: "a94d2e60-15cb-4f38-8b7a-0e6d93f1c582" });
    scene.stack.clock.advance(7_200);
    for (const each of pages.values()) {
      await each.getByRole("button", { name: /^Run workflow/ }).click();
      await sees(each.getByText("Waiting for approval").first());
    }
    await page.getByRole("button", { name: /^Ask an administrator/ }).click();
    await sees(panel(page));
    await scene.inspect(page, "connections-approval-lost");

    scene.microsoft.grantTenantConsent({ tenantId: "a94d2e60-15cb-4f38-8b7a-0e6d93f1c582" });
    scene.stack.clock.advance(601);
    await page.reload();
    await page.getByRole("button", { name: /^Run workflow/ }).click();
    await seesNoLonger(card(page, niall).getByText("Waiting for approval"));
  });

  it("is still asked for a person who names an administrator two hours later", async () => {
    const page = await scene.signIn("user_niall");
    await turnedAway(page, niall);
    await sees(page.getByLabel("Send this link to your administrator"));
    scene.stack.clock.advance(2 * 3600);
    await forgetSignIns(scene.stack);

    await askByMail(page);

    await sees(panel(page).getByText(`We have mailed ${margit}.`));
  });

  it("is not asked for a sign-in that is forgotten before anybody asked: the person connects again", async () => {
    const page = await scene.signIn("user_niall");
    const microsoft = await opensMicrosoft(page, "Connect Outlook");
    await signInAtMicrosoft(microsoft, niall);
    await sees(microsoft.getByRole("heading", { name: "Need admin approval" }));
    await microsoft.close();
    const ask = page.getByRole("button", { name: "Ask an administrator" });
    await sees(ask);
    scene.stack.clock.advance(2 * 3600);
    await forgetSignIns(scene.stack);

    await ask.click();

    await sees(panel(page).getByText("This sign-in does not exist, or is long over."));
    await scene.inspect(page, "connections-approval-forgotten");
    const again = await opensMicrosoft(page, "Connect again");
    await sees(again.getByRole("heading", { name: "Pick an account" }));
    await again.getByRole("button", { name: niall }).click();
    await sees(again.getByRole("heading", { name: "Need admin approval" }));
  });

  it("is no longer waited for when the session is over, and the page says so", async () => {
    const context = await scene.newBrowser();
    await context.clock.install();
    const page = await scene.signIn("user_niall", context);
    await turnedAway(page, niall);
    await sees(panel(page).getByText("This page notices by itself"));
    const { webApp } = scene.stack.origins;
    await context.request.delete(`${webApp}/session`, { headers: { origin: webApp } });

    await context.clock.runFor(4_000);

    await sees(panel(page).getByText("This page does not notice the approval any more."));
    await scene.inspect(page, "connections-approval-unheard");
    await page.getByRole("link", { name: "Sign in" }).click();
    await sees(page.getByRole("button", { name: "Niall Byrne" }));
  });

  it("is waited for again by a person who says so, after a fault that did not pass", async () => {
    const context = await scene.newBrowser();
    await context.clock.install();
    const page = await scene.signIn("user_niall", context);
    await turnedAway(page, niall);
    await sees(panel(page).getByText("This page notices by itself"));
    const watched = (status: string) =>
      page.route("**/admin-consent-requests", async (route) => {
        if (route.request().method() !== "GET") return route.fallback();
        await route.fulfill(status ? { json: { status } } : { status: 404, json: {} });
      });
    await watched("");
    await context.clock.runFor(4_000);
    await sees(panel(page).getByText("This page does not notice the approval any more."));
    await watched("verified");

    await page.getByRole("button", { name: "Wait here again" }).click();
    await sees(panel(page).getByText("This page notices by itself"));
    await context.clock.runFor(4_000);

    await sees(page.getByRole("heading", { name: "Approved" }));
  });

  it("is the one whose mailbox is to be renewed, also for a person of another organisation", async () => {
    const aldermoor = { tenantId: "a94d2e60-15cb-4f38-8b7a-0e6d93f1c582" };
    scene.microsoft.grantTenantConsent(aldermoor);
    const page = await scene.signIn("user_ines");
    const microsoft = await opensMicrosoft(page, "Connect Outlook");
    await signInAtMicrosoft(microsoft, niall);
    await sees(card(page, niall).getByText("Connected", { exact: true }).first());
    scene.microsoft.withdrawTenantConsent(aldermoor);
    // Long enough for the approval to be no longer a fresh one.
    scene.stack.clock.advance(3600);
    const renewing = await opensMicrosoft(page, "Reconnect");
    await sees(renewing.getByRole("heading", { name: "Need admin approval" }));
    await renewing
      .getByRole("button", { name: "Return to the application without granting consent" })
      .click();
    await sees(panel(page).getByText("This page notices by itself"));
    await sees(
      page.getByLabel(`Send this link to an administrator of the organisation of ${niall}`),
    );
    expect(await page.getByLabel("Or e-mail it to your administrator").count()).toBe(0);
    await scene.inspect(page, "connections-approval-other-organisation");
    await forgetSignIns(scene.stack);

    scene.microsoft.grantTenantConsent(aldermoor);
    const colleague = await scene.signIn("user_oona");
    const theirs = await opensMicrosoft(colleague, "Connect Outlook");
    await signInAtMicrosoft(theirs, oona);
    await sees(card(colleague, oona).getByText("Connected", { exact: true }).first());

    await page.getByRole("button", { name: "Continue now" }).click();
    await sees(page.getByRole("heading", { name: "Mailbox connected" }));
  });

  it("is given a new link by a page that was open longer than the first was good for", async () => {
    const page = await scene.signIn("user_niall");
    await turnedAway(page, niall);
    const link = page.getByLabel("Send this link to your administrator");
    const first = await link.inputValue();
    const newer = `${new URL("/admin-consent/", first)}newer`;
    await page.route("**/admin-consent-requests", async (route) => {
      const response = await route.fetch();
      const asked = { approvalUrl: newer, expiresAt: "2030-01-17T10:00:00.000Z" };
      await route.fulfill({ response, json: { ...(await response.json()), ...asked } });
    });

    await askByMail(page);

    await sees(panel(page).getByText("works until 17 Jan 2030"));
    expect(await link.inputValue()).toBe(newer);
  });

  it("is not asked by mail at another domain, and the reason stands at the field", async () => {
    const page = await scene.signIn("user_niall");
    await turnedAway(page, niall);

    await askByMail(page, "boss@elsewhere.example");

    const field = page.getByLabel("Or e-mail it to your administrator");
    await sees(page.getByText("We only write to administrators at your own organisation"));
    expect(await field.getAttribute("aria-invalid")).toBe("true");
    await scene.inspect(page, "connections-approval-refused");
    expect(await mailsTo(scene.stack, "boss@elsewhere.example")).toEqual([]);
  });

  it("tells those who come from the mail about it what they can do", async () => {
    const page = await scene.signIn("user_niall");
    await turnedAway(page, niall);
    await sees(page.getByLabel("Send this link to your administrator"));
    scene.microsoft.grantTenantConsent({ tenantId: "a94d2e60-15cb-4f38-8b7a-0e6d93f1c582" });
    const colleague = await scene.signIn("user_oona");
    await colleague.getByRole("button", { name: "Connect Outlook" }).click();
    const microsoft = await opensMicrosoft(colleague, "Try anyway");
    await signInAtMicrosoft(microsoft, oona);
    await sees(card(colleague, oona).getByText("Connected", { exact: true }).first());
    await page.close();

    scene.stack.clock.advance(120);
    await scene.stack.runSchedules();
    const [mail] = (await mailsTo(scene.stack, niall)).slice(-1);
    const [link = ""] = /https?:\S+/.exec(mail?.body.text ?? "") ?? [];
    const back = await (await scene.newBrowser()).newPage();
    await back.goto(link);

    await sees(back.getByRole("heading", { name: "Approved" }));
    await sees(back.getByRole("link", { name: "Connect your mailbox" }));
  });
});
