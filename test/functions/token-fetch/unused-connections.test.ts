import { describe, expect, it } from "vitest";
import { tokenFetchEnv } from "../../../functions/token-fetch/env.ts";
import type { FetchPurpose } from "../../../functions/token-fetch/refresh-connection.ts";
import { fail } from "../../../shared/domain/result.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { lambdaContext } from "../../fakes/http-event.ts";
import {
  alice,
  alicesConnection,
  microsoftFailure,
  noon,
  secondsAfter,
} from "../../fakes/samples.ts";
import { type TokenFetchScript, tokenFetchInMemory } from "../../fakes/token-fetch-in-memory.ts";

captureLog();

const day = 24 * 3600;

/** A mailbox whose token has run out, and that the keep-alive or a worker asks for. */
const connected = async (script: TokenFetchScript = {}) => {
  const rig = tokenFetchInMemory(script);
  await rig.connect({ expiresInSeconds: -1, connectedSecondsAgo: 0 });
  const asked = (purpose: FetchPurpose) =>
    rig.environment().fetch(300, alicesConnection, alice.workspaceId, undefined, purpose);
  return {
    ...rig,
    use: () => asked("use"),
    keepAlive: () => asked("keep_alive"),
    lastUsedAt: async () => (await rig.stored())?.lastUsedAt,
  };
};

describe("when a connection was used last", () => {
  it("is when it was connected, until a worker has it renewed", async () => {
    const { clock, use, lastUsedAt } = await connected();
    const connectedAt = await lastUsedAt();
    clock.pass(10 * day);
    await use();

    expect(connectedAt).toEqual(noon);
    expect(await lastUsedAt()).toEqual(secondsAfter(noon, 10 * day));
  });

  it("is not when it is kept alive", async () => {
    const { clock, keepAlive, lastUsedAt } = await connected();
    clock.pass(10 * day);

    expect(await keepAlive()).toMatchObject({ value: { source: "refresh" } });
    expect(await lastUsedAt()).toEqual(noon);
  });

  it("is also when Microsoft refuses what a worker asks for", async () => {
    const { clock, use, lastUsedAt } = await connected({
      refresh: async () => fail(microsoftFailure("tenant_blocked")),
    });
    clock.pass(10 * day);
    await use();

    expect(await lastUsedAt()).toEqual(secondsAfter(noon, 10 * day));
  });

  it("counts from the first time that it is kept alive, where it was not kept before", async () => {
    const { clock, connections, stored, keepAlive, lastUsedAt, id } = await withoutLastUse();
    clock.pass(1_000 * day);
    await keepAlive();
    const first = await lastUsedAt();
    clock.pass(400 * day);
    const kept = await keepAlive();

    expect(first).toEqual(secondsAfter(noon, 1_000 * day));
    expect(kept).toMatchObject({ ok: true });
    expect((await stored())?.status).toBe("connected");
    expect(await connections.findOwned(id, alice)).toMatchObject({ status: "connected" });
  });
});

/** As it was stored before it was kept when it was used. */
const withoutLastUse = async () => {
  const rig = await connected();
  const lease = { owner: "older code", expiresAt: secondsAfter(noon, 15) };
  const before = await rig.stored();
  if (!before) throw new Error("not connected");
  await rig.connections.acquireLease(before.id, before.version, lease, noon);
  await rig.connections.recordSetback(
    before.id,
    { owner: lease.owner, version: before.version },
    { ...before, lastUsedAt: undefined, refreshNotBefore: undefined },
  );
  return { ...rig, id: before.id };
};

describe("a connection that no worker has used for more than 400 days", () => {
  it("ends when it is to be kept alive: Microsoft is not asked, its refresh token is erased and its person sees why", async () => {
    const { clock, keepAlive, stored, identity, vault, connections } = await connected();
    clock.pass(400 * day + 1);

    const told = await keepAlive();

    expect(told).toMatchObject({
      failure: {
        code: "reauthorization_required",
        actor: "user",
        retryable: false,
        cause: { evidence: { error: "connection_unused" } },
      },
    });
    expect(await stored()).toMatchObject({
      status: "reauthorization_required",
      keepAliveAt: undefined,
      refreshNotBefore: undefined,
      lastUsedAt: noon,
      forgottenAt: secondsAfter(noon, 580 * day + 1),
    });
    expect((await connections.findOwned(alicesConnection, alice))?.problem).toMatchObject({
      code: "reauthorization_required",
      message: expect.stringContaining("400 days"),
    });
    expect(vault.entries.size).toBe(0);
    expect(identity.refreshed).toEqual([]);
  });

  it("ends and is said to have ended also when its refresh token cannot be erased, which the operator is told", async () => {
    const { clock, stored, environment } = await connected();
    clock.pass(400 * day + 1);
    const { fetch, entriesLeft, reported } = environment(async (name, call) => {
      if (name === "vault.erase") throw new Error("the vault is down");
      return call();
    });

    const told = await fetch(300, alicesConnection, alice.workspaceId, undefined, "keep_alive");

    expect(told).toMatchObject({ failure: { code: "reauthorization_required" } });
    expect((await stored())?.status).toBe("reauthorization_required");
    expect(entriesLeft).toEqual([alicesConnection]);
    expect(reported).toEqual([]);
  });

  it("goes on for 400 days to the second", async () => {
    const { clock, keepAlive } = await connected();
    clock.pass(400 * day);

    expect(await keepAlive()).toMatchObject({ ok: true });
  });

  it("goes on when a worker is the first to ask", async () => {
    const { clock, use, stored } = await connected();
    clock.pass(1_000 * day);

    expect(await use()).toMatchObject({ ok: true });
    expect((await stored())?.status).toBe("connected");
  });

  it("tells a worker to have it reconnected once it has ended, and serves after that", async () => {
    const { clock, keepAlive, use, connect } = await connected();
    clock.pass(401 * day);
    await keepAlive();

    expect(await use()).toMatchObject({
      failure: { code: "reauthorization_required", message: expect.stringContaining("400 days") },
    });
    await connect();
    expect(await use()).toMatchObject({ ok: true });
  });

  it("does not end while its person reconnects it, whose new refresh token stays", async () => {
    const rig = await connected();
    rig.clock.pass(401 * day);
    const { fetch } = rig.environment(async (name, call) => {
      if (name === "connections.recordSetback") await rig.connect({ accessToken: "new" });
      return call();
    });
    await fetch(300, alicesConnection, alice.workspaceId, undefined, "keep_alive");

    const stored = await rig.stored();
    expect(stored).toMatchObject({ status: "connected", problem: undefined });
    expect(rig.vault.entries.has(stored?.vaultEntry ?? "")).toBe(true);
  });

  it("does not end when a worker renews it first, whose refresh token stays", async () => {
    const rig = await connected();
    rig.clock.pass(401 * day);
    const { fetch } = rig.environment(async (name, call) => {
      if (name !== "connections.recordSetback") return call();
      rig.clock.pass(16); // its lease is over
      await rig.use();
      return call();
    });

    expect(
      await fetch(300, alicesConnection, alice.workspaceId, undefined, "keep_alive"),
    ).toMatchObject({ ok: true });
    const stored = await rig.stored();
    expect(stored).toMatchObject({ status: "connected", problem: undefined });
    expect(rig.vault.entries.has(stored?.vaultEntry ?? "")).toBe(true);
  });

  it("does not end while it waits for its administrator", async () => {
    const { clock, use, keepAlive, stored } = await connected({
      refresh: async () => fail(microsoftFailure("admin_approval_required")),
    });
    await use();
    clock.pass(401 * day);
    await keepAlive();

    expect(await stored()).toMatchObject({
      status: "admin_approval_required",
      forgottenAt: undefined,
    });
  });
});

it.for([
  ["use", { purpose: "use" }, true],
  ["no purpose", {}, true],
  ["keep_alive", { purpose: "keep_alive" }, false],
] as const)("a payload with %s counts as a use, or not", async ([, more, counts]) => {
  const { clock, environment, lastUsedAt } = await connected();
  clock.pass(day);
  const answer = await environment().handler(
    {
      connectionId: alicesConnection,
      workspaceId: alice.workspaceId,
      run: { workflowId: "newest-mail", runId: "run-1" },
      ...more,
    },
    lambdaContext,
  );

  expect(answer).toMatchObject({ ok: true });
  expect(await lastUsedAt()).toEqual(counts ? secondsAfter(noon, day) : noon);
});

it.for([
  ["91", 91],
  ["400", 400],
  ["90", undefined],
  ["", undefined],
  ["91.5", undefined],
  ["never", undefined],
] as const)("a setting of %j days is taken for %s", ([text, days]) => {
  const setting = tokenFetchEnv.shape.IDLE_CONNECTIONS_END_AFTER_DAYS.safeParse(text);

  expect(setting.data).toBe(days);
});
