import { expect, it } from "vitest";
import { accept, giveThePassword, signInAtMicrosoft } from "./microsoft-pages.ts";
import { card, opensMicrosoft, sees, seesNoLonger } from "./sees.ts";
import { stories } from "./stories.ts";

const ben = "ben.okafor@larkfield.example";
const clara = "clara.lindqvist@larkfield.example";
const newest = "Invoice 20418 for the October shipments";

stories("a connected mailbox", (scene) => {
  it("is read by a workflow", async () => {
    const page = await scene.connected("user_ines", ben);

    await card(page, ben).getByRole("button", { name: "Run workflow" }).click();

    const result = card(page, ben).getByRole("region", { name: "Newest mail" });
    await sees(result.getByText(newest));
    expect(await result.getByRole("listitem").count()).toBe(5);
    await scene.inspect(page, "connections-workflow");
  });

  it("is read hours later too, with a token that was refreshed", async () => {
    const page = await scene.connected("user_ines", ben);
    const run = card(page, ben).getByRole("button", { name: "Run workflow" });
    const hour = page.getByRole("button", { name: "Let an hour pass" });

    await hour.click();
    await sees(page.getByRole("status").getByText("An hour has passed."));
    const before = await page.getByRole("contentinfo").getByRole("time").textContent();
    await hour.click();
    await seesNoLonger(page.getByRole("contentinfo").getByText(before ?? ""));
    await run.click();

    await sees(card(page, ben).getByText(newest));
    expect(scene.microsoft.report().calls["token.refresh_token"]).toBe(1);
  });

  it("shows what a workflow brought, also when the list was shown anew meanwhile", async () => {
    const page = await scene.connected("user_ines", ben);
    const listIsShown = Promise.withResolvers<void>();
    await page.route("**/workflows/run", async (route) => {
      await listIsShown.promise;
      await route.continue();
    });

    await card(page, ben).getByRole("button", { name: "Run workflow" }).click();
    await page.getByRole("button", { name: "Let an hour pass" }).click();
    await sees(page.getByRole("status").getByText("An hour has passed."));
    listIsShown.resolve();

    await sees(card(page, ben).getByText(newest));
  });

  it("that a later deployment has written, and this one cannot read, is not shown as gone", async () => {
    const page = await scene.connected("user_ines", ben);
    await page.route("**/connections", async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { connections: [], incomplete: true } });
    });

    await page.reload();

    await sees(page.getByText("Not all mailboxes are shown"));
    expect(await page.getByRole("heading", { name: "No mailbox yet" }).isVisible()).toBe(false);
    await scene.inspect(page, "connections-incomplete");
    await page.unroute("**/connections");
    await page.getByRole("button", { name: "Reload" }).click();
    await sees(card(page, ben));
    await seesNoLonger(page.getByText("Not all mailboxes are shown"));
  });

  it("is gone once its owner disconnects it, for a page that still shows it as well", async () => {
    const page = await scene.connected("user_ines", ben);
    const stale = await page.context().newPage();
    await stale.goto(scene.stack.origins.webApp);
    await sees(card(stale, ben));
    await page.bringToFront();

    await card(page, ben).getByRole("button", { name: "Disconnect" }).click();
    const dialog = page.getByRole("dialog", { name: `Disconnect ${ben}?` });
    await sees(dialog);
    await scene.inspect(page, "connections-disconnect");
    await dialog.getByRole("button", { name: "Keep it" }).click();
    await sees(card(page, ben));
    await card(page, ben).getByRole("button", { name: "Disconnect" }).click();
    await dialog.getByRole("button", { name: "Disconnect" }).click();

    await sees(page.getByRole("status").getByText("Mailbox disconnected"));
    await sees(page.getByRole("heading", { name: "No mailbox yet" }));
    await scene.inspect(page, "connections-disconnected");
    // An execution environment may remember a token for 30 seconds after it read the connection.
    scene.stack.clock.advance(31);
    await card(stale, ben).getByRole("button", { name: "Run workflow" }).click();
    await sees(stale.getByRole("status").getByText("This mailbox is not connected any more"));
    await sees(stale.getByRole("heading", { name: "No mailbox yet" }));
    await scene.inspect(stale, "connections-workflow-gone");
  });

  it("asks for its owner when Microsoft has ended the session, and works again after they reconnect", async () => {
    const page = await scene.connected("user_ines", ben);
    scene.microsoft.revokeSessions({ username: ben });
    scene.stack.clock.advance(2 * 3600);

    await card(page, ben).getByRole("button", { name: "Run workflow" }).click();
    await sees(card(page, ben).getByText("Sign-in needed"));
    await sees(card(page, ben).getByRole("region", { name: "The workflow stopped" }));
    await scene.inspect(page, "connections-sign-in-needed");
    const microsoft = await opensMicrosoft(page, `Reconnect ${ben}`);
    await giveThePassword(microsoft);

    await sees(page.getByRole("status").getByText("Mailbox reconnected"));
    await seesNoLonger(card(page, ben).getByText("Sign-in needed"));
    await card(page, ben).getByRole("button", { name: "Run workflow" }).click();
    await sees(card(page, ben).getByText(newest));
  });

  it("tells its owner that only an administrator can help when the account was disabled", async () => {
    const page = await scene.connected("user_ines", ben);
    scene.microsoft.disableUser({ username: ben, disabled: true });
    scene.stack.clock.advance(2 * 3600);

    await card(page, ben).getByRole("button", { name: "Run workflow" }).click();

    await sees(card(page, ben).getByText("Administrator needed"));
    await sees(card(page, ben).getByText("Your administrator must act first"));
    await sees(card(page, ben).getByText("Your administrator must enable it"));
    await scene.inspect(page, "connections-account-disabled");
    expect(
      await card(page, ben).getByRole("button", { name: "Reconnect" }).getAttribute("class"),
    ).toBe("");
  });

  it("asks for its owner already while its last token is still good for a workflow", async () => {
    const page = await scene.connected("user_ines", ben);
    scene.microsoft.revokeSessions({ username: ben });
    scene.stack.clock.advance(2 * 3600);
    // When a token is renewed is left to chance, so the last one is put in here.
    await page.route("**/workflows/run", async (route) => {
      await route.fetch();
      const token = { expiresAt: scene.stack.clock.now().toISOString(), degraded: true };
      await route.fulfill({ json: { status: "succeeded", mails: [], token } });
    });

    await card(page, ben).getByRole("button", { name: "Run workflow" }).click();

    await sees(card(page, ben).getByText("Sign-in needed"));
    const result = card(page, ben).getByRole("region", { name: "Newest mail" });
    await sees(result.getByText("It could not be renewed just now."));
    await scene.inspect(page, "connections-workflow-last-token");
  });

  it("is reconnected without choosing an account again", async () => {
    const page = await scene.connected("user_ines", ben);
    const authorize = page
      .context()
      .waitForEvent("request", (request) => request.url().includes("/authorize"));

    const microsoft = await opensMicrosoft(page, `Reconnect ${ben}`);

    await microsoft.waitForEvent("close");
    await sees(page.getByRole("status").getByText("Mailbox reconnected"));
    const asked = new URL((await authorize).url()).searchParams;
    expect(asked.get("login_hint")).toBe(ben);
    expect(asked.has("prompt")).toBe(false);
    expect(await page.getByRole("article").count()).toBe(1);
  });

  it("is not exchanged for another by a person who signs in with the wrong account", async () => {
    const page = await scene.connected("user_ines", ben);
    await page.context().clearCookies({ name: "microsoft_simulator" });

    const microsoft = await opensMicrosoft(page, `Reconnect ${ben}`);
    await microsoft.getByRole("button", { name: "Sign in with another account" }).click();
    await signInAtMicrosoft(microsoft, clara);
    await accept(microsoft);

    await sees(page.getByRole("status").getByText("That was a different account"));
    await scene.inspect(page, "connections-different-account");
    await sees(card(page, ben).getByText("Connected", { exact: true }).first());
    expect(await page.getByRole("article").count()).toBe(1);
    await card(page, ben).getByRole("button", { name: "Run workflow" }).click();
    await sees(card(page, ben).getByText(newest));
  });
});
