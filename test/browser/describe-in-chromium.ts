import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe } from "vitest";
import { chromiumIsMissing, launchChromium } from "./chromium.ts";

/**
 * Tests that share a browser; without one they are skipped, and say so.
 *
 * @param tell is given the browser, which runs from `beforeAll` on
 */
export const describeInChromium = (about: string, tell: (browser: () => Browser) => void): void => {
  const skipped = chromiumIsMissing !== undefined;
  if (skipped) console.warn(`Skipped, for there is ${chromiumIsMissing}: ${about}`);
  describe.skipIf(skipped)(skipped ? `${about} (skipped: ${chromiumIsMissing})` : about, () => {
    let browser: Browser | undefined;
    beforeAll(async () => {
      browser = await launchChromium();
    });
    afterAll(() => browser?.close());
    tell(() => {
      if (!browser) throw new Error("the browser has not started");
      return browser;
    });
  });
};
