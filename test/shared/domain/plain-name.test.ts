import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainName, plainWorkspaceName } from "../../../shared/domain/consent-request.ts";

describe("a person's name", () => {
  it.for([
    ["Alice Example", "Alice Example"],
    ["  Alice   Example ", "Alice Example"],
    ["Siobhán O’Neill-Kaya", "Siobhán O’Neill-Kaya"],
    ["J. R. R. Tolkien", "J. R. R. Tolkien"],
    ["J.R.R. Tolkien", "J.R.R. Tolkien"],
    ["Gerard 't Hooft", "Gerard 't Hooft"],
    ["Ludwig van der Velde", "Ludwig van der Velde"],
    ["渡辺 花子", "渡辺 花子"],
    ["渡辺 Hanako", "渡辺 Hanako"],
    ["Ольга Иванова", "Ольга Иванова"],
    ["प्रिया नायर", "प्रिया नायर"],
    // They hold a reserved word, and are none.
    ["Nadia Itani", "Nadia Itani"],
    ["Rosa Servicia", "Rosa Servicia"],
    ["Zoe\u0308", "Zoë"],
  ])("is shown if it is %s", ([text, shown]) => {
    expect(plainName(text)).toBe(shown);
  });

  it.for([
    "Microsoft Security - approve today or mail stops",
    "Microsoft",
    "MICROSOFT Security",
    "MicrosoftSecurity",
    "Micro-soft",
    "Microsóft",
    "Ｍicrosoft",
    "Mıcrosoft",
    "Міcrosoft",
    "ᴍɪᴄʀᴏsᴏꜰᴛ",
    "Outlook",
    "Office",
    "Azure Entra",
    "Appse AI",
    "Security",
    "Support",
    "Admin",
    "Administrator",
    "Administrateur",
    "Your Helpdesk",
    "Help desk",
    "IT",
    "I.T.",
    "I T",
    "Service",
    "The Team",
    "Account",
    "Verify Anna",
    "Please approve today",
    "Approve now",
    "Click here",
    "Confirm your password",
    "Anna Maria van der Velde",
    "Anna - Berger",
    "Anna-",
    "Anna (Sales)",
    "Berger, Anna",
    "Anna Berger.",
    "Anna & Ben",
    "Anna 2",
  ])("is not shown if it is %s", (text) => {
    expect(plainName(text)).toBeUndefined();
  });
});

describe("a workspace's name", () => {
  it.for([
    ["North & South 2030 Ltd.", "North & South 2030 Ltd."],
    ["3M", "3M"],
    ["Contoso", "Contoso"],
    ["Studio 54", "Studio 54"],
    ["Larkfield-West", "Larkfield-West"],
  ])("is shown if it is %s", ([text, shown]) => {
    expect(plainWorkspaceName(text)).toBe(shown);
  });

  it.for([
    "Microsoft Security - approve today or mail stops",
    "Office365",
    "Micr0soft",
    "IT Security",
    "Approve today & relax",
    "one two three four five",
    "Contoso 20301",
    "Call ①⑧⑧⑧",
    "North. Approve",
    "North (2030)",
    "& & &",
  ])("is not shown if it is %s", (text) => {
    expect(plainWorkspaceName(text)).toBeUndefined();
  });
});

describe.for(Object.entries({ plainName, plainWorkspaceName }))("%s", ([, plain]) => {
  it.for([
    ["nothing", ""],
    ["blanks", "   "],
    ["markup", "<b>Alice</b>"],
    ["an entity", "Alice &lt;"],
    ["a link", "Approve at https://evil.example"],
    ["a link without a scheme", "evil.example"],
    ["a link in its common form", "www evil com"],
    ["a link whose name ends with a digit", "office365.com"],
    ["a link whose name ends with a hyphen", "microsoft-.com"],
    ["a link whose name ends with a mark", "evil\u0331.com"],
    ["an address of numbers", "10.20.30.40"],
    ["an address of single digits", "1.1.1.1"],
    ["a number with a dot in other digits", "١.١"],
    ["a link in another script", "例え.テスト"],
    ["an address", "alice@evil.example"],
    ["a slash", "Alice/Example"],
    ["a line end", "Alice\nExample"],
    ["a tab", "Alice\tExample"],
    ["a text that turns its direction", "Alice\u202Eelpmaxe"],
    ["a joiner that cannot be seen", "Ali\u200Dce"],
    ["a mark without a letter", "\u0301 Alice"],
    ["a telephone number with a plus", "Anna +44 20"],
    ["a telephone number", "Anna 0800 123 4567"],
    ["a telephone number in circles", "Anna ①⑧⑧⑧⑤"],
    ["an exclamation", "Alice!"],
    ["an emoji", "Alice 🎉"],
    ["a template", "{{name}}"],
    ["more than fits in a line", "A".repeat(61)],
  ])("does not show %s", ([, text]) => {
    expect(plain(text)).toBeUndefined();
  });

  it("shows nothing where there is no name", () => {
    expect(plain(undefined)).toBeUndefined();
  });

  it("never shows a character that could make markup, a header or a link, whatever a stranger sends", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 80 }), (text) => {
        const shown = plain(text);
        expect(shown ?? "").not.toMatch(/[<>"`@:/\\\r\n\t{}$%=?#]|\p{Cc}|\p{Cf}/u);
      }),
      { numRuns: 2_000 },
    );
  });
});
