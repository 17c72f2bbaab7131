import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stepLimits } from "../../../functions/token-fetch/time-budget.ts";
import { noon } from "../../fakes/samples.ts";
import { tokenFetchInMemory } from "../../fakes/token-fetch-in-memory.ts";
import {
  ageOf,
  anyEvent,
  anyWorker,
  livingWorker,
  type Safeguard,
  type SimulatedRun,
  simulateFetches,
  workerWithItsOwnTime,
} from "../../fakes/token-fetch-simulation.ts";

/** Nobody asks without the lease, nor twice with it; no two leases at the same time. */
const onlyOneAsks = ({ leases, asked }: SimulatedRun) => {
  const askedWithLease = leases.reduce((sum, { timesAsked }) => sum + timesAsked, 0);
  expect(askedWithLease, "nobody asks without a lease").toBe(asked);
  for (const [index, { from, timesAsked }] of leases.entries()) {
    expect(timesAsked, "a lease is for one question").toBeLessThanOrEqual(1);
    const earlierEnds = leases.slice(0, index).map(({ until }) => until.getTime());
    expect(from.getTime(), "one lease at a time").toBeGreaterThanOrEqual(
      Math.max(0, ...earlierEnds),
    );
  }
};

/** What is stored only ever gets newer, also across a disconnect. */
const onlyNewerIsStored = ({ writes }: SimulatedRun) => {
  const stored = writes.map(({ after }) => after).filter((after) => after !== undefined);
  for (const [index, after] of stored.entries()) {
    const before = stored[index - 1];
    if (!before) continue;
    expect(after.version, "the version rises").toBeGreaterThan(before.version);
    const [grant, asked] = ageOf(after);
    const [grantBefore, askedBefore] = ageOf(before);
    const isOlder = grant < grantBefore || (grant === grantBefore && asked < askedBefore);
    expect(isOlder, "an older token replaces a newer one").toBe(false);
  }
};

const endings = (writes: SimulatedRun["writes"]) =>
  writes.filter(
    ({ before, after }) =>
      after?.status === "reauthorization_required" && before?.status !== after.status,
  );

/** A connection ends only if Microsoft refused, for good or not for the first time, the very version that ends. */
const endsOnlyByRefusal = ({ writes, grantOf }: SimulatedRun) => {
  for (const { before, ask, refusal } of endings(writes)) {
    expect(refusal?.kind, "Microsoft refused").toBe("sign_in_required");
    expect(ask, "it refused the version that ends").toEqual({
      grant: before && grantOf(before),
      version: before?.version,
    });
    const isSecond = before?.firstRefusedAt !== undefined;
    expect(refusal?.certain || isSecond, "for good, or twice").toBe(true);
  }
};

/** Where clocks agree: what Microsoft refused without a reason, it refused again two minutes later. */
const isAskedAgainLater = ({ writes }: SimulatedRun) => {
  for (const { before, at, refusal } of endings(writes)) {
    if (refusal?.certain) continue;
    const firstRefusedAt = before?.firstRefusedAt ?? at;
    expect(at.getTime() - firstRefusedAt.getTime(), "twice").toBeGreaterThanOrEqual(120_000);
  }
};

/** Everybody who lived has a token that lasts, or is told the truth about who must act. */
const allAreAnswered = ({ outcomes, writes }: SimulatedRun) => {
  const truths = [
    "temporarily_unavailable",
    "throttled",
    "misconfigured",
    "invalid_request", // after an hour within one fetch, the token that it brought is too old
    ...writes.flatMap(({ after }) =>
      after ? [after.problem?.code, after.pause?.code] : ["not_found"],
    ),
  ];
  for (const outcome of outcomes) {
    if (outcome === "broken") continue;
    if (outcome.ok) expect(outcome.value.accessToken.reveal(), "it has run out").not.toBe("1:0");
    else expect(truths, "the truth").toContain(outcome.failure.code);
  }
};

/** Whatever is moved and erased, the refresh token stays where the item says. */
const keepsItsRefreshToken = async ({ stored, vault, tableVault }: SimulatedRun) => {
  const entry = (await stored())?.vaultEntry;
  if (entry === undefined) return;
  const isThere = vault.entries.has(entry) || tableVault.entries.has(entry);
  expect(isThere, "its refresh token is there").toBe(true);
};

/** Once all pauses are over it works, or a new sign-in makes it work. */
const recovers = async ({ clock, environment, stored, signInAgain }: SimulatedRun) => {
  clock.pass(1_200);
  const item = await stored();
  const fetched = await environment().fetch();
  const hasEnded = item === undefined || item.status === "reauthorization_required";
  expect(fetched.ok, "works again by itself").toBe(!hasEnded);
  if (fetched.ok) return;
  expect(fetched.failure.code).toBe(item ? "reauthorization_required" : "not_found");
  await signInAgain();
  expect(await environment().fetch(), "works after a new sign-in").toMatchObject({ ok: true });
};

/** Runs of up to fifty such workers, while anything happens, over a refresh token younger than a day or older. */
const runsOf = (
  worker: typeof anyWorker,
  check: (run: SimulatedRun) => void | Promise<void>,
  omits: readonly Safeguard[] = [],
) =>
  fc.asyncProperty(
    fc.scheduler(),
    fc.array(worker, { minLength: 1, maxLength: 50, size: "max" }),
    fc.array(anyEvent, { maxLength: 8, size: "max" }),
    fc.constantFrom(3_601, 90_000),
    async (scheduler, workers, events, refreshTokenAge) =>
      check(await simulateFetches(scheduler, workers, { events, refreshTokenAge, omits })),
  );

const whateverHappens = (omits: readonly Safeguard[] = []) =>
  runsOf(
    anyWorker,
    async (run) => {
      onlyOneAsks(run);
      onlyNewerIsStored(run);
      endsOnlyByRefusal(run);
      isAskedAgainLater(run);
      allAreAnswered(run);
      await keepsItsRefreshToken(run);
      await recovers(run);
    },
    omits,
  );

/** Microsoft's adapter waits no longer; others outwait that. */
const answeredInTime = livingWorker.map((worker) => ({
  ...worker,
  answerTakes: Math.min(worker.answerTakes, stepLimits.tokenCall),
}));

const allLive = (omits: readonly Safeguard[] = []) =>
  fc.asyncProperty(
    fc.scheduler(),
    fc.array(answeredInTime, { minLength: 2, maxLength: 50, size: "max" }),
    async (scheduler, workers) => {
      const { asked, outcomes, clock } = await simulateFetches(scheduler, workers, {
        omits,
        waitingTakesTime: false, // so that nobody runs out of time before the others had a turn
      });

      expect(asked, "asked once").toBe(1);
      for (const outcome of outcomes) {
        const isServed = outcome !== "broken" && outcome.ok;
        expect(isServed && outcome.value.accessToken.reveal(), "the one token").toBe("1:1");
      }
      expect(clock.now().getTime() - noon.getTime()).toBeLessThan(15_000);
    },
  );

it("workers that die, wait, are slow or are refused, while people sign in again and disconnect: one asks Microsoft at a time, no older token wins, all are answered", async () => {
  await fc.assert(whateverHappens(), { numRuns: 1_000 });
});

it("workers whose clocks are ten minutes apart: no older token wins, none ends but by a refusal, none that has run out is served, all are answered", async () => {
  const runs = runsOf(workerWithItsOwnTime, async (run) => {
    onlyNewerIsStored(run);
    endsOnlyByRefusal(run);
    allAreAnswered(run);
    await keepsItsRefreshToken(run);
    await recovers(run);
  });

  await fc.assert(runs, { numRuns: 500 });
});

it("workers that all live ask Microsoft once, and all get the one token", async () => {
  await fc.assert(allLive(), { numRuns: 100 });
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

it("the runs reach what only some refreshes call, and workers that come late to a crowd", async () => {
  const reached = new Set<string>();
  const runs = runsOf(anyWorker, ({ called, hadLatecomer }) => {
    for (const name of called) reached.add(name);
    if (hadLatecomer) reached.add("a latecomer");
  });

  await fc.assert(runs, { numRuns: 100, seed: 7 });

  expect([...reached].toSorted()).toEqual([
    "a latecomer",
    "approval.lost",
    "circuits.find",
    "circuits.write",
    "clock.wait",
    "connections.acquireLease",
    "connections.findForWorkspace",
    "connections.recordSetback",
    "connections.saveRefreshed",
    "frequencies.find",
    "frequencies.learn",
    "identity.refresh",
    "sealer.open",
    "sealer.seal",
    "vault.create",
    "vault.erase",
    "vault.read",
    "vault.replace",
  ]);
});

describe("the same runs find the fault when there is", () => {
  /** @returns what the run objects to; nothing after as many tries as sound workers pass. */
  const objectionTo = async <Ts>(property: fc.IAsyncProperty<Ts>) => {
    const { errorInstance } = await fc.check(property, {
      numRuns: 20_000,
      seed: 3,
      endOnFailure: true,
    });
    return errorInstance instanceof Error ? errorInstance.message : "";
  };

  it.for<readonly [string, readonly Safeguard[], RegExp]>([
    ["no fence: the version is not compared", ["version"], /refused|older token/],
    ["no check of who holds the lease", ["lease owner"], /one lease at a time|refused/],
    ["neither of them", ["version", "lease owner"], /refused|older token|one lease at a time/],
    ["no lease", ["free lease"], /one lease at a time/],
  ])("%s", async ([, omits, objection]) => {
    expect(await objectionTo(whateverHappens(omits))).toMatch(objection);
  });

  it("no second look at the table", async () => {
    expect(await objectionTo(allLive(["second read"]))).toMatch(/the one token/);
  });
});
