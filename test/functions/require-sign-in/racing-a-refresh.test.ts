import { describe, expect, it } from "vitest";
import { requireSignIns } from "../../../functions/require-sign-in/require-sign-ins.ts";
import { type TokenVaultKind, vaultErasers } from "../../../shared/domain/token-vaults.ts";
import type { Intercept } from "../../fakes/intercepted.ts";
import { alice, alicesConnection, noon, secondsAfter } from "../../fakes/samples.ts";
import { type TokenFetchInMemory, tokenFetchInMemory } from "../../fakes/token-fetch-in-memory.ts";

const onward: Intercept = (_, call) => call();

/** A connection since two days, whose token has run out. */
const connected = async () => {
  const rig = tokenFetchInMemory();
  await rig.connect({ expiresInSeconds: -1, connectedSecondsAgo: 48 * 3600 });
  return rig;
};

const requireSignIn = ({ connections, vault, tableVault, clock }: TokenFetchInMemory) =>
  requireSignIns(
    {
      whose: {},
      connectedBefore: noon,
      isDryRun: false,
      startAt: undefined,
      deadline: secondsAfter(clock.now(), 50),
    },
    {
      connections,
      vault: vaultErasers({ "secrets-manager": vault, table: tableVault }),
      all: {
        page: async () => ({
          items: (await connections.listOwned(alice)).connections.map(({ id, owner, account }) => ({
            kind: "connection" as const,
            id,
            owner,
            tenantId: account.tenantId,
            signedInAt: secondsAfter(noon, -48 * 3600),
            hasTokens: true,
          })),
          next: undefined,
        }),
      },
      noteEnded: () => {},
      noteUnreadable: ({ id }) => expect.fail(id),
      pause: async () => {},
      now: clock.now,
    },
  );

/** How many calls a refresh makes: before each of them, and after the last, it may be overtaken. */
const callsOfARefresh = async (chosen: TokenVaultKind) => {
  const rig = await connected();
  const { fetch, calls } = rig.environment(onward, 0, chosen);
  expect(await fetch()).toMatchObject({ ok: true, value: { source: "refresh" } });
  return calls.length;
};

describe.for<TokenVaultKind>(["secrets-manager", "table"])(
  "whatever step a refresh has come to that keeps its refresh token in %s",
  (chosen) => {
    it("no token is left anywhere, and the next fetch says that the person must sign in", async () => {
      const steps = await callsOfARefresh(chosen);
      expect(steps).toBeGreaterThan(6);
      for (let step = 0; step <= steps; step += 1) {
        const rig = await connected();
        let calls = 0;
        const overtaken: Intercept = async (_, call) => {
          if (calls === step) await requireSignIn(rig);
          calls += 1;
          return call();
        };

        await rig.environment(overtaken, 0, chosen).fetch();
        if (step === steps) await requireSignIn(rig);

        expect([...rig.vault.entries.keys(), ...rig.tableVault.entries.keys()]).toEqual([]);
        expect(await rig.stored()).toMatchObject({
          id: alicesConnection,
          status: "reauthorization_required",
          sealedAccessToken: "",
        });
        const other = rig.environment(onward, 0, chosen);
        expect(await other.fetch(0)).toMatchObject({
          ok: false,
          failure: {
            code: "reauthorization_required",
            actor: "user",
            retryable: false,
            message: expect.stringMatching(/^For your safety/),
          },
        });
        expect(other.calls).not.toContain("identity.refresh");
        expect(other.unreadable).toEqual([]);
      }
    });
  },
);

it("a token that is still good is served no longer than an environment remembers it", async () => {
  const rig = tokenFetchInMemory();
  await rig.connect({ connectedSecondsAgo: 60 });
  const { fetch } = rig.environment();
  expect(await fetch()).toMatchObject({ ok: true });

  await requireSignIn(rig);

  expect(await fetch()).toMatchObject({ ok: true, value: { source: "memory" } });
  expect(await rig.environment().fetch()).toMatchObject({ ok: false });
  rig.clock.pass(31);
  expect(await fetch()).toMatchObject({
    ok: false,
    failure: { code: "reauthorization_required" },
  });
});
