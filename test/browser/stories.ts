import type { BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, inject, it } from "vitest";
import * as z from "zod/mini";
import type { SimulatorControl } from "../../infra/local/microsoft/control.ts";
import { signInToProduct } from "../../infra/local/product-client.ts";
import { type LocalStack, startLocalStack } from "../../infra/local/stack.ts";
import { forgetApprovals } from "../e2e/forget-approvals.ts";
import { describeInChromium } from "./describe-in-chromium.ts";
import { type Barrier, inspectPage } from "./inspect-page.ts";
import { accept, signInAtMicrosoft } from "./microsoft-pages.ts";
import { card, opensMicrosoft, sees } from "./sees.ts";

/** The whole service, and people in front of browsers. */
export interface Scene {
  readonly stack: LocalStack;
  readonly microsoft: SimulatorControl;
  /** A browser of its own, where nobody is signed in. */
  newBrowser(): Promise<BrowserContext>;
  /** Signs a person without mailboxes in to the product, in a browser of their own by default. @returns Connections */
  signIn(personId: string, context?: BrowserContext): Promise<Page>;
  /** The same, and then connects a mailbox. */
  connected(personId: string, username: string): Promise<Page>;
  /** Photographs the page, and remembers what keeps people out of it. */
  inspect(page: Page, name: string): Promise<void>;
}

/** Long enough for every open sign-in to expire, and for every remembered token to be read anew. */
const untilTheNextTestSeconds = 3600;

const listed = z.object({ connections: z.array(z.object({ id: z.string() })) });

/**
 * Tells stories about the real pages in a real browser, before the whole local stack. After every story all
 * mailboxes are disconnected, no approval is known, and Microsoft is as it was at the start.
 */
export const stories = (about: string, tell: (scene: Scene) => void): void => {
  describeInChromium(about, (browser) => {
    let stack: LocalStack | undefined;
    const contexts = new Set<BrowserContext>();
    const visitors = new Set<string>();
    const barriers: Barrier[] = [];

    const started = (): LocalStack => {
      if (!stack) throw new Error("the stack has not started");
      return stack;
    };
    const control = (): SimulatorControl => {
      const { microsoft } = started();
      if (!microsoft) throw new Error("the stack runs without the simulator");
      return microsoft.control;
    };

    beforeAll(async () => {
      stack = await startLocalStack({ bundles: inject("bundles") });
    });
    afterAll(() => stack?.close());
    afterEach(async () => {
      await Promise.all([...contexts].map((context) => context.close()));
      contexts.clear();
      // What a page asked for last is done although the page is gone.
      await started().lambda.settled();
      for (const personId of visitors) await disconnectAll(started(), personId);
      visitors.clear();
      await forgetApprovals(started());
      control().reset();
      started().clock.advance(untilTheNextTestSeconds);
    });

    const scene: Scene = {
      get stack() {
        return started();
      },
      get microsoft() {
        return control();
      },

      newBrowser: async () => {
        const context = await browser().newContext({
          viewport: { width: 1280, height: 800 },
          locale: "en-GB",
          timezoneId: "Europe/London",
        });
        context.setDefaultTimeout(30_000);
        contexts.add(context);
        return context;
      },

      signIn: async (personId, context) => {
        visitors.add(personId);
        const { webApp } = started().origins;
        const browserOfTheirs = context ?? (await scene.newBrowser());
        await browserOfTheirs.request.post(`${webApp}/session`, {
          headers: { origin: webApp },
          data: { personId },
        });
        const page = await browserOfTheirs.newPage();
        await page.goto(webApp);
        await sees(page.getByRole("heading", { name: "No mailbox yet" }));
        return page;
      },

      connected: async (personId, username) => {
        const page = await scene.signIn(personId);
        const microsoft = await opensMicrosoft(page, "Connect Outlook");
        await signInAtMicrosoft(microsoft, username);
        await accept(microsoft);
        await sees(card(page, username).getByText("Connected", { exact: true }).first());
        return page;
      },

      inspect: async (page, name) => {
        barriers.push(...(await inspectPage(page, name)));
      },
    };

    tell(scene);

    it("keep nobody out of their pages, light or dark", () => {
      expect(barriers).toEqual([]);
    });
  });
};

const disconnectAll = async ({ origins }: LocalStack, personId: string) => {
  const product = await signInToProduct(origins, personId);
  const { connections } = listed.parse(await (await product.call("GET", "/connections")).json());
  for (const { id } of connections) await product.call("DELETE", `/connections/${id}`);
};
