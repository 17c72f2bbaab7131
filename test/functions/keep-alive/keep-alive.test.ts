import { randomUUID } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { keepAliveHandler } from "../../../functions/keep-alive/handler.ts";
import {
  type KeepAliveRun,
  keepAlive,
  keptAliveOf,
  type TokenServiceAnswer,
  type TokenServiceOutcome,
} from "../../../functions/keep-alive/keep-alive.ts";
import {
  connectionId,
  personalAccountsTenant,
  type TenantId,
  tenantId,
  workspaceId,
} from "../../../shared/domain/ids.ts";
import { keepAliveAt, type QueuedConnection } from "../../../shared/domain/keep-alive.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { lambdaContext } from "../../fakes/http-event.ts";
import { memoryKeepAliveQueue } from "../../fakes/memory-keep-alive-queue.ts";
import { account, noon, secondsAfter } from "../../fakes/samples.ts";

const log = captureLog();

const day = 24 * 3600;
const elsewhere = tenantId("9c1f4a7e-2b63-4d58-8e90-1a2b3c4d5e6f");

const queued = (changes: Partial<QueuedConnection> = {}): QueuedConnection => {
  const id = connectionId(`conn_${randomUUID()}`);
  const refreshTokenStoredAt = changes.refreshTokenStoredAt ?? secondsAfter(noon, -20 * day);
  return {
    id,
    workspaceId: workspaceId("ws_north"),
    tenantId: account.tenantId,
    keepAliveAt: keepAliveAt(id, refreshTokenStoredAt),
    refreshTokenStoredAt,
    ...changes,
  };
};

const kept = { ok: true, degraded: false } as const;
const refusal = (code: string, actor: string): TokenServiceAnswer => ({
  ok: false,
  error: { code, actor },
});

const scene = (
  connections: readonly QueuedConnection[],
  answer: (connection: QueuedConnection) => TokenServiceOutcome | Promise<TokenServiceOutcome>,
) => {
  const clock = fakeClock();
  const asked: QueuedConnection[] = [];
  const reported: unknown[] = [];
  let atOnce = 0;
  let mostAtOnce = 0;
  const run = () =>
    keepAlive({
      queue: memoryKeepAliveQueue(() => connections),
      refresh: async (connection) => {
        asked.push(connection);
        atOnce += 1;
        mostAtOnce = Math.max(mostAtOnce, atOnce);
        await setImmediate();
        try {
          return await answer(connection);
        } finally {
          atOnce -= 1;
        }
      },
      report: (error) => reported.push(error),
      noteUnreadable: ({ id }) => expect.fail(id),
      now: clock.now,
    });
  return { run, clock, asked, reported, mostAtOnce: () => mostAtOnce };
};

describe("what the token service answers", () => {
  it.for([
    [kept, "kept"],
    [{ ok: true, degraded: true } as const, "refused"],
    [refusal("not_found", "user"), "ended"],
    [refusal("reauthorization_required", "user"), "ended"],
    [refusal("admin_consent_required", "tenant_admin"), "refused"],
    [refusal("tenant_blocked", "tenant_admin"), "refused"],
    [refusal("throttled", "nobody"), "unavailable"],
    [refusal("temporarily_unavailable", "nobody"), "unavailable"],
    [refusal("temporarily_unavailable", "operator"), "faulty"],
    [refusal("misconfigured", "operator"), "faulty"],
    [refusal("something_new", "operator"), "faulty"],
  ] as const)("%j means %s", ([answer, meaning]) => {
    expect(keptAliveOf(answer)).toBe(meaning);
  });
});

describe("a run", () => {
  it("refreshes what is due, and nothing else", async () => {
    const due = [queued(), queued(), queued()];
    const inUse = queued({ refreshTokenStoredAt: secondsAfter(noon, -3600) });
    const { run, asked } = scene([...due, inUse], () => kept);

    expect(await run()).toMatchObject({ kept: 3, ended: 0, refused: 0, left: 0 });
    expect(new Set(asked)).toEqual(new Set(due));
  });

  it("counts what became of each", async () => {
    const [alive, gone, waiting] = [queued(), queued(), queued()];
    const { run } = scene([alive, gone, waiting], ({ id }) => {
      if (id === gone.id) return refusal("reauthorization_required", "user");
      return id === waiting.id ? refusal("admin_consent_required", "tenant_admin") : kept;
    });

    expect(await run()).toMatchObject({ kept: 1, ended: 1, refused: 1, left: 0 });
  });

  it("takes a private mailbox that is throttled for itself alone", async () => {
    const personal = Array.from({ length: 30 }, () =>
      queued({ tenantId: personalAccountsTenant as TenantId }),
    );
    const { run } = scene(personal, ({ id }) =>
      id === personal[0]?.id ? refusal("throttled", "nobody") : kept,
    );

    expect(await run()).toMatchObject({ kept: 29, left: 1 });
  });

  it.for(["throttled", "temporarily_unavailable"])(
    "leaves a tenant only when three of it are %s: one account may be locked",
    async (code) => {
      const troubled = Array.from({ length: 100 }, () => queued());
      const others = Array.from({ length: 100 }, () => queued({ tenantId: elsewhere }));
      const locked = others.slice(0, 2);
      const { run, asked } = scene([...troubled, ...others], (connection) =>
        connection.tenantId === elsewhere && !locked.includes(connection)
          ? kept
          : refusal(code, "nobody"),
      );

      expect(await run()).toMatchObject({ kept: 98, left: 102 });
      const askedOfTroubled = asked.filter(({ tenantId: of }) => of !== elsewhere).length;
      expect(askedOfTroubled).toBeGreaterThanOrEqual(3);
      expect(askedOfTroubled).toBeLessThanOrEqual(10);
    },
  );

  it("never takes private mailboxes that cannot be served for a tenant", async () => {
    const personal = Array.from({ length: 30 }, () =>
      queued({ tenantId: personalAccountsTenant as TenantId }),
    );
    const { run } = scene(personal, (connection) =>
      personal.indexOf(connection) < 5 ? refusal("temporarily_unavailable", "nobody") : kept,
    );

    expect(await run()).toMatchObject({ kept: 25, left: 5 });
  });

  it("gives up when the token service cannot be invoked, and leaves all for the next", async () => {
    const { run, asked } = scene(
      Array.from({ length: 100 }, () => queued()),
      () => {
        throw new Error("no route to the function");
      },
    );

    expect(await run()).toMatchObject({ kept: 0, left: 100 });
    expect(asked.length).toBeLessThan(20);
  });

  it("gives up when Lambda has no room, and tells nobody: workers come first", async () => {
    const { run, asked, reported } = scene(
      Array.from({ length: 100 }, () => queued()),
      () => "no_room",
    );

    expect(await run()).toMatchObject({ kept: 0, refused: 0, left: 100 });
    expect(asked.length).toBeLessThan(20);
    expect(reported).toEqual([]);
  });

  it("gives up after a hundred faults of ours that go on, and leaves the rest for the next", async () => {
    const { run, asked } = scene(
      Array.from({ length: 300 }, () => queued()),
      () => refusal("misconfigured", "operator"),
    );

    const { kept: none, refused, left } = await run();

    expect(none).toBe(0);
    expect(refused).toBe(asked.length);
    expect(asked.length).toBeGreaterThanOrEqual(100);
    expect(asked.length).toBeLessThan(120);
    expect(left).toBe(300 - asked.length);
  });

  it("goes on past faults of ours that are a few connections' own", async () => {
    // As they are asked: one of three, and the first ninety.
    let asked = 0;
    const { run, reported } = scene(
      Array.from({ length: 300 }, () => queued()),
      () => {
        asked += 1;
        const isFaulty = asked % 3 === 0 || asked <= 90;
        return isFaulty ? refusal("temporarily_unavailable", "operator") : kept;
      },
    );

    expect(await run()).toMatchObject({ kept: 140, refused: 160, left: 0 });
    expect(reported).toEqual([]);
  });

  it.for([
    [
      "breaks",
      1,
      (): TokenServiceOutcome => {
        throw new Error("reset");
      },
    ],
    ["has no room", 0, (): TokenServiceOutcome => "no_room"],
  ] as const)("goes on when the token service %s for single ones", async ([, reports, fault]) => {
    const connections = Array.from({ length: 50 }, () => queued());
    const { run, reported } = scene(connections, ({ id }) =>
      id === connections[7]?.id ? fault() : kept,
    );

    expect(await run()).toMatchObject({ kept: 49, left: 1 });
    expect(reported).toHaveLength(reports);
  });

  it("asks for a few at once, however many are due", async () => {
    const { run, mostAtOnce } = scene(
      Array.from({ length: 200 }, () => queued()),
      () => kept,
    );

    await run();

    expect(mostAtOnce()).toBeLessThanOrEqual(8);
    expect(mostAtOnce()).toBeGreaterThan(1);
  });

  it("stops in time, and says how many it leaves", async () => {
    const rig = scene(
      Array.from({ length: 2_000 }, () => queued()),
      () => {
        rig.clock.pass(1);
        return kept;
      },
    );

    const run = await rig.run();

    expect(run.kept).toBeGreaterThanOrEqual(240);
    expect(run.kept).toBeLessThan(260);
    expect(run.kept + run.left).toBe(2_000);
  });

  it("says how old the refresh tokens of all are, due or not", async () => {
    const ages = [0, 6.9, 7, 13, 14, 29, 30, 59, 60, 79, 80, 89];
    const { run } = scene(
      ages.map((days) => queued({ refreshTokenStoredAt: secondsAfter(noon, -days * day) })),
      () => refusal("admin_consent_required", "tenant_admin"),
    );

    expect(await run()).toMatchObject({ ages: [2, 2, 2, 2, 2, 2], oldestDays: 89 });
  });

  it("says how long the one is due that has waited longest, whatever the age of others", async () => {
    const old = { refreshTokenStoredAt: secondsAfter(noon, -80 * day) };
    const tomorrow = queued({ ...old, keepAliveAt: secondsAfter(noon, day) });
    const late = queued({ keepAliveAt: secondsAfter(noon, -9.5 * day) });
    const throttled = () => refusal("throttled", "nobody");

    expect(await scene([tomorrow], throttled).run()).toMatchObject({ overdueDays: 0 });
    expect(await scene([tomorrow, late], throttled).run()).toMatchObject({ overdueDays: 9 });
  });

  it("has nothing to say of a table without connections", async () => {
    const nothing: KeepAliveRun = {
      kept: 0,
      ended: 0,
      refused: 0,
      left: 0,
      unreadable: 0,
      ages: [0, 0, 0, 0, 0, 0],
      oldestDays: 0,
      overdueDays: 0,
    };

    expect(await scene([], () => kept).run()).toEqual(nothing);
  });
});

it("five thousand who fall due in the same minute are all refreshed within hours, a part in each run", async () => {
  // The worst there is: nothing spreads them.
  let connections = Array.from({ length: 5_000 }, () => queued({ keepAliveAt: noon }));
  let served = 0;
  const rig = scene([], () => kept);
  const runs: KeepAliveRun[] = [];
  for (let halfHour = 0; connections.length > 0 && halfHour < 48; halfHour += 1) {
    const done = new Set<string>();
    runs.push(
      await keepAlive({
        queue: memoryKeepAliveQueue(() => connections),
        // Half a second each, eight at once.
        refresh: async ({ id }) => {
          served += 1;
          rig.clock.pass(0.5 / 8);
          done.add(id);
          return kept;
        },
        report: (error) => expect.fail(String(error)),
        noteUnreadable: ({ id }) => expect.fail(id),
        now: rig.clock.now,
      }),
    );
    connections = connections.filter(({ id }) => !done.has(id));
    rig.clock.pass(30 * 60);
  }

  expect(connections).toEqual([]);
  expect(served).toBe(5_000);
  expect(runs.length).toBeLessThanOrEqual(3);
  for (const run of runs) expect(run.kept).toBeLessThanOrEqual(3_900);
});

describe("the function", () => {
  it("tells the log what metrics and alarms read, and no more", async () => {
    const connections = [queued()];
    const handler = keepAliveHandler({
      queue: memoryKeepAliveQueue(() => connections),
      refresh: async () => kept,
      now: fakeClock().now,
    });

    await handler({}, lambdaContext);

    const [line] = log.lines().map((text) => JSON.parse(text));
    expect(line).toMatchObject({
      keptAlive: { kept: 1, ended: 0, refused: 0, left: 0, unreadable: 0 },
      refreshTokenAges: {
        days_0_7: 0,
        days_7_14: 0,
        days_14_30: 1,
        days_30_60: 0,
        days_60_80: 0,
        days_80_up: 0,
      },
      oldestDays: 20,
      overdueDays: expect.any(Number),
    });
  });

  it("names each connection once that cannot be read, counts them, and serves the others", async () => {
    const sound = queued();
    const spoiled = ["conn_one", "conn_two"].map(connectionId);
    const handler = keepAliveHandler({
      queue: memoryKeepAliveQueue(
        () => [sound],
        () => spoiled.map((id) => ({ id, fields: ["refreshTokenStoredAt"] })),
      ),
      refresh: async () => kept,
      now: fakeClock().now,
    });

    await handler({}, lambdaContext);

    const lines = log.lines().map((text) => JSON.parse(text));
    expect(lines).toHaveLength(3);
    for (const id of spoiled) {
      expect(lines).toContainEqual(
        expect.objectContaining({
          level: "ERROR",
          message: "connection cannot be read",
          failure: "connection_unreadable",
          connectionId: id,
          unreadableFields: ["refreshTokenStoredAt"],
        }),
      );
    }
    expect(lines.at(-1)).toMatchObject({ keptAlive: { kept: 1, unreadable: 2 } });
  });

  it("fails for nobody when the table cannot be read: the next run comes", async () => {
    const handler = keepAliveHandler({
      queue: {
        // biome-ignore lint/correctness/useYield: it fails before there is anything
        async *due() {
          throw new Error("throttled");
        },
        async *all() {},
      },
      refresh: async () => kept,
      now: fakeClock().now,
    });

    await handler({}, lambdaContext);

    expect(log.lines().join()).toContain('"failure":"internal_error"');
    expect(log.lines().join()).not.toContain("oldestDays");
  });
});
