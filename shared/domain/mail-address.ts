import { domainToASCII } from "node:url";

/** A bare address, as one mailbox understands it: no display name, no comment, no quotes. RFC 5321 §4.1.2 */
export type MailAddress = string & { readonly brand: "MailAddress" };
/** A registered name in lower case, in ASCII. RFC 5890 §2.3.2.1 */
export type MailDomain = string & { readonly brand: "MailDomain" };

const longestAddress = 254;
const localPart = /^[a-z0-9!#$%&'*+/=?^_{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_{|}~-]+)*$/i;
const label = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;
const topLevelLabel = /^(?:[a-z]{2,63}|xn--[a-z0-9-]{2,59})$/;

/** @returns `undefined` for what is no name of a mail server in the public DNS */
export const mailDomain = (text: string): MailDomain | undefined => {
  const name = domainToASCII(text.toLowerCase());
  const labels = name.split(".");
  const isName =
    name.length <= 253 &&
    labels.length >= 2 &&
    labels.every((each) => label.test(each)) &&
    topLevelLabel.test(labels.at(-1) ?? "");
  return isName ? (name as MailDomain) : undefined;
};

/** @returns `undefined` for everything but a bare address: whoever is mailed is one person at one server */
export const mailAddress = (text: string): MailAddress | undefined => {
  const at = text.lastIndexOf("@");
  const local = text.slice(0, at);
  const domain = mailDomain(text.slice(at + 1));
  const isAddress =
    at > 0 && at <= 64 && domain !== undefined && localPart.test(local) && !/\s/.test(text);
  const address = `${local}@${domain}`;
  return isAddress && address.length <= longestAddress ? (address as MailAddress) : undefined;
};

export const domainOf = (address: MailAddress): MailDomain =>
  address.slice(address.lastIndexOf("@") + 1) as MailDomain;

/**
 * Names the mailbox behind an address: most servers ignore what follows a plus and the case of letters.
 * For counting and suppressing only; mail goes to the address as it was written.
 */
export const mailboxOf = (address: MailAddress): string => {
  const [local = ""] = address.slice(0, address.lastIndexOf("@")).split("+");
  return `${local}@${domainOf(address)}`.toLowerCase();
};
