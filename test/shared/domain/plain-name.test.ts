import fc from "fast-check";
import { expect, it } from "vitest";
import { plainName } from "../../../shared/domain/consent-request.ts";

it.for([
  ["Alice Example", "Alice Example"],
  ["  Alice   Example ", "Alice Example"],
  ["Siobhán O’Neill-Kaya, M.A.", "Siobhán O’Neill-Kaya, M.A."],
  ["渡辺 花子", "渡辺 花子"],
  ["North & South (2030) Ltd.", "North & South (2030) Ltd."],
  ["Contoso (2030)", "Contoso (2030)"],
  // Composed and decomposed letters are one.
  ["Zoe\u0308", "Zoë"],
])("shows %s", ([text, shown]) => {
  expect(plainName(text)).toBe(shown);
});

it.for([
  ["nothing", ""],
  ["blanks", "   "],
  ["markup", "<b>Alice</b>"],
  ["an entity", "Alice &lt;"],
  ["a link", "Approve at https://evil.example"],
  ["a link without a scheme", "evil.example"],
  ["a link in its common form", "www evil com"],
  ["a link whose name ends with a digit", "IT Security, confirm first at office365.com"],
  ["a link whose name ends with a hyphen", "microsoft-.com"],
  ["a link whose name ends with a mark", "evil\u0331.com"],
  ["an address of numbers", "10.20.30.40"],
  ["an address of single digits", "1.1.1.1"],
  ["a number with a dot in other digits", "١.١"],
  ["a link in another script", "例え.テスト"],
  ["an address", "alice@evil.example"],
  ["a slash", "Alice/Example"],
  ["a line end", "Alice\nClick here"],
  ["a tab", "Alice\tExample"],
  ["a text that turns its direction", "Alice\u202Eelpmaxe"],
  ["a joiner that cannot be seen", "Ali\u200Dce"],
  ["a telephone number with a plus", "Call +44 20"],
  ["a telephone number", "Microsoft Support 0800 123 4567"],
  ["a telephone number in a sentence", "call 1 888 555 0199 now"],
  ["a telephone number in circles", "Call ①⑧⑧⑧⑤"],
  ["one digit more than a year has", "Contoso 20301"],
  ["an exclamation", "Approve now!"],
  ["an emoji", "Alice 🎉"],
  ["a template", "{{name}}"],
  ["more than fits in a line", "A".repeat(61)],
])("does not show %s", ([, text]) => {
  expect(plainName(text)).toBeUndefined();
});

it("shows nothing where there is no name", () => {
  expect(plainName(undefined)).toBeUndefined();
});

it("never shows a character that could make markup, a header or a link, whatever a stranger sends", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 80 }), (text) => {
      const shown = plainName(text);
      expect(shown ?? "").not.toMatch(/[<>"`@:/\\\r\n\t{}$%=?#]|\p{Cc}|\p{Cf}/u);
    }),
    { numRuns: 2_000 },
  );
});
