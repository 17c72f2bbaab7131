import { describe, expect, it } from "vitest";
import { button, mailPage, paragraph } from "../../../shared/mails/mail-page.ts";
import { html } from "../../../shared/pages/html.ts";
import { crowdedRequest, grantedMail } from "../../fakes/sample-mails.ts";
import { tagsIn } from "./mail-markup.ts";

describe.for(Object.entries({ request: crowdedRequest, granted: grantedMail }))(
  "the mail %s",
  ([, { html: markup, text }]) => {
    it("is laid out with what every mail program knows, or passes over", () => {
      expect(new Set(tagsIn(markup))).toEqual(
        new Set(
          [
            "html",
            "head",
            "meta",
            "title",
            "style",
            "body",
            "table",
            "tr",
            "td",
            "h1",
            "p",
            "a",
          ].concat(markup.includes("<h2") ? ["h2", "strong", "br", "span", "bdi"] : []),
        ),
      );
      expect(markup).not.toMatch(/display:\s*(flex|grid)|position:|float:|var\(/);
      for (const [table] of markup.matchAll(/<table[^>]*>/g)) {
        expect(table).toContain('role="presentation"');
      }
    });

    it("names its language and has one heading of the first rank", () => {
      expect(markup).toContain('<html lang="en">');
      expect(markup.match(/<h1/g)).toHaveLength(1);
    });

    it("has colours for the dark", () => {
      expect(markup).toContain('<meta name="color-scheme" content="light dark">');
      expect(markup).toContain("@media (prefers-color-scheme: dark)");
    });

    it("fetches nothing, so that nobody learns whether it was read", () => {
      expect(markup).not.toMatch(
        /<img|<link|<script|<iframe|url\(|@import|@font-face|src=|background=/i,
      );
    });

    it("fits into what is sent of a mail before it is cut off", () => {
      // Gmail shows the first 102 KB.
      expect(Buffer.byteLength(markup)).toBeLessThan(50_000);
      expect(text).not.toMatch(/<|undefined|\[object/);
    });
  },
);

it("escapes whatever is put into a mail", () => {
  const evil = `"><script>'&`;

  const page = mailPage(evil, [paragraph(evil, html`<b>${evil}</b>`), button(evil, evil)], evil);

  expect(page).not.toContain("<script>");
  expect(page).not.toContain('"">');
  expect(page.match(/&quot;&gt;&lt;script&gt;&#39;&amp;/g)).toHaveLength(7);
});
