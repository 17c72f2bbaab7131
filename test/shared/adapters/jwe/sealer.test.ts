import { createSecretKey, randomBytes, webcrypto } from "node:crypto";
import fc from "fast-check";
import { CompactEncrypt } from "jose";
import { describe, expect, it } from "vitest";
import type { VaultKey } from "../../../../shared/adapters/jwe/opener.ts";
import { jweSealer } from "../../../../shared/adapters/jwe/sealer.ts";
import { attemptId, connectionId, workspaceId } from "../../../../shared/domain/ids.ts";
import type { Binding, SignInSealer, TokenSealer } from "../../../../shared/domain/sealer.ts";
import { Secret } from "../../../../shared/domain/secret.ts";

const newKey = (id: string, bytes = 32): VaultKey => ({
  id,
  key: createSecretKey(randomBytes(bytes)),
});

/** Vault keys that a test rotates: the first one is current. */
const vaultKeys = (...keys: VaultKey[]) => ({
  keys,
  current: async () => {
    const [current] = keys;
    if (!current) throw new Error("no key");
    return current;
  },
  byId: async (id: string) => {
    const key = keys.find((known) => known.id === id);
    if (!key) throw new Error("no such key");
    return key;
  },
});

const accessToken: Binding = {
  purpose: "access_token",
  connectionId: connectionId("conn_a"),
  workspaceId: workspaceId("w1"),
};

const elsewhere: readonly (readonly [string, Binding])[] = [
  ["another connection", { ...accessToken, connectionId: connectionId("conn_b") }],
  ["another workspace", { ...accessToken, workspaceId: workspaceId("w2") }],
  ["another purpose", { purpose: "parked_answer", attemptId: attemptId("conn_a") }],
  [
    "ids that are swapped",
    {
      purpose: "access_token",
      connectionId: connectionId("w1"),
      workspaceId: workspaceId("conn_a"),
    },
  ],
];

const b64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

it("opens what it sealed, in the same place", async () => {
  const sealer = jweSealer(vaultKeys(newKey("k1")));
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "grapheme" }), async (plaintext) => {
      const sealed = await sealer.seal(new Secret(plaintext), accessToken);

      expect((await sealer.open(sealed, accessToken)).reveal()).toBe(plaintext);
    }),
  );
});

it.for([2, 5, 12])("seals tokens of %i KB", async (kilobytes) => {
  const sealer = jweSealer(vaultKeys(newKey("k1")));
  const token = "t".repeat(kilobytes * 1024);

  const sealed = await sealer.seal(new Secret(token), accessToken);

  expect((await sealer.open(sealed, accessToken)).reveal()).toBe(token);
});

it("writes JWE with dir and A256GCM, and neither the text nor the ids in clear", async () => {
  const sealed = await jweSealer(vaultKeys(newKey("k1"))).seal(new Secret("planted"), accessToken);

  const [header = "", encryptedKey] = sealed.split(".");
  const decoded = JSON.parse(Buffer.from(header, "base64url").toString());
  expect(decoded).toEqual({ alg: "dir", enc: "A256GCM", kid: "k1", bnd: expect.any(String) });
  expect(encryptedKey).toBe("");
  expect(JSON.stringify(decoded) + sealed).not.toMatch(/conn_a|planted/);
});

it("opens the same binding however its members are ordered", async () => {
  const sealer = jweSealer(vaultKeys(newKey("k1")));
  const sealed = await sealer.seal(new Secret("text"), accessToken);
  const reordered: Binding = {
    workspaceId: workspaceId("w1"),
    connectionId: connectionId("conn_a"),
    purpose: "access_token",
  };

  expect((await sealer.open(sealed, reordered)).reveal()).toBe("text");
});

it("is made for sign-ins or for tokens: neither compiles where the other is needed", () => {
  const forSignIns: SignInSealer = jweSealer(vaultKeys(newKey("k1")));
  const forTokens: TokenSealer = jweSealer(vaultKeys(newKey("k2")));

  // @ts-expect-error a token is not for the keys of sign-ins
  void (() => forSignIns.seal(new Secret("token"), accessToken));
  // @ts-expect-error nor are the secrets of a sign-in for the keys of tokens
  void (() => forTokens.open("", { purpose: "parked_answer", attemptId: attemptId("a") }));
  // @ts-expect-error and the port of one takes no sealer of the other
  const swapped: Pick<TokenSealer, "seal"> = forSignIns;
  expect(swapped).toBe(forSignIns);
});

describe("refuses", () => {
  it.for(elsewhere)("text that was moved to %s", async ([, binding]) => {
    const sealer = jweSealer(vaultKeys(newKey("k1")));
    const sealed = await sealer.seal(new Secret("text"), accessToken);

    await expect(sealer.open(sealed, binding)).rejects.toThrow();
  });

  it("text of one attempt in another, and its answer in the place of its secrets", async () => {
    const sealer = jweSealer(vaultKeys(newKey("k1")));
    const [one, two] = [attemptId("att_1"), attemptId("att_2")];
    const sealed = await sealer.seal(new Secret("text"), {
      purpose: "parked_answer",
      attemptId: one,
    });

    for (const binding of [
      { purpose: "parked_answer", attemptId: two },
      { purpose: "attempt_secrets", attemptId: one },
    ] as const) {
      await expect(sealer.open(sealed, binding)).rejects.toThrow();
    }
  });

  it("a single bit that flipped, wherever it is", async () => {
    const sealer = jweSealer(vaultKeys(newKey("k1")));
    const sealed = await sealer.seal(new Secret("a secret text"), accessToken);
    const parts = sealed.split(".");
    for (const [index, part] of parts.entries()) {
      const bytes = Buffer.from(part, "base64url");
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const altered = parts.with(index, flipped.toString("base64url")).join(".");

        await expect(sealer.open(altered, accessToken)).rejects.toThrow();
      }
    }
  });

  it("text that was cut, lengthened or emptied", async () => {
    const sealer = jweSealer(vaultKeys(newKey("k1")));
    const sealed = await sealer.seal(new Secret("a secret text"), accessToken);
    const [header, , iv, text = "", tag = ""] = sealed.split(".");

    for (const altered of [
      "",
      ".",
      "....",
      sealed.slice(0, -4),
      sealed.split(".").slice(0, 4).join("."),
      [header, "", iv, text.slice(4), tag].join("."),
      [header, "", iv, `${text}AAAA`, tag].join("."),
      [header, "", iv, "", tag].join("."),
      [header, "", iv, text, tag.slice(0, 16)].join("."), // a shorter tag is easier to guess
      [header, "", iv, text, ""].join("."),
      [header, "AAAA", iv, text, tag].join("."),
    ]) {
      await expect(sealer.open(altered, accessToken)).rejects.toThrow();
    }
  });

  it("a piece of one sealed text in another", async () => {
    const sealer = jweSealer(vaultKeys(newKey("k1")));
    const mine = (await sealer.seal(new Secret("mine"), accessToken)).split(".");
    const theirs = (
      await sealer.seal(new Secret("theirs"), { ...accessToken, workspaceId: workspaceId("w2") })
    ).split(".");

    for (const index of [0, 2, 3, 4]) {
      const mixed = theirs.with(index, mine[index] ?? "").join(".");
      await expect(sealer.open(mixed, accessToken)).rejects.toThrow();
    }
    const underMyHeader = [mine[0], ...theirs.slice(1)].join(".");
    await expect(sealer.open(underMyHeader, accessToken)).rejects.toThrow();
  });

  it("a key that the vault does not keep, without trying another", async () => {
    const keys = vaultKeys(newKey("k1"));
    const sealed = await jweSealer(keys).seal(new Secret("text"), accessToken);
    const asked: string[] = [];
    const withoutIt = {
      ...vaultKeys(newKey("k2")),
      byId: async (id: string): Promise<VaultKey> => {
        asked.push(id);
        throw new Error("no such key");
      },
    };

    await expect(jweSealer(withoutIt).open(sealed, accessToken)).rejects.toThrow("no such key");
    expect(asked).toEqual(["k1"]);
  });

  it("another key under the same id", async () => {
    const sealed = await jweSealer(vaultKeys(newKey("k1"))).seal(new Secret("text"), accessToken);

    await expect(jweSealer(vaultKeys(newKey("k1"))).open(sealed, accessToken)).rejects.toThrow();
  });

  it.for([
    { alg: "dir", enc: "A128GCM", bytes: 16 },
    { alg: "dir", enc: "A256CBC-HS512", bytes: 64 },
    { alg: "A256KW", enc: "A256GCM", bytes: 32 },
    { alg: "A256GCMKW", enc: "A256GCM", bytes: 32 },
  ])("$alg with $enc, even under a key of the vault", async ({ alg, enc, bytes }) => {
    const key = newKey("k1", bytes);
    const sealed = await jweSealer(vaultKeys(newKey("k1"))).seal(new Secret("text"), accessToken);
    const { bnd } = JSON.parse(Buffer.from(sealed.split(".")[0] ?? "", "base64url").toString());
    const weaker = await new CompactEncrypt(new TextEncoder().encode("text"))
      .setProtectedHeader({ alg, enc, kid: "k1", bnd })
      .encrypt(key.key);

    await expect(jweSealer(vaultKeys(key)).open(weaker, accessToken)).rejects.toThrow();
  });

  it("a header that names no key or no place, under the right key", async () => {
    const key = newKey("k1");
    const sealer = jweSealer(vaultKeys(key));
    const sealed = await sealer.seal(new Secret("text"), accessToken);
    const { bnd } = JSON.parse(Buffer.from(sealed.split(".")[0] ?? "", "base64url").toString());

    for (const header of [{ kid: "k1" }, { bnd }, { kid: "k1", bnd: "" }, { kid: 7, bnd }]) {
      const iv = randomBytes(12);
      const protectedHeader = b64({ alg: "dir", enc: "A256GCM", ...header });
      const cryptoKey = await webcrypto.subtle.importKey(
        "raw",
        key.key.export(),
        "AES-GCM",
        false,
        ["encrypt"],
      );
      const output = Buffer.from(
        await webcrypto.subtle.encrypt(
          { name: "AES-GCM", iv, additionalData: Buffer.from(protectedHeader), tagLength: 128 },
          cryptoKey,
          Buffer.from("text"),
        ),
      );
      const [text, tag] = [output.subarray(0, -16), output.subarray(-16)];
      const forged = [
        protectedHeader,
        "",
        ...[iv, text, tag].map((part) => part.toString("base64url")),
      ];

      await expect(sealer.open(forged.join("."), accessToken)).rejects.toThrow();
    }
  });
});

it("seals under the newest key, and still opens what older keys sealed", async () => {
  const keys = vaultKeys(newKey("k1"));
  const sealer = jweSealer(keys);
  const old = await sealer.seal(new Secret("old"), accessToken);

  keys.keys.unshift(newKey("k2"));
  const young = await sealer.seal(new Secret("young"), accessToken);

  const kidOf = (sealed: string) =>
    JSON.parse(Buffer.from(sealed.split(".")[0] ?? "", "base64url").toString()).kid;
  expect([kidOf(old), kidOf(young)]).toEqual(["k1", "k2"]);
  expect((await sealer.open(old, accessToken)).reveal()).toBe("old");
  expect((await sealer.open(young, accessToken)).reveal()).toBe("young");
});

it("never uses an IV twice", async () => {
  const sealer = jweSealer(vaultKeys(newKey("k1")));

  const ivs = await Promise.all(
    Array.from({ length: 2_000 }, async () => {
      const sealed = await sealer.seal(new Secret("same text"), accessToken);
      return sealed.split(".")[2];
    }),
  );

  expect(new Set(ivs).size).toBe(2_000);
  expect(Buffer.from(ivs[0] ?? "", "base64url")).toHaveLength(12);
});
