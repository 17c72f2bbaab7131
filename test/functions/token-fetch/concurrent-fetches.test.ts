import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { expect, it } from "vitest";
import { succeed } from "../../../shared/domain/result.ts";
import { Secret } from "../../../shared/domain/secret.ts";
import { type Intercept, neverSettles } from "../../fakes/intercepted.ts";
import { noon, refreshedTokens, secondsAfter } from "../../fakes/samples.ts";
import { tokenFetchInMemory } from "../../fakes/token-fetch-in-memory.ts";

/** One worker of a simulated run. */
interface Worker {
  /** Dies at this call of its, before or after it is done; or lives. */
  readonly dies: { readonly atCall: number; readonly isDone: boolean } | undefined;
  /** How long Microsoft takes to answer it, in seconds; the lease is 15. */
  readonly answerTakes: number;
  readonly minTtlSeconds: number;
}

const worker: fc.Arbitrary<Worker> = fc.record({
  dies: fc.option(fc.record({ atCall: fc.integer({ min: 1, max: 8 }), isDone: fc.boolean() }), {
    nil: undefined,
    freq: 3,
  }),
  answerTakes: fc.constantFrom(0, 0.5, 3, 14, 16, 40),
  minTtlSeconds: fc.constantFrom(0, 300, 3000),
});

const living: fc.Arbitrary<Worker> = fc.record({
  dies: fc.constant(undefined),
  answerTakes: fc.constantFrom(0, 0.5, 3, 10),
  minTtlSeconds: fc.constantFrom(0, 300, 3000),
});

interface HeldLease {
  readonly from: number;
  until: number;
  timesAsked: number;
}

/** Many workers over one connection whose token has run out, in one order of their calls. */
const simulate = async (
  scheduler: fc.Scheduler,
  workers: readonly Worker[],
  { waitingTakesTime }: { readonly waitingTakesTime: boolean },
) => {
  let asked = 0;
  const rig = tokenFetchInMemory({
    refresh: async () => {
      asked += 1;
      return succeed({
        ...refreshedTokens,
        accessToken: new Secret(String(asked)),
        accessTokenExpiresAt: secondsAfter(rig.clock.now(), 3600),
      });
    },
  });
  const id = await rig.connect({ expiresInSeconds: -1, accessToken: "0" });
  const leases: HeldLease[] = [];
  const storedTokens: number[] = [];

  const numberOfStored = async () =>
    Number(JSON.parse((await rig.stored())?.sealedAccessToken ?? "[]")[0]);

  const living = (each: Worker): Intercept => {
    let calls = 0;
    let lease: HeldLease | undefined;
    return async (name, call) => {
      calls += 1;
      const dies = each.dies?.atCall === calls ? each.dies : undefined;
      const begun = rig.clock.now();
      await scheduler.schedule(Promise.resolve(), name);
      if (dies && !dies.isDone) return neverSettles();

      if (name === "identity.refresh") {
        if (lease) lease.timesAsked += 1;
        else throw new Error("asked without the lease");
      }
      const result = name === "clock.wait" && !waitingTakesTime ? undefined : await call();
      const now = rig.clock.now().getTime();
      if (name === "connections.acquireLease" && result === true) {
        lease = { from: now, until: now + 15_000, timesAsked: 0 };
        leases.push(lease);
      }
      const isWrite = name === "connections.saveRefreshed" || name === "connections.recordSetback";
      if (isWrite && result === true) {
        if (lease) lease.until = Math.min(lease.until, now);
        storedTokens.push(await numberOfStored());
      }
      if (name === "identity.refresh") {
        // Others go on meanwhile; the clock of all moves on.
        rig.clock.reach(secondsAfter(begun, each.answerTakes));
        await scheduler.schedule(Promise.resolve(), "the answer arrives");
      }
      return dies ? neverSettles() : result;
    };
  };

  const fetches = workers.map((each) => ({
    each,
    fetched: rig.environment(living(each)).fetch(each.minTtlSeconds, id),
  }));
  const outcomes = await scheduler.waitFor(
    Promise.all(fetches.filter(({ each }) => !each.dies).map(({ fetched }) => fetched)),
  );
  return { ...rig, outcomes, leases, storedTokens, asked: () => asked };
};

it("workers that die, wait and are slow: one asks Microsoft at a time, no older token wins, all are answered", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(worker, { minLength: 1, maxLength: 20 }),
      async (scheduler, workers) => {
        const { outcomes, leases, storedTokens, asked, clock, environment } = await simulate(
          scheduler,
          workers,
          { waitingTakesTime: true },
        );

        // Nobody asks without the lease, nor twice with it; no two leases at the same time.
        expect(asked()).toBe(leases.reduce((sum, { timesAsked }) => sum + timesAsked, 0));
        for (const [index, { from, timesAsked }] of leases.entries()) {
          expect(timesAsked).toBeLessThanOrEqual(1);
          const before = leases[index - 1];
          if (before) expect(from).toBeGreaterThanOrEqual(before.until);
        }
        // What is stored only ever gets newer.
        expect(storedTokens).toEqual(storedTokens.toSorted((left, right) => left - right));
        // Everybody who lived has a token that lasts, or is told to come again.
        for (const outcome of outcomes) {
          if (outcome.ok) expect(Number(outcome.value.accessToken.reveal())).toBeGreaterThan(0);
          else expect(outcome.failure).toMatchObject({ retryable: true });
        }
        // And whatever happened, after the last lease everything works again.
        clock.pass(15);
        expect(await environment().fetch()).toMatchObject({ ok: true });
      },
    ),
    { numRuns: 60 },
  );
});

it("workers that all live ask Microsoft once, and all get the one token", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(living, { minLength: 2, maxLength: 20 }),
      async (scheduler, workers) => {
        const { outcomes, asked, clock } = await simulate(scheduler, workers, {
          waitingTakesTime: false, // so that nobody runs out of time before the others had a turn
        });

        expect(asked()).toBe(1);
        for (const outcome of outcomes) {
          expect(outcome.ok && outcome.value.accessToken.reveal()).toBe("1");
        }
        expect(clock.now().getTime() - noon.getTime()).toBeLessThan(15_000);
      },
    ),
    { numRuns: 40 },
  );
});

it("a thousand workers after an expiry ask Microsoft once, and all get the one token", async () => {
  const rig = tokenFetchInMemory({
    intercept: async (name, call) => {
      if (name === "clock.wait") await setImmediate(); // all others have their turn meanwhile
      return call();
    },
  });
  const id = await rig.connect({ expiresInSeconds: -1 });

  const outcomes = await Promise.all(
    Array.from({ length: 1_000 }, () => rig.environment().fetch(300, id)),
  );

  const tokens = outcomes.map((outcome) => outcome.ok && outcome.value.accessToken.reveal());
  expect(rig.identity.refreshed).toHaveLength(1);
  expect(new Set(tokens)).toEqual(new Set(["renewed-1"]));
});
