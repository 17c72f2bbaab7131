import { describe, expect, it } from "vitest";
import { timeBudget } from "../../../functions/token-fetch/time-budget.ts";
import { connectionIdOf } from "../../../shared/domain/ids.ts";
import { account, mallory } from "../../fakes/samples.ts";
import { tokenFetchInMemory } from "../../fakes/token-fetch-in-memory.ts";

interface Meeting {
  /** When this environment read the table before; never, unless said. */
  readonly readSecondsAgo?: number;
  /** How many milliseconds the first read takes. */
  readonly readTakes: number;
  readonly tokenExpiresInSeconds?: number;
  readonly remainingSeconds?: number;
}

/** What an environment does that meets a token which is to be renewed, and that nobody else renews. */
const meet = async ({
  readSecondsAgo,
  readTakes,
  tokenExpiresInSeconds = -1,
  remainingSeconds,
}: Meeting) => {
  let nextReadTakes = 0;
  const { clock, connect, environment } = tokenFetchInMemory({
    intercept: async (name, call) => {
      if (name === "connections.findForWorkspace") {
        clock.pass(nextReadTakes / 1000);
        nextReadTakes = 0;
      }
      return call();
    },
  });
  const id = await connect({ expiresInSeconds: tokenExpiresInSeconds });
  const { fetch, calls, waits } = environment();
  if (readSecondsAgo !== undefined) {
    await fetch(300, connectionIdOf(mallory, account));
    clock.pass(readSecondsAgo);
    calls.length = 0;
  }
  nextReadTakes = readTakes;
  const fetched = await fetch(60, id, undefined, remainingSeconds);
  return {
    token: fetched.ok && fetched.value.accessToken.reveal(),
    /** Of the table, until the lease is tried for. */
    callsBefore: calls.slice(0, calls.indexOf("connections.acquireLease")),
    waits,
  };
};

const oneRead = ["connections.findForWorkspace"];

it("who comes late to a crowd waits as long as a refresh takes before it tries for the lease, and renews the token if nobody did", async () => {
  const { token, callsBefore, waits } = await meet({ readSecondsAgo: 1, readTakes: 31 });

  expect(token).toBe("renewed-1");
  expect(callsBefore).toEqual([...oneRead, ...oneRead]);
  expect(waits).toEqual([150 + 25]);
});

it.for([
  ["the longest read that tells of a crowd", 999, timeBudget.invocation],
  ["just enough time", 100, timeBudget.refresh + 4.1],
] as const)("waits for others first with %s", async ([, readTakes, remainingSeconds]) => {
  const { token, waits } = await meet({ readSecondsAgo: 1, readTakes, remainingSeconds });

  expect(token).toBe("renewed-1");
  expect(waits).toHaveLength(1);
});

it("lets nobody try first where it has not acted on what may be out of date", async () => {
  let nextReadTakes = 0;
  const { clock, connect, environment } = tokenFetchInMemory({
    intercept: async (name, call) => {
      if (name !== "connections.findForWorkspace") return call();
      clock.pass(nextReadTakes / 1000);
      const isFirst = nextReadTakes > 0;
      nextReadTakes = 0;
      // An eventually consistent read does not know of the connection yet.
      return isFirst ? (undefined as never) : call();
    },
  });
  const id = await connect({ expiresInSeconds: -1 });
  const { fetch, waits } = environment();
  await fetch(300, connectionIdOf(mallory, account));
  clock.pass(1);
  nextReadTakes = 100;

  const fetched = await fetch(60, id);

  expect(fetched.ok && fetched.value.accessToken.reveal()).toBe("renewed-1");
  expect(waits).toEqual([]);
});

it("who comes late to a crowd is served what another has renewed meanwhile, and writes nothing", async () => {
  let readTakes = 0;
  const rig = tokenFetchInMemory({
    intercept: async (name, call) => {
      if (name === "clock.wait") await rig.environment((_, work) => work()).fetch();
      if (name === "connections.findForWorkspace") rig.clock.pass(readTakes / 1000);
      return call();
    },
  });
  const id = await rig.connect({ expiresInSeconds: -1 });
  const { fetch, calls } = rig.environment();
  await fetch(300, connectionIdOf(mallory, account));
  calls.length = 0;
  readTakes = 100;

  const fetched = await fetch(60, id);

  expect(fetched.ok && fetched.value.accessToken.reveal()).toBe("renewed-1");
  expect(calls).toEqual([...oneRead, ...oneRead, "sealer.open"]);
});

describe("tries for the lease at once", () => {
  it.for<[string, Meeting]>([
    ["whose read took no longer than usual", { readSecondsAgo: 1, readTakes: 30 }],
    ["whose first read of all was slow: it opened a connection", { readTakes: 31 }],
    [
      "whose first read after a minute was slow: it opened a connection",
      { readSecondsAgo: 60, readTakes: 31 },
    ],
    [
      "who has a token that is good enough: it need not wait for a newer one",
      { readSecondsAgo: 1, readTakes: 31, tokenExpiresInSeconds: 120 },
    ],
    [
      "who has not the time to wait for others and to read again",
      { readSecondsAgo: 1, readTakes: 100, remainingSeconds: timeBudget.refresh + 4 },
    ],
    ["whose read took so long that a try of it was lost", { readSecondsAgo: 1, readTakes: 1_000 }],
  ])("one %s", async ([, meeting]) => {
    const { token, callsBefore, waits } = await meet(meeting);

    expect(token).toBe("renewed-1");
    expect(callsBefore).toEqual(oneRead);
    expect(waits).toEqual([]);
  });
});
