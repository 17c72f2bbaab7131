import { beforeEach, describe, expect, it } from "vitest";
import { captureLog } from "../../fakes/captured-log.ts";
import { everyBreak, type FaultyCall, isDoneIn, watchedCalls } from "../../fakes/every-fault.ts";
import { alice, alicesConnection } from "../../fakes/samples.ts";
import { problemIn, serviceInMemory } from "../../fakes/service-in-memory.ts";
import { stopTimers } from "../../fakes/stopped-timers.ts";

const log = captureLog();
beforeEach(stopTimers);

const scene = { calls: ["connections.disconnect", "vault.erase"] };

/** A mailbox that is taken away, with a fault, if one is given. */
const disconnected = async (fault?: FaultyCall) => {
  const { intercept, made, watch } = watchedCalls(fault);
  const service = serviceInMemory({ intercept });
  await service.connect(alice);
  const disconnect = () => service.disconnect(alice, alicesConnection);
  const served = () =>
    service.connections.findForWorkspace(alicesConnection, alice.workspaceId, {
      consistent: true,
    });
  return { service, made, disconnect, served, answer: await watch(disconnect) };
};

it("disconnecting makes these calls and no others", async () => {
  const { made, answer } = await disconnected();

  expect(answer?.statusCode).toBe(204);
  expect(made).toEqual(scene.calls);
});

describe.for(everyBreak([scene]))(
  "where call $fault.index ($fault.name) $fault.what",
  ({ fault }) => {
    it("nobody is told that it is done, and a mailbox is served with its secret or not at all", async () => {
      const { service, answer, served } = await disconnected(fault);

      expect(answer === undefined).toBe(fault.dies);
      if (answer) {
        expect(problemIn(answer)).toMatchObject({ statusCode: 500, code: "internal_error" });
      }
      const stored = await served();
      expect(stored === undefined).toBe(isDoneIn(scene, fault, "connections.disconnect"));
      if (stored) expect(service.vault.entries.has(stored.vaultEntry)).toBe(true);
    });

    it("repeating it ends all: nothing is served or kept, and the log tells of it", async () => {
      const { service, disconnect, served } = await disconnected(fault);

      const again = await disconnect();

      expect(again.statusCode).toBe(204);
      expect(await served()).toBeUndefined();
      expect(service.vault.entries.size).toBe(0);
      const lines = log.lines().map((line) => String(JSON.parse(line).message));
      const ended = lines.filter((line) => /^mailbox (?:was )?disconnected/.test(line));
      expect(ended.length).toBeGreaterThan(0);
      expect(ended.filter((line) => line === "mailbox disconnected").length).toBeLessThan(2);
    });

    it("nobody is kept from connecting again, before it is repeated or after", async () => {
      const { service, disconnect, served } = await disconnected(fault);

      for (const _ of [1, 2]) {
        service.clock.pass(1);
        expect((await service.connect(alice)).statusCode).toBe(200);
        const entry = (await served())?.vaultEntry;
        expect([...service.vault.entries.keys()]).toEqual([entry]);
        expect((await disconnect()).statusCode).toBe(204);
      }
    });
  },
);
