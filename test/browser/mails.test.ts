import { expect, it } from "vitest";
import { html } from "../../shared/pages/html.ts";
import { crowdedRequest, grantedMail, loneRequest } from "../fakes/sample-mails.ts";
import { describeInChromium } from "./describe-in-chromium.ts";
import { findBarriers, putAxeInto, takePicture } from "./inspect-page.ts";

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

describeInChromium("mails in a browser", (browser) => {
  it.for(forms.flatMap((form) => looks.map((look) => ({ ...form, ...look }))))(
    "$name, $scheme, $width pixels wide, keeps nobody out, fits, and fetches nothing",
    async (look) => {
      const { name, content, scheme, width } = look;
      const page = await browser().newPage({
        colorScheme: scheme,
        viewport: { width, height: 800 },
      });
      const requested: string[] = [];
      page.on("request", (request) => requested.push(request.url()));
      await page.setContent(content, { waitUntil: "load" });

      await takePicture(page, `${name}-${scheme}-${width}`);
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
