import { describe, expect, it } from "vitest";
import { fail } from "../../../shared/domain/result.ts";
import { periodInWords, signInAgainMessage } from "../../../shared/domain/sign-in-frequency.ts";
import { account, mallory, microsoftFailure, noon, secondsAfter } from "../../fakes/samples.ts";
import { tokenFetchInMemory } from "../../fakes/token-fetch-in-memory.ts";

const hour = 3600;
const day = 24 * hour;

const refusedForItsAge = microsoftFailure("sign_in_required", { signInFrequency: true });

/** Connected at noon, and refused for the age of the sign-in from then on. */
const refused = () => tokenFetchInMemory({ refresh: async () => fail(refusedForItsAge) });

describe("a refusal for the age of the sign-in", () => {
  it("ends the connection, names the period that it proves, and is told once", async () => {
    const rig = refused();
    await rig.connect();
    rig.clock.pass(8 * day - hour);
    const { fetch, learnt } = rig.environment();

    const fetched = await fetch();

    const message = signInAgainMessage(8 * day - hour);
    expect(message).toContain("at least every 8 days");
    expect(fetched).toMatchObject({ failure: { code: "reauthorization_required", message } });
    expect(await rig.stored()).toMatchObject({
      status: "reauthorization_required",
      problem: { actor: "user", message },
    });
    expect(learnt).toEqual([8 * day - hour]);
    expect(await rig.frequencies.find(account.tenantId)).toEqual({
      atMostSeconds: 8 * day - hour,
      learntAt: secondsAfter(noon, 8 * day - hour),
    });
  });

  it("names the shorter period that another connection of the tenant has proved", async () => {
    const rig = refused();
    await rig.frequencies.learn(account.tenantId, { atMostSeconds: day, learntAt: noon });
    await rig.connect({ owner: mallory });
    await rig.connect();
    rig.clock.pass(8 * day);
    const { fetch, learnt } = rig.environment();

    expect(await fetch()).toMatchObject({ failure: { message: signInAgainMessage(day) } });

    expect(learnt).toEqual([]);
  });

  it.for(["frequencies.learn", "frequencies.find"])(
    "ends the connection although the period cannot be noted: %s",
    async (broken) => {
      const rig = refused();
      await rig.frequencies.learn(account.tenantId, { atMostSeconds: hour, learntAt: noon });
      await rig.connect();
      rig.clock.pass(8 * day);
      const { fetch, reported } = rig.environment(async (name, call) => {
        if (name === broken) throw new Error("the table is down");
        return call();
      });

      expect(await fetch()).toMatchObject({ failure: { message: refusedForItsAge.message } });

      expect(reported).toEqual([new Error("the table is down")]);
      expect(await rig.stored()).toMatchObject({ status: "reauthorization_required" });
    },
  );

  it("minutes after the sign-in proves nothing of the tenant: somebody's clock is wrong", async () => {
    const rig = refused();
    await rig.connect({ expiresInSeconds: 100, connectedSecondsAgo: 60 });
    const { fetch, learnt } = rig.environment();

    await fetch();

    expect(learnt).toEqual([]);
    expect(await rig.frequencies.find(account.tenantId)).toBeUndefined();
  });
});

it("other refusals prove nothing of it", async () => {
  const rig = tokenFetchInMemory({
    refresh: async () => fail(microsoftFailure("sign_in_required")),
  });
  await rig.connect();
  rig.clock.pass(8 * day);
  const { fetch, learnt, calls } = rig.environment();

  await fetch();

  expect(learnt).toEqual([]);
  expect(calls.filter((name) => name.startsWith("frequencies"))).toEqual([]);
});

it.for([
  [600, "hour"],
  [hour, "hour"],
  [hour + 1, "2 hours"],
  [23 * hour, "23 hours"],
  [23 * hour + 1, "day"],
  [day, "day"],
  [day + 1, "2 days"],
  [7 * day, "7 days"],
  [7 * day + 1, "8 days"],
] as const)("a period of %i seconds is every %s", ([seconds, words]) => {
  expect(periodInWords(seconds)).toBe(words);
});
