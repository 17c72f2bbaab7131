import { beforeEach, describe, expect, it } from "vitest";
import { sweepVaultHandler } from "../../../functions/sweep-vault/handler.ts";
import { connectionId } from "../../../shared/domain/ids.ts";
import type { EntryNaming, NamedEntry } from "../../../shared/domain/vault-entries.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { everyBreak, type FaultyCall, watchedCalls } from "../../fakes/every-fault.ts";
import { lambdaContext } from "../../fakes/http-event.ts";
import { intercepted } from "../../fakes/intercepted.ts";
import { noon, secondsAfter } from "../../fakes/samples.ts";
import { stopTimers } from "../../fakes/stopped-timers.ts";

const log = captureLog();
beforeEach(stopTimers);

const day = 24 * 3600;
/** What each entry of the vault is named by. */
const namings: Readonly<Record<string, EntryNaming | undefined>> = {
  served: { entry: "served", forgottenAt: undefined },
  unnamed: undefined,
  replaced: { entry: "served", forgottenAt: undefined },
  forgotten: { entry: "forgotten", forgottenAt: secondsAfter(noon, -2 * day) },
};
const swept = ["unnamed", "replaced", "forgotten"];

const scene = {
  calls: [
    "vault.list",
    ...Object.keys(namings).map(() => "connections.entryOf"),
    ...swept.map(() => "vault.erase"),
  ],
};

/** A run over four entries, with a fault, if one is given. */
const ran = async (fault?: FaultyCall) => {
  const { intercept, made, watch } = watchedCalls(fault);
  const entries = new Set(Object.keys(namings));
  const vault = intercepted(
    "vault",
    {
      list: async (): Promise<readonly NamedEntry[]> =>
        [...entries].map((entry) => ({
          entry,
          connectionId: connectionId(`conn_${entry}`),
          writtenAt: secondsAfter(noon, -2 * day),
        })),
      erase: async (entry: string) => {
        entries.delete(entry);
      },
    },
    intercept,
  );
  const connections = {
    entryOf: async (id: string) => namings[id.replace("conn_", "")],
  };
  const handler = sweepVaultHandler({
    vaults: [
      {
        async *inPart() {
          yield* await vault.list();
        },
      },
    ],
    connections: intercepted("connections", connections, intercept),
    erase: vault.erase,
    now: () => noon,
  });
  const run = async () => {
    await handler({}, lambdaContext);
    return "ended";
  };
  return { made, entries, run, answer: await watch(run) };
};

it("a sweep makes these calls and no others", async () => {
  const { made, entries } = await ran();

  expect(made).toEqual(scene.calls);
  expect([...entries]).toEqual(["served"]);
});

describe.for(everyBreak([scene]))(
  "where call $fault.index ($fault.name) $fault.what",
  ({ fault }) => {
    it("what is served stays, nothing is erased before all is read, and the operator is told", async () => {
      const { entries, answer } = await ran(fault);

      expect(answer).toBe(fault.dies ? undefined : "ended");
      expect(entries).toContain("served");
      const isRead = fault.name === "vault.erase";
      if (!isRead) expect([...entries]).toEqual(Object.keys(namings));
      // One that cannot be erased is in no other's way.
      const isSkipped = isRead && !fault.dies && !fault.lasts;
      if (isSkipped) expect(entries.size).toBe(fault.isDone ? 1 : 2);
      if (!fault.dies) expect(log.lines().join("")).toContain('"failure":"internal_error"');
    });

    it("the next run erases what is left", async () => {
      const { entries, run } = await ran(fault);
      const lines = log.lines().length;

      await run();

      expect([...entries]).toEqual(["served"]);
      expect(log.lines().slice(lines).join("")).not.toContain("internal_error");
    });
  },
);
