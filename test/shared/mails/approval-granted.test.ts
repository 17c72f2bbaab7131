import { expect, it } from "vitest";
import { approvalGrantedMail } from "../../../shared/mails/approval-granted.ts";
import { grantedMail, productUrl } from "../../fakes/sample-mails.ts";
import { noon } from "../../fakes/samples.ts";
import { linksIn, shownBy } from "./mail-markup.ts";

it("tells a person who waited that it is approved, what to do, whom to ask, and why they are told", () => {
  for (const shown of [grantedMail.text.replaceAll(/\s+/g, " "), shownBy(grantedMail.html)]) {
    expect(shown).toContain("Your organisation has approved Appse AI.");
    expect(shown).toContain("Connect your mailbox");
    expect(shown).toContain("Microsoft may need a few minutes");
    expect(shown).toContain("Questions? Ask Appse AI at support@appse.example.");
    expect(shown).toContain("because you asked for this approval on 1 March 2026.");
  }
});

it("leads back into the product and to who can be asked, and nowhere else", () => {
  expect(linksIn(grantedMail.html)).toEqual([
    productUrl.href,
    "mailto:support@appse.example",
    productUrl.href,
  ]);
  expect(grantedMail.text.match(/\w+:\/\/\S+/g)).toEqual([productUrl.href]);
});

it("keeps an address with a query whole", () => {
  const url = new URL("https://app.appse.example/?page=connections&from='mail'");

  const mail = approvalGrantedMail({
    productUrl: url,
    askedAt: noon,
    supportEmail: "support@appse.example",
  });

  const [button, , address] = linksIn(mail.html);
  expect([button, address]).toEqual([url.href, url.href]);
});
