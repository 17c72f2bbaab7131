import { expect, it } from "vitest";
import { isFreeMailDomain } from "../../../../shared/adapters/email-providers/free-mail.ts";
import type { MailDomain } from "../../../../shared/domain/mail-address.ts";

it.for(["gmail.com", "outlook.com", "hotmail.com", "yahoo.com", "gmx.de", "web.de", "icloud.com"])(
  "anybody may have an address at %s",
  (domain) => {
    expect(isFreeMailDomain(domain as MailDomain)).toBe(true);
  },
);

it.for([
  "addy.io",
  "anonaddy.com",
  "disroot.org",
  "duck.com",
  "fastmail.com",
  "keemail.me",
  "mailbox.org",
  "mozmail.com",
  "passinbox.com",
  "passmail.net",
  "posteo.de",
  "riseup.net",
  "simplelogin.com",
  "slmails.com",
  "startmail.com",
  "tuta.com",
  "tuta.io",
  "tutamail.com",
  "tutanota.com",
  "ziggo.nl",
  "zoho.eu",
  "zohomail.com",
  "zohomail.eu",
])("anybody may have a private address or an alias at %s", (domain) => {
  expect(isFreeMailDomain(domain as MailDomain)).toBe(true);
});

it.for(["contoso.com", "larkfield.example", "microsoft.com"])(
  "only an organisation's own people have one at %s",
  (domain) => {
    expect(isFreeMailDomain(domain as MailDomain)).toBe(false);
  },
);
