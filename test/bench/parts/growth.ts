import {
  BatchWriteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  type WriteRequest,
} from "@aws-sdk/client-dynamodb";
import { keepAlive } from "../../../functions/keep-alive/keep-alive.ts";
import { dynamoDbKeepAliveQueue } from "../../../shared/adapters/dynamodb/keep-alive-queue.ts";
import { type KeepAliveQueue, keepAliveShards } from "../../../shared/domain/keep-alive.ts";
import { startWorker } from "../environment/start-worker.ts";
import type { Scene } from "../scene.ts";
import { median, medianRatio } from "../statistics.ts";
import { storeAll } from "./warm.ts";

export interface GrowthRow {
  readonly name: string;
  readonly connections: number;
  readonly p50: number;
  /** Of the median of each round, to the smallest table. */
  readonly timesSmallest: number;
  readonly callsPerFetch: number;
}

export interface GrowthResult {
  readonly rows: readonly GrowthRow[];
  /** Bytes of a connection's item, which a read is billed by. */
  readonly itemBytes: number;
}

const first = 90_000;
const measured = 2_100;

/** Copies of one item under other names, 25 at a time; their tokens are cut short to fit in memory. */
const fill = async (
  client: DynamoDBClient,
  TableName: string,
  like: NonNullable<WriteRequest["PutRequest"]>["Item"],
  from: number,
  to: number,
): Promise<void> => {
  let next = from;
  const writer = async () => {
    while (next < to) {
      const begin = next;
      next = Math.min(next + 25, to);
      const requests = Array.from({ length: next - begin }, (_, index) => ({
        PutRequest: {
          Item: {
            ...like,
            id: { S: `conn_fill_${begin + index}` },
            ownerKey: { S: `owner_${begin + index}` },
            sealedAccessToken: { S: "short" },
            ...inQueue(begin + index),
          },
        },
      }));
      await client.send(new BatchWriteItemCommand({ RequestItems: { [TableName]: requests } }));
    }
  };
  await Promise.all(Array.from({ length: 4 }, writer));
};

/** As after a day: each is in one of the queue's shards, and none is due. */
const inQueue = (index: number) => ({
  keepAliveShard: { S: keepAliveShards[index % keepAliveShards.length] ?? "" },
  keepAliveAt: { S: new Date(Date.now() + (7 + (index % 7)) * 24 * 3600 * 1000).toISOString() },
});

/** A run that finds nothing due; it still says how old all refresh tokens are, for which it reads the whole index. */
const keepAliveRun = async (queue: KeepAliveQueue): Promise<number> => {
  const begun = performance.now();
  const run = await keepAlive({
    queue,
    refresh: () => Promise.reject(new Error("nothing is due")),
    report: () => {},
    noteUnreadable: ({ fields }) => {
      throw new Error(`not as they are stored: ${fields.join()}`);
    },
    now: () => new Date(),
  });
  if (run.left > 0) throw new Error("something was due");
  return performance.now() - begun;
};

/** A fetch from the table, and a run of the keep-alive, while ever more connections are in it. */
export const measureGrowth = async (
  scene: Scene,
  {
    sizes,
    rounds,
    milliseconds,
  }: { readonly sizes: readonly number[]; readonly rounds: number; readonly milliseconds: number },
): Promise<GrowthResult> => {
  const { engines, ours, connectionsTable } = scene;
  const client = new DynamoDBClient({});
  const mailboxes = Array.from({ length: measured }, (_, index) => first + index);
  await storeAll(ours.store, mailboxes, 24 * 3600);
  const event = ours.event(first) as { connectionId: string };
  const { Item = {} } = await client.send(
    new GetItemCommand({ TableName: connectionsTable, Key: { id: { S: event.connectionId } } }),
  );
  const worker = await startWorker(ours.bundle, scene.environment("http"));
  try {
    const events = mailboxes.map(ours.event);
    await worker.fetch({ events, callers: 1, milliseconds: 3 * milliseconds });
    const rows: GrowthRow[] = [];
    let filled = 0;
    let smallest: readonly number[] | undefined;
    const queue = dynamoDbKeepAliveQueue(client, connectionsTable);
    const keepAlives: GrowthRow[] = [];
    for (const connections of sizes) {
      await fill(client, connectionsTable, Item, filled, connections);
      filled = connections;
      const medians: number[] = [];
      let calls = 0;
      for (let round = 0; round < rounds; round += 1) {
        await engines.forget();
        const run = await worker.fetch({ events, callers: 1, milliseconds });
        const counts = await engines.counts();
        calls = Object.values(counts).reduce((sum, count) => sum + count, 0) / run.fetches;
        medians.push(median(run.times));
      }
      smallest ??= medians;
      rows.push({
        name: "fetch from the table",
        connections,
        p50: median(medians),
        timesSmallest: medianRatio(medians, smallest),
        callsPerFetch: calls,
      });
      await engines.forget();
      const took = await keepAliveRun(queue);
      keepAlives.push({
        name: "keep-alive, nothing due",
        connections,
        p50: took,
        timesSmallest: took / (keepAlives[0]?.p50 ?? took),
        callsPerFetch: (await engines.counts()).Query ?? 0,
      });
    }
    rows.push(...keepAlives);
    return { rows, itemBytes: Buffer.byteLength(JSON.stringify(Item)) };
  } finally {
    await worker.stop();
    client.destroy();
  }
};
