import { expect, it } from "vitest";
import { html } from "../../../shared/pages/html.ts";

it("escapes whatever is put in", () => {
  expect(html`<p title="${`"'`}">${"<b>&"}</p>`.text).toBe(
    '<p title="&quot;&#39;">&lt;b&gt;&amp;</p>',
  );
});

it("keeps markup of its own, alone or in a list", () => {
  expect(html`<ul>${["a", "<"].map((text) => html`<li>${text}</li>`)}</ul>`.text).toBe(
    "<ul><li>a</li><li>&lt;</li></ul>",
  );
});

it("leaves out what is absent", () => {
  expect(html`${undefined}${false}${0}`.text).toBe("0");
});
