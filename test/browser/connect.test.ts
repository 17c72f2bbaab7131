import { expect, it } from "vitest";
import { accept, decline, giveThePassword, signInAtMicrosoft } from "./microsoft-pages.ts";
import { card, isFocused, opensMicrosoft, sees, tabTo } from "./sees.ts";
import { stories } from "./stories.ts";

const ben = "ben.okafor@larkfield.example";
const juno = "juno.hale@outlook.example";

stories("connecting a mailbox", (scene) => {
  it("happens in a window of its own, which closes when it is done", async () => {
    const page = await scene.signIn("user_ines");
    await scene.inspect(page, "connections-empty");

    const microsoft = await opensMicrosoft(page, "Connect Outlook");
    await sees(page.getByRole("status").getByText("Waiting for Microsoft"));
    await scene.inspect(page, "connections-waiting");
    await sees(microsoft.getByRole("heading", { name: "Sign in" }));
    await scene.inspect(microsoft, "microsoft-sign-in");
    await microsoft.getByRole("button", { name: ben }).click();
    await sees(microsoft.getByRole("heading", { name: "Enter password" }));
    expect(await microsoft.getByRole("alert").count()).toBe(0);
    await scene.inspect(microsoft, "microsoft-password");
    await giveThePassword(microsoft);
    await sees(microsoft.getByRole("heading", { name: "Permissions requested" }));
    await scene.inspect(microsoft, "microsoft-consent");
    const closed = microsoft.waitForEvent("close");
    await accept(microsoft);

    await sees(page.getByRole("status").getByText(`You connected Ben Okafor (${ben}).`));
    await sees(card(page, ben).getByText("read, write and delete mail"));
    await closed;
    await scene.inspect(page, "connections-connected");
  });

  it("happens in the same window for who wants that", async () => {
    const page = await scene.signIn("user_ines");

    await page.getByRole("button", { name: "Open in this window instead" }).click();
    await signInAtMicrosoft(page, ben);
    await accept(page);

    await sees(page.getByRole("heading", { name: "Mailbox connected" }));
    await sees(page.getByText(`You connected Ben Okafor (${ben}).`));
    expect(new URL(page.url()).hash).toBe("");
    await scene.inspect(page, "return-connected");
    await page.getByRole("link", { name: "Back to your connections" }).click();
    await sees(card(page, ben));
  });

  it("happens twice for who has two accounts, the second chosen at Microsoft", async () => {
    const page = await scene.connected("user_priya", ben);

    const microsoft = await opensMicrosoft(page, "Connect Outlook");
    await microsoft.getByRole("button", { name: "Use another account" }).click();
    await microsoft.getByRole("textbox", { name: "Email, phone, or Skype" }).fill(juno);
    await microsoft.getByRole("button", { name: "Next" }).click();
    await giveThePassword(microsoft);
    await sees(microsoft.getByRole("heading", { name: "Let this app access your info?" }));
    await scene.inspect(microsoft, "microsoft-consent-personal");
    await accept(microsoft);

    await sees(page.getByText(`You connected Juno Hale (${juno}).`));
    await sees(card(page, ben));
    await sees(card(page, juno));
    await scene.inspect(page, "connections-two");
    const third = await opensMicrosoft(page, "Connect Outlook");
    await sees(third.getByRole("button", { name: juno }));
    await scene.inspect(third, "microsoft-pick-account");
  });

  it("needs no mouse", async () => {
    const page = await scene.signIn("user_tomas");

    const connect = page.getByRole("button", { name: "Connect Outlook" });
    await tabTo(page, connect);
    const opened = page.waitForEvent("popup");
    await page.keyboard.press("Enter");
    const microsoft = await opened;
    await sees(microsoft.getByRole("heading", { name: "Sign in" }));
    await tabTo(microsoft, microsoft.getByRole("textbox", { name: "Email, phone, or Skype" }));
    await microsoft.keyboard.type(ben);
    await microsoft.keyboard.press("Enter");
    await sees(microsoft.getByRole("heading", { name: "Enter password" }));
    await tabTo(microsoft, microsoft.getByRole("button", { name: "Sign in", exact: true }));
    await microsoft.keyboard.press("Enter");
    await sees(microsoft.getByRole("heading", { name: "Permissions requested" }));
    await tabTo(microsoft, microsoft.getByRole("button", { name: "Accept" }));
    await microsoft.keyboard.press("Enter");

    await sees(page.getByRole("status").getByText("Mailbox connected"));
    const disconnect = card(page, ben).getByRole("button", { name: "Disconnect" });
    await tabTo(page, disconnect);
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog");
    await sees(dialog);
    expect(await isFocused(dialog.getByRole("button", { name: "Keep it" }))).toBe(true);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    expect(await isFocused(disconnect)).toBe(true);
  });

  it("is not done when the person declines at Microsoft", async () => {
    const page = await scene.signIn("user_ines");

    const microsoft = await opensMicrosoft(page, "Connect Outlook");
    await signInAtMicrosoft(microsoft, ben);
    await decline(microsoft);

    await sees(page.getByRole("status").getByText("Nothing was connected"));
    await sees(page.getByRole("heading", { name: "No mailbox yet" }));
    await scene.inspect(page, "connections-declined");
    const again = await opensMicrosoft(page, "Try again");
    await sees(again.getByRole("heading", { name: "Pick an account" }));
  });

  it("waits for the administrator where Microsoft wants one", async () => {
    const page = await scene.signIn("user_ines");

    await page.getByRole("button", { name: "Open in this window instead" }).click();
    await signInAtMicrosoft(page, "niall.byrne@aldermoor.example");
    await sees(page.getByRole("heading", { name: "Need admin approval" }));
    await scene.inspect(page, "microsoft-need-admin-approval");
    await page.getByRole("button", { name: "Return to the application" }).click();

    await sees(page.getByRole("heading", { name: "Admin approval is required" }));
    await scene.inspect(page, "return-admin-approval");
  });

  it("can be asked of the administrator at Microsoft, and comes back without an approval", async () => {
    const page = await scene.signIn("user_ines");

    await page.getByRole("button", { name: "Open in this window instead" }).click();
    await signInAtMicrosoft(page, "quentin.marsh@brightwater.example");
    await sees(page.getByRole("heading", { name: "Approval required" }));
    await scene.inspect(page, "microsoft-request-approval");
    await page.getByRole("textbox", { name: "Enter justification" }).fill("For my workflows");
    await page.getByRole("button", { name: "Request approval" }).click();
    await sees(page.getByRole("heading", { name: "Request sent" }));
    await scene.inspect(page, "microsoft-request-sent");
    await page.getByRole("button", { name: "Back to app" }).click();

    await sees(page.getByRole("heading", { name: "Nothing was connected" }));
    await scene.inspect(page, "return-declined");
    await page.getByRole("link", { name: "Ask an administrator" }).click();
    await sees(page.getByRole("region", { name: "Admin approval is required" }));
    expect(scene.microsoft.report().approvalRequests).toMatchObject([
      { username: "quentin.marsh@brightwater.example", justification: "For my workflows" },
    ]);
  });

  it("takes a second factor where the organisation wants one", async () => {
    const page = await scene.signIn("user_leo");

    const microsoft = await opensMicrosoft(page, "Connect Outlook");
    await signInAtMicrosoft(microsoft, "uma.patel@castellan.example");
    await sees(microsoft.getByRole("heading", { name: "Approve sign in request" }));
    await scene.inspect(microsoft, "microsoft-second-factor");
    await microsoft.getByRole("button", { name: "Approve" }).click();
    await accept(microsoft);

    await sees(card(page, "uma.patel@castellan.example"));
  });

  it("stays at Microsoft for an account that is disabled", async () => {
    const page = await scene.signIn("user_ines");

    await page.getByRole("button", { name: "Open in this window instead" }).click();
    await signInAtMicrosoft(page, "edda.rowe@larkfield.example");

    await sees(page.getByRole("heading", { name: "Sorry, but we’re having trouble" }));
    await scene.inspect(page, "microsoft-error");
  });

  it("can be prepared by a look at who lives in the simulator", async () => {
    const page = await scene.signIn("user_ines");

    await page.getByRole("link", { name: "Simulated Microsoft" }).click();

    await sees(page.getByRole("heading", { name: "Who lives in this simulator" }));
    await sees(page.getByText(ben));
    await scene.inspect(page, "microsoft-control");
  });

  it("is not done for an account without a mailbox", async () => {
    const page = await scene.signIn("user_ines");

    await page.getByRole("button", { name: "Open in this window instead" }).click();
    await signInAtMicrosoft(page, "dario.fenn@larkfield.example");
    await accept(page);

    await sees(page.getByRole("heading", { name: "There is no mailbox to connect" }));
    await scene.inspect(page, "return-no-mailbox");
    await page.getByRole("link", { name: "Back to your connections" }).click();
    await sees(page.getByRole("heading", { name: "No mailbox yet" }));
  });
});
