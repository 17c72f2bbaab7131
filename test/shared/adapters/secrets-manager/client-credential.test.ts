import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { inspect } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type CertificatePair,
  newCertificate,
} from "../../../../infra/local/microsoft/new-certificate.ts";
import type { AppCredential } from "../../../../shared/adapters/microsoft/app-credential.ts";
import { secretsManagerClientCredential } from "../../../../shared/adapters/secrets-manager/client-credential.ts";
import { Secret } from "../../../../shared/domain/secret.ts";
import { clientSecretOf } from "../../../fakes/app-credentials.ts";

const credential = (first: string) => {
  const state = { stored: first, now: 0, reads: 0 };
  const { inOrder, lifetimes } = secretsManagerClientCredential(
    async () => {
      state.reads += 1;
      return { versionId: "v", value: new Secret(state.stored) };
    },
    "arn:credential",
    () => new Date(state.now),
  );
  return {
    state,
    secrets: async (options?: { readonly fresh: boolean }) => {
      const all: AppCredential[] = [];
      for await (const each of inOrder(options)) all.push(each);
      return all;
    },
    lifetimes,
  };
};

const stored = (...clientSecrets: readonly unknown[]) => JSON.stringify({ clientSecrets });

const made = new Date("2026-11-20T09:00:00Z");
let pair: CertificatePair;
let other: CertificatePair;
beforeAll(async () => {
  pair = await newCertificate(made, 90 * 24 * 3600);
  other = await newCertificate(made, 90 * 24 * 3600);
});

it("hands out the secrets in the order in which they are stored", async () => {
  const { secrets } = credential(
    stored("new", { value: "old", expiresAt: "2027-01-01T00:00:00Z" }),
  );

  expect(await secrets()).toEqual([clientSecretOf("new"), clientSecretOf("old")]);
});

it("hands out certificates before secrets, with what Microsoft knows them by", async () => {
  const { secrets } = credential(
    JSON.stringify({ clientSecrets: ["secret"], certificates: [pair, other] }),
  );

  const thumbprints = [pair, other].map(({ certificate }) =>
    new X509Certificate(certificate).fingerprint256.replaceAll(":", ""),
  );
  expect(await secrets()).toEqual([
    {
      kind: "certificate",
      thumbprintSha256: thumbprints[0],
      privateKey: new Secret(pair.privateKey),
    },
    {
      kind: "certificate",
      thumbprintSha256: thumbprints[1],
      privateKey: new Secret(other.privateKey),
    },
    clientSecretOf("secret"),
  ]);
});

it("keeps them for five minutes", async () => {
  const { secrets, state } = credential(stored("old"));
  await secrets();
  state.stored = stored("new", "old");

  state.now = 5 * 60_000;
  expect(await secrets()).toEqual([clientSecretOf("old")]);
  state.now += 1;
  expect(await secrets()).toEqual([clientSecretOf("new"), clientSecretOf("old")]);

  expect(state.reads).toBe(2);
});

it("reads them afresh when asked to, and keeps those", async () => {
  const { secrets, state } = credential(stored("old"));
  await secrets();
  state.stored = stored("new");

  expect(await secrets({ fresh: true })).toEqual([clientSecretOf("new")]);
  expect(await secrets()).toEqual([clientSecretOf("new")]);

  expect(state.reads).toBe(2);
});

it("reads them once for all who ask meanwhile", async () => {
  const { secrets, state } = credential(stored("new"));

  await Promise.all([secrets(), secrets({ fresh: true }), secrets()]);

  expect(state.reads).toBe(1);
});

it("tells the ends of those that are stored now", async () => {
  const { secrets, state, lifetimes } = credential(stored("old"));
  await secrets();
  state.stored = stored("new", "old");

  expect(await lifetimes()).toHaveLength(2);
});

it("tells when each of them ends: a certificate says it, a secret if somebody wrote it down", async () => {
  const { lifetimes } = credential(
    JSON.stringify({
      certificates: [pair],
      clientSecrets: ["bare", { value: "dated", expiresAt: "2027-01-31T10:00:00+02:00" }],
    }),
  );

  expect(await lifetimes()).toEqual([
    { kind: "certificate", expiresAt: new Date("2027-02-18T09:00:00Z") },
    { kind: "client_secret", expiresAt: undefined },
    { kind: "client_secret", expiresAt: new Date("2027-01-31T08:00:00Z") },
  ]);
});

describe("what is stored wrongly", () => {
  it.for([
    "planted-secret-pasted-without-JSON",
    '"planted"',
    '{"clientSecret":"planted"}',
    '{"clientSecrets":"planted"}',
    "{}",
    stored({ value: "planted", expiresAt: "soon" }),
    stored({ expiresAt: "2027-01-01T00:00:00Z" }),
    '{"certificates":[{"certificate":"planted","privateKey":"planted"}]}',
    '{"certificates":[{"certificate":"planted"}]}',
    stored("planted", ""),
    stored("planted", 7),
    stored(...Array.from({ length: 6 }, () => "planted")),
  ])("%s is refused without being quoted", async (text) => {
    const error = await credential(text)
      .secrets()
      .catch((reason: unknown) => reason);

    expect(error).toBeInstanceOf(Error);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("planted");
  });

  it("more certificates than Microsoft is to be asked with are refused", async () => {
    const certificates = Array.from({ length: 4 }, () => pair);

    await expect(credential(JSON.stringify({ certificates })).secrets()).rejects.toThrow();
  });

  it("a certificate with the key of another one, or a key that is not RSA, is refused without being quoted", async () => {
    const { privateKey: elliptic } = generateKeyPairSync("ec", {
      namedCurve: "P-256",
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });

    for (const privateKey of [other.privateKey, elliptic]) {
      const certificates = [{ certificate: pair.certificate, privateKey }];
      const error = await credential(JSON.stringify({ certificates }))
        .secrets()
        .catch((reason: unknown) => reason);

      expect(error).toMatchObject({ message: expect.stringContaining("no RSA pair") });
      const [, firstLine = ""] = privateKey.split("\n");
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(firstLine);
    }
  });
});
