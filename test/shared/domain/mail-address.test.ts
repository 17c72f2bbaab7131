import { expect, it } from "vitest";
import {
  domainOf,
  mailAddress,
  mailboxOf,
  mailDomain,
} from "../../../shared/domain/mail-address.ts";

it.for([
  "alice@north.example",
  "a.b-c_d+tag@mail.north.example",
  "o'neill@north.example",
  `${"a".repeat(64)}@north.example`,
])("takes %s as it is", (text) => {
  expect(mailAddress(text)).toBe(text);
});

it.for([
  ["a display name", "Alice <alice@north.example>"],
  ["quotes", '"alice"@north.example'],
  ["quotes around another address", '"eve@evil.example, alice"@north.example'],
  ["a comment", "alice(eve)@north.example"],
  ["two addresses", "alice@north.example,eve@evil.example"],
  ["two addresses with a semicolon", "alice@north.example;eve@evil.example"],
  ["a line end and a header", "alice@north.example\r\nBcc: eve@evil.example"],
  ["a line end behind it", "alice@north.example\n"],
  ["a space before it", " alice@north.example"],
  ["a null byte", "alice\0@north.example"],
  ["two ats", "alice@evil.example@north.example"],
  ["no name", "@north.example"],
  ["no domain", "alice@"],
  ["no at", "alice.north.example"],
  ["nothing", ""],
  ["a dot at the beginning", ".alice@north.example"],
  ["two dots", "ali..ce@north.example"],
  ["letters of other scripts in the name", "аlice@north.example"],
  ["a name that is too long", `${"a".repeat(65)}@north.example`],
  ["a server by its number", "alice@192.0.2.1"],
  ["a server by its number in brackets", "alice@[192.0.2.1]"],
  ["a host without a domain", "alice@localhost"],
  ["a percent sign in the domain", "alice@north%2eexample.example%00"],
  ["a domain that ends in a dot", "alice@north.example."],
  ["a label that begins with a hyphen", "alice@-north.example"],
  ["a label that is too long", `alice@${"a".repeat(64)}.example`],
  [
    "an address that is too long",
    `alice@${"a".repeat(60)}.${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(60)}.example`,
  ],
])("refuses %s", ([, text]) => {
  expect(mailAddress(text ?? "")).toBeUndefined();
});

it("compares domains as the DNS does, in whatever case and script they are written", () => {
  expect(mailDomain("NORTH.Example")).toBe("north.example");
  expect(mailDomain("bücher.example")).toBe("xn--bcher-kva.example");
  expect(mailAddress("alice@BÜCHER.example")).toBe("alice@xn--bcher-kva.example");
});

it("keeps the case of the name, which belongs to the server that knows it", () => {
  expect(mailAddress("Alice@North.example")).toBe("Alice@north.example");
});

it("reads the domain of an address", () => {
  const address = mailAddress("alice@mail.north.example");

  expect(address && domainOf(address)).toBe("mail.north.example");
});

it.for([
  "alice@north.example",
  "Alice@north.example",
  "alice+a@north.example",
  "ALICE+b+c@north.example",
])("counts %s as one mailbox with alice@north.example", (text) => {
  const address = mailAddress(text);

  expect(address && mailboxOf(address)).toBe("alice@north.example");
});
