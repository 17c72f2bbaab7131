import { beforeEach, describe, expect, it } from "vitest";
import { keepAliveHandler } from "../../../functions/keep-alive/handler.ts";
import { connectionId, workspaceId } from "../../../shared/domain/ids.ts";
import {
  type KeepAliveQueue,
  keepAliveAt,
  keepAliveShards,
  type QueuedConnection,
} from "../../../shared/domain/keep-alive.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { everyBreak, type FaultyCall, watchedCalls } from "../../fakes/every-fault.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { lambdaContext } from "../../fakes/http-event.ts";
import type { Intercept } from "../../fakes/intercepted.ts";
import { memoryKeepAliveQueue } from "../../fakes/memory-keep-alive-queue.ts";
import { account, noon, secondsAfter } from "../../fakes/samples.ts";
import { stopTimers } from "../../fakes/stopped-timers.ts";

const log = captureLog();
beforeEach(stopTimers);

const day = 24 * 3600;
const ids = ["conn_one", "conn_two", "conn_three"].map(connectionId);
const due = (shards: number) => Array.from({ length: shards }, () => "queue.due");
const scene = {
  // What is due is refreshed while others are looked for.
  calls: [
    ...[...due(3), "tokens.refresh", ...due(1), "tokens.refresh", ...due(2), "tokens.refresh"],
    ...due(2),
    ...keepAliveShards.map(() => "queue.all"),
  ],
};

/** A query is one call. */
const interceptedQueue = (queue: KeepAliveQueue, intercept: Intercept): KeepAliveQueue => {
  async function* asOne(name: string, query: AsyncIterable<QueuedConnection>) {
    const found: QueuedConnection[] = [];
    await intercept(name, async () => {
      for await (const connection of query) found.push(connection);
    });
    yield* found;
  }
  return {
    due: (shard, now) => asOne("queue.due", queue.due(shard, now)),
    all: (shard, note) => asOne("queue.all", queue.all(shard, note)),
  };
};

/** A run over connections that are all due, with a fault, if one is given. */
const ran = async (fault?: FaultyCall) => {
  const { intercept, made, watch } = watchedCalls(fault);
  const clock = fakeClock();
  const storedAt = new Map(ids.map((id) => [id, secondsAfter(noon, -40 * day)]));
  const asked: string[] = [];
  const queue = memoryKeepAliveQueue(() =>
    [...storedAt].map(([id, refreshTokenStoredAt]) => ({
      id,
      workspaceId: workspaceId("ws_north"),
      tenantId: account.tenantId,
      keepAliveAt: keepAliveAt(id, refreshTokenStoredAt),
      refreshTokenStoredAt,
    })),
  );
  const handler = keepAliveHandler({
    queue: interceptedQueue(queue, intercept),
    refresh: async ({ id }) => {
      asked.push(id);
      await intercept("tokens.refresh", async () => {
        storedAt.set(id, clock.now());
      });
      return { ok: true, degraded: false };
    },
    now: clock.now,
  });
  const run = async () => {
    await handler({}, lambdaContext);
    return "ended";
  };
  const left = () => [...storedAt.values()].filter((at) => at < noon).length;
  return { made, asked, run, left, answer: await watch(run) };
};

it("a run makes these calls and no others", async () => {
  const { made, left } = await ran();

  expect(made).toEqual(scene.calls);
  expect(left()).toBe(0);
});

describe.for(everyBreak([scene]))(
  "where call $fault.index ($fault.name) $fault.what",
  ({ fault }) => {
    it("a run says so to the operator, asks for no connection twice, and for all others if one fails", async () => {
      const { asked, answer, left } = await ran(fault);

      expect(answer).toBe(fault.dies ? undefined : "ended");
      if (!fault.dies) expect(log.lines().join("")).toContain('"failure":"internal_error"');
      expect(new Set(asked).size).toBe(asked.length);
      const isOnlyOne = fault.name === "tokens.refresh" && !fault.lasts;
      if (isOnlyOne) expect(left()).toBe(fault.isDone ? 0 : 1);
      if (fault.name === "queue.all") expect(left()).toBe(0);
    });

    it("the next run refreshes what is left, once, and says how old all are", async () => {
      const { asked, run, left } = await ran(fault);
      const [waiting, askedBefore, lines] = [left(), asked.length, log.lines().length];

      await run();

      expect(left()).toBe(0);
      expect(asked.length - askedBefore).toBe(waiting);
      const [line] = log
        .lines()
        .slice(lines)
        .map((text) => JSON.parse(text));
      expect(line).toMatchObject({ keptAlive: { kept: waiting, left: 0 }, oldestDays: 0 });
    });
  },
);
