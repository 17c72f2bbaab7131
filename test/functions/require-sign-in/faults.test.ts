import { beforeEach, describe, expect, it } from "vitest";
import { requireSignInHandler } from "../../../functions/require-sign-in/handler.ts";
import type { EndedConnection } from "../../../functions/require-sign-in/require-sign-ins.ts";
import { connectionIdOf } from "../../../shared/domain/ids.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { everyBreak, type FaultyCall, watchedCalls } from "../../fakes/every-fault.ts";
import { lambdaContext } from "../../fakes/http-event.ts";
import { intercepted } from "../../fakes/intercepted.ts";
import { account, alice, mallory } from "../../fakes/samples.ts";
import { serviceInMemory } from "../../fakes/service-in-memory.ts";
import { stopTimers } from "../../fakes/stopped-timers.ts";

captureLog();
beforeEach(stopTimers);

const ofItem = ["all.page", "connections.requireSignIn", "vault.erase"];
const scene = { calls: [...ofItem, ...ofItem, "all.page"] };
const people = [alice, mallory];

/** Two people who have to sign in again, with a fault, if one is given. */
const requiring = async (fault?: FaultyCall) => {
  const { intercept, made, watch } = watchedCalls(fault);
  const service = serviceInMemory({ intercept });
  for (const user of people) await service.connect(user);
  service.clock.pass(60);
  const ended: EndedConnection[] = [];
  const handler = requireSignInHandler({
    ...service.ports,
    all: intercepted("all", service.connections.all, intercept),
    noteEnded: (connection) => ended.push(connection),
    noteUnreadable: ({ id }) => expect.fail(id),
    pause: async () => {},
  });
  const connectedBefore = service.clock.now().toISOString();
  const require = () =>
    handler(
      { everybody: true, connectedBefore },
      { ...lambdaContext, getRemainingTimeInMillis: () => 50_000 },
    );
  const stored = async () => {
    const { connections } = service;
    const each = people.map((user) =>
      connections.findForWorkspace(connectionIdOf(user, account), user.workspaceId, {
        consistent: true,
      }),
    );
    return (await Promise.all(each)).filter((found) => found !== undefined);
  };
  return { service, made, ended, require, stored, answer: await watch(require) };
};

it("requiring sign-ins makes these calls and no others", async () => {
  const { made, answer } = await requiring();

  expect(answer).toEqual({ ok: true, required: people.length });
  expect(made).toEqual(scene.calls);
});

describe.for(everyBreak([scene]))(
  "where call $fault.index ($fault.name) $fault.what",
  ({ fault }) => {
    it("it is not told as done, and who is still served has their token", async () => {
      const { service, answer, stored } = await requiring(fault);

      if (fault.dies) expect(answer).toBeUndefined();
      else {
        expect(answer).toMatchObject({
          ok: false,
          error: { code: "temporarily_unavailable", actor: "operator", retryable: true },
        });
      }
      const all = await stored();
      expect(all).toHaveLength(people.length);
      const served = all.filter(({ sealedAccessToken }) => sealedAccessToken !== "");
      for (const { vaultEntry } of served) {
        expect(service.vault.entries.has(vaultEntry)).toBe(true);
      }
      expect(service.vault.entries.size - served.length).toBeLessThanOrEqual(1);
    });

    it("a repeat finishes it: no token is left, nobody is told of twice, and all can sign in again", async () => {
      const { service, ended, require, stored } = await requiring(fault);

      const again = await require();

      expect(again).toMatchObject({ ok: true });
      expect(service.vault.entries.size).toBe(0);
      for (const { status, sealedAccessToken } of await stored()) {
        expect({ status, sealedAccessToken }).toEqual({
          status: "reauthorization_required",
          sealedAccessToken: "",
        });
      }
      expect(new Set(ended.map(({ id }) => id)).size).toBe(ended.length);
      for (const user of people) expect((await service.connect(user)).statusCode).toBe(200);
      expect(await require()).toEqual({ ok: true, required: 0 });
      const entries = (await stored()).map(({ vaultEntry }) => vaultEntry);
      expect([...service.vault.entries.keys()].toSorted()).toEqual(entries.toSorted());
    });
  },
);
