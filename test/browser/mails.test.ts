import { expect, it } from "vitest";
import { html } from "../../shared/pages/html.ts";
import { crowdedRequest, grantedMail, loneRequest } from "../fakes/sample-mails.ts";
import { describeInChromium } from "./describe-in-chromium.ts";
import { inspectPage } from "./inspect-page.ts";

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

/** Of a telephone, and of the pane in which a mail program shows a mail. */
const widths = [360, 700];

describeInChromium("mails in a browser", (browser) => {
  it.for(forms)("$name keeps nobody out, fits, and fetches nothing", async ({ name, content }) => {
    const page = await browser().newPage();
    const requested: string[] = [];
    page.on("request", (request) => requested.push(request.url()));
    await page.setContent(content, { waitUntil: "load" });

    const overflows: unknown[] = [];
    for (const width of widths) {
      await page.setViewportSize({ width, height: 800 });
      overflows.push(
        await page.evaluate(
          "document.documentElement.scrollWidth - document.documentElement.clientWidth",
        ),
      );
    }
    const barriers = await inspectPage(page, name);
    await page.close();

    expect(overflows).toEqual([0, 0]);
    expect(barriers).toEqual([]);
    expect(requested).toEqual([]);
  });
});
