import { expect, it } from "vitest";
import {
  SecretNotFound,
  type SecretVersion,
} from "../../../../shared/adapters/secrets-manager/read-secret.ts";
import { secretsManagerVaultKeys } from "../../../../shared/adapters/secrets-manager/vault-keys.ts";
import { Secret } from "../../../../shared/domain/secret.ts";

const minutes = 60_000;

/** Vault keys over a secret whose versions, clock and outages a test decides. */
const vault = () => {
  const state = {
    versions: new Map([["v1", "first value"]]),
    current: "v1",
    now: new Date("2026-11-20T09:00:00Z").getTime(),
    outage: false,
    reads: [] as string[],
  };
  const readSecret = async (arn: string, versionId = state.current): Promise<SecretVersion> => {
    state.reads.push(`${arn} ${versionId}`);
    await Promise.resolve();
    const value = state.versions.get(versionId);
    if (state.outage) throw new Error("no answer");
    if (value === undefined) throw new SecretNotFound("ResourceNotFoundException");
    return { versionId, value: new Secret(value) };
  };
  const keys = secretsManagerVaultKeys(readSecret, "arn:keys", () => new Date(state.now));
  return {
    state,
    keys,
    rotate: (id: string) => {
      state.versions.set(id, `value of ${id}`);
      state.current = id;
    },
  };
};

it("makes a key of 256 bits from each version, the same every time, another for each", async () => {
  const { keys, rotate, state } = vault();
  const first = await keys.current();
  rotate("v2");

  const second = await keys.byId("v2");
  const { keys: elsewhere } = vault();

  expect(first).toMatchObject({ id: "v1" });
  expect(first.key.symmetricKeySize).toBe(32);
  expect((await elsewhere.current()).key.equals(first.key)).toBe(true);
  expect(second?.key.symmetricKeySize).toBe(32);
  expect(second?.key.equals(first.key)).toBe(false);
  expect(first.key.export().toString()).not.toContain("first value");
  expect(state.reads).toEqual(["arn:keys v1", "arn:keys v2"]);
});

it("reads the current key once for many callers, and opens with it without reading", async () => {
  const { keys, state } = vault();

  await Promise.all(Array.from({ length: 20 }, () => keys.current()));
  state.now += 5 * minutes;
  await keys.current();
  await keys.byId("v1");

  expect(state.reads).toHaveLength(1);
});

it("takes up a new current key after five minutes, and keeps the old one to open with", async () => {
  const { keys, state, rotate } = vault();
  await keys.current();
  rotate("v2");

  state.now += 5 * minutes;
  expect((await keys.current()).id).toBe("v1");
  state.now += 1;
  expect((await keys.current()).id).toBe("v2");
  expect((await keys.byId("v1"))?.id).toBe("v1");

  expect(state.reads).toEqual(["arn:keys v1", "arn:keys v2"]);
});

it("reads an old key once for many callers", async () => {
  const { keys, state, rotate } = vault();
  rotate("v2");

  await Promise.all(Array.from({ length: 20 }, () => keys.byId("v1")));

  expect(state.reads).toEqual(["arn:keys v1"]);
});

it("fails while Secrets Manager does, and works again after", async () => {
  const { keys, state } = vault();
  state.outage = true;
  await expect(keys.current()).rejects.toThrow();
  await expect(keys.byId("v1")).rejects.toThrow();

  state.outage = false;

  expect((await keys.byId("v1"))?.id).toBe("v1");
  expect((await keys.current()).id).toBe("v1");
});

it("knows no key that is gone", async () => {
  const { keys } = vault();

  expect(await keys.byId("gone")).toBeUndefined();
});

it("goes on sealing with the last key it knew while Secrets Manager fails", async () => {
  const { keys, state, rotate } = vault();
  await keys.current();
  rotate("v2");
  state.outage = true;
  state.now += 6 * minutes;

  expect((await keys.current()).id).toBe("v1");

  state.outage = false;
  state.now += 6 * minutes;
  expect((await keys.current()).id).toBe("v2");
});

it("takes no key for gone while the whole secret is", async () => {
  const { keys, state } = vault();
  state.versions.clear();

  await expect(keys.byId("v1")).rejects.toThrow("ResourceNotFoundException");

  state.versions.set("v1", "first value");
  expect((await keys.byId("v1"))?.id).toBe("v1");
});

it("waits for the current key when it is on its way, instead of reading it twice", async () => {
  const { keys, state } = vault();

  const [current, named] = await Promise.all([keys.current(), keys.byId("v1")]);

  expect(named).toEqual(current);
  expect(state.reads).toHaveLength(1);
});

it("reads a key by its id although the current one could not be read a moment before", async () => {
  const { keys, state } = vault();
  state.outage = true;
  const failed = keys.current().catch(() => {
    state.outage = false;
    return "no key";
  });
  const named = keys.byId("v1");

  expect(await failed).toBe("no key");
  expect((await named)?.id).toBe("v1");
});
