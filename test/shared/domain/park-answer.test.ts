import { expect, it } from "vitest";
import { attemptIdOf, hashOf } from "../../../shared/domain/ids.ts";
import { parkAnswer } from "../../../shared/domain/park-answer.ts";
import { fail } from "../../../shared/domain/result.ts";
import { Secret } from "../../../shared/domain/secret.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { memoryAttempts } from "../../fakes/memory-attempts.ts";
import { alice, mallory, noon, sampleSealer, secondsAfter } from "../../fakes/samples.ts";

const state = new Secret("s".repeat(43));
const id = attemptIdOf(state.reveal());
const code = { kind: "code", code: new Secret("the-code") } as const;

const pending = async () => {
  const attempts = memoryAttempts();
  await attempts.begin({
    id,
    user: alice,
    authority: "organizations",
    requestedScopes: [],
    returnTo: "setup",
    reconnect: undefined,
    forOrganization: false,
    sealedSecrets: "sealed",
    createdAt: noon,
    expiresAt: secondsAfter(noon, 600),
  });
  return { attempts, sealer: sampleSealer, now: fakeClock().now };
};

it("keeps the code sealed for its attempt, and the value as a hash that opens it once", async () => {
  const ports = await pending();

  const parked = await parkAnswer({ state, outcome: code }, ports);

  const completion = parked.ok ? (parked.value.completion?.reveal() ?? "") : "";
  const taken = await ports.attempts.take(id, alice, hashOf("completion", completion), noon);
  const sealedCode = taken?.answer.kind === "code" ? taken.answer.sealedCode : "";
  expect(Buffer.from(completion, "base64url")).toHaveLength(32);
  expect(await sampleSealer.open(sealedCode, { purpose: "parked_answer", attemptId: id })).toEqual(
    code.code,
  );
  const elsewhere = { purpose: "parked_answer", attemptId: attemptIdOf("another") } as const;
  await expect(sampleSealer.open(sealedCode, elsewhere)).rejects.toThrow();
});

it("gives the value out to nobody but the first", async () => {
  const ports = await pending();
  await parkAnswer({ state, outcome: code }, ports);

  const again = await parkAnswer({ state, outcome: code }, ports);

  expect(again).toMatchObject({ value: { attemptId: id, returnTo: "setup" } });
  expect(again.ok && again.value.completion).toBeUndefined();
});

it("does not replace what was parked", async () => {
  const ports = await pending();
  const first = await parkAnswer({ state, outcome: code }, ports);
  const refusal = { error: "access_denied", errorCodes: [] };

  await parkAnswer({ state, outcome: { kind: "refusal", refusal } }, ports);

  const completion = first.ok ? (first.value.completion?.reveal() ?? "") : "";
  const taken = await ports.attempts.take(id, alice, hashOf("completion", completion), noon);
  expect(taken?.answer.kind).toBe("code");
});

it("knows no attempt of a state that nobody began with", async () => {
  const ports = await pending();

  const parked = await parkAnswer({ state: new Secret("other"), outcome: code }, ports);

  expect(parked).toEqual(fail({ kind: "attempt_unknown" }));
});

it("does not hand a parked answer to another user, whatever they know", async () => {
  const ports = await pending();
  const parked = await parkAnswer({ state, outcome: code }, ports);
  const completion = parked.ok ? (parked.value.completion?.reveal() ?? "") : "";

  const taken = await ports.attempts.take(id, mallory, hashOf("completion", completion), noon);

  expect(taken).toBeUndefined();
});
