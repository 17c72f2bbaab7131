import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fetchToken } from "../../../functions/token-fetch/fetch-token.ts";
import { timeBudget } from "../../../functions/token-fetch/time-budget.ts";
import { brokenHere } from "../../../functions/token-fetch/token-failure.ts";
import { attemptIdOf, connectionIdOf, userId, workspaceId } from "../../../shared/domain/ids.ts";
import type { MicrosoftFailureKind, RefreshedTokens } from "../../../shared/domain/microsoft.ts";
import { requestedScopes } from "../../../shared/domain/permissions.ts";
import { fail, succeed } from "../../../shared/domain/result.ts";
import { SealedTextRefused, type TokenSealer } from "../../../shared/domain/sealer.ts";
import { Secret } from "../../../shared/domain/secret.ts";
import { neverSettles } from "../../fakes/intercepted.ts";
import { plainSealer } from "../../fakes/plain-sealer.ts";
import {
  account,
  alice,
  alicesConnection,
  mallory,
  microsoftFailure,
  microsoftFailureKinds,
  noon,
  refreshedTokens,
  sampleSealer,
  secondsAfter,
} from "../../fakes/samples.ts";
import { type TokenFetchInMemory, tokenFetchInMemory } from "../../fakes/token-fetch-in-memory.ts";

type Fetched = Awaited<ReturnType<ReturnType<TokenFetchInMemory["environment"]>["fetch"]>>;

/** What a worker sees of it. */
const seen = (fetched: Fetched) =>
  fetched.ok
    ? {
        token: fetched.value.accessToken.reveal(),
        source: fetched.value.source,
        degraded: fetched.value.degraded,
      }
    : { code: fetched.failure.code, retryable: fetched.failure.retryable };

const stored = { token: "stored-token", source: "table", degraded: false };

describe("a token that is good enough", () => {
  it("costs one read, which need not be consistent, and loads nothing of the refresh path", async () => {
    const { connect, environment, identity } = tokenFetchInMemory();
    await connect();
    const { fetch, reads, calls, loads } = environment();

    const fetched = await fetch();

    expect(fetched).toEqual(
      succeed({
        accessToken: new Secret("stored-token"),
        expiresAt: secondsAfter(noon, 3600),
        scopes: ["Mail.Send"],
        degraded: false,
        source: "table",
      }),
    );
    expect(reads).toEqual([false]);
    expect(calls).toEqual(["connections.findForWorkspace", "sealer.open"]);
    expect(loads()).toBe(0);
    expect(identity.refreshed).toEqual([]);
  });

  it("costs nothing while this environment remembers it, for 30 seconds", async () => {
    const { connect, environment, clock } = tokenFetchInMemory();
    await connect();
    const { fetch, reads, calls } = environment();
    await fetch();
    calls.length = 0;

    clock.pass(30);
    const remembered = await fetch();
    const callsOfIt = [...calls];
    clock.pass(1);
    const read = await fetch();

    expect(seen(remembered)).toEqual({ ...stored, source: "memory" });
    expect(callsOfIt).toEqual([]);
    expect(seen(read)).toEqual(stored);
    expect(reads).toEqual([false, false]);
  });

  it("is no longer served 30 seconds after a disconnect, also where it is remembered", async () => {
    const { connect, environment, clock, connections } = tokenFetchInMemory();
    await connect();
    const { fetch } = environment();
    await fetch();
    await connections.disconnect(alicesConnection, alice, noon);

    clock.pass(31);

    expect(seen(await fetch())).toEqual({ code: "not_found", retryable: false });
    expect(seen(await environment().fetch())).toEqual({ code: "not_found", retryable: false });
  });

  it("is not remembered for a caller who needs it longer", async () => {
    const { connect, environment, identity } = tokenFetchInMemory();
    await connect({ expiresInSeconds: 1000 });
    const { fetch } = environment();
    await fetch(300);

    const longer = await fetch(1001);

    expect(seen(longer)).toEqual({ token: "renewed-1", source: "refresh", degraded: false });
    expect(identity.refreshed).toHaveLength(1);
  });

  it.for([
    [0, 300, stored],
    [0, 299.999, { token: "renewed-1", source: "refresh", degraded: false }],
    [1, 360, stored],
    [1, 359.999, { token: "renewed-1", source: "refresh", degraded: false }],
  ] as const)(
    "with jitter %d and %d seconds left is renewed early, or not",
    async ([random, left, expected]) => {
      const { connect, environment } = tokenFetchInMemory({ random });
      await connect({ expiresInSeconds: left });

      expect(seen(await environment().fetch(60))).toEqual(expected);
    },
  );

  it.for([
    [1000, "stored-token"],
    [1001, "renewed-1"],
  ] as const)("with 1,000 seconds left, to a caller who needs %i: %s", async ([needed, token]) => {
    const { connect, environment } = tokenFetchInMemory();
    await connect({ expiresInSeconds: 1000 });

    expect(seen(await environment().fetch(needed))).toMatchObject({ token });
  });

  it("that a replica does not show yet is read again before anybody is asked", async () => {
    let lagsBehind = true;
    const { connect, environment, identity } = tokenFetchInMemory({
      intercept: async (name, call) => {
        if (name !== "connections.findForWorkspace" || !lagsBehind) return call();
        lagsBehind = false;
        return undefined;
      },
    });
    await connect();
    const { fetch, reads, loads } = environment();

    const created = await fetch();

    expect(seen(created)).toEqual(stored);
    expect(reads).toEqual([false, true]);
    expect(loads()).toBe(0);
    expect(identity.refreshed).toEqual([]);
  });
});

describe("a token that has run out", () => {
  it("is renewed once, and the new one is served to everybody", async () => {
    const { connect, environment, identity, stored: item } = tokenFetchInMemory();
    await connect({ expiresInSeconds: -1 });

    const first = await environment().fetch();
    const second = await environment().fetch();

    expect(seen(first)).toEqual({ token: "renewed-1", source: "refresh", degraded: false });
    expect(seen(second)).toEqual({ token: "renewed-1", source: "table", degraded: false });
    expect(identity.refreshed).toHaveLength(1);
    expect(identity.refreshed[0]).toMatchObject({
      refreshToken: new Secret("stored-refresh-token"),
      account,
    });
    expect(await item()).toMatchObject({ version: 2, lease: undefined, lastRefreshedAt: noon });
  });

  it("costs one read to renew: the lease is given for the version that was read, or not at all", async () => {
    const { connect, environment } = tokenFetchInMemory();
    await connect({ expiresInSeconds: -1 });
    const { fetch, reads } = environment();

    expect(seen(await fetch())).toMatchObject({ token: "renewed-1" });
    expect(reads).toEqual([false]);
  });

  it("is not renewed again by who has read an old version of it, but read again", async () => {
    const rig = tokenFetchInMemory();
    await rig.connect({ expiresInSeconds: -1 });
    const old = await rig.stored();
    await rig.environment().fetch();
    const { fetch, reads } = rig.environment(async (name, call) =>
      name === "connections.findForWorkspace" && reads.length === 1 ? old : call(),
    );

    expect(seen(await fetch())).toEqual({ token: "renewed-1", source: "table", degraded: false });
    expect(reads).toEqual([false, true]);
    expect(rig.identity.refreshed).toHaveLength(1);
  });

  it.for(microsoftFailureKinds)("is not served when Microsoft says %s", async (kind) => {
    const { connect, environment } = tokenFetchInMemory({
      refresh: async () => fail(microsoftFailure(kind)),
    });
    await connect({ expiresInSeconds: 299 });

    const fetched = await environment().fetch(300);

    expect(fetched.ok).toBe(false);
  });

  it("and whose successor would live too short is an error of the caller's", async () => {
    const {
      connect,
      environment,
      clock,
      stored: item,
    } = tokenFetchInMemory({
      refresh: async () =>
        succeed({ ...refreshedTokens, accessTokenExpiresAt: secondsAfter(clock.now(), 1800) }),
    });
    await connect({ expiresInSeconds: 60 });

    const fetched = await environment().fetch(1801);

    expect(seen(fetched)).toEqual({ code: "invalid_request", retryable: false });
    expect((await item())?.accessTokenExpiresAt).toEqual(secondsAfter(noon, 1800));
    expect(seen(await environment().fetch(1800))).toMatchObject({ token: "access-token-2" });
    const again = environment();
    expect(seen(await again.fetch(1801))).toEqual({ code: "invalid_request", retryable: false });
    expect(again.loads()).toBe(0);
  });

  it("is asked for once by a caller whose time is over, however often others are faster", async () => {
    const rig = tokenFetchInMemory();
    const id = await rig.connect({ expiresInSeconds: -1 });
    const { fetch } = rig.environment(async (name, call) => {
      if (name !== "identity.refresh") return call();
      if (rig.identity.refreshed.length > 2) throw new Error("asked again and again");
      rig.clock.pass(16);
      const lease = { owner: "other", expiresAt: rig.clock.now() };
      await rig.connections.acquireLease(id, 1, lease, rig.clock.now());
      return call();
    });

    const fetched = await fetch();

    expect(seen(fetched)).toEqual({ code: "temporarily_unavailable", retryable: true });
    expect(rig.identity.refreshed).toHaveLength(1);
  });
});

describe("a token that still satisfies the caller", () => {
  it.for(microsoftFailureKinds)("is served although Microsoft says %s", async (kind) => {
    const { connect, environment } = tokenFetchInMemory({
      refresh: async () => fail(microsoftFailure(kind)),
    });
    await connect({ expiresInSeconds: 200 });

    const fetched = await environment().fetch(60);

    expect(seen(fetched)).toEqual({ ...stored, degraded: true });
    expect(fetched.ok && fetched.value.notRenewed?.cause?.kind).toBe(kind);
  });

  it("is served although the connection has ended, until it runs out", async () => {
    const { connect, environment, clock } = tokenFetchInMemory({
      refresh: async () => fail(microsoftFailure("sign_in_required")),
    });
    await connect({ expiresInSeconds: 200 });
    await environment().fetch(60);

    const served = await environment().fetch(60);
    clock.pass(141);
    const refused = await environment().fetch(60);

    expect(seen(served)).toEqual({ ...stored, degraded: true });
    expect(seen(refused)).toEqual({ code: "reauthorization_required", retryable: false });
  });

  it("is not remembered once the connection has ended", async () => {
    const { connect, environment } = tokenFetchInMemory({
      refresh: async () => fail(microsoftFailure("sign_in_required")),
    });
    await connect({ expiresInSeconds: 2000 });
    await environment().fetch(2500);
    const { fetch, reads } = environment();

    const fetches = [await fetch(300), await fetch(300)];

    expect(fetches.map(seen)).toEqual(Array(2).fill({ ...stored, degraded: true }));
    expect(reads).toEqual([false, true, false, true]);
  });

  it.for([
    "connections.acquireLease",
    "vault.read",
    "identity.refresh",
    "sealer.seal",
    "connections.saveRefreshed",
  ])("is served although %s fails, and somebody is told", async (failing) => {
    const { connect, environment } = tokenFetchInMemory();
    await connect({ expiresInSeconds: 200 });
    const { fetch, reported } = environment(async (name, call) => {
      if (name === failing) throw new Error("no answer");
      return call();
    });

    const fetched = await fetch(60);

    expect(seen(fetched)).toEqual({ ...stored, degraded: true });
    expect(reported).toEqual([new Error("no answer")]);
  });

  it("is served although the refresh path cannot even be loaded", async () => {
    const { connect, environment } = tokenFetchInMemory();
    await connect({ expiresInSeconds: 200 });
    const { ports } = environment();
    const broken = { ...ports, refresh: () => Promise.reject(new Error("no such bundle")) };
    const wanted = {
      connectionId: alicesConnection,
      workspaceId: alice.workspaceId,
      deadline: secondsAfter(noon, 25),
      purpose: "use",
    } as const;

    const served = await fetchToken({ ...wanted, minTtlSeconds: 60 }, broken);

    expect(seen(served)).toEqual({ ...stored, degraded: true });
    await expect(fetchToken({ ...wanted, minTtlSeconds: 201 }, broken)).rejects.toThrow();
  });

  it("is served at once while somebody else renews it", async () => {
    const { connect, connections, environment, identity } = tokenFetchInMemory();
    const id = await connect({ expiresInSeconds: 200 });
    await connections.acquireLease(
      id,
      1,
      { owner: "other", expiresAt: secondsAfter(noon, 15) },
      noon,
    );
    const { fetch, waits, loads } = environment();

    const fetched = await fetch(60);

    expect(seen(fetched)).toEqual(stored);
    expect(waits).toEqual([]);
    expect(loads()).toBe(0);
    expect(identity.refreshed).toEqual([]);
  });

  it("is served although its refresh took long and was overtaken", async () => {
    const rig = tokenFetchInMemory();
    const id = await rig.connect({ expiresInSeconds: 200 });
    const { fetch } = rig.environment(async (name, call) => {
      if (name !== "identity.refresh") return call();
      rig.clock.pass(16);
      const lease = { owner: "other", expiresAt: secondsAfter(rig.clock.now(), 15) };
      await rig.connections.acquireLease(id, 1, lease, rig.clock.now());
      return call();
    });

    expect(seen(await fetch(60))).toEqual(stored);
  });
});

describe("a token that was renewed less than a minute ago and still does not last", () => {
  it.for([
    [0, "stored-token"],
    [59.999, "stored-token"],
    [60, "renewed-1"],
  ] as const)("is served %d seconds later, or renewed again: %s", async ([age, token]) => {
    const { connect, environment } = tokenFetchInMemory();
    await connect({ expiresInSeconds: 200, connectedSecondsAgo: age });
    const { fetch, loads } = environment();

    expect(seen(await fetch(60))).toMatchObject({ token, degraded: false });
    expect(loads()).toBe(token === "renewed-1" ? 1 : 0);
  });

  it("is renewed once it has run out, however young it is", async () => {
    const { connect, environment } = tokenFetchInMemory();
    await connect({ expiresInSeconds: 0.5, connectedSecondsAgo: 0 });

    expect(seen(await environment().fetch())).toMatchObject({ token: "renewed-1" });
  });

  it("does not hide that the connection has ended since", async () => {
    const { connect, connections, environment } = tokenFetchInMemory();
    const id = await connect({ expiresInSeconds: 200, connectedSecondsAgo: 0 });
    await connections.acquireLease(id, 1, { owner: "other", expiresAt: noon }, noon);
    await connections.recordSetback(
      id,
      { owner: "other", version: 1 },
      {
        status: "reauthorization_required",
        problem: { code: "reauthorization_required", actor: "user", message: "Sign in again." },
        refreshNotBefore: undefined,
        pause: undefined,
        firstRefusedAt: undefined,
        forgottenAt: undefined,
        lastUsedAt: undefined,
        pendingClaims: undefined,
        keepAliveAt: undefined,
      },
    );

    expect(seen(await environment().fetch(60))).toEqual({ ...stored, degraded: true });
    expect(seen(await environment().fetch(201))).toEqual({
      code: "reauthorization_required",
      retryable: false,
    });
  });
});

describe("while Microsoft is asked", () => {
  it.for([
    ["a refusal", "sign_in_required"],
    ["a token", undefined],
  ] as const)("a new sign-in wins over %s", async ([, kind]) => {
    const rig = tokenFetchInMemory({
      ...(kind && { refresh: async () => fail(microsoftFailure(kind)) }),
    });
    await rig.connect({ expiresInSeconds: -1 });
    const { fetch } = rig.environment(async (name, call) => {
      const late = await call();
      if (name === "identity.refresh") await rig.connect({ accessToken: "after-a-new-sign-in" });
      return late;
    });

    const fetched = await fetch();

    expect(seen(fetched)).toEqual({ ...stored, token: "after-a-new-sign-in" });
    expect(await rig.stored()).toMatchObject({
      status: "connected",
      sealedAccessToken: expect.stringContaining("after-a-new-sign-in"),
    });
    expect(rig.identity.refreshed).toHaveLength(1);
  });

  it("a disconnect wins: no token is served, neither the new one nor one that was good enough", async () => {
    for (const left of [-1, 200]) {
      const rig = tokenFetchInMemory();
      await rig.connect({ expiresInSeconds: left });
      const { fetch } = rig.environment(async (name, call) => {
        const late = await call();
        if (name === "identity.refresh") {
          await rig.connections.disconnect(alicesConnection, alice, rig.clock.now());
        }
        return late;
      });

      expect(seen(await fetch(60))).toEqual({ code: "not_found", retryable: false });
      expect(await rig.stored()).toBeUndefined();
    }
  });
});

describe("a worker whose clock is five minutes", () => {
  const early = 300;
  const late = -300;

  it.for([
    ["early", early, -1],
    ["early", early, 301],
    ["late", late, -1],
  ] as const)("%s renews a token that cannot be relied on", async ([, ahead, left]) => {
    const { connect, environment } = tokenFetchInMemory();
    await connect({ expiresInSeconds: left });

    expect(seen(await environment(undefined, ahead).fetch())).toMatchObject({ token: "renewed-1" });
  });

  it("late renews a token although its last renewal seems not to have been yet", async () => {
    const { connect, environment } = tokenFetchInMemory();
    await connect({ expiresInSeconds: -200, connectedSecondsAgo: 0 });

    expect(seen(await environment(undefined, late).fetch(101))).toMatchObject({
      token: "renewed-1",
    });
  });

  it.for([early, late])(
    "off (%i seconds) leaves alone a token that has just been issued",
    async (ahead) => {
      const { connect, environment, identity } = tokenFetchInMemory();
      await connect();

      expect(seen(await environment(undefined, ahead).fetch(3000))).toEqual(stored);
      expect(identity.refreshed).toEqual([]);
    },
  );

  it("early takes the lease from a holder who lives, and the later token stays", async () => {
    const rig = tokenFetchInMemory();
    await rig.connect({ expiresInSeconds: -1 });
    const robbed = rig.environment(async (name, call) => {
      const answer = await call();
      if (name === "identity.refresh") await rig.environment(undefined, early).fetch();
      return answer;
    });

    const fetched = await robbed.fetch();

    expect(seen(fetched)).toEqual({ token: "renewed-2", source: "table", degraded: false });
    expect((await rig.stored())?.sealedAccessToken).toContain("renewed-2");
    expect(rig.identity.refreshed).toHaveLength(2);
  });

  it("late leaves a dead holder's lease alone for as long, and says so in a way that may be tried again", async () => {
    const { connect, connections, environment, clock } = tokenFetchInMemory();
    const id = await connect({ expiresInSeconds: -600 });
    const lease = { owner: "dead", expiresAt: secondsAfter(noon, 15) };
    await connections.acquireLease(id, 1, lease, noon);
    clock.pass(20);

    const fetched = await environment(undefined, late).fetch();

    expect(seen(fetched)).toEqual({ code: "temporarily_unavailable", retryable: true });
    expect(seen(await environment().fetch())).toMatchObject({ token: "renewed-1" });
  });
});

describe("while somebody else holds the lease", () => {
  const held = async (leaseEndsInSeconds = 15) => {
    const rig = tokenFetchInMemory();
    const id = await rig.connect({ expiresInSeconds: -1 });
    const lease = { owner: "other", expiresAt: secondsAfter(noon, leaseEndsInSeconds) };
    await rig.connections.acquireLease(id, 1, lease, noon);
    return { ...rig, id };
  };

  it("waits, and gets what that one stored", async () => {
    const { environment, connections, identity, id } = await held();
    let reads = 0;
    const { fetch, waits } = environment(async (name, call) => {
      reads += name === "connections.findForWorkspace" ? 1 : 0;
      if (reads === 4) {
        await connections.saveRefreshed(
          id,
          { owner: "other", version: 1 },
          {
            sealedAccessToken: JSON.stringify([
              "theirs",
              { purpose: "access_token", connectionId: id, workspaceId: alice.workspaceId },
            ]),
            accessTokenExpiresAt: secondsAfter(noon, 3600),
            scopes: ["Mail.Send"],
            vaultEntry: "vault/entry",
            refreshTokenStoredAt: noon,
            lastUsedAt: undefined,
            problem: undefined,
            now: noon,
          },
        );
      }
      return call();
    });

    const fetched = await fetch();

    expect(seen(fetched)).toEqual({ token: "theirs", source: "table", degraded: false });
    expect(waits).toHaveLength(3);
    expect(identity.refreshed).toEqual([]);
  });

  it.for([
    { secondsOfRead: 0.01, first: 140 + 25, second: 37.5 },
    { secondsOfRead: 0.4, first: 120, second: 120 },
    { secondsOfRead: 1.8, first: 500, second: 500 },
  ])(
    "asks the more seldom, the longer the table takes to answer: $secondsOfRead s",
    async ({ secondsOfRead, first, second }) => {
      const { environment, clock } = await held();
      const { fetch, waits } = environment((name, call) => {
        if (name === "connections.findForWorkspace") clock.pass(secondsOfRead);
        return call();
      });

      await fetch();

      expect(waits[0]).toBeCloseTo(first);
      expect(waits[1]).toBeCloseTo(second);
    },
  );

  it("gives up after eight seconds with a failure that may be tried again", async () => {
    const { environment, clock, identity } = await held();
    const { fetch, reads, waits } = environment();

    const fetched = await fetch();

    expect(fetched).toMatchObject({
      failure: { code: "temporarily_unavailable", actor: "nobody", retryable: true },
    });
    const waited = waits.reduce((sum, each) => sum + each, 0);
    expect(waited).toBeGreaterThan(6_500);
    expect(waited).toBeLessThanOrEqual(8_000);
    expect(clock.now().getTime() - noon.getTime()).toBeLessThanOrEqual(8_000);
    expect(reads.slice(1)).not.toContain(false);
    expect(identity.refreshed).toEqual([]);
  });

  it("takes over once the lease has run out, since its holder must have died", async () => {
    const { environment, identity } = await held(5);

    const fetched = await environment().fetch();

    expect(seen(fetched)).toEqual({ token: "renewed-1", source: "refresh", degraded: false });
    expect(identity.refreshed).toHaveLength(1);
  });

  it("of a holder who died, the next caller after it takes over", async () => {
    const { connect, environment, clock, identity } = tokenFetchInMemory();
    await connect({ expiresInSeconds: -1 });
    const dead = environment((name, call) =>
      name === "identity.refresh" ? neverSettles() : call(),
    );
    void dead.fetch();
    await expect.poll(() => dead.calls).toContain("identity.refresh");

    const meanwhile = await environment().fetch();
    clock.reach(secondsAfter(noon, 15));
    const later = await environment().fetch();

    expect(seen(meanwhile)).toEqual({ code: "temporarily_unavailable", retryable: true });
    expect(seen(later)).toEqual({ token: "renewed-1", source: "refresh", degraded: false });
    expect(identity.refreshed).toHaveLength(1);
  });
});

describe("a refusal that is remembered", () => {
  it.for([
    "throttled",
    "temporarily_unavailable",
    "admin_approval_required",
    "tenant_blocked",
  ] as const)("%s: nobody is asked again before its time, then somebody is", async (kind) => {
    const { connect, environment, clock, identity } = tokenFetchInMemory({
      refresh: async () => fail(microsoftFailure(kind, { retryAfterSeconds: 90 })),
    });
    await connect({ expiresInSeconds: -1 });
    await environment().fetch();

    clock.pass(89);
    const { fetch, loads, calls } = environment();
    const refused = await fetch();
    const asked = identity.refreshed.length;
    clock.pass(1);
    await environment().fetch();

    expect(refused).toMatchObject({ failure: { retryAfterSeconds: 1 } });
    expect(asked).toBe(1);
    expect(loads()).toBe(0);
    expect(calls).toEqual(["connections.findForWorkspace", "connections.findForWorkspace"]);
    expect(identity.refreshed).toHaveLength(2);
  });

  it("that ended the connection is never asked about again, until a new sign-in", async () => {
    let answer: ReturnType<typeof microsoftFailure> | undefined =
      microsoftFailure("sign_in_required");
    const { connect, environment, clock, identity } = tokenFetchInMemory({
      refresh: async () => (answer ? fail(answer) : succeed(refreshedTokens)),
    });
    await connect({ expiresInSeconds: -1 });
    await environment().fetch();

    clock.pass(30 * 24 * 3600);
    const ended = await environment().fetch();
    const asked = identity.refreshed.length;
    answer = undefined;
    await connect({ accessToken: "after-a-new-sign-in" });

    expect(ended).toMatchObject({
      failure: {
        code: "reauthorization_required",
        actor: "user",
        retryable: false,
        message: "A sentence about sign_in_required.",
      },
    });
    expect(asked).toBe(1);
    expect(seen(await environment().fetch())).toMatchObject({ token: "after-a-new-sign-in" });
  });
});

describe("of another workspace", () => {
  it("nothing is served, for all pairs of people: only the owner's workspace gets the token", async () => {
    const workspaces = fc.constantFrom("ws_north", "ws_south", "ws", "ws_north ", "WS_NORTH", "");
    await fc.assert(
      fc.asyncProperty(workspaces, workspaces, fc.boolean(), async (owning, asking, isWarm) => {
        const owner = { userId: userId("alice"), workspaceId: workspaceId(owning) };
        const { connect, environment } = tokenFetchInMemory();
        const id = await connect({ owner });
        const { fetch } = environment();
        if (isWarm) await fetch(300, id, owner.workspaceId);

        const fetched = await fetch(300, id, workspaceId(asking));

        expect(fetched.ok).toBe(owning === asking);
        if (!fetched.ok) expect(fetched.failure.code).toBe("not_found");
      }),
      { numRuns: 80 },
    );
  });

  it("looks like one that never was", async () => {
    const { connect, environment } = tokenFetchInMemory();
    const id = await connect();
    const { fetch } = environment();

    const foreign = await fetch(300, id, workspaceId("ws_south"));
    const unknown = await fetch(300, connectionIdOf(mallory, account));

    expect(foreign).toEqual(unknown);
    expect(seen(foreign)).toEqual({ code: "not_found", retryable: false });
  });
});

describe("what was moved in the table", () => {
  const swapped = async (purpose: "access_token" | "parked_answer") => {
    const rig = tokenFetchInMemory({ sealer: sampleSealer });
    const mallorys = await rig.connect({ owner: mallory, accessToken: "mallorys-token" });
    const theirs =
      purpose === "access_token"
        ? (
            await rig.connections.findForWorkspace(mallorys, mallory.workspaceId, {
              consistent: true,
            })
          )?.sealedAccessToken
        : await sampleSealer.seal(new Secret("a code"), {
            purpose,
            attemptId: attemptIdOf("a state"),
          });
    const id = await rig.connect();
    await rig.connections.acquireLease(
      id,
      1,
      { owner: "o", expiresAt: secondsAfter(noon, 15) },
      noon,
    );
    await rig.connections.saveRefreshed(
      id,
      { owner: "o", version: 1 },
      {
        sealedAccessToken: theirs ?? "",
        accessTokenExpiresAt: secondsAfter(noon, 3600),
        scopes: [],
        vaultEntry: (await rig.stored())?.vaultEntry ?? "",
        refreshTokenStoredAt: noon,
        lastUsedAt: undefined,
        problem: undefined,
        now: noon,
      },
    );
    return rig;
  };

  it.for(["access_token", "parked_answer"] as const)(
    "a sealed %s of somebody else's is not served: the operator is told, and the token renewed",
    async (purpose) => {
      const { environment, identity } = await swapped(purpose);
      const { fetch, unreadable } = environment();

      expect(seen(await fetch())).toMatchObject({ token: "renewed-1", source: "refresh" });

      expect(unreadable).toEqual([alicesConnection]);
      expect(identity.refreshed).toHaveLength(1);
      expect(seen(await fetch())).toMatchObject({ token: "renewed-1" });
    },
  );

  it("the name of somebody else's secret brings no token, and Microsoft is not asked", async () => {
    const rig = tokenFetchInMemory();
    await rig.connect({ owner: mallory });
    const [mallorysEntry = ""] = rig.vault.entries.keys();
    await rig.connections.connect({
      id: alicesConnection,
      owner: alice,
      account,
      vaultEntry: mallorysEntry,
      sealedAccessToken: "sealed",
      accessTokenExpiresAt: noon,
      scopes: [],
      requestedScopes,
      startedAt: noon,
      now: noon,
    });

    await expect(rig.environment().fetch()).rejects.toThrow();

    expect(rig.identity.refreshed).toEqual([]);
    expect(await rig.stored()).toMatchObject({ status: "connected", lease: undefined });
  });
});

describe("a stored token that does not open", () => {
  const damaged = (until: number): TokenSealer => {
    let opened = 0;
    return {
      seal: plainSealer.seal,
      open: async (sealed, binding) => {
        opened += 1;
        if (opened <= until) throw new SealedTextRefused("sealed under a key that is gone");
        return plainSealer.open(sealed, binding);
      },
    };
  };

  it("is renewed once, and the caller is served", async () => {
    const rig = tokenFetchInMemory({ sealer: damaged(1) });
    await rig.connect();
    const { fetch, unreadable } = rig.environment();

    expect(seen(await fetch())).toMatchObject({ token: "renewed-1", degraded: false });

    expect(unreadable).toHaveLength(1);
    expect(rig.identity.refreshed).toHaveLength(1);
  });

  it("whose successor does not open either is not renewed again and again", async () => {
    const rig = tokenFetchInMemory({ sealer: damaged(99) });
    await rig.connect();

    const fetched = await rig.environment().fetch();

    expect(fetched).toMatchObject({
      ok: false,
      failure: { code: "temporarily_unavailable", actor: "operator", retryable: true },
    });
    expect(rig.identity.refreshed).toHaveLength(1);
  });

  it("is renewed although it was renewed seconds ago and would last for the caller", async () => {
    const rig = tokenFetchInMemory({ sealer: damaged(1) });
    await rig.connect({ expiresInSeconds: 200, connectedSecondsAgo: 1 });

    expect(seen(await rig.environment().fetch(60))).toMatchObject({ token: "renewed-1" });
  });

  it("is not served while somebody else renews it: what that one stores is", async () => {
    const rig = tokenFetchInMemory({ sealer: damaged(1) });
    const id = await rig.connect({ expiresInSeconds: 200 });
    const lease = { owner: "dead", expiresAt: secondsAfter(noon, 3) };
    await rig.connections.acquireLease(id, 1, lease, noon);
    const { fetch, waits, unreadable } = rig.environment();

    expect(seen(await fetch(60))).toMatchObject({ token: "renewed-1", degraded: false });

    expect(waits.length).toBeGreaterThan(0);
    expect(unreadable).toHaveLength(1);
  });

  it("brings Microsoft's refusal to the caller, as if there were none", async () => {
    const rig = tokenFetchInMemory({
      sealer: damaged(99),
      refresh: async () => fail(microsoftFailure("throttled")),
    });
    await rig.connect({ expiresInSeconds: 200 });

    expect(seen(await rig.environment().fetch(60))).toEqual({ code: "throttled", retryable: true });
  });

  it("is renewed once in an invocation, also when another one wrote first what does not open", async () => {
    const rig = tokenFetchInMemory({ sealer: damaged(99) });
    await rig.connect();
    const { fetch } = rig.environment(async (name, call) => {
      const late = await call();
      if (name === "identity.refresh") {
        await rig.connect({ accessToken: `damaged-${rig.identity.refreshed.length}` });
      }
      return late;
    });

    expect(await fetch()).toMatchObject({
      failure: { code: "temporarily_unavailable", cause: { kind: "sealed_token_unreadable" } },
    });

    expect(rig.identity.refreshed).toHaveLength(1);
  });

  it("is left as it is while the vault keys cannot be read: that says nothing about it", async () => {
    const outage = new Error("Secrets Manager did not hand out a secret: no answer");
    const rig = tokenFetchInMemory({
      sealer: { seal: plainSealer.seal, open: () => Promise.reject(outage) },
    });
    await rig.connect();
    const { fetch, unreadable } = rig.environment();

    await expect(fetch()).rejects.toThrow(outage);

    expect(unreadable).toEqual([]);
    expect(rig.identity.refreshed).toEqual([]);
  });
});

describe("the time of an invocation", () => {
  const { lease, note, refresh, save } = timeBudget;

  it.for([
    [0, "renewed-1"],
    [-0.001, "stored-token"],
  ] as const)(
    "that has as long left as a refresh may take, and %d seconds: %s is served",
    async ([more, token]) => {
      const { connect, environment } = tokenFetchInMemory();
      const id = await connect({ expiresInSeconds: 200 });

      const fetched = await environment().fetch(60, id, alice.workspaceId, refresh + more);

      expect(seen(fetched)).toMatchObject({ token });
    },
  );

  it("that was spent waiting for another one's refresh begins none of its own", async () => {
    const rig = tokenFetchInMemory();
    const id = await rig.connect({ expiresInSeconds: -1 });
    const lease = { owner: "dead", expiresAt: secondsAfter(noon, timeBudget.longestWait) };
    await rig.connections.acquireLease(id, 1, lease, noon);
    const { fetch, calls } = rig.environment(async (name, call) => {
      if (name === "connections.findForWorkspace") rig.clock.pass(3);
      return call();
    });

    expect(seen(await fetch())).toEqual({ code: "temporarily_unavailable", retryable: true });

    expect(rig.clock.now() > lease.expiresAt).toBe(true);
    expect(calls).not.toContain("connections.acquireLease");
    expect(rig.identity.refreshed).toEqual([]);
  });

  it("that is nearly over still tells what is known of a connection that has ended", async () => {
    const { connect, environment } = tokenFetchInMemory({
      refresh: async () => fail(microsoftFailure("sign_in_required")),
    });
    const id = await connect({ expiresInSeconds: -1 });
    await environment().fetch();

    expect(seen(await environment().fetch(300, id, alice.workspaceId, 1))).toEqual({
      code: "reauthorization_required",
      retryable: false,
    });
  });

  it("that is nearly over begins no refresh: what is good enough is served, or a retry is asked for", async () => {
    const { connect, environment, identity } = tokenFetchInMemory();
    const id = await connect({ expiresInSeconds: 200 });
    const soon = [id, alice.workspaceId, refresh - 1] as const;

    expect(seen(await environment().fetch(60, ...soon))).toMatchObject({ token: "stored-token" });
    expect(await environment().fetch(300, ...soon)).toMatchObject({
      ok: false,
      failure: { code: "temporarily_unavailable", actor: "nobody", retryable: true },
    });

    expect(identity.refreshed).toEqual([]);
  });

  it("tells Microsoft's adapter until when an answer is of use: the lease, less what must follow it", async () => {
    const { connect, environment, identity } = tokenFetchInMemory();
    await connect({ expiresInSeconds: 200 });

    await environment().fetch();

    expect(identity.refreshed[0]?.until).toEqual(secondsAfter(noon, lease - save));
  });

  it("and when the invocation ends before the lease: its end, less what must follow the answer", async () => {
    const rig = tokenFetchInMemory();
    const id = await rig.connect({ expiresInSeconds: 200 });
    const { fetch } = rig.environment(async (name, call) => {
      if (name === "connections.acquireLease") rig.clock.pass(3);
      return call();
    });

    await fetch(300, id, alice.workspaceId, refresh);

    const end = secondsAfter(noon, Math.min(lease, refresh - note));
    expect(rig.identity.refreshed[0]?.until).toEqual(secondsAfter(end, -save));
  });

  it("that a holder lost before asking Microsoft ends nothing, and the next one renews", async () => {
    let isLate = true;
    const outOfTime = microsoftFailure("temporarily_unavailable", {
      evidence: { error: "out_of_time", errorCodes: [] },
    });
    const rig = tokenFetchInMemory({
      refresh: async () => (isLate ? fail(outOfTime) : succeed(refreshedTokens)),
    });
    await rig.connect({ expiresInSeconds: 200 });

    expect(await rig.environment().fetch()).toMatchObject({
      ok: false,
      failure: { code: "temporarily_unavailable", cause: { kind: "out_of_time" } },
    });
    expect(await rig.stored()).toMatchObject({ status: "connected", refreshNotBefore: undefined });

    isLate = false;
    rig.clock.pass(lease);
    expect((await rig.environment().fetch()).ok).toBe(true);
  });
});

describe("a refresh that brings fewer permissions", () => {
  const narrow = { ...refreshedTokens, scopes: ["User.Read"] };

  it("is served with what it has, and its owner is told, as is the log, once", async () => {
    let tokens: RefreshedTokens = narrow;
    const rig = tokenFetchInMemory({
      refresh: async () =>
        succeed({ ...tokens, accessTokenExpiresAt: secondsAfter(rig.clock.now(), 3600) }),
    });
    await rig.connect({ expiresInSeconds: 100 });
    const { fetch, narrowed } = rig.environment();

    const served = await fetch();
    expect(served).toMatchObject({ ok: true, value: { scopes: ["User.Read"], degraded: false } });
    expect(await rig.stored()).toMatchObject({
      status: "connected",
      problem: { code: "permissions_missing", actor: "user" },
    });

    rig.clock.pass(3500);
    expect((await fetch()).ok).toBe(true);
    expect(narrowed).toEqual([["Mail.ReadWrite", "Mail.Send"]]);

    tokens = refreshedTokens;
    rig.clock.pass(3500);
    await fetch();
    expect((await rig.stored())?.problem).toBeUndefined();
  });

  it("leaves the permissions as they were when Microsoft does not name them", async () => {
    const rig = tokenFetchInMemory({ refresh: async () => succeed({ ...narrow, scopes: [] }) });
    await rig.connect({ expiresInSeconds: 100 });

    expect(await rig.environment().fetch()).toMatchObject({
      ok: true,
      value: { scopes: ["Mail.Send"] },
    });
  });
});

describe("while Microsoft is left alone, a worker is told what the first one was told", () => {
  it.for<MicrosoftFailureKind>([
    "throttled",
    "temporarily_unavailable",
    "misconfigured",
    "app_credential_rejected",
    "admin_approval_required",
    "tenant_blocked",
  ])("after %s", async (kind) => {
    const rig = tokenFetchInMemory({ refresh: async () => fail(microsoftFailure(kind)) });
    await rig.connect({ expiresInSeconds: 100 });

    const first = await rig.environment().fetch();
    const second = await rig.environment().fetch();

    if (first.ok || second.ok) throw new Error("served");
    const { code, actor, retryable, message } = first.failure;
    expect(second.failure).toMatchObject({ code, actor, retryable, message });
    expect(rig.identity.refreshed).toHaveLength(1);
  });

  it("after an outage of ours", async () => {
    const rig = tokenFetchInMemory({ refresh: () => Promise.reject(new Error("no answer")) });
    await rig.connect({ expiresInSeconds: 100 });

    await expect(rig.environment().fetch()).rejects.toThrow("no answer"); // answered as below
    const second = await rig.environment().fetch();

    const { code, actor, retryable, message } = brokenHere;
    expect(second).toMatchObject({
      failure: { code, actor, retryable, message, retryAfterSeconds: 5 },
    });
    expect(rig.identity.refreshed).toHaveLength(1);
  });

  it("and the owner is not bothered with what is the operator's", async () => {
    const rig = tokenFetchInMemory({
      refresh: async () => fail(microsoftFailure("app_credential_rejected")),
    });
    await rig.connect({ expiresInSeconds: 100 });

    await rig.environment().fetch();

    expect((await rig.stored())?.problem).toBeUndefined();
  });
});

describe("what a refresh tells of the tenant's approval", () => {
  it.for([
    ["admin_approval_required", true],
    ["tenant_blocked", true],
    ["admin_approval_required", undefined],
  ] as const)("after %s, that loses it: %s", async ([kind, losesApproval]) => {
    const failure = microsoftFailure(kind, losesApproval ? { losesApproval } : {});
    const rig = tokenFetchInMemory({ refresh: async () => fail(failure) });
    await rig.connect({ expiresInSeconds: 100 });
    const { fetch, losses } = rig.environment();

    await fetch();

    expect(losses).toEqual(losesApproval ? [alicesConnection] : []);
  });

  it.for([
    { after: "admin_approval_required", scopes: refreshedTokens.scopes, isBack: true },
    { after: "admin_approval_required", scopes: ["Mail.Send"], isBack: false },
    { after: "tenant_blocked", scopes: refreshedTokens.scopes, isBack: true },
    { after: "temporarily_unavailable", scopes: refreshedTokens.scopes, isBack: false },
  ] as const)(
    "once it succeeds again after $after, with $scopes, that its administrator did something: $isBack",
    async ({ after, scopes, isBack }) => {
      let isRefused = true;
      const rig = tokenFetchInMemory({
        refresh: async () =>
          isRefused ? fail(microsoftFailure(after)) : succeed({ ...refreshedTokens, scopes }),
      });
      await rig.connect({ expiresInSeconds: 100 });
      const { fetch, returns } = rig.environment();
      await fetch();
      isRefused = false;
      rig.clock.pass(600);

      expect((await fetch()).ok).toBe(true);

      expect(returns).toEqual(isBack ? [alicesConnection] : []);
      expect((await rig.stored())?.status).toBe("connected");
    },
  );
});
