import { format, inspect } from "node:util";
import { expect, it } from "vitest";
import { Secret } from "../../../shared/domain/secret.ts";

it.for<readonly [string, (secret: Secret) => string]>([
  ["String", (secret) => String(secret)],
  ["a template", (secret) => `${secret}`],
  ["concatenation", (secret) => `${["token=", secret].join("")}`],
  ["JSON", (secret) => JSON.stringify({ nested: [secret] })],
  ["inspect", (secret) => inspect({ nested: [secret] }, { showHidden: true, depth: 9 })],
  ["format", (secret) => format("%s %o %O %j", secret, secret, secret, secret)],
  ["an error", (secret) => String(new Error(`failed with ${secret}`).stack)],
  ["its members", (secret) => JSON.stringify(Object.entries(secret))],
  ["a copy", (secret) => JSON.stringify({ ...secret })],
])("is not printed by %s", ([, print]) => {
  expect(print(new Secret("planted"))).not.toContain("planted");
});

it("is revealed on request", () => {
  expect(new Secret("planted").reveal()).toBe("planted");
});
