import { describe, expect, it } from "vitest";
import { sweepVault } from "../../../functions/sweep-vault/sweep-vault.ts";
import { fail, succeed } from "../../../shared/domain/result.ts";
import { connectionOfEntry, type TokenVaultKind } from "../../../shared/domain/token-vaults.ts";
import { type Intercept, neverSettles } from "../../fakes/intercepted.ts";
import type { MemoryVault } from "../../fakes/memory-vault.ts";
import { alicesConnection, microsoftFailure, noon, refreshedTokens } from "../../fakes/samples.ts";
import { type TokenFetchInMemory, tokenFetchInMemory } from "../../fakes/token-fetch-in-memory.ts";

const ways = [
  ["secrets-manager", "table"],
  ["table", "secrets-manager"],
] as const;

const onward: Intercept = (_, call) => call();

/** One whose token has run out, in the vault that is left. */
const connectedIn = async (kind: TokenVaultKind, script = {}) => {
  const rig = tokenFetchInMemory(script);
  await rig.connect({ expiresInSeconds: -1 });
  if (kind === "table") {
    // It got there as every token does.
    await rig.environment(undefined, 0, "table").fetch();
    rig.clock.pass(2 * 3600);
  }
  return rig;
};

const entriesOf = ({ vault, tableVault }: TokenFetchInMemory) => ({
  "secrets-manager": [...vault.entries.keys()],
  table: [...tableVault.entries.keys()],
});

const sweep = async (rig: TokenFetchInMemory) => {
  const listed = ({ entries }: MemoryVault) => ({
    async *inPart() {
      for (const entry of entries.keys()) {
        yield { entry, connectionId: alicesConnection, writtenAt: noon };
      }
    },
  });
  rig.clock.pass(48 * 3600);
  return sweepVault({
    vaults: [listed(rig.vault), listed(rig.tableVault)],
    connections: {
      entryOf: async () => {
        const stored = await rig.stored();
        return stored && { entry: stored.vaultEntry, forgottenAt: stored.forgottenAt };
      },
    },
    erase: async (entry) => {
      await rig.vault.erase(entry);
      await rig.tableVault.erase(entry);
    },
    now: rig.clock.now,
    report: (error) => {
      throw error;
    },
  });
};

describe.for(ways)("a refresh token in the vault %s, when new ones go to %s", ([from, to]) => {
  it("moves at the next refresh, however young it is: first it is stored, then named, then erased where it was", async () => {
    const rig = await connectedIn(from);
    const { fetch, calls } = rig.environment(onward, 0, to);

    expect(await fetch()).toMatchObject({ ok: true, value: { source: "refresh" } });

    const entries = entriesOf(rig);
    expect(entries[from]).toEqual([]);
    expect(entries[to]).toEqual([(await rig.stored())?.vaultEntry]);
    expect(calls.filter((name) => /^vault|save/.test(name))).toEqual([
      "vault.read",
      "vault.create",
      "connections.saveRefreshed",
      "vault.erase",
    ]);
  });

  it("moves although Microsoft sent no newer one", async () => {
    const rig = await connectedIn(from, {
      refresh: async () => succeed({ ...refreshedTokens, refreshToken: undefined }),
    });

    await rig.environment(onward, 0, to).fetch();

    const { vault, tableVault } = rig;
    const held = [...vault.entries.values(), ...tableVault.entries.values()];
    expect(held.map(({ token }) => token.reveal())).toEqual(["stored-refresh-token"]);
    expect(entriesOf(rig)[to]).toHaveLength(1);
  });

  it("stays where it is, and serves, while the other vault takes nothing; the next refresh moves it", async () => {
    const rig = await connectedIn(from);
    const { fetch, reported } = rig.environment(
      async (name, call) => {
        if (name === "vault.create") throw new Error("the other vault is down");
        return call();
      },
      0,
      to,
    );

    expect(await fetch()).toMatchObject({ ok: true });

    expect(reported).toEqual([new Error("the other vault is down")]);
    expect(entriesOf(rig)[from]).toEqual([(await rig.stored())?.vaultEntry]);
    rig.clock.pass(2 * 3600);
    expect(await rig.environment(onward, 0, to).fetch()).toMatchObject({ ok: true });
    expect(entriesOf(rig)[to]).toHaveLength(1);
  });

  it("is left alone by who is overtaken: what that one has stored is erased again", async () => {
    const rig = await connectedIn(from);
    const stored = await rig.stored();
    const { fetch } = rig.environment(
      async (name, call) => (name === "connections.saveRefreshed" ? false : call()),
      0,
      to,
    );

    const fetching = fetch();
    await new Promise((resolve) => setImmediate(resolve));
    rig.clock.pass(20);
    await fetching;

    expect(entriesOf(rig)[from]).toEqual([stored?.vaultEntry]);
    expect(entriesOf(rig)[to]).toEqual([]);
  });

  it.for([
    ["where it was", undefined],
    ["where somebody who was overtaken has put it", false],
  ] as const)(
    "that cannot be erased %s costs nobody anything, and the operator is told",
    async ([, saved]) => {
      const rig = await connectedIn(from);
      let overtakes = saved === false;
      const { fetch, entriesLeft, reported } = rig.environment(
        async (name, call) => {
          if (name === "vault.erase") throw new Error("the vault is down");
          if (name !== "connections.saveRefreshed" || !overtakes) return call();
          overtakes = false;
          rig.clock.pass(20); // its lease is over
          await rig.environment(onward, 0, from).fetch();
          return call();
        },
        0,
        to,
      );

      expect(await fetch()).toMatchObject({ ok: true });

      expect(entriesLeft).toEqual([alicesConnection]);
      expect(reported).toEqual([]);
    },
  );

  it("is erased where it was while its organisation is noted to have approved again, not before it", async () => {
    let isRefused = true;
    const rig = await connectedIn(from, {
      refresh: async () =>
        isRefused ? fail(microsoftFailure("admin_approval_required")) : succeed(refreshedTokens),
    });
    await rig.environment(onward, 0, from).fetch();
    isRefused = false;
    rig.clock.pass(600);
    const { fetch, returns } = rig.environment(
      (name, call) => (name === "vault.erase" ? neverSettles() : call()),
      0,
      to,
    );

    fetch().catch(() => {});

    await expect.poll(() => returns).toEqual([alicesConnection]);
  });

  const calls = [
    "connections.acquireLease",
    "vault.read",
    "identity.refresh",
    "vault.create",
    "sealer.seal",
    "connections.saveRefreshed",
    "vault.erase",
  ];
  it.for(calls.flatMap((call) => [["before", call] as const, ["after", call] as const]))(
    "survives a crash %s %s: the connection is served again, and after a sweep one entry is left",
    async ([when, fatal]) => {
      const rig = await connectedIn(from);
      const { fetch, calls: made } = rig.environment(
        async (name, call) => {
          if (name !== fatal) return call();
          if (when === "after") await call();
          return neverSettles();
        },
        0,
        to,
      );
      const dead = fetch();
      dead.catch(() => {});
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
      expect(made).toContain(fatal);
      rig.clock.pass(20);

      const next = await rig.environment(onward, 0, to).fetch();
      const swept = await sweep(rig);

      expect(next).toMatchObject({ ok: true });
      expect(swept).toMatchObject({ refused: false, left: 0 });
      const { vaultEntry } = (await rig.stored()) ?? {};
      expect(entriesOf(rig)).toEqual({ [from]: [], [to]: [vaultEntry] });
      // And it refreshes.
      expect(await rig.environment(onward, 0, to).fetch()).toMatchObject({
        ok: true,
        value: { source: "refresh" },
      });
    },
  );

  it("is found, replaced and erased where it is, once there", async () => {
    const rig = await connectedIn(from);
    await rig.environment(onward, 0, to).fetch();
    const moved = (await rig.stored())?.vaultEntry ?? "";
    rig.clock.pass(25 * 3600);
    const { fetch, calls } = rig.environment(onward, 0, to);

    expect(await fetch()).toMatchObject({ ok: true });

    expect(calls).toContain("vault.replace");
    expect((await rig.stored())?.vaultEntry).toBe(moved);
    expect(connectionOfEntry(moved)).toBe(alicesConnection);
  });
});
