import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { html } from "../../../shared/pages/html.ts";
import { crowdedRequest, grantedMail, loneRequest } from "../../fakes/sample-mails.ts";
import { chromiumIsMissing, launchChromium, takesPictures } from "../chromium.ts";
import { findBarriers, putAxeInto } from "../inspect-page.ts";

const pictures = fileURLToPath(new URL("../../screenshots/", import.meta.url));

const mails = { request: crowdedRequest, "request-alone": loneRequest, granted: grantedMail };

/** As a mail program shows the part without markup. */
const asPage = (text: string) =>
  html`<!doctype html>
<html lang="en"><head><meta name="color-scheme" content="light dark"><title>Text</title></head>
<body><h1 style="font:700 13px sans-serif">The text of the mail</h1><pre tabindex="0" style="white-space:pre-wrap;overflow-wrap:anywhere">${text}</pre></body></html>`
    .text;

const forms = Object.entries(mails).flatMap(([name, mail]) => [
  { name: `mail-${name}`, content: mail.html },
  { name: `mail-${name}-text`, content: asPage(mail.text) },
]);

const looks = (["light", "dark"] as const).flatMap((scheme) =>
  [360, 700].map((width) => ({ scheme, width })),
);

const skipped = chromiumIsMissing !== undefined;
const about = "mails in a browser";
if (skipped) console.warn(`Skipped, for there is ${chromiumIsMissing}: ${about}`);

describe.skipIf(skipped)(skipped ? `${about} (skipped: ${chromiumIsMissing})` : about, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
    if (takesPictures) await mkdir(pictures, { recursive: true });
  });
  afterAll(async () => {
    await browser?.close();
  });

  it.for(forms.flatMap((form) => looks.map((look) => ({ ...form, ...look }))))(
    "$name, $scheme, $width pixels wide, keeps nobody out, fits, and fetches nothing",
    async (look) => {
      const { name, content, scheme, width } = look;
      const page = await browser.newPage({ colorScheme: scheme, viewport: { width, height: 800 } });
      const requested: string[] = [];
      page.on("request", (request) => requested.push(request.url()));
      await page.setContent(content, { waitUntil: "load" });

      if (takesPictures) {
        const path = `${pictures}${name}-${scheme}-${width}.png`;
        await page.screenshot({ path, fullPage: true });
      }
      const overflow = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      );
      await putAxeInto(page);
      const barriers = await findBarriers(page, name);
      await page.close();

      expect(barriers).toEqual([]);
      expect(overflow).toBe(0);
      expect(requested).toEqual([]);
    },
  );
});
