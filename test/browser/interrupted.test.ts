import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { signInWaitingPage } from "../../shared/pages/sign-in-waiting.ts";
import { accept, signInAtMicrosoft } from "./microsoft-pages.ts";
import { card, opensMicrosoft, sees, seesNoLonger } from "./sees.ts";
import { stories } from "./stories.ts";

const ben = "ben.okafor@larkfield.example";

/** Sends a form from a strange page, as a browser sends it again that is told to reload. */
const sendForm = async (page: Page, action: string, fields: URLSearchParams) => {
  await page.setContent(
    `<form method="post" action="${action}">${[...fields]
      .map(([name, value]) => `<input type="hidden" name="${name}" value="${value}">`)
      .join("")}<button>Send</button></form>`,
  );
  await page.getByRole("button", { name: "Send" }).click();
};

stories("a sign-in that does not go straight through", (scene) => {
  it("is over without harm when the window is closed", async () => {
    const page = await scene.signIn("user_ines");

    const microsoft = await opensMicrosoft(page, "Connect Outlook");
    await sees(microsoft.getByRole("heading", { name: "Sign in" }));
    await microsoft.close();

    await sees(page.getByRole("status").getByText("The Microsoft window is closed"));
    await scene.inspect(page, "connections-closed");
    await sees(page.getByRole("heading", { name: "No mailbox yet" }));
  });

  it("is not said to have changed nothing when nobody can be asked how it ended", async () => {
    const context = await scene.newBrowser();
    await context.clock.install();
    const page = await scene.signIn("user_ines", context);
    const microsoft = await opensMicrosoft(page, "Connect Outlook");
    await sees(microsoft.getByRole("heading", { name: "Sign in" }));
    await context.route("**/attempts/*", (route) => route.abort());
    await microsoft.close();

    const said = page.getByRole("status").getByText("We could not find out how it ended");
    for (let seconds = 0; seconds < 180 && !(await said.isVisible()); seconds += 1) {
      await context.clock.runFor(1_000);
    }

    await sees(said);
    await scene.inspect(page, "connections-outcome-unknown");
    await page.getByRole("button", { name: "Reload" }).click();
    await seesNoLonger(said);
    await sees(page.getByRole("heading", { name: "No mailbox yet" }));
  });

  it("can be given up where it was begun", async () => {
    const page = await scene.signIn("user_ines");

    const microsoft = await opensMicrosoft(page, "Connect Outlook");
    await sees(microsoft.getByRole("heading", { name: "Sign in" }));
    const closed = microsoft.waitForEvent("close");
    await page.getByRole("button", { name: "Cancel" }).click();

    await closed;
    await sees(page.getByRole("status").getByText("The Microsoft window is closed"));
  });

  it("goes on in the same window when the browser opens no other", async () => {
    const context = await scene.newBrowser();
    await context.addInitScript("window.open = () => null");
    const page = await scene.signIn("user_ines", context);

    await page.getByRole("button", { name: "Connect Outlook" }).click();
    await sees(page.getByRole("status").getByText("Your browser did not open the window"));
    await scene.inspect(page, "connections-blocked");
    await page.getByRole("button", { name: "Continue in this window" }).click();
    await signInAtMicrosoft(page, ben);
    await accept(page);

    await sees(page.getByRole("heading", { name: "Mailbox connected" }));
  });

  it("ends the same, with one exchange, when Microsoft’s answer is sent again and the page is reloaded", async () => {
    const page = await scene.signIn("user_ines");
    await page.getByRole("button", { name: "Open in this window instead" }).click();
    await signInAtMicrosoft(page, ben);
    const callback = page.waitForRequest(`${scene.stack.origins.api}/callback`);
    await accept(page);
    const form = new URLSearchParams((await callback).postData() ?? "");
    await sees(page.getByRole("heading", { name: "Mailbox connected" }));

    await page.reload();
    await sees(page.getByRole("heading", { name: "Mailbox connected" }));
    const again = await page.context().newPage();
    await sendForm(again, `${scene.stack.origins.api}/callback`, form);

    await sees(again.getByRole("heading", { name: "Mailbox connected" }));
    await sees(again.getByText(`You connected Ben Okafor (${ben}).`));
    expect(scene.microsoft.report().redemptions).toEqual({ [form.get("code") ?? ""]: 1 });
    await again.getByRole("link", { name: "Back to your connections" }).click();
    await sees(card(again, ben));
  });

  it("leaves a Connections page that works, for who goes back to it from Microsoft", async () => {
    const page = await scene.signIn("user_ines");
    await page.getByRole("button", { name: "Open in this window instead" }).click();
    await sees(page.getByRole("heading", { name: "Sign in" }));

    await page.goBack();

    const microsoft = await opensMicrosoft(page, "Connect Outlook");
    await signInAtMicrosoft(microsoft, ben);
    await accept(microsoft);
    await sees(card(page, ben));
  });

  it("expires after ten minutes, and says so", async () => {
    const page = await scene.signIn("user_ines");
    await page.getByRole("button", { name: "Open in this window instead" }).click();
    await sees(page.getByRole("heading", { name: "Sign in" }));

    scene.stack.clock.advance(601);
    await signInAtMicrosoft(page, ben);
    await accept(page);

    await sees(page.getByRole("heading", { name: "This sign-in has expired" }));
    await scene.inspect(page, "return-expired");
    expect(scene.microsoft.report().redemptions).toEqual({});
  });

  it("is taken for one that an administrator must approve, when it expires without a word of Microsoft", async () => {
    const page = await scene.signIn("user_ines");
    const microsoft = await opensMicrosoft(page, "Connect Outlook");
    await sees(microsoft.getByRole("heading", { name: "Sign in" }));

    scene.stack.clock.advance(601);

    const name = "Your administrator must probably approve this first";
    await sees(page.getByRole("region", { name }));
  });

  it("asks who is signed out meanwhile to sign in, at its beginning and at its end", async () => {
    const page = await scene.signIn("user_ines");
    await page.getByRole("button", { name: "Open in this window instead" }).click();
    await sees(page.getByRole("heading", { name: "Sign in" }));
    const elsewhere = await page.context().newPage();
    await elsewhere.goto(scene.stack.origins.webApp);
    await sees(elsewhere.getByRole("heading", { name: "No mailbox yet" }));

    await page.context().clearCookies({ name: "appse_session" });
    await signInAtMicrosoft(page, ben);
    await accept(page);

    await sees(page.getByRole("heading", { name: "You are signed out" }));
    await sees(page.getByRole("link", { name: "Sign in" }));
    await scene.inspect(page, "return-signed-out");
    await elsewhere.getByRole("button", { name: "Connect Outlook" }).click();
    await sees(elsewhere.getByRole("status").getByText("You are signed out"));
    await scene.inspect(elsewhere, "connections-signed-out");
    await elsewhere.getByRole("link", { name: "Sign in" }).click();
    await sees(elsewhere.getByRole("heading", { name: "Choose who you are" }));
    await scene.inspect(elsewhere, "sign-in");
    await elsewhere.getByRole("button", { name: "Ines Calder" }).click();
    await sees(elsewhere.getByRole("heading", { name: "No mailbox yet" }));
  });

  it("is nothing to a person who did not begin it, whose code is never sent", async () => {
    const attacker = await scene.signIn("user_leo");
    const popup = await opensMicrosoft(attacker, "Connect Outlook");
    await sees(popup.getByRole("heading", { name: "Sign in" }));
    const victim = await scene.signIn("user_ines");

    const answered = victim.waitForResponse(`${scene.stack.origins.api}/callback`);
    await victim.goto(popup.url());
    await signInAtMicrosoft(victim, ben);
    await accept(victim);

    await sees(victim.getByRole("heading", { name: "Somebody else began this sign-in" }));
    await scene.inspect(victim, "return-session-mismatch");
    await sees(attacker.getByRole("status").getByText("Somebody else began this sign-in"));
    const stolen = await attacker.context().newPage();
    await stolen.goto((await (await answered).headerValue("location")) ?? "");
    await sees(stolen.getByRole("heading", { name: "Somebody else began this sign-in" }));
    for (const page of [attacker, victim]) {
      await page.goto(scene.stack.origins.webApp);
      await sees(page.getByRole("heading", { name: "No mailbox yet" }));
    }
    expect(scene.microsoft.report()).toMatchObject({
      redemptions: {},
      issued: { codes: [expect.any(String)], accessTokens: [] },
    });
  });

  it("stays on a page of the service when nobody knows it, without script", async () => {
    const context = await scene.newBrowser();
    const page = await context.newPage();
    const answered = page.waitForResponse(`${scene.stack.origins.api}/callback`);

    await sendForm(
      page,
      `${scene.stack.origins.api}/callback`,
      new URLSearchParams({ code: "any", state: "x".repeat(43) }),
    );

    await sees(page.getByRole("heading", { name: "This sign-in can’t be finished" }));
    expect((await answered).status()).toBe(400);
    expect(await (await answered).headerValue("content-security-policy")).not.toContain("script");
    expect(await page.content()).not.toContain("<script");
    await scene.inspect(page, "callback-unknown");
  });

  it("can be sent again from the page that the service shows during an outage", async () => {
    const page = await (await scene.newBrowser()).newPage();

    // Only its looks: what leads to it is told where the callback is tested.
    await page.setContent(signInWaitingPage.html);

    await sees(page.getByRole("heading", { name: "We could not finish your sign-in just now" }));
    await sees(page.getByText("Please reload this page to try again"));
    await scene.inspect(page, "callback-outage");
  });

  it("is not there on a return page that nobody was sent to", async () => {
    const page = await scene.signIn("user_ines");

    await page.goto(`${scene.stack.origins.webApp}/outlook/return`);

    await sees(page.getByRole("heading", { name: "Nothing to finish" }));
    await scene.inspect(page, "return-nothing");
  });
});
