import type { BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startWebApp, type WebApp } from "../../infra/local/web-app/server.ts";
import { interrupted } from "../../shared/domain/attempt-state.ts";
import { describeInChromium } from "./describe-in-chromium.ts";
import { inspectPage } from "./inspect-page.ts";
import { card, sees, seesNoLonger } from "./sees.ts";

/** Where nobody listens: the browser is told what they answer. */
const apiUrl = "http://api.example";
const microsoftUrl = "http://microsoft.example";

/** By request, such as `GET /connections`. */
type Answers = Record<string, { readonly status?: number; readonly json: unknown }>;

const ben = {
  id: "conn_1",
  status: "connected",
  account: { displayName: "Ben", username: "ben@n.example", tenantId: "tenant" },
  scopes: ["Mail.ReadWrite"],
  createdAt: "2030-01-01T10:00:00Z",
  lastRefreshedAt: "2030-01-01T10:00:00Z",
};
/** A name written from right to left, with what would jump to its other end in a sentence from left to right. */
const rightToLeft = { ...ben.account, displayName: "דוד!" };

const listed = (...connections: object[]) => ({ json: { connections } });

/** The person is sent to Microsoft, and stays there. */
const started = {
  attemptId: "att_1",
  authorizationUrl: `${microsoftUrl}/authorize`,
};

const approval = {
  status: "requested",
  approvalUrl: `${apiUrl}/admin-consent/${"x".repeat(43)}`,
  expiresAt: "2030-01-08T10:00:00Z",
  mailDomain: "larkfield.example",
  mail: { status: "none" },
};

/** What is wider than its place. Inputs scroll, and what is hidden has no place. */
const tooWide = (page: Page) =>
  page.evaluate(`[...document.querySelectorAll("main, main *")]
    .filter((each) => each.clientWidth > 0 && each.scrollWidth > each.clientWidth)
    .filter((each) => !each.closest("input, .visually-hidden"))
    .map((each) => each.outerHTML)`);

/** Whether what became of a mail has the colour of the sign that warns. */
const isWarning = (page: Page) =>
  page.evaluate(`["#approval-mailed", ".approval > svg"]
    .map((each) => getComputedStyle(document.querySelector(each)).color)
    .every((colour, _, [first]) => colour === first)`);

/** Whether the last character stands left of the first, as what is written from right to left ends. */
const endsAtTheLeft = (page: Page, where: string) =>
  page.evaluate(`{
    const text = document.createTreeWalker(document.querySelector("${where}"), 4).nextNode();
    const leftOf = (index) => {
      const range = document.createRange();
      range.setStart(text, index);
      range.setEnd(text, index + 1);
      return range.getBoundingClientRect().left;
    };
    leftOf(text.length - 1) < leftOf(0);
  }`);

/** Of a telephone, and of a small one. */
const narrow = [360, 320];

describeInChromium("the product's pages", (browser) => {
  const contexts = new Set<BrowserContext>();
  let app: WebApp;

  beforeAll(async () => {
    app = await startWebApp({
      apiOrigin: () => apiUrl,
      lambdaEndpoint: () => "http://127.0.0.1:1",
      region: "eu-central-1",
      tokenFetchFunctionName: () => "token-fetch",
      clock: { now: () => new Date(), advance: () => undefined },
    });
  });
  afterAll(() => app?.close());
  afterEach(async () => {
    await Promise.all([...contexts].map((context) => context.close()));
    contexts.clear();
  });

  const newBrowser = async (): Promise<BrowserContext> => {
    const context = await browser().newContext({
      locale: "en-GB",
      timezoneId: "Europe/London",
      viewport: { width: 1280, height: 800 },
    });
    context.setDefaultTimeout(30_000);
    contexts.add(context);
    return context;
  };

  /** Signs Ines of larkfield.example in. @returns a page that is not anywhere yet */
  const signIn = async (answers: Answers, context?: BrowserContext): Promise<Page> => {
    const browserOfHers = context ?? (await newBrowser());
    await browserOfHers.request.post(`${app.origin}/session`, {
      headers: { origin: app.origin },
      data: { personId: "user_ines" },
    });
    await browserOfHers.route(`${apiUrl}/**`, (route) => {
      const request = route.request();
      const asked = `${request.method()} ${new URL(request.url()).pathname}`;
      return route.fulfill(answers[asked] ?? { status: 404, json: {} });
    });
    await browserOfHers.route(`${microsoftUrl}/**`, (route) =>
      route.fulfill({ body: "Microsoft" }),
    );
    return browserOfHers.newPage();
  };

  const inspect = async (page: Page, name: string) => {
    for (const width of narrow) {
      await page.setViewportSize({ width, height: 800 });
      expect(await tooWide(page)).toEqual([]);
    }
    await page.setViewportSize({ width: 1280, height: 800 });
    expect(await inspectPage(page, `pages-${name}`)).toEqual([]);
  };

  it("have titles that end alike", async () => {
    const page = await signIn({ "GET /connections": listed() });
    const titles: string[] = [];
    for (const path of ["/", "/outlook/return"]) {
      await page.goto(`${app.origin}${path}`);
      await sees(page.getByRole("heading", { name: /^(No mailbox yet|Nothing to finish)$/ }));
      titles.push(await page.title());
    }
    await page.context().clearCookies();
    await page.goto(`${app.origin}/sign-in`);
    titles.push(await page.title());

    expect(titles).toEqual([
      "Connections · Appse AI",
      "Nothing to finish · Appse AI",
      "Sign in · Appse AI",
    ]);
  });

  describe("when they reach nobody", () => {
    it.each(["/session", "/config.json"])(
      "say so, and show the mailboxes to who tries again: %s",
      async (path) => {
        const page = await signIn({ "GET /connections": listed(ben) });
        await page.route(`${app.origin}${path}`, (route) => route.abort(), { times: 1 });
        await page.goto(app.origin);

        await sees(page.getByRole("status").getByText("No answer"));
        await seesNoLonger(page.getByText("Loading your connections…"));
        await inspect(page, `not-reached-${path.replace(/\W/g, "")}`);
        await page.getByRole("button", { name: "Try again" }).click();

        await sees(card(page, ben.account.username));
        await seesNoLonger(page.getByText("No answer"));
        await sees(page.getByText("Ines Calder"));
      },
    );

    it("come to the approval they were opened for when the list is there", async () => {
      const answers: Answers = { "POST /admin-consent-requests": { json: approval } };
      const page = await signIn(answers);
      await page.goto(`${app.origin}/?approval=att_1`);

      await sees(page.getByRole("button", { name: "Try again" }));
      expect(await page.locator(".approval").count()).toBe(0);
      answers["GET /connections"] = listed(ben);
      await page.getByRole("button", { name: "Try again" }).click();

      await sees(page.getByLabel("Send this link to your administrator"));
      await sees(card(page, ben.account.username));
    });

    it("do not take a session that cannot be read for one that is over", async () => {
      const page = await signIn({ "GET /connections": listed(ben) });
      await page.route(`${app.origin}/session`, (route) => route.fulfill({ status: 503 }));

      await page.goto(app.origin);

      await sees(page.getByRole("button", { name: "Try again" }));
      expect(new URL(page.url()).pathname).toBe("/");
    });

    it.each([
      ["nobody answers", {}],
      ["the answer is none", { status: 500, json: {} }],
    ])("say so to who would sign in: %s", async (_, answer) => {
      const page = await (await newBrowser()).newPage();
      await page.route(`${app.origin}/people`, (route) =>
        "status" in answer ? route.fulfill(answer) : route.abort(),
      );

      await page.goto(`${app.origin}/sign-in`);

      await sees(page.getByRole("alert").getByText("That did not work."));
    });
  });

  describe("after a return from Microsoft", () => {
    const attempt = "/attempts/att_1";
    const returned = (page: Page) => page.goto(`${app.origin}/outlook/return#attemptId=att_1`);
    const ended = (code: string, actor: string) => ({
      json: {
        attemptId: "att_1",
        status: "failed",
        problem: { code, actor, message: `${code} in words.` },
      },
    });
    const links = (page: Page) => page.locator("main").getByRole("link");

    it("let who said no, or could not say yes, ask an administrator", async () => {
      const page = await signIn({
        [`GET ${attempt}`]: ended("access_declined", "user"),
        "GET /connections": listed(),
        "POST /admin-consent-requests": { json: approval },
      });
      await returned(page);

      await sees(page.getByRole("heading", { name: "Nothing was connected" }));
      expect(await links(page).allTextContents()).toEqual([
        "Back to your connections",
        "Ask an administrator",
      ]);
      await inspect(page, "return-declined");
      await page.getByRole("link", { name: "Ask an administrator" }).click();
      await sees(page.getByLabel("Send this link to your administrator"));
    });

    it("lead to the connections whoever may be connected without having been told", async () => {
      const answer = { attemptId: "att_1", status: "failed", problem: interrupted };
      const page = await signIn({
        [`GET ${attempt}`]: { json: answer },
        "GET /connections": listed(),
      });
      await returned(page);

      await sees(page.getByRole("heading", { name: "This sign-in was interrupted" }));
      await sees(page.getByText(interrupted.message));
      await inspect(page, "return-interrupted");
      await page.getByRole("link", { name: "your connections" }).click();
      await sees(page.getByRole("heading", { name: "connections" }).first());
    });

    it("do not say for certain what is only probable", async () => {
      const page = await signIn({ [`GET ${attempt}`]: ended("probably_blocked", "tenant_admin") });
      await returned(page);

      await sees(page.getByRole("heading", { name: "must probably approve" }));
      expect(await page.getByText("you cannot do it yourself").count()).toBe(0);
      expect(await links(page).allTextContents()).toEqual([
        "Ask an administrator",
        "Back to your connections",
      ]);
      await inspect(page, "return-probably-blocked");
    });

    it("say who must act where it is certain", async () => {
      const page = await signIn({
        [`GET ${attempt}`]: ended("admin_approval_required", "tenant_admin"),
      });
      await returned(page);

      await sees(page.getByRole("heading", { name: "Admin approval is required" }));
      await sees(page.getByText("An administrator of your organisation must act"));
    });

    it.each([
      ["by its name", ben.account, "You connected Ben (ben@n.example)."],
      [
        "by its address, should it have no name",
        { ...ben.account, displayName: "" },
        "You connected ben@n.example.",
      ],
    ])("call a mailbox %s", async (_, account, sentence) => {
      const page = await signIn({
        [`GET ${attempt}`]: {
          json: { attemptId: "att_1", status: "completed", connectionId: ben.id },
        },
        [`GET /connections/${ben.id}`]: { json: { ...ben, account } },
      });
      await returned(page);

      await sees(page.getByText(sentence, { exact: true }));
    });
  });

  describe("of connections", () => {
    it("fit a telephone when the window is closed, and say what may be done", async () => {
      const page = await signIn({
        "GET /connections": listed(),
        "POST /start": { json: started },
        "GET /attempts/att_1": { json: { attemptId: "att_1", status: "pending" } },
        "POST /admin-consent-requests": { json: approval },
      });
      await page.goto(app.origin);
      const opened = page.waitForEvent("popup");
      await page.getByRole("button", { name: "Connect Outlook" }).click();
      await sees((await opened).getByText("Microsoft", { exact: true }));
      await page.getByRole("button", { name: "Cancel" }).click();

      await sees(page.getByText("If Microsoft asked for an administrator's approval"));
      await inspect(page, "closed");
      await page.getByRole("button", { name: "Ask an administrator" }).click();
      await sees(page.getByLabel("Send this link to your administrator"));
    });

    it("fit a telephone when the browser opens no window", async () => {
      const page = await signIn({ "GET /connections": listed() });
      await page.addInitScript("window.open = () => null");
      await page.goto(app.origin);
      await page.getByRole("button", { name: "Connect Outlook" }).click();

      await sees(page.getByRole("button", { name: "Continue in this window" }));
      await inspect(page, "blocked");
    });

    it("show a mailbox whose account has no name by its address, once", async () => {
      const nameless = { ...ben, account: { ...ben.account, displayName: "" } };
      const page = await signIn({ "GET /connections": listed(nameless) });
      await page.goto(app.origin);

      const shown = page.getByRole("article", { name: ben.account.username });
      await sees(shown.getByRole("heading", { name: ben.account.username, exact: true }));
      expect(await shown.locator("header .muted").count()).toBe(0);
      await inspect(page, "no-name");
    });

    it("leave the end of what is written from right to left at its end", async () => {
      const page = await signIn({
        "GET /connections": listed({ ...ben, account: rightToLeft }),
      });
      await page.route("**/workflows/run", (route) =>
        route.fulfill({
          json: {
            status: "succeeded",
            mails: [
              {
                subject: "שלום!",
                from: { name: "דוד!", address: "david@n.example" },
                receivedAt: "2030-01-01T10:00:00Z",
                preview: "הודעה.",
              },
            ],
            token: { expiresAt: "2030-01-01T11:00:00Z", degraded: false },
          },
        }),
      );
      await page.goto(app.origin);
      await page.getByRole("button", { name: "Run workflow" }).click();
      await sees(page.getByText("Appse AI has access until 11:00, and renews it by itself."));

      for (const where of [".card h2", ".sender", ".subject", ".preview"]) {
        expect([where, await endsAtTheLeft(page, where)]).toEqual([where, true]);
      }
      await inspect(page, "right-to-left");
    });

    it("leave it there in a sentence as well", async () => {
      const page = await signIn({
        "GET /attempts/att_1": {
          json: { attemptId: "att_1", status: "completed", connectionId: ben.id },
        },
        [`GET /connections/${ben.id}`]: { json: { ...ben, account: rightToLeft } },
      });
      await page.goto(`${app.origin}/outlook/return#attemptId=att_1`);

      await sees(page.getByText("You connected דוד! (ben@n.example)."));
      expect(await endsAtTheLeft(page, "#end bdi")).toBe(true);
    });
  });

  describe("that ask an administrator", () => {
    const asking = (page: Page) => page.goto(`${app.origin}/?approval=att_1`);
    const panel = (page: Page) => page.getByRole("region", { name: "Admin approval is required" });
    const field = (page: Page) => page.getByLabel("Or e-mail it to your administrator");

    it("do not say for certain what is only probable", async () => {
      const page = await signIn({
        "GET /connections": listed(),
        "POST /start": { json: started },
        "GET /attempts/att_1": {
          json: {
            attemptId: "att_1",
            status: "expired",
            problem: { code: "probably_blocked", actor: "tenant_admin", message: "In words." },
          },
        },
        "POST /admin-consent-requests": { json: approval },
      });
      await page.goto(app.origin);
      await page.getByRole("button", { name: "Connect Outlook" }).click();

      const name = "Your administrator must probably approve this first";
      await sees(page.getByRole("region", { name }));
      await sees(page.getByLabel("Send this link to your administrator"));
      await inspect(page, "approval-probable");
    });

    it("say above all else that an approval was reported, and not that it was given", async () => {
      const page = await signIn({
        "GET /connections": listed(),
        "POST /admin-consent-requests": { json: { ...approval, status: "reported" } },
      });
      await asking(page);

      const said = panel(page).getByText("An approval was reported, and is being confirmed.");
      await sees(said);
      const link = await page.getByLabel("Send this link to your administrator").boundingBox();
      const box = await said.boundingBox();
      expect(box && link && box.y < link.y).toBe(true);
      expect(await panel(page).getByText("has approved").count()).toBe(0);
      await inspect(page, "approval-reported");
    });

    it.each([
      ["not_delivered", "could not be delivered", true],
      ["unknown", "We cannot tell whether", true],
      ["sent", "We have mailed", false],
      ["joined", "was already mailed", false],
    ])("say at the field what became of a mail: %s", async (status, words, isFault) => {
      const answers: Answers = {
        "GET /connections": listed(),
        "POST /admin-consent-requests": { json: approval },
      };
      const page = await signIn(answers);
      await asking(page);
      await sees(field(page));
      const to = "it@larkfield.example";
      answers["POST /admin-consent-requests"] = {
        json: { ...approval, mail: { status, to } },
      };
      await field(page).fill(to);
      await page.getByRole("button", { name: "Send" }).click();

      const said = panel(page).locator("form").getByRole("status").getByText(words);
      await sees(said);
      const described = await field(page).getAttribute("aria-describedby");
      expect(described?.split(" ")).toContain(await said.getAttribute("id"));
      expect(await isWarning(page)).toBe(isFault);
      if (status === "not_delivered") await inspect(page, "approval-not-delivered");
    });

    it("speak of a link only where there is one", async () => {
      const answers: Answers = {
        "GET /connections": listed(),
        "POST /start": { json: { ...started, adminApproval: { status: "requested" } } },
        "POST /admin-consent-requests": {
          status: 503,
          json: { code: "temporarily_unavailable", actor: "nobody", detail: "Not just now." },
        },
      };
      const page = await signIn(answers);
      await page.goto(app.origin);
      await page.getByRole("button", { name: "Connect Outlook" }).click();

      await sees(panel(page).getByText("Not just now."));
      expect(await panel(page).getByText("the link below").count()).toBe(0);
      await inspect(page, "approval-without-link");
      answers["POST /admin-consent-requests"] = { json: approval };
      await panel(page).getByRole("button", { name: "Get the link" }).click();
      await sees(panel(page).getByText("Send the link below as well, or wait here"));
      await sees(page.getByLabel("Send this link to your administrator"));
      await inspect(page, "approval-asked-before");

      const mail = { status: "sent", to: "it@larkfield.example" };
      answers["POST /admin-consent-requests"] = { json: { ...approval, mail } };
      await field(page).fill(mail.to);
      await panel(page).getByRole("button", { name: "Send" }).click();
      await sees(panel(page).getByText(`We have mailed ${mail.to}.`));
      expect(await panel(page).getByText("the link below").count()).toBe(0);
    });

    it.each([
      ["that is of another organisation than the person's address", ben.account.username],
      ["that cannot be read just now", undefined],
    ])("name the organisation of a mailbox %s, and mail nobody there", async (_, username) => {
      const waiting = { ...ben, status: "admin_approval_required" };
      const page = await signIn({
        "GET /connections": listed(waiting),
        ...(username && { [`GET /connections/${ben.id}`]: { json: waiting } }),
        "POST /admin-consent-requests": {
          json: { ...approval, connectionId: ben.id, mailDomain: undefined },
        },
      });
      await page.goto(app.origin);
      await page.getByRole("button", { name: "Ask an administrator" }).click();

      const whose = username ?? "this mailbox";
      const words = `Send this link to an administrator of the organisation of ${whose}`;
      await sees(page.getByLabel(words));
      expect(await field(page).count()).toBe(0);
      await inspect(page, `approval-other-organisation${username ? "" : "-unread"}`);
    });

    it("mail an administrator of the person's own domain, for the mailbox that was to be renewed", async () => {
      const username = "ines.calder@LARKFIELD.example";
      const page = await signIn({
        "GET /connections": listed(),
        [`GET /connections/${ben.id}`]: {
          json: { ...ben, account: { ...ben.account, username } },
        },
        "POST /admin-consent-requests": { json: { ...approval, connectionId: ben.id } },
      });
      await asking(page);
      await sees(page.getByLabel("Send this link to your administrator"));
      await field(page).fill("it@larkfield.example");
      const asked = page.waitForRequest(`${apiUrl}/admin-consent-requests`);
      await page.getByRole("button", { name: "Send" }).click();

      expect((await asked).postDataJSON()).toEqual({
        connectionId: ben.id,
        adminEmail: "it@larkfield.example",
      });
    });

    it("ask to copy the link by hand where the browser does not", async () => {
      const page = await signIn({
        "GET /connections": listed(),
        "POST /admin-consent-requests": { json: approval },
      });
      await page.addInitScript("navigator.clipboard.writeText = () => Promise.reject()");
      await asking(page);
      await page.getByRole("button", { name: "Copy link" }).click();

      await sees(page.getByText("Copy the selected link."));
    });

    it("count down in words, and let who said not now connect later", async () => {
      const context = await newBrowser();
      await context.clock.install();
      const page = await signIn(
        {
          "GET /connections": listed(),
          "POST /admin-consent-requests": { json: { status: "verified" } },
        },
        context,
      );
      await asking(page);
      await sees(page.getByText("Continuing in 20 seconds…"));
      await context.clock.runFor(19_000);

      await sees(page.getByText("Continuing in 1 second…"));
      await page.getByRole("button", { name: "Not now" }).click();
      await sees(page.getByRole("button", { name: "Connect your mailbox" }));
      await inspect(page, "approval-later");
    });
  });
});
