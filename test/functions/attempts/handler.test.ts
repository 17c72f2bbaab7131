import { describe, expect, it } from "vitest";
import { fail } from "../../../shared/domain/result.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { neverSettles } from "../../fakes/intercepted.ts";
import {
  alice,
  alicesConnection,
  mallory,
  microsoftFailure,
  noon,
  secondsAfter,
  strangerAlice,
} from "../../fakes/samples.ts";
import { problemIn, type ServiceScript, serviceInMemory } from "../../fakes/service-in-memory.ts";
import { stopTimers } from "../../fakes/stopped-timers.ts";

captureLog();

describe("a page that waits is told", () => {
  const expiresAt = secondsAfter(noon, 600).toISOString();
  const waiting = async (script: ServiceScript = {}) => {
    const service = serviceInMemory(script);
    const { state, attemptId } = await service.begin(alice);
    const ask = async () => JSON.parse((await service.attempt(alice, attemptId)).body);
    return { service, state, attemptId, ask };
  };

  it("that Microsoft has not answered", async () => {
    const { ask, attemptId } = await waiting();

    expect(await ask()).toEqual({ attemptId, status: "pending", expiresAt });
  });

  it("which connection it renews, so that whoever has to go on renews the same", async () => {
    const { service } = await waiting();
    await service.connect(alice);
    const { attemptId } = await service.begin(alice, { connectionId: alicesConnection });

    const { body } = await service.attempt(alice, attemptId);

    expect(JSON.parse(body)).toMatchObject({ reconnects: alicesConnection });
  });

  it("that the person came back", async () => {
    const { service, state, ask, attemptId } = await waiting();
    await service.comeBack(state);

    expect(await ask()).toEqual({ attemptId, status: "returned", expiresAt });
  });

  it("that it is being completed", async () => {
    stopTimers();
    const { service, state, ask, attemptId } = await waiting({ redeemCode: neverSettles });
    void service.complete(alice, await service.comeBack(state));
    await expect.poll(() => service.identity.redeemed).toHaveLength(1);

    expect(await ask()).toEqual({ attemptId, status: "completing", expiresAt });
  });

  it("which connection came of it", async () => {
    const { service, state, ask, attemptId } = await waiting();
    await service.complete(alice, await service.comeBack(state));

    expect(await ask()).toEqual({
      attemptId,
      status: "completed",
      expiresAt,
      connectionId: alicesConnection,
    });
  });

  it("what went wrong, and who must act", async () => {
    const { service, state, ask, attemptId } = await waiting({
      redeemCode: async () => fail(microsoftFailure("admin_approval_required")),
    });
    await service.complete(alice, await service.comeBack(state));

    expect(await ask()).toEqual({
      attemptId,
      status: "failed",
      expiresAt,
      problem: {
        code: "admin_approval_required",
        actor: "tenant_admin",
        message: "A sentence about admin_approval_required.",
      },
    });
  });

  it.for([
    [599, "pending"],
    [600, "expired"],
    [601, "expired"],
    [1_000_000, "expired"],
  ] as const)("after %i seconds without an answer: %s", async ([seconds, status]) => {
    const { service, ask } = await waiting();
    service.clock.pass(seconds);

    expect((await ask()).status).toBe(status);
  });

  it("that it was interrupted, once nobody can be completing it any more", async () => {
    stopTimers();
    const { service, state, ask } = await waiting({ redeemCode: neverSettles });
    void service.complete(alice, await service.comeBack(state));
    await expect.poll(() => service.identity.redeemed).toHaveLength(1);

    service.clock.pass(60);
    expect(await ask()).toMatchObject({ status: "completing" });
    service.clock.pass(1);
    expect(await ask()).toMatchObject({
      status: "failed",
      problem: { code: "attempt_interrupted", actor: "user" },
    });
  });
});

describe("is not found:", () => {
  it.for([
    ["a stranger's attempt", mallory],
    ["an attempt in another workspace", strangerAlice],
  ] as const)("%s", async ([, user]) => {
    const service = serviceInMemory();
    const { attemptId } = await service.begin(alice);

    const answer = await service.attempt(user, attemptId);
    const unknown = await service.attempt(user, `att_${"u".repeat(43)}`);

    expect(problemIn(answer)).toEqual({
      statusCode: 404,
      code: "attempt_unknown",
      actor: "user",
    });
    expect(answer).toEqual(unknown);
  });

  it.for(["", "att_", "att_short", `att_${"a".repeat(44)}`, "__proto__", "../attempts", "att_%00"])(
    "what is no attempt: %j",
    async (attemptId) => {
      const calls: string[] = [];
      const service = serviceInMemory({
        intercept: (name, call) => {
          calls.push(name);
          return call();
        },
      });

      const answer = await service.attempt(alice, attemptId);

      expect(problemIn(answer).statusCode).toBe(404);
      expect(calls).toEqual([]);
    },
  );
});

it("says that our side failed, and not how", async () => {
  const service = serviceInMemory({
    intercept: async () => {
      throw new Error("ProvisionedThroughputExceededException");
    },
  });

  const answer = await service.attempt(alice, `att_${"a".repeat(43)}`);

  expect(problemIn(answer)).toEqual({
    statusCode: 500,
    code: "internal_error",
    actor: "operator",
  });
});
