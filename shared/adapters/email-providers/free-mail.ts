import domains from "email-providers/all.json" with { type: "json" };
import type { IsFreeMailDomain } from "../../domain/tenant-consent.ts";

/** Open to everybody as well, aliases of private mailboxes included, and not in the list of the package. */
const others = [
  "addy.io",
  "anonaddy.com",
  "disroot.org",
  "duck.com",
  "fastmail.com",
  "keemail.me",
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
];

let known: ReadonlySet<string> | undefined;

/** Providers where anybody may have an address, by the list of the package and ours. */
export const isFreeMailDomain: IsFreeMailDomain = (domain) => {
  known ??= new Set([...domains, ...others]);
  return known.has(domain);
};
