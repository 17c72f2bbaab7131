import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  attemptLifetimeSeconds,
  type ParkedAnswer,
  redemptionLimitSeconds,
  type TakenAttempt,
} from "../../../shared/domain/attempt.ts";
import { attemptId, hashOf } from "../../../shared/domain/ids.ts";
import { fail } from "../../../shared/domain/result.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { type Intercept, neverSettles } from "../../fakes/intercepted.ts";
import { alice, grant, mallory, microsoftFailure, strangerAlice } from "../../fakes/samples.ts";
import {
  problemIn,
  type ServiceInMemory,
  type ServiceScript,
  serviceInMemory,
} from "../../fakes/service-in-memory.ts";
import { stopTimers } from "../../fakes/stopped-timers.ts";

const log = captureLog();

const guessed = "g".repeat(43);

const expectNothingHappened = async ({ identity, mailboxes, vault, list }: ServiceInMemory) => {
  expect(identity.redeemed).toEqual([]);
  expect(mailboxes.probed).toEqual([]);
  expect(vault.entries.size).toBe(0);
  for (const user of [alice, mallory, strangerAlice]) {
    expect(JSON.parse((await list(user)).body)).toEqual({ connections: [] });
  }
};

/** Whoever holds everything cannot complete it any more. */
const expectDestroyed = async (
  service: ServiceInMemory,
  brought: Parameters<ServiceInMemory["complete"]>[1],
) => {
  for (const user of [alice, mallory, strangerAlice]) {
    expect((await service.complete(user, brought)).statusCode).toBe(403);
  }
  const view = await service.attempts.find(attemptId(brought.attemptId));
  expect(view).toMatchObject({ status: "failed", problem: { code: "session_mismatch" } });
  await expectNothingHappened(service);
};

describe("Mallory begins, and Alice's browser comes back from Microsoft", () => {
  const fixated = async () => {
    const service = serviceInMemory();
    const { state, attemptId } = await service.begin(mallory);
    return { service, state, attemptId, brought: await service.comeBack(state) };
  };

  it("Alice cannot complete it as herself", async () => {
    const { service, brought } = await fixated();

    const answer = await service.complete(alice, brought);

    expect(problemIn(answer)).toEqual({
      statusCode: 403,
      code: "session_mismatch",
      actor: "user",
    });
    await expectDestroyed(service, brought);
  });

  it("Mallory cannot complete it with a value that he guesses", async () => {
    const { service, attemptId, brought } = await fixated();

    const answer = await service.complete(mallory, { attemptId, completion: guessed });

    expect(problemIn(answer)).toMatchObject({ statusCode: 403, code: "session_mismatch" });
    await expectDestroyed(service, brought);
  });

  it("Mallory cannot complete it with the value of another attempt of his", async () => {
    const { service, attemptId, brought } = await fixated();
    const other = await service.begin(mallory);
    const { completion } = await service.comeBack(other.state, "a code of his own");

    const answer = await service.complete(mallory, { attemptId, completion });

    expect(problemIn(answer).code).toBe("session_mismatch");
    await expectDestroyed(service, brought);
  });

  it.for(["", "short"])("Mallory cannot complete it with %j for a value", async (completion) => {
    const { service, attemptId, brought } = await fixated();

    const answer = await service.complete(mallory, { attemptId, completion });

    expect(problemIn(answer)).toMatchObject({ statusCode: 400, code: "invalid_request" });
    await expectNothingHappened(service);
    expect((await service.complete(alice, brought)).statusCode).toBe(403);
  });

  it("Mallory, who knows the state, does not get the value by posting the callback again", async () => {
    const { service, state, attemptId } = await fixated();

    const replayed = await service.comeBack(state, "the-code");
    const other = await service.comeBack(state, "another code");
    const refused = await service.callback({ state, error: "access_denied" });

    expect(replayed).toEqual({ attemptId, completion: "" });
    expect(other).toEqual({ attemptId, completion: "" });
    expect(refused.headers.location).not.toContain("completion");
    await expectNothingHappened(service);
  });

  it("nor after he destroyed it", async () => {
    const { service, state, attemptId } = await fixated();
    const answer = await service.complete(mallory, { attemptId, completion: guessed });

    expect(problemIn(answer).code).toBe("session_mismatch");
    expect(await service.comeBack(state)).toEqual({ attemptId, completion: "" });
    await expectNothingHappened(service);
  });

  it("Mallory's page learns that it came back, and nothing with which to complete it", async () => {
    const { service, attemptId, brought } = await fixated();

    const { body } = await service.attempt(mallory, attemptId);

    expect(JSON.parse(body).status).toBe("returned");
    expect(body).not.toContain(brought.completion);
  });

  it("a third person who finds the link cannot complete it, and ends it", async () => {
    const { service, brought } = await fixated();

    const answer = await service.complete(strangerAlice, brought);

    expect(problemIn(answer).code).toBe("session_mismatch");
    await expectDestroyed(service, brought);
  });

  it("a third person who knows only the attempt's name learns and ends nothing", async () => {
    const { service, brought } = await fixated();

    const answer = await service.complete(strangerAlice, { ...brought, completion: guessed });

    expect(problemIn(answer)).toMatchObject({ statusCode: 404, code: "attempt_unknown" });
    expect((await service.attempt(strangerAlice, brought.attemptId)).statusCode).toBe(404);
    const view = await service.attempts.find(attemptId(brought.attemptId));
    expect(view?.status).toBe("returned");
  });
});

it("Alice's own attempt, completed by Mallory with her value, is over", async () => {
  const service = serviceInMemory();
  const brought = await service.comeBack((await service.begin(alice)).state);

  const stolen = await service.complete(mallory, brought);

  expect(problemIn(stolen).code).toBe("session_mismatch");
  await expectDestroyed(service, brought);
});

it("is counted once for the alarm, however often it is tried", async () => {
  const service = serviceInMemory();
  const brought = await service.comeBack((await service.begin(alice)).state);

  for (let tries = 0; tries < 3; tries += 1) await service.complete(mallory, brought);

  const failures = log.lines().map((line) => JSON.parse(line).failure);
  expect(failures.filter((failure) => failure === "session_mismatch")).toHaveLength(1);
  expect(failures.filter((failure) => failure === "session_mismatch_repeated")).toHaveLength(2);
});

it("is counted once for the alarm, however often its owner reloads the page afterwards", async () => {
  const service = serviceInMemory();
  const brought = await service.comeBack((await service.begin(alice)).state);
  await service.complete(mallory, brought);

  for (let tries = 0; tries < 3; tries += 1) await service.complete(alice, brought);

  const failures = log.lines().flatMap((line) => JSON.parse(line).failure ?? []);
  expect(failures).toEqual(["session_mismatch", "failed_before", "failed_before", "failed_before"]);
});

it("the same person in another workspace is another person", async () => {
  const service = serviceInMemory();
  const brought = await service.comeBack((await service.begin(alice)).state);

  const answer = await service.complete(strangerAlice, brought);

  expect(problemIn(answer).code).toBe("session_mismatch");
  await expectDestroyed(service, brought);
});

it("whoever began and came back gets the connection", async () => {
  const service = serviceInMemory();
  const { state, attemptId } = await service.begin(alice);
  const brought = await service.comeBack(state);

  const answer = await service.complete(alice, brought);

  expect(answer.statusCode).toBe(200);
  expect(JSON.parse(answer.body)).toMatchObject({
    status: "connected",
    account: { username: grant.account.username },
  });
  expect(JSON.parse((await service.attempt(alice, attemptId)).body)).toMatchObject({
    status: "completed",
    connectionId: JSON.parse(answer.body).id,
  });
});

it("keeps nothing before it is completed", async () => {
  const service = serviceInMemory();
  await service.comeBack((await service.begin(alice)).state);

  await expectNothingHappened(service);
});

it("no run of calls by people who do not both begin and come back stores anything", async () => {
  const people = [alice, mallory, strangerAlice];
  const step = fc.oneof(
    fc.record({ kind: fc.constant("callback" as const), code: fc.constantFrom("a", "b") }),
    fc.record({
      kind: fc.constant("complete" as const),
      who: fc.constantFrom(...people),
      knowsTheValue: fc.boolean(),
    }),
    fc.record({ kind: fc.constant("ask" as const), who: fc.constantFrom(...people) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
      const service = serviceInMemory();
      const { state, attemptId } = await service.begin(mallory);
      // Not Mallory's browser, so he never learns the value.
      const { completion } = await service.comeBack(state);
      for (const each of steps) {
        if (each.kind === "callback") {
          expect((await service.comeBack(state, each.code)).completion).toBe("");
        } else if (each.kind === "ask") {
          await service.attempt(each.who, attemptId);
        } else {
          const knows = each.knowsTheValue && each.who !== mallory;
          const value = knows ? completion : guessed;
          const answer = await service.complete(each.who, { attemptId, completion: value });
          expect(answer.statusCode).toBeGreaterThanOrEqual(400);
        }
      }
      await expectNothingHappened(service);
    }),
    { numRuns: 50 },
  );
});

describe("once", () => {
  const interleaved =
    (scheduler: fc.Scheduler): Intercept =>
    async (name, call) => {
      await scheduler.schedule(Promise.resolve(), name);
      return call();
    };

  it("of callbacks at the same time, one browser gets the value", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 2, max: 5 }), async (scheduler, count) => {
        const service = serviceInMemory({ intercept: interleaved(scheduler) });
        const { state } = await scheduler.waitFor(service.begin(alice));

        const returns = await scheduler.waitFor(
          Promise.all(
            Array.from({ length: count }, (_, n) => service.comeBack(state, `code-${n}`)),
          ),
        );

        expect(returns.filter(({ completion }) => completion !== "")).toHaveLength(1);
        expect(new Set(returns.map((each) => each.attemptId)).size).toBe(1);
      }),
      { numRuns: 30 },
    );
  });

  it("of completions at the same time, one redeems the code; the others are told so or see its end", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 2, max: 5 }), async (scheduler, count) => {
        const service = serviceInMemory({ intercept: interleaved(scheduler) });
        const { state } = await scheduler.waitFor(service.begin(alice));
        const brought = await scheduler.waitFor(service.comeBack(state));

        const answers = await scheduler.waitFor(
          Promise.all(Array.from({ length: count }, () => service.complete(alice, brought))),
        );

        expect(service.identity.redeemed).toHaveLength(1);
        expect(service.vault.entries.size).toBe(1);
        expect(answers.filter(({ statusCode }) => statusCode === 200)).not.toEqual([]);
        for (const answer of answers.filter(({ statusCode }) => statusCode !== 200)) {
          expect(problemIn(answer)).toMatchObject({ statusCode: 409, code: "in_progress" });
        }
      }),
      { numRuns: 30 },
    );
  });

  it("completing while somebody destroys it ends one way or the other, never both", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const service = serviceInMemory({ intercept: interleaved(scheduler) });
        const { state } = await scheduler.waitFor(service.begin(alice));
        const brought = await scheduler.waitFor(service.comeBack(state));

        const [own, foreign] = await scheduler.waitFor(
          Promise.all([service.complete(alice, brought), service.complete(mallory, brought)]),
        );

        expect(problemIn(foreign).code).toBe("session_mismatch");
        const won = own.statusCode === 200;
        expect(service.identity.redeemed).toHaveLength(won ? 1 : 0);
        expect(service.vault.entries.size).toBe(won ? 1 : 0);
        if (!won) expect(problemIn(own).code).toBe("session_mismatch");
      }),
      { numRuns: 30 },
    );
  });

  it("a completion that is repeated after its answer was lost shows the same connection", async () => {
    const { service, brought } = await ready();
    const first = await service.complete(alice, brought);

    const again = await service.complete(alice, brought);

    expect(again).toEqual(first);
    expect(service.identity.redeemed).toHaveLength(1);
  });

  it("and says so when the mailbox has been disconnected since", async () => {
    const { service, brought } = await ready();
    const { id } = JSON.parse((await service.complete(alice, brought)).body);
    await service.disconnect(alice, id);

    const again = await service.complete(alice, brought);

    expect(problemIn(again)).toEqual({
      statusCode: 409,
      code: "already_completed",
      actor: "user",
    });
    expect(service.identity.redeemed).toHaveLength(1);
  });

  it("a completion that failed shows the same end again", async () => {
    const { service, brought } = await ready({
      redeemCode: async () => fail(microsoftFailure("account_disabled")),
    });
    const first = await service.complete(alice, brought);

    const again = await service.complete(alice, brought);

    expect(again).toEqual(first);
    expect(problemIn(again)).toEqual({
      statusCode: 403,
      code: "account_disabled",
      actor: "tenant_admin",
    });
    expect(service.identity.redeemed).toHaveLength(1);
  });

  it("a wrong value for what is already connected changes nothing", async () => {
    const { service, brought } = await ready();
    const { id } = JSON.parse((await service.complete(alice, brought)).body);

    const wrong = await service.complete(alice, { ...brought, completion: guessed });

    expect(problemIn(wrong).code).toBe("session_mismatch");
    expect((await service.connection(alice, id)).statusCode).toBe(200);
    expect((await service.complete(alice, brought)).statusCode).toBe(200);
  });
});

const ready = async (script: ServiceScript = {}) => {
  const service = serviceInMemory(script);
  const brought = await service.comeBack((await service.begin(alice)).state);
  return { service, brought };
};

describe("the clock decides, to the second", () => {
  it.for([
    [-1, 200],
    [0, 410],
    [1, 410],
  ] as const)("completed %i seconds from its expiry: %i", async ([offset, status]) => {
    const { service, brought } = await ready();
    service.clock.pass(attemptLifetimeSeconds + offset);

    const answer = await service.complete(alice, brought);

    expect(answer.statusCode).toBe(status);
    expect(service.identity.redeemed).toHaveLength(status === 200 ? 1 : 0);
    if (status === 410) expect(problemIn(answer).code).toBe("attempt_expired");
  });

  it.for([
    [-1, true],
    [0, false],
    [1, false],
  ] as const)("came back %i seconds from its expiry: taken %s", async ([offset, isTaken]) => {
    const service = serviceInMemory();
    const { state } = await service.begin(alice);
    service.clock.pass(attemptLifetimeSeconds + offset);

    const { attemptId, completion } = await service.comeBack(state);

    expect(completion !== "").toBe(isTaken);
    const asked = JSON.parse((await service.attempt(alice, attemptId)).body);
    expect(asked.status).toBe(isTaken ? "returned" : "expired");
  });

  it("an attempt that expired before Microsoft answered says so", async () => {
    const service = serviceInMemory();
    const { attemptId } = await service.begin(alice);

    const before = await service.complete(alice, { attemptId, completion: guessed });
    service.clock.pass(attemptLifetimeSeconds);
    const later = await service.complete(alice, { attemptId, completion: guessed });

    expect(problemIn(before)).toMatchObject({ statusCode: 409, code: "not_returned" });
    expect(problemIn(later)).toMatchObject({ statusCode: 410, code: "attempt_expired" });
  });

  it.for([
    [redemptionLimitSeconds, "in_progress"],
    [redemptionLimitSeconds + 1, "attempt_interrupted"],
  ] as const)("a redemption that died %i seconds ago: %s", async ([seconds, code]) => {
    stopTimers();
    const { service, brought } = await ready({ redeemCode: neverSettles });
    void service.complete(alice, brought);
    await expect.poll(() => service.identity.redeemed).toHaveLength(1);
    service.clock.pass(seconds);

    const answer = await service.complete(alice, brought);

    expect(problemIn(answer)).toMatchObject({ statusCode: 409, code });
    expect(service.identity.redeemed).toHaveLength(1);
  });
});

describe("what Microsoft is sent", () => {
  it("is the verifier and the nonce of this attempt, and the code that came back", async () => {
    const service = serviceInMemory();
    const { state, parameters } = await service.begin(alice);

    await service.complete(alice, await service.comeBack(state, "a code of Alice's"));

    const [redeemed] = service.identity.redeemed;
    const verifier = redeemed?.codeVerifier.reveal() ?? "";
    expect(redeemed?.code.reveal()).toBe("a code of Alice's");
    expect(redeemed?.authority).toBe("organizations");
    expect(redeemed?.nonce.reveal()).toBe(parameters.get("nonce"));
    expect(createHash("sha256").update(verifier).digest("base64url")).toBe(
      parameters.get("code_challenge"),
    );
  });

  it("is never a code with the secrets of another attempt, even where two items are mixed up", async () => {
    let foreign: ParkedAnswer | undefined;
    const service = serviceInMemory({
      intercept: async (name, call) => {
        const result = await call();
        return name === "attempts.take" ? { ...(result as TakenAttempt), answer: foreign } : result;
      },
    });
    const other = await service.comeBack((await service.begin(alice)).state);
    const hash = hashOf("completion", other.completion);
    const now = service.clock.now();
    foreign = (await service.attempts.take(attemptId(other.attemptId), alice, hash, now))?.answer;

    const mine = await service.comeBack((await service.begin(alice)).state);
    const answer = await service.complete(alice, mine);

    expect(problemIn(answer)).toMatchObject({ statusCode: 500, code: "internal_error" });
    expect(service.identity.redeemed).toEqual([]);
  });
});
