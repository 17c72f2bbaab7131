import { join } from "node:path";
import { startWorker } from "../environment/start-worker.ts";
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
  /** Of the table's item: whoever waits reads it again. */
  readonly readsPerFetch: number;
  readonly failures: number;
  /** Milliseconds. */
  readonly medianWait: number;
  readonly worstWait: number;
}

export interface HerdResult {
  readonly rows: readonly HerdRow[];
}

const over = -10;
const twoMinutes = 120;
const mailbox = 3;
/** Herds that come before the one that counts: every environment is warm, whatever will be its part in it. */
const warmUps = [4, 5, 6];
const largestProcesses = 100;
/** Of more environments, so many are in one process each: separate instances of the module. */
const processesOfMany = 10;

const firstWarm = 1_000;

const writeOperations = ["UpdateItem", "PutItem", "PutSecretValue", "CreateSecret"];

export const measureHerd = async (
  scene: Scene,
  { rounds, many }: { readonly rounds: number; readonly many: number },
): Promise<HerdResult> => {
  const { engines, ours, card, msalDynamoDb } = scene;
  const env = scene.environment("http");

  for (const contender of [ours, card, msalDynamoDb])
    await storeAll(contender.store, numbered(firstWarm, 60), 24 * 3600);
  const herd = async (
    contender: Contender,
    environments: number,
    secondsLeft: number,
    repeats: number,
  ): Promise<HerdRow> => {
    const processes = environments > largestProcesses ? processesOfMany : environments;
    const results: Omit<HerdRow, "name" | "environments" | "processes" | "secondsLeft">[] = [];
    for (let round = 0; round < repeats; round += 1) {
      const workers = await Promise.all(
        Array.from({ length: processes }, () =>
          startWorker(contender.bundle, env, environments / processes),
        ),
      );
      try {
        for (const before of warmUps) {
          await contender.store(before, over);
          await Promise.all(
            workers.map((worker) => worker.herd({ event: contender.event(before) })),
          );
        }
        // Their code is compiled, as that of environments that have served a while.
        const hits = numbered(firstWarm, 60).map(contender.event);
        await Promise.all(
          workers.map((worker) =>
            worker.fetch({ events: hits, callers: 1, milliseconds: 0, once: true }),
          ),
        );
        await contender.store(mailbox, secondsLeft);
        await engines.forget();
        const runs = await Promise.all(
          // Callers whom two minutes are enough; msal and better-auth have no such choice.
          workers.map((worker) =>
            worker.herd({ event: { ...contender.event(mailbox), minTtlSeconds: 60 } }),
          ),
        );
        const waits = runs.flatMap((run) => run.waits);
        results.push(
          resultOf(
            await engines.counts(),
            waits,
            runs.flatMap((run) => run.failures),
          ),
        );
      } finally {
        await Promise.all(workers.map((worker) => worker.stop()));
      }
    }
    return { name: contender.name, environments, processes, secondsLeft, ...middleOf(results) };
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

  const rows: HerdRow[] = [];
  for (const secondsLeft of [over, twoMinutes]) {
    for (const environments of [1, 10, 100]) {
      rows.push(await herd(ours, environments, secondsLeft, rounds));
      for (const peer of [card, msalDynamoDb]) {
        rows.push(await herd(peer, environments, secondsLeft, 1));
      }
      rows.push(await betterAuth(environments, secondsLeft));
    }
    rows.push(await herd(ours, many, secondsLeft, 1));
  }
  return { rows };
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
  medianWait: median(waits),
  worstWait: Math.max(...waits),
});

/** The worst of what is counted, the median of what is timed. */
const middleOf = (results: readonly Result[]): Result => {
  const worst = results.toSorted((one, other) => other.tokenCalls - one.tokenCalls)[0];
  if (!worst) throw new Error("no round of the herd");
  return {
    ...worst,
    readsPerFetch: Math.max(...results.map((result) => result.readsPerFetch)),
    failures: Math.max(...results.map((result) => result.failures)),
    medianWait: median(results.map((result) => result.medianWait)),
    worstWait: median(results.map((result) => result.worstWait)),
  };
};
