import { describe, expect, it } from "vitest";
import { setbackOf } from "../../../functions/token-fetch/refresh-failures.ts";
import { stepLimits, timeBudget } from "../../../functions/token-fetch/time-budget.ts";
import { fail, succeed } from "../../../shared/domain/result.ts";
import { Secret } from "../../../shared/domain/secret.ts";
import { type Intercept, neverSettles } from "../../fakes/intercepted.ts";
import {
  account,
  alice,
  alicesConnection,
  microsoftFailure,
  noon,
  refreshedTokens,
  secondsAfter,
} from "../../fakes/samples.ts";
import { type TokenFetchScript, tokenFetchInMemory } from "../../fakes/token-fetch-in-memory.ts";

const day = 24 * 3600;

/** A connection whose token has run out, and one attempt of an environment to renew it. */
const expired = async (script: TokenFetchScript = {}) => {
  const rig = tokenFetchInMemory(script);
  const id = await rig.connect({ expiresInSeconds: -1, connectedSecondsAgo: 0 });
  return {
    ...rig,
    id,
    renew: async (intercept?: Intercept, remainingSeconds: number = timeBudget.invocation) => {
      const { ports, reported, calls, narrowed } = rig.environment(intercept);
      const deadline = secondsAfter(rig.clock.now(), remainingSeconds);
      const stored = await rig.stored();
      if (!stored) throw new Error("not connected");
      return { renewing: ports.refresh(stored, deadline, "use"), reported, calls, narrowed };
    },
    tokenInVault: async () => {
      const entry = (await rig.stored())?.vaultEntry ?? "";
      return rig.vault.entries.get(entry)?.token.reveal();
    },
  };
};

describe("the refresh token", () => {
  it.for([
    [day, "stored-refresh-token"],
    [day + 1, "refresh-token-2"],
  ] as const)("that is %i seconds old is followed by %s", async ([age, token]) => {
    const { renew, clock, tokenInVault, stored } = await expired();
    clock.pass(age);

    await (await renew()).renewing;

    expect(await tokenInVault()).toBe(token);
    const storedAt = token === "refresh-token-2" ? secondsAfter(noon, age) : noon;
    expect((await stored())?.refreshTokenStoredAt).toEqual(storedAt);
  });

  it("stays when Microsoft sends no other, however old it is", async () => {
    const { renew, clock, tokenInVault, stored } = await expired({
      refresh: async () => succeed({ ...refreshedTokens, refreshToken: undefined }),
    });
    clock.pass(80 * day);

    const outcome = await (await renew()).renewing;

    expect(outcome.kind).toBe("refreshed");
    expect(await tokenInVault()).toBe("stored-refresh-token");
    expect((await stored())?.refreshTokenStoredAt).toEqual(noon);
  });

  it("that cannot be stored costs nobody the access token, and is tried again next time", async () => {
    const { renew, clock, tokenInVault, stored } = await expired();
    clock.pass(2 * day);

    const { renewing, reported } = await renew(async (name, call) => {
      if (name === "vault.replace") throw new Error("throttled");
      return call();
    });

    expect((await renewing).kind).toBe("refreshed");
    expect(reported).toEqual([new Error("throttled")]);
    expect(await tokenInVault()).toBe("stored-refresh-token");
    expect((await stored())?.refreshTokenStoredAt).toEqual(noon);
    clock.pass(3600);
    await (await renew()).renewing;
    expect(await tokenInVault()).toBe("refresh-token-2");
  });

  it("is replaced before the item says so, so that what fails in between loses nothing", async () => {
    const { renew, clock } = await expired();
    clock.pass(2 * day);

    const { renewing, calls } = await renew();
    await renewing;

    expect(calls).toEqual([
      "connections.acquireLease",
      "vault.read",
      "circuits.find",
      "circuits.find",
      "identity.refresh",
      "vault.replace",
      "sealer.seal",
      "connections.saveRefreshed",
    ]);
  });

  it.for([
    ["as long as there is time", 0, "refresh-token-2"],
    [
      "not when Microsoft answered late, so that the access token is stored in time",
      0.001,
      "stored-refresh-token",
    ],
  ] as const)("is replaced %s", async ([, late, token]) => {
    const { renew, clock, tokenInVault } = await expired();
    clock.pass(2 * day);
    const answersAfter = timeBudget.lease - timeBudget.save - stepLimits.secret + late;

    const { renewing, reported } = await renew(async (name, call) => {
      if (name === "identity.refresh") clock.pass(answersAfter);
      return call();
    });

    expect((await renewing).kind).toBe("refreshed");
    expect(await tokenInVault()).toBe(token);
    expect(reported).toEqual([]);
  });
});

describe("a refresh token that the vault has lost", () => {
  /** A mailbox whose entry is gone, and a worker that asks each time in an environment of its own. */
  const lost = async (refresh?: TokenFetchScript["refresh"]) => {
    const rig = await expired({ ...(refresh && { refresh }) });
    const entry = (await rig.stored())?.vaultEntry ?? "";
    const { owner, token } = rig.vault.entries.get(entry) ?? {};
    if (!owner || !token) throw new Error("not in the vault");
    await rig.vault.erase(entry);
    return {
      ...rig,
      fetch: () => rig.environment().fetch(),
      restore: () => rig.vault.restore(entry, owner, token),
    };
  };
  const hour = 3600;
  const reconnect = {
    failure: { code: "reauthorization_required", actor: "user", retryable: false },
  };
  const seenLost = { failure: { ...reconnect.failure, cause: { kind: "refresh_token_lost" } } };

  it("makes nobody act the first time, and Microsoft is not asked", async () => {
    const { fetch, stored, identity } = await lost();

    expect(await fetch()).toMatchObject({
      failure: {
        code: "temporarily_unavailable",
        actor: "nobody",
        retryable: true,
        retryAfterSeconds: 120,
        message: expect.stringContaining("not found"),
        cause: { kind: "refresh_token_lost" },
      },
    });
    expect(await stored()).toMatchObject({
      status: "connected",
      problem: undefined,
      refreshNotBefore: secondsAfter(noon, 120),
    });
    expect(identity.refreshed).toEqual([]);
  });

  it("makes its person reconnect the second time, and stays in the queue of the keep-alive", async () => {
    const { fetch, stored, clock, identity } = await lost();
    const keepAliveAt = (await stored())?.keepAliveAt;
    await fetch();
    clock.pass(120);

    expect(await fetch()).toMatchObject(seenLost);
    expect(await stored()).toMatchObject({
      status: "reauthorization_required",
      problem: { code: "reauthorization_required", actor: "user" },
      refreshNotBefore: secondsAfter(noon, 120 + hour),
      keepAliveAt,
    });
    expect(identity.refreshed).toEqual([]);
  });

  it("is looked for once an hour afterwards, whoever asks how often", async () => {
    const { fetch, clock, stored, environment } = await lost();
    await fetch();
    clock.pass(120);
    await fetch();
    let looks = 0;

    for (let minute = 0; minute < 240; minute += 1) {
      clock.pass(60);
      const { fetch: ask, calls } = environment();
      expect(await ask()).toMatchObject(reconnect);
      if (calls.includes("vault.read")) looks += 1;
    }

    expect(looks).toBe(4);
    expect(await stored()).toMatchObject({ status: "reauthorization_required" });
  });

  it.for([
    ["after the first look", 1],
    ["after its person was told to reconnect", 2],
    ["a day later", 20],
  ] as const)("and found again %s serves as before", async ([, looks]) => {
    const { fetch, clock, stored, restore } = await lost();
    for (let look = 0; look < looks; look += 1) {
      await fetch();
      clock.pass(look === 0 ? 120 : hour);
    }

    await restore();

    expect(await fetch()).toMatchObject({ value: { source: "refresh" } });
    expect(await stored()).toMatchObject({
      status: "connected",
      problem: undefined,
      refreshNotBefore: undefined,
      firstRefusedAt: undefined,
      forgottenAt: undefined,
    });
  });

  it("may come back for the 35 days that backups last; after that nothing looks for it or keeps it alive", async () => {
    const { fetch, clock, stored, restore, environment, tokenInVault } = await lost();
    await fetch();
    clock.pass(120);
    await fetch();
    clock.pass(35 * day);
    await fetch();
    const restorable = await stored();
    clock.pass(hour);
    await fetch();
    await restore();
    clock.pass(hour);
    const { fetch: ask, calls } = environment();

    expect(restorable?.refreshNotBefore).toBeDefined();
    expect(await ask()).toMatchObject(reconnect);
    expect(calls).not.toContain("vault.read");
    expect(await tokenInVault()).toBeDefined();
    expect(await stored()).toMatchObject({
      refreshNotBefore: undefined,
      keepAliveAt: undefined,
      forgottenAt: secondsAfter(noon, 120 + 180 * day),
    });
  });

  it("and found again is over where Microsoft refuses it by now: nothing asks for it again", async () => {
    const { fetch, clock, stored, restore, identity } = await lost(async () =>
      fail(microsoftFailure("sign_in_required")),
    );
    await fetch();
    clock.pass(120);
    await fetch();
    clock.pass(hour);
    await restore();
    await fetch();
    clock.pass(30 * day);

    expect(await fetch()).toMatchObject(reconnect);
    expect(await stored()).toMatchObject({ refreshNotBefore: undefined, keepAliveAt: undefined });
    expect(identity.refreshed).toHaveLength(1);
  });

  it("is still lost while Microsoft is not to be asked: its person stays told what to do", async () => {
    const { fetch, clock, stored, restore } = await lost(async () =>
      fail(microsoftFailure("temporarily_unavailable")),
    );
    await fetch();
    clock.pass(120);
    await fetch();
    clock.pass(hour);
    await restore();
    await fetch();

    expect(await stored()).toMatchObject({
      status: "reauthorization_required",
      problem: { code: "reauthorization_required" },
    });
    expect(await fetch()).toMatchObject(reconnect);
  });

  it("ends nothing for a person who reconnects while it is looked for", async () => {
    const { clock, fetch, renew, connect, stored } = await lost();
    await fetch();
    clock.pass(120);

    const { renewing } = await renew(async (name, call) => {
      const answer = await call();
      if (name === "vault.read") await connect({ accessToken: "after-a-new-sign-in" });
      return answer;
    });

    expect(await renewing).toEqual({ kind: "overtaken" });
    expect(await stored()).toMatchObject({ status: "connected", problem: undefined });
  });
});

describe("what is stored", () => {
  it("is what is handed on", async () => {
    const { renew, stored } = await expired();

    const outcome = await (await renew()).renewing;

    const item = await stored();
    expect(outcome).toMatchObject({
      kind: "refreshed",
      connection: {
        version: 2,
        status: "connected",
        sealedAccessToken: item?.sealedAccessToken,
        accessTokenExpiresAt: secondsAfter(noon, 3600),
        scopes: refreshedTokens.scopes,
      },
    });
    expect(item).toMatchObject({ version: 2, lease: undefined, lastRefreshedAt: noon });
  });

  it("names the scopes that Microsoft left, even if they are fewer", async () => {
    const { renew, stored, environment } = await expired({
      refresh: async () => succeed({ ...refreshedTokens, scopes: ["User.Read"] }),
    });

    await (await renew()).renewing;

    expect((await stored())?.scopes).toEqual(["User.Read"]);
    expect(await environment().fetch()).toMatchObject({ value: { scopes: ["User.Read"] } });
  });

  it("keeps the scopes when Microsoft names none", async () => {
    const { renew, stored } = await expired({
      refresh: async () => succeed({ ...refreshedTokens, scopes: [] }),
    });

    await (await renew()).renewing;

    expect((await stored())?.scopes).toEqual(["Mail.Send"]);
  });
});

describe("without the lease", () => {
  it("nothing is read and nobody is asked", async () => {
    const { renew, connections, id, identity } = await expired();
    const lease = { owner: "other", expiresAt: secondsAfter(noon, 15) };
    await connections.acquireLease(id, 1, lease, noon);

    const { renewing, calls } = await renew();

    expect(await renewing).toEqual({ kind: "elsewhere" });
    expect(calls).toEqual(["connections.acquireLease"]);
    expect(identity.refreshed).toEqual([]);
  });

  it("it is there again after fifteen seconds, when its holder must have died", async () => {
    const { renew, clock } = await expired();
    const holder = await renew((name, call) =>
      name === "identity.refresh" ? neverSettles() : call(),
    );
    void holder.renewing;
    await expect.poll(() => holder.calls).toContain("identity.refresh");

    clock.pass(14.999);
    const tooEarly = await (await renew()).renewing;
    clock.pass(0.001);
    const inTime = await (await renew()).renewing;

    expect(tooEarly).toEqual({ kind: "elsewhere" });
    expect(inTime.kind).toBe("refreshed");
  });
});

describe("a holder who is slower than the lease", () => {
  /** While Microsoft answers the slow one, the lease runs out and another one renews. */
  const overtaken = async (script: TokenFetchScript, during: "renewing" | "reconnecting") => {
    const rig = await expired(script);
    const slow = await rig.renew(async (name, call) => {
      if (name !== "identity.refresh") return call();
      const late = await call();
      rig.clock.pass(16);
      if (during === "renewing") await (await rig.renew()).renewing;
      else await rig.connect({ accessToken: "after-a-new-sign-in" });
      return late;
    });
    return { ...rig, slow };
  };

  const numbered = (failsFirst: boolean): TokenFetchScript => {
    let asked = 0;
    return {
      refresh: async () => {
        asked += 1;
        if (failsFirst && asked === 1) return fail(microsoftFailure("sign_in_required"));
        return succeed({
          ...refreshedTokens,
          accessToken: new Secret(`renewed-${asked}`),
          accessTokenExpiresAt: secondsAfter(noon, 3600),
        });
      },
    };
  };

  it("never puts an older token over a newer one", async () => {
    const { slow, stored } = await overtaken(numbered(false), "renewing");

    expect(await slow.renewing).toEqual({ kind: "overtaken" });

    expect((await stored())?.sealedAccessToken).toContain("renewed-2");
  });

  it.for(["renewing", "reconnecting"] as const)(
    "does not end by its refusal what somebody else is %s",
    async (during) => {
      const { slow, stored } = await overtaken(numbered(true), during);

      expect(await slow.renewing).toEqual({ kind: "overtaken" });

      expect(await stored()).toMatchObject({ status: "connected", problem: undefined });
    },
  );

  it("does not bring back what was disconnected", async () => {
    const rig = await expired();
    const { renewing } = await rig.renew(async (name, call) => {
      const late = await call();
      if (name === "identity.refresh") {
        await rig.connections.disconnect(alicesConnection, alice, rig.clock.now());
      }
      return late;
    });

    expect(await renewing).toEqual({ kind: "overtaken" });

    expect(await rig.stored()).toBeUndefined();
    expect(await rig.connections.findOwned(alicesConnection, alice)).toBeUndefined();
  });
});

describe("when our side fails", () => {
  const broken =
    (failing: string): Intercept =>
    async (name, call) => {
      if (name === failing) throw new Error("no answer");
      return call();
    };

  it.for(["vault.read", "identity.refresh", "sealer.seal", "connections.saveRefreshed"])(
    "in %s, the connection is as it was, and is tried again in seconds",
    async (failing) => {
      const { renew, stored, clock } = await expired();

      const { renewing } = await renew(broken(failing));

      await expect(renewing).rejects.toThrow("no answer");
      expect(await stored()).toMatchObject({
        status: "connected",
        problem: undefined,
        lease: undefined,
        firstRefusedAt: undefined,
        refreshNotBefore: secondsAfter(noon, 5),
      });
      clock.pass(5);
      expect((await (await renew()).renewing).kind).toBe("refreshed");
    },
  );

  it("after so long that the lease is about to end, it is left to end by itself", async () => {
    const { renew, clock, stored } = await expired();

    const { renewing, calls } = await renew(async (name, call) => {
      if (name !== "connections.saveRefreshed") return call();
      clock.pass(timeBudget.lease - stepLimits.table + 0.001);
      throw new Error("no answer");
    });

    await expect(renewing).rejects.toThrow("no answer");
    expect(calls).not.toContain("connections.recordSetback");
    expect((await stored())?.lease).toBeDefined();
  });

  it("in acquiring the lease, nothing is asked and nothing is written", async () => {
    const { renew, stored, identity } = await expired();
    const before = await stored();

    await expect((await renew(broken("connections.acquireLease"))).renewing).rejects.toThrow();

    expect(await stored()).toEqual(before);
    expect(identity.refreshed).toEqual([]);
  });

  it("in all of the table, the first error is the one that is told", async () => {
    const { renew, clock } = await expired();

    const { renewing } = await renew(async (name, call) => {
      if (name === "vault.read") throw new Error("the first");
      if (name === "connections.recordSetback") throw new Error("the second");
      return call();
    });

    await expect(renewing).rejects.toThrow("the first");
    clock.pass(15);
    expect((await (await renew()).renewing).kind).toBe("refreshed");
  });

  it("by losing the answer to what was stored, the next one finds it", async () => {
    const { renew, environment, identity } = await expired();

    const { renewing } = await renew(async (name, call) => {
      const result = await call();
      if (name === "connections.saveRefreshed") throw new Error("no answer");
      return result;
    });

    await expect(renewing).rejects.toThrow();
    expect(await environment().fetch()).toMatchObject({ value: { source: "table" } });
    expect(identity.refreshed).toHaveLength(1);
  });
});

describe("permissions that have gone", () => {
  it("are told when they are stored, and not when another one wrote first", async () => {
    const { renew, connect } = await expired({
      refresh: async () => succeed({ ...refreshedTokens, scopes: ["User.Read"] }),
    });

    const { renewing, narrowed } = await renew(async (name, call) => {
      const late = await call();
      if (name === "identity.refresh") await connect();
      return late;
    });

    expect(await renewing).toEqual({ kind: "overtaken" });
    expect(narrowed).toEqual([]);
  });

  /** One refresh for each list of scopes, and what was told of each. */
  const narrowing = async (...grants: readonly (readonly string[])[]) => {
    let refreshes = 0;
    const rig = await expired({
      refresh: async () => {
        const scopes = grants[refreshes] ?? [];
        refreshes += 1;
        return succeed({ ...refreshedTokens, scopes });
      },
    });
    return {
      ...rig,
      told: async () => {
        const { renewing, narrowed } = await rig.renew();
        await renewing;
        return narrowed;
      },
    };
  };

  it("are told again when more of them go, and not when they were never there", async () => {
    const { told } = await narrowing(
      ["https://graph.microsoft.com/mail.send", "User.Read"],
      ["User.Read", "Mail.ReadWrite"],
      ["User.Read"],
    );

    expect(await told()).toEqual([]); // the sample has nothing but Mail.Send
    expect(await told()).toEqual([["Mail.Send"]]);
    expect(await told()).toEqual([["Mail.ReadWrite", "Mail.Send"]]);
  });

  it("are told once, and their owner sees it also after another problem is over", async () => {
    const { told, stored, connections, id, clock } = await narrowing(["User.Read"], ["User.Read"]);
    const first = await told();
    const narrowed = await stored();
    if (!narrowed) throw new Error("not connected");
    const lease = { owner: "other", expiresAt: secondsAfter(clock.now(), 15) };
    await connections.acquireLease(id, narrowed.version, lease, clock.now());
    await connections.recordSetback(
      id,
      { owner: "other", version: narrowed.version },
      setbackOf(microsoftFailure("tenant_blocked"), narrowed, clock.now()),
    );

    const second = await told();

    expect(first).toEqual([["Mail.ReadWrite", "Mail.Send"]]);
    expect(second).toEqual([]);
    expect(await stored()).toMatchObject({
      status: "connected",
      problem: { code: "permissions_missing", actor: "user" },
    });
  });
});

it("asks in the name of the account that was connected", async () => {
  const { renew, identity } = await expired();

  await (await renew()).renewing;

  expect(identity.refreshed).toEqual([
    {
      refreshToken: new Secret("stored-refresh-token"),
      account,
      scopes: expect.arrayContaining(["offline_access", "Mail.Send"]),
      until: expect.any(Date),
    },
  ]);
});

describe("a connection from before more permissions were asked for", () => {
  const earlier = ["openid", "offline_access", "Mail.Send"];

  const old = async (script: TokenFetchScript = {}) => {
    const rig = tokenFetchInMemory(script);
    const id = await rig.connect({ expiresInSeconds: -1, requestedScopes: earlier });
    return { ...rig, id };
  };

  it("is renewed with those that its sign-in asked for: Microsoft refuses what was never approved", async () => {
    const { environment, id, identity, stored } = await old({
      refresh: async ({ scopes }) =>
        scopes.includes("Mail.ReadWrite")
          ? fail(microsoftFailure("admin_approval_required"))
          : succeed({ ...refreshedTokens, scopes: ["Mail.Send"] }),
    });

    expect(await environment().fetch(300, id)).toMatchObject({ ok: true });

    expect(identity.refreshed.map(({ scopes }) => scopes)).toEqual([earlier]);
    // Nobody has to do anything: what it may do, it may do as before.
    expect(await stored()).toMatchObject({
      status: "connected",
      problem: undefined,
      scopes: ["Mail.Send"],
      requestedScopes: earlier,
    });
  });

  it("is renewed with what was granted, where it was not kept what its sign-in asked for", async () => {
    const rig = tokenFetchInMemory({
      refresh: async () => succeed({ ...refreshedTokens, scopes: ["Mail.Send"] }),
    });
    const id = await rig.connect({ expiresInSeconds: -1 });
    const { ports } = rig.environment();
    const stored = await rig.stored();
    if (!stored) throw new Error("not connected");
    const older = { ...stored, requestedScopes: undefined };

    const outcome = await ports.refresh(older, secondsAfter(rig.clock.now(), 20), "use");

    expect(outcome).toMatchObject({ kind: "refreshed", connection: { id, problem: undefined } });
    expect(rig.identity.refreshed.map(({ scopes }) => scopes)).toEqual([
      ["openid", "profile", "email", "offline_access", "Mail.Send"],
    ]);
  });

  it("that comes back tells nothing of an approval of today's permissions", async () => {
    let isRefused = true;
    const { environment, id, clock } = await old({
      refresh: async () =>
        isRefused
          ? fail(microsoftFailure("admin_approval_required"))
          : succeed({ ...refreshedTokens, scopes: ["Mail.Send"] }),
    });
    const { fetch, returns } = environment();
    await fetch(300, id);
    isRefused = false;
    clock.pass(600);

    expect(await fetch(300, id)).toMatchObject({ ok: true });
    expect(returns).toEqual([]);
  });
});

describe("that a connection has ended", () => {
  it("is said once, however often anybody asks", async () => {
    const rig = tokenFetchInMemory({
      refresh: async () => fail(microsoftFailure("sign_in_required")),
    });
    await rig.connect({ expiresInSeconds: -1 });
    const { fetch, ended } = rig.environment();

    await fetch();
    rig.clock.pass(3600);
    await fetch();

    expect(ended).toEqual(["sign_in_required"]);
  });

  it("is not said before it is believed", async () => {
    const refusal = microsoftFailure("sign_in_required", { certain: false });
    const rig = tokenFetchInMemory({ refresh: async () => fail(refusal) });
    await rig.connect({ expiresInSeconds: -1 });
    const { fetch, ended } = rig.environment();

    await fetch();
    const before = [...ended];
    rig.clock.pass(120);
    await fetch();

    expect(before).toEqual([]);
    expect(ended).toEqual(["sign_in_required"]);
  });

  it("is not said of one that was connected anew meanwhile", async () => {
    const rig = tokenFetchInMemory({
      refresh: async () => {
        await rig.connect();
        return fail(microsoftFailure("sign_in_required"));
      },
    });
    await rig.connect({ expiresInSeconds: -1 });
    const { fetch, ended } = rig.environment();

    await fetch();

    expect(ended).toEqual([]);
  });

  it("is said of a refresh token that is lost once, though it is looked for again", async () => {
    const rig = tokenFetchInMemory();
    await rig.connect({ expiresInSeconds: -1 });
    await rig.vault.erase((await rig.stored())?.vaultEntry ?? "");
    const { fetch, ended } = rig.environment();

    for (const seconds of [120, 3600, 3600]) {
      await fetch();
      rig.clock.pass(seconds);
    }

    expect(ended).toEqual(["refresh_token_lost"]);
  });

  it.for([
    ["a policy of the tenant", { signInFrequency: true }, "use", "sign_in_frequency"],
    ["nobody's use", {}, "keep_alive", "connection_unused"],
  ] as const)(
    "is said to be because of %s, which is to alarm nobody",
    async ([, changes, purpose, why]) => {
      const refusal = microsoftFailure("sign_in_required", changes);
      const rig = tokenFetchInMemory({ refresh: async () => fail(refusal) });
      await rig.connect({ expiresInSeconds: -1 });
      rig.clock.pass(401 * day);
      const { fetch, ended } = rig.environment();

      await fetch(300, undefined, undefined, undefined, purpose);

      expect(ended).toEqual([why]);
    },
  );
});

describe("what Microsoft has told others", () => {
  const throttled = microsoftFailure("throttled", { retryAfterSeconds: 120 });

  it("is heeded: Microsoft is not asked, and workers are told so without another look", async () => {
    const { renew, circuits, identity, stored } = await expired();
    await circuits.write({ kind: "tenant", tenantId: account.tenantId }, undefined, {
      fault: "throttled",
      failing: [],
      since: noon,
      openings: 1,
      openUntil: secondsAfter(noon, 90),
      probeUntil: undefined,
    });

    const outcome = await (await renew()).renewing;

    expect(outcome).toMatchObject({
      kind: "refused",
      failure: { code: "throttled", retryAfterSeconds: 90 },
    });
    expect(identity.refreshed).toEqual([]);
    expect(await stored()).toMatchObject({
      status: "connected",
      refreshNotBefore: secondsAfter(noon, 90),
      lease: undefined,
    });
  });

  it("is told to others by the one who heard it", async () => {
    const { renew, circuits } = await expired({ refresh: async () => fail(throttled) });

    await (await renew()).renewing;

    const scope = { kind: "tenant", tenantId: account.tenantId } as const;
    expect((await circuits.find(scope))?.circuit.openUntil).toEqual(secondsAfter(noon, 120));
  });

  it("keeps nobody from a token when it cannot be found out, or cannot be noted", async () => {
    for (const call of ["find", "write"] as const) {
      const { renew, circuits, identity } = await expired();
      circuits[call] = async () => {
        throw new Error("the table does not answer");
      };

      const { renewing } = await renew();

      expect((await renewing).kind).toBe("refreshed");
      expect(identity.refreshed).toHaveLength(1);
    }
  });
});
