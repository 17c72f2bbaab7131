import { join } from "node:path";
import { tokenEndpointMilliseconds } from "../engines/messages.ts";
import { type BenchWorker, startWorker } from "../environment/start-worker.ts";
import type { Scene } from "../scene.ts";
import { median, medianRatio, quantile } from "../statistics.ts";

export interface WarmRow {
  readonly name: string;
  readonly latency: number;
  readonly callers: number;
  readonly fetchesPerSecond: number;
  /** Of the median of each round; `undefined` for the card itself. */
  readonly timesCard: number;
  readonly p50: number;
  readonly p99: number;
  readonly cpuMillisecondsPerFetch: number;
  /** As counted where they arrive. */
  readonly callsPerFetch: number;
  readonly operations: Readonly<Record<string, number>>;
}

export interface WarmResult {
  readonly rounds: number;
  readonly rows: readonly WarmRow[];
}

/** More mailboxes than an environment remembers, so that each fetch reads the table. */
const oursMailboxes = 2_100;
const firstOurs = 10_000;
const peerMailboxes = 50;
const firstPeer = 100;
const firstExpired = 50_000;

export const cardName = "msal plugin over Secrets Manager (the card)";

export const numbered = (first: number, count: number) =>
  Array.from({ length: count }, (_, index) => first + index);

/** Not all at once: the engine is one process. */
export const storeAll = async (
  store: (mailbox: number, secondsLeft: number) => Promise<void>,
  mailboxes: readonly number[],
  secondsLeft: number,
): Promise<void> => {
  const rest = [...mailboxes];
  const storing = async () => {
    for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
      await store(next, secondsLeft);
    }
  };
  await Promise.all(Array.from({ length: 8 }, storing));
};

/** What is fetched again and again by environments that are warm, one contender after the other in every round. */
export const measureWarm = async (
  scene: Scene,
  {
    rounds,
    milliseconds,
    refreshes,
  }: Readonly<Record<"rounds" | "milliseconds" | "refreshes", number>>,
): Promise<WarmResult> => {
  const { engines, ours, card, msalDynamoDb } = scene;
  const env = scene.environment("http");
  const lasting = 24 * 3600;
  await storeAll(ours.store, numbered(firstOurs, oursMailboxes), lasting);
  await storeAll(card.store, numbered(firstPeer, peerMailboxes), lasting);
  await storeAll(msalDynamoDb.store, numbered(firstPeer, peerMailboxes), lasting);

  await using workers = new AsyncDisposableStack();
  const start = async (bundle: string): Promise<BenchWorker> =>
    workers.adopt(await startWorker(bundle, env), (worker) => worker.stop());
  const oursWorker = await start(ours.bundle);
  const memoryWorker = await start(ours.bundle);
  const refreshWorker = await start(ours.bundle);
  const cardWorker = await start(card.bundle);
  const dynamoDbWorker = await start(msalDynamoDb.bundle);
  const betterAuth = await start(join(import.meta.dirname, "..", "contenders", "better-auth.ts"));
  await betterAuth.prepare({ secondsLeft: lasting });

  const events = (event: (mailbox: number) => object, first: number, count: number) =>
    numbered(first, count).map(event);
  const contenders = [
    { name: cardName, worker: cardWorker, events: events(card.event, firstPeer, peerMailboxes) },
    {
      name: "msal plugin over DynamoDB",
      worker: dynamoDbWorker,
      events: events(msalDynamoDb.event, firstPeer, peerMailboxes),
    },
    { name: "better-auth getAccessToken, database in memory", worker: betterAuth, events: [{}] },
    {
      name: "ours, from the table",
      worker: oursWorker,
      events: events(ours.event, firstOurs, oursMailboxes),
    },
    { name: "ours, from memory", worker: memoryWorker, events: events(ours.event, firstOurs, 1) },
    { name: "ours, refresh", worker: refreshWorker, events: [] },
  ];

  const cells = new Map<string, Omit<WarmRow, "timesCard" | "name" | "latency" | "callers">[]>();
  const keyOf = (name: string, latency: number, callers: number) =>
    JSON.stringify([name, latency, callers]);
  await engines.setMicrosoft(0);
  // Compiled code and open connections, before anything counts.
  for (const { worker, events } of contenders) {
    if (events.length > 0) await worker.fetch({ events, callers: 16, milliseconds });
  }
  // Each once: an environment remembers what it has refreshed.
  let nextExpired = firstExpired;
  for (let round = 0; round < rounds; round += 1) {
    for (const latency of [0, 5]) {
      for (const callers of [1, 16]) {
        for (const { name, worker, events: hits } of contenders) {
          const isRefresh = hits.length === 0;
          const expired = numbered(nextExpired, refreshes);
          if (isRefresh) {
            nextExpired += refreshes;
            await engines.setLatency(0);
            await storeAll(ours.store, expired, -10);
          }
          await engines.setLatency(latency);
          await engines.forget();
          const run = await worker.fetch({
            events: isRefresh ? expired.map(ours.event) : hits,
            callers,
            milliseconds,
            once: isRefresh,
          });
          const operations = await engines.counts();
          const calls = Object.values(operations).reduce((sum, count) => sum + count, 0);
          const cell = {
            fetchesPerSecond: run.fetches / run.seconds,
            p50: median(run.times),
            p99: quantile(run.times, 0.99),
            cpuMillisecondsPerFetch: run.cpuMilliseconds / run.fetches,
            callsPerFetch: calls / run.fetches,
            operations: Object.fromEntries(
              Object.entries(operations).map(([name, count]) => [name, count / run.fetches]),
            ),
          };
          const key = keyOf(name, latency, callers);
          cells.set(key, [...(cells.get(key) ?? []), cell]);
        }
      }
    }
  }
  await engines.setLatency(0);
  await engines.setMicrosoft(tokenEndpointMilliseconds);

  const rows = [0, 5].flatMap((latency) =>
    [1, 16].flatMap((callers) =>
      contenders.map(({ name }): WarmRow => {
        const all = cells.get(keyOf(name, latency, callers)) ?? [];
        const cards = cells.get(keyOf(cardName, latency, callers)) ?? [];
        const rates = (of: typeof all) => of.map(({ fetchesPerSecond }) => fetchesPerSecond);
        const middle = (field: "p50" | "p99" | "cpuMillisecondsPerFetch" | "callsPerFetch") =>
          median(all.map((cell) => cell[field]));
        return {
          name,
          latency,
          callers,
          fetchesPerSecond: median(rates(all)),
          timesCard: medianRatio(rates(all), rates(cards)),
          p50: middle("p50"),
          p99: middle("p99"),
          cpuMillisecondsPerFetch: middle("cpuMillisecondsPerFetch"),
          callsPerFetch: middle("callsPerFetch"),
          operations: all.at(-1)?.operations ?? {},
        };
      }),
    ),
  );
  return { rounds, rows };
};
