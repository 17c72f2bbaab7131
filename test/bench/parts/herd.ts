import { join } from "node:path";
import { type BenchWorker, startWorker } from "../environment/start-worker.ts";
import type { Contender, Scene } from "../scene.ts";
import { median } from "../statistics.ts";
import { numbered, storeAll } from "./warm.ts";

export interface HerdRow {
  readonly name: string;
  readonly environments: number;
  readonly processes: number;
  readonly secondsLeft: number;
  /** The most of any round. */
  readonly tokenCalls: number;
  readonly writes: Readonly<Record<string, number>>;
  /** Of any item: whoever waits reads the connection again, and whoever refreshes reads the circuits as well. */
  readonly readsPerFetch: number;
  readonly failures: number;
  /** Milliseconds. Who refreshes an expired token is served first: this is what one refresh takes under the herd. */
  readonly firstWait: number;
  readonly medianWait: number;
  readonly worstWait: number;
}

export interface HerdResult {
  readonly rows: readonly HerdRow[];
}

const over = -10;
const twoMinutes = 120;
/** The token endpoint takes its 150 ms besides. */
const latency = 5;
const largestProcesses = 100;
/** Of more environments, so many are in one process each: separate instances of the module. */
const processesOfMany = 10;
/** What each process does before: its code is compiled, and what a refresh needs is loaded, as after a while of service. */
const warmUps = { refreshes: 2, hits: 30 };

/** A few at a time: more starve each other on a slow machine, and a refresh gives up that takes too long. */
const warmUpsAtOnce = 4;

/**
 * What only a herd runs (waiting, the refusal of a lease) is compiled in its first rounds, which are not counted; msal and
 * the vault's connections are as warm as the rest after them.
 */
const firstRounds = 5;

/** Each herd has a mailbox of its own. */
const firstOfHerds = 3;
const firstWarm = 1_000;
const firstExpired = 2_000;

const writeOperations = ["UpdateItem", "PutItem", "PutSecretValue", "CreateSecret"];

export const measureHerd = async (
  scene: Scene,
  {
    rounds,
    many,
    peersUpTo,
  }: {
    readonly rounds: number;
    readonly many: number;
    /** More environments of a peer are not started. */
    readonly peersUpTo: number;
  },
): Promise<HerdResult> => {
  const { engines, ours, card, msalDynamoDb } = scene;
  const env = scene.environment("http");
  let mailbox = firstOfHerds;

  const warmUp = async (contender: Contender, workers: readonly BenchWorker[]) => {
    const hits = numbered(firstWarm, warmUps.hits).map(contender.event);
    const fetchOnce = (worker: BenchWorker, events: readonly object[]) =>
      worker.fetch({ events, callers: 1, milliseconds: 0, once: true });
    const waiting = workers.entries();
    const warmUpInTurn = async () => {
      for (const [index, worker] of waiting) {
        const own = numbered(firstExpired + index * warmUps.refreshes, warmUps.refreshes);
        for (const each of own) await contender.store(each, over);
        await fetchOnce(worker, own.map(contender.event));
        await fetchOnce(worker, hits);
      }
    };
    await Promise.all(Array.from({ length: warmUpsAtOnce }, warmUpInTurn));
  };

  const herdsOf = async (
    contender: Contender,
    environments: number,
    repeats: number,
  ): Promise<readonly HerdRow[]> => {
    const processes = environments > largestProcesses ? processesOfMany : environments;
    const rows: HerdRow[] = [];
    await using stack = new AsyncDisposableStack();
    const workers = await Promise.all(
      Array.from({ length: processes }, async () =>
        stack.adopt(await startWorker(contender.bundle, env, environments / processes), (worker) =>
          worker.stop(),
        ),
      ),
    );
    await warmUp(contender, workers);
    for (const secondsLeft of [over, twoMinutes]) {
      const results: Result[] = [];
      for (let round = 0; round < firstRounds + repeats; round += 1) {
        mailbox += 1;
        await contender.store(mailbox, secondsLeft);
        await engines.setLatency(latency);
        await engines.forget();
        const runs = await Promise.all(
          // Callers whom two minutes are enough; msal and better-auth have no such choice.
          workers.map((worker) =>
            worker.herd({ event: { ...contender.event(mailbox), minTtlSeconds: 60 } }),
          ),
        );
        await engines.setLatency(0);
        const result = resultOf(
          await engines.counts(),
          runs.flatMap(({ waits }) => waits),
          runs.flatMap(({ failures }) => failures),
        );
        if (round >= firstRounds) results.push(result);
      }
      rows.push({
        name: contender.name,
        environments,
        processes,
        secondsLeft,
        ...middleOf(results),
      });
    }
    return rows;
  };

  /** better-auth is one process by design: so many callers in it. */
  const betterAuth = async (calls: number, secondsLeft: number): Promise<HerdRow> => {
    const worker = await startWorker(
      join(import.meta.dirname, "..", "contenders", "better-auth.ts"),
      env,
    );
    try {
      await worker.prepare({ secondsLeft: 3_600 });
      await worker.herd({ event: {} });
      await worker.prepare({ secondsLeft });
      await engines.forget();
      const { waits, failures } = await worker.herd({ event: {}, calls });
      const result = resultOf(await engines.counts(), waits, failures);
      return {
        name: "better-auth getAccessToken",
        environments: calls,
        processes: 1,
        secondsLeft,
        ...result,
      };
    } finally {
      await worker.stop();
    }
  };

  for (const contender of [ours, card, msalDynamoDb]) {
    await storeAll(contender.store, numbered(firstWarm, warmUps.hits), 24 * 3600);
  }
  const rows: HerdRow[] = [];
  for (const environments of [1, 10, 100]) {
    rows.push(...(await herdsOf(ours, environments, rounds)));
    const peers = environments > peersUpTo ? [] : [card, msalDynamoDb];
    for (const peer of peers) rows.push(...(await herdsOf(peer, environments, 1)));
    for (const secondsLeft of [over, twoMinutes]) {
      rows.push(await betterAuth(environments, secondsLeft));
    }
  }
  rows.push(...(await herdsOf(ours, many, 1)));
  return {
    rows: rows.toSorted(
      (one, other) => Number(one.secondsLeft > 0) - Number(other.secondsLeft > 0),
    ),
  };
};

type Result = Omit<HerdRow, "name" | "environments" | "processes" | "secondsLeft">;

const resultOf = (
  counts: Readonly<Record<string, number>>,
  waits: readonly number[],
  failures: readonly string[],
): Result => ({
  tokenCalls: counts.token ?? 0,
  writes: Object.fromEntries(
    Object.entries(counts).filter(([operation]) => writeOperations.includes(operation)),
  ),
  readsPerFetch: (counts.GetItem ?? 0) / waits.length,
  failures: failures.length,
  firstWait: Math.min(...waits),
  medianWait: median(waits),
  worstWait: Math.max(...waits),
});

/** The worst of what is counted, the median of what is timed. */
const middleOf = (results: readonly Result[]): Result => {
  const worst = results.toSorted((one, other) => other.tokenCalls - one.tokenCalls)[0];
  if (!worst) throw new Error("no round of the herd");
  const operations = new Set(results.flatMap(({ writes }) => Object.keys(writes)));
  return {
    ...worst,
    writes: Object.fromEntries(
      [...operations].map((name) => [
        name,
        Math.max(...results.map(({ writes }) => writes[name] ?? 0)),
      ]),
    ),
    readsPerFetch: Math.max(...results.map((result) => result.readsPerFetch)),
    failures: Math.max(...results.map((result) => result.failures)),
    firstWait: median(results.map((result) => result.firstWait)),
    medianWait: median(results.map((result) => result.medianWait)),
    worstWait: median(results.map((result) => result.worstWait)),
  };
};
