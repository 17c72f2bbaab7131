import { beforeEach, describe, expect, it } from "vitest";
import { eraseConnectionsHandler } from "../../../functions/erase-connections/handler.ts";
import type { ProductUser } from "../../../shared/domain/ids.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { everyBreak, type FaultyCall, isDoneIn, watchedCalls } from "../../fakes/every-fault.ts";
import { lambdaContext } from "../../fakes/http-event.ts";
import { intercepted } from "../../fakes/intercepted.ts";
import { alice, mallory, strangerAlice } from "../../fakes/samples.ts";
import { type BroughtBack, problemIn, serviceInMemory } from "../../fakes/service-in-memory.ts";
import { stopTimers } from "../../fakes/stopped-timers.ts";

captureLog();
beforeEach(stopTimers);

const ofPerson = ["attempts.eraseOpen", "requests.erase", "consents.forget"];
const ofConnection = ["requests.erase", "connections.disconnect", "vault.erase"];
const ofItem = ["all.page", ...ofPerson, ...ofConnection];

interface Scene {
  readonly what: string;
  readonly payload: object;
  readonly calls: readonly string[];
  readonly erased: readonly ProductUser[];
  readonly kept: readonly ProductUser[];
}

const scenes: readonly Scene[] = [
  {
    what: "a person",
    payload: alice,
    calls: [...ofPerson, "connections.listOwned", ...ofConnection],
    erased: [alice],
    kept: [mallory, strangerAlice],
  },
  {
    what: "a workspace",
    payload: { workspaceId: alice.workspaceId },
    // One of three items of the table is another workspace's.
    calls: [...ofItem, "all.page", ...ofItem, "all.page"],
    erased: [alice, mallory],
    kept: [strangerAlice],
  },
];

/** People with a mailbox each and another sign-in under way, who are erased, with a fault, if one is given. */
const erasing = async ({ payload }: Scene, fault?: FaultyCall) => {
  const { intercept, made, watch } = watchedCalls(fault);
  const service = serviceInMemory({ intercept });
  const brought = new Map<ProductUser, BroughtBack>();
  for (const user of [alice, mallory, strangerAlice]) {
    await service.connect(user);
    brought.set(user, await service.comeBack((await service.begin(user)).state));
  }
  const { connections, vault } = service;
  const handler = eraseConnectionsHandler({
    ...service.ports,
    all: intercepted("all", connections.all, intercept),
    noteUnreadable: ({ id }) => expect.fail(id),
    pause: async () => {},
  });
  const erase = () =>
    handler(payload, { ...lambdaContext, getRemainingTimeInMillis: () => 50_000 });
  const servedOf = async (user: ProductUser) => {
    const [found] = (await connections.listOwned(user)).connections;
    return found && connections.findForWorkspace(found.id, user.workspaceId, { consistent: true });
  };
  const entriesOf = async (users: readonly ProductUser[]) => {
    const served = await Promise.all(users.map(servedOf));
    return served.filter((each) => each !== undefined).map(({ vaultEntry }) => vaultEntry);
  };
  return {
    service,
    made,
    erase,
    entriesOf,
    complete: (user: ProductUser) =>
      service.complete(user, brought.get(user) ?? { attemptId: "", completion: "" }),
    unnamed: async () => {
      const named = await entriesOf([alice, mallory, strangerAlice]);
      return [...vault.entries.keys()].filter((entry) => !named.includes(entry));
    },
    answer: await watch(erase),
  };
};

it.for(scenes)("erasing $what makes these calls and no others", async (scene) => {
  const { made, answer } = await erasing(scene);

  expect(answer).toEqual({ ok: true, erased: scene.erased.length });
  expect(made).toEqual(scene.calls);
});

describe.for(everyBreak(scenes))(
  "erasing $scene.what, where call $fault.index ($fault.name) $fault.what",
  ({ scene, fault }) => {
    it("is not told as done, and leaves one token at most that is not served", async () => {
      const { service, answer, entriesOf, unnamed } = await erasing(scene, fault);

      if (fault.dies) expect(answer).toBeUndefined();
      else {
        expect(answer).toMatchObject({
          ok: false,
          error: { code: "temporarily_unavailable", actor: "operator", retryable: true },
        });
      }
      expect((await unnamed()).length).toBeLessThanOrEqual(1);
      const served = await entriesOf([...scene.erased, ...scene.kept]);
      for (const entry of served) expect(service.vault.entries.has(entry)).toBe(true);
    });

    it("is finished by a repeat, which keeps nothing of theirs and all of others, and keeps nobody from connecting anew", async () => {
      const { service, erase, entriesOf, unnamed, complete } = await erasing(scene, fault);
      const sentBefore = service.identity.redeemed.length;

      const again = await erase();

      expect(again).toMatchObject({ ok: true });
      expect(await entriesOf(scene.erased)).toEqual([]);
      // A person's tombstones are not looked for: the sweep erases that one.
      const isSwept =
        scene.payload === alice &&
        isDoneIn(scene, fault, "connections.disconnect") &&
        !isDoneIn(scene, fault, "vault.erase");
      expect(await unnamed()).toHaveLength(isSwept ? 1 : 0);
      expect(await entriesOf(scene.kept)).toHaveLength(scene.kept.length);
      for (const user of scene.erased) {
        expect(problemIn(await complete(user)).code).toBe("attempt_unknown");
      }
      expect(service.identity.redeemed).toHaveLength(sentBefore);
      for (const user of scene.kept) expect((await complete(user)).statusCode).toBe(200);
      service.clock.pass(1);
      for (const user of scene.erased) expect((await service.connect(user)).statusCode).toBe(200);
      expect(await entriesOf(scene.erased)).toHaveLength(scene.erased.length);
    });
  },
);
