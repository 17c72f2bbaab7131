import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { secretsManagerClientCredential } from "../../../../shared/adapters/secrets-manager/client-credential.ts";
import { Secret } from "../../../../shared/domain/secret.ts";

const credential = (first: string) => {
  const state = { stored: first, now: 0, reads: 0 };
  const { secrets } = secretsManagerClientCredential(
    async () => {
      state.reads += 1;
      return { versionId: "v", value: new Secret(state.stored) };
    },
    "arn:credential",
    () => new Date(state.now),
  );
  return { state, secrets };
};

const stored = (...clientSecrets: readonly unknown[]) => JSON.stringify({ clientSecrets });

it("hands out the secrets in the order in which they are stored", async () => {
  const { secrets } = credential(stored("new", "old"));

  expect(await secrets()).toEqual([new Secret("new"), new Secret("old")]);
});

it("keeps them for five minutes", async () => {
  const { secrets, state } = credential(stored("old"));
  await secrets();
  state.stored = stored("new", "old");

  state.now = 5 * 60_000;
  expect(await secrets()).toEqual([new Secret("old")]);
  state.now += 1;
  expect(await secrets()).toEqual([new Secret("new"), new Secret("old")]);

  expect(state.reads).toBe(2);
});

it("reads them afresh when asked to, and keeps those", async () => {
  const { secrets, state } = credential(stored("old"));
  await secrets();
  state.stored = stored("new");

  expect(await secrets({ fresh: true })).toEqual([new Secret("new")]);
  expect(await secrets()).toEqual([new Secret("new")]);

  expect(state.reads).toBe(2);
});

describe("what is stored wrongly", () => {
  it.for([
    "planted-secret-pasted-without-JSON",
    '"planted"',
    '{"clientSecret":"planted"}',
    '{"clientSecrets":"planted"}',
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
});
