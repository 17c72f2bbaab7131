import {
  BatchWriteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  type GetItemCommandOutput,
} from "@aws-sdk/client-dynamodb";
import { keepAlive } from "../../../functions/keep-alive/keep-alive.ts";
import { dynamoDbKeepAliveQueue } from "../../../shared/adapters/dynamodb/keep-alive-queue.ts";
import { type KeepAliveQueue, keepAliveShards } from "../../../shared/domain/keep-alive.ts";
import { startWorker } from "../environment/start-worker.ts";
import type { Scene } from "../scene.ts";
import { median, medianRatio } from "../statistics.ts";
import { numbered, storeAll } from "./warm.ts";

export interface GrowthRow {
  readonly name: string;
  readonly connections: number;
  readonly p50: number;
  /** Of the median of each round, to the smallest table. */
  readonly timesSmallest: number;
  /** The most of any round. */
  readonly callsPerFetch: number;
}

export interface GrowthResult {
  readonly rows: readonly GrowthRow[];
  /** Bytes of a connection's item, which a read is billed by. */
  readonly itemBytes: number;
}

type Item = NonNullable<GetItemCommandOutput["Item"]>;

interface Round {
  readonly milliseconds: number;
  readonly calls: number;
}

interface Measured {
  readonly connections: number;
  readonly fetches: readonly Round[];
  readonly keepAlives: readonly Round[];
}

const tableName = "BenchGrowth";
const firstMailbox = 90_000;
/** So many connections have tokens that open, and are fetched in turn; what is beyond them only fills the table. */
const largestFetched = 1_000;
/** Rounds that are not counted, at the smallest size: code is compiled in them. */
const firstRounds = 3;

const itemOf = async (client: DynamoDBClient, id: string): Promise<Item> => {
  const Key = { id: { S: id } };
  const { Item } = await client.send(new GetItemCommand({ TableName: tableName, Key }));
  if (!Item) throw new Error("the first connection was not stored");
  return Item;
};

/** Copies of one item under other names, 25 at a time; their tokens are cut short to fit in memory. */
const fill = async (
  client: DynamoDBClient,
  like: Item,
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
      await client.send(new BatchWriteItemCommand({ RequestItems: { [tableName]: requests } }));
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
const keepAliveRun = async (queue: KeepAliveQueue, connections: number): Promise<number> => {
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
  const took = performance.now() - begun;
  if (run.left > 0) throw new Error("something was due");
  const found = sum(run.ages);
  if (found !== connections) throw new Error(`${found} connections instead of ${connections}`);
  return took;
};

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

const repeated = async (times: number, round: () => Promise<Round>): Promise<readonly Round[]> => {
  const rounds: Round[] = [];
  while (rounds.length < times) rounds.push(await round());
  return rounds;
};

const rowOf = (
  name: string,
  connections: number,
  rounds: readonly Round[],
  smallest: readonly Round[],
): GrowthRow => {
  const timesOf = (of: readonly Round[]) => of.map(({ milliseconds }) => milliseconds);
  return {
    name,
    connections,
    p50: median(timesOf(rounds)),
    timesSmallest: medianRatio(timesOf(rounds), timesOf(smallest)),
    callsPerFetch: Math.max(...rounds.map(({ calls }) => calls)),
  };
};

/** A fetch from the table, and a run of the keep-alive, while ever more connections are in it, and nothing else. */
export const measureGrowth = async (
  scene: Scene,
  {
    sizes,
    rounds,
    milliseconds,
  }: { readonly sizes: readonly number[]; readonly rounds: number; readonly milliseconds: number },
): Promise<GrowthResult> => {
  const { engines, ours } = scene;
  const { store, environment } = await scene.openTable(tableName);
  const client = new DynamoDBClient({});
  const queue = dynamoDbKeepAliveQueue(client, tableName);
  const worker = await startWorker(ours.bundle, environment("http"));

  const fetchRound = async (events: readonly object[]): Promise<Round> => {
    await engines.forget();
    const run = await worker.fetch({ events, callers: 1, milliseconds, remembersNothing: true });
    const calls = sum(Object.values(await engines.counts()));
    return { milliseconds: median(run.times), calls: calls / run.fetches };
  };
  const keepAliveRound = async (connections: number): Promise<Round> => {
    await engines.forget();
    const took = await keepAliveRun(queue, connections);
    return { milliseconds: took, calls: (await engines.counts()).Query ?? 0 };
  };

  try {
    const measured: Measured[] = [];
    const first = ours.event(firstMailbox) as { connectionId: string };
    let item: Item = {};
    let fetched = 0;
    let copies = 0;
    for (const connections of sizes) {
      const mailboxes = numbered(firstMailbox, Math.min(connections, largestFetched));
      await storeAll(store, mailboxes.slice(fetched), 24 * 3600);
      fetched = mailboxes.length;
      item = await itemOf(client, first.connectionId);
      await fill(client, item, copies, connections - fetched);
      copies = connections - fetched;

      const events = mailboxes.map(ours.event);
      const uncounted = measured.length > 0 ? 0 : firstRounds;
      const fetches = await repeated(uncounted + rounds, () => fetchRound(events));
      const keepAlives = await repeated(uncounted + rounds, () => keepAliveRound(connections));
      measured.push({
        connections,
        fetches: fetches.slice(uncounted),
        keepAlives: keepAlives.slice(uncounted),
      });
    }
    const rowsOf = (name: string, of: "fetches" | "keepAlives") =>
      measured.map((size) => rowOf(name, size.connections, size[of], measured[0]?.[of] ?? []));
    return {
      rows: [
        ...rowsOf("fetch from the table", "fetches"),
        ...rowsOf("keep-alive, nothing due", "keepAlives"),
      ],
      itemBytes: Buffer.byteLength(JSON.stringify(item)),
    };
  } finally {
    await worker.stop();
    client.destroy();
  }
};
