import { createHash } from "node:crypto";
import { getSigningKey } from "@smithy/signature-v4";
import { expect, it } from "vitest";
import { SigningHash } from "../../../../shared/adapters/https/signing-hash.ts";

const text = Buffer.from("what do ya want for nothing?");
/** Of "Jefe" and the text above. RFC 4231 §4.3 */
const authenticated = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

const digestOf = async (hash: SigningHash): Promise<string> => {
  hash.update(text);
  return Buffer.from(await hash.digest()).toString("hex");
};

const padded = Buffer.from("-Jefe-");
it.for<readonly [string, string | ArrayBuffer | ArrayBufferView]>([
  ["text", "Jefe"],
  ["bytes", Buffer.from("Jefe")],
  ["a part of other bytes", padded.subarray(1, 5)],
  ["a buffer", new Uint8Array([74, 101, 102, 101]).buffer],
])("authenticates with a secret that is %s, the first time and again", async ([, secret]) => {
  expect(await digestOf(new SigningHash(secret))).toBe(authenticated);
  expect(await digestOf(new SigningHash(secret))).toBe(authenticated);
});

it("keeps secrets apart that have been seen before", async () => {
  expect(await digestOf(new SigningHash("Jefe"))).toBe(authenticated);
  expect(await digestOf(new SigningHash("Jeff"))).not.toBe(authenticated);
});

it("hashes without a secret, and begins again where it is told to", async () => {
  const expected = createHash("sha256").update(text).digest("hex");
  const hash = new SigningHash();
  hash.update(Buffer.from("something else"));
  hash.reset();

  expect(await digestOf(hash)).toBe(expected);
  expect(await digestOf(new SigningHash())).toBe(expected);
});

it("begins again with its secret", async () => {
  const hash = new SigningHash("Jefe");
  await digestOf(hash);
  hash.reset();

  expect(await digestOf(hash)).toBe(authenticated);
});

/** @see https://docs.aws.amazon.com/IAM/latest/UserGuide/signing-elements.html */
it("derives the signing key of AWS's own example, and again when it is kept", async () => {
  const credentials = {
    accessKeyId: "AKIDEXAMPLE",
    secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  };
  const derive = async () =>
    Buffer.from(
      await getSigningKey(SigningHash, credentials, "20150830", "us-east-1", "iam"),
    ).toString("hex");

  const first = await derive();

  expect(first).toBe("c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
  expect(await derive()).toBe(first);
});
