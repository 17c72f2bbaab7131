import { describe, expect, it } from "vitest";
import {
  partAt,
  type SweepVaultPorts,
  sweepParts,
  sweepVault,
} from "../../../functions/sweep-vault/sweep-vault.ts";
import { connectionId } from "../../../shared/domain/ids.ts";
import { UnreadableItem } from "../../../shared/domain/unreadable-item.ts";
import type { NamedEntry } from "../../../shared/domain/vault-entries.ts";
import { noon, secondsAfter } from "../../fakes/samples.ts";

const day = 24 * 3600;

const numbered = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${name}-${index}`);

interface Sample {
  readonly named?: readonly string[];
  readonly unnamed?: readonly string[];
  /** Named by connections that have ended and are forgotten. */
  readonly forgotten?: readonly string[];
  /** Since they are. */
  readonly forgottenSeconds?: number;
  /** Since the entries without a name were written. */
  readonly ageSeconds?: number;
}

const vaultOf = ({
  named = [],
  unnamed = [],
  forgotten = [],
  forgottenSeconds = day + 1,
  ageSeconds = day + 1,
}: Sample) => {
  const entries: NamedEntry[] = [
    ...[...named, ...forgotten].map((entry) => ({ entry, age: 30 * day })),
    ...unnamed.map((entry) => ({ entry, age: ageSeconds })),
  ].map(({ entry, age }) => ({
    entry,
    connectionId: connectionId(`conn_${entry}`),
    writtenAt: secondsAfter(noon, -age),
  }));
  const erased: string[] = [];
  const reported: unknown[] = [];
  const parts: number[] = [];
  const run = (changes: Partial<SweepVaultPorts> = {}) =>
    sweepVault({
      vaults: [
        {
          async *inPart({ index }) {
            parts.push(index);
            yield* entries;
          },
        },
      ],
      connections: {
        entryOf: async (id) => {
          const isOf = (entry: string) => `conn_${entry}` === id;
          const kept = named.find(isOf);
          if (kept !== undefined) return { entry: kept, forgottenAt: undefined };
          const entry = forgotten.find(isOf);
          const forgottenAt = secondsAfter(noon, -forgottenSeconds);
          return entry === undefined ? undefined : { entry, forgottenAt };
        },
      },
      erase: async (entry) => {
        erased.push(entry);
      },
      now: () => noon,
      report: (error) => reported.push(error),
      ...changes,
    });
  return { run, erased, reported, parts };
};

describe("a sweep", () => {
  it("erases what no connection names, and nothing else", async () => {
    const { run, erased } = vaultOf({
      named: numbered("kept", 100),
      unnamed: ["left-1", "left-2"],
    });

    expect(await run()).toEqual({ seen: 102, erased: 2, left: 0, refused: false });
    expect(erased).toEqual(["left-1", "left-2"]);
  });

  it("leaves what is younger than a day: it may be named in a moment", async () => {
    const { run, erased } = vaultOf({ unnamed: ["new"], ageSeconds: day });

    expect(await run()).toEqual({ seen: 1, erased: 0, left: 0, refused: false });
    expect(erased).toEqual([]);
  });

  it.for([
    [3, 0, false],
    [4, 0, true],
    [10, 1, false],
    [11, 1, true],
    [20, 80, false],
    [21, 79, true],
  ] as const)(
    "of %i without a name beside %i with one refuses to erase any: %s",
    async ([without, withName, refused]) => {
      const { run, erased } = vaultOf({
        named: numbered("kept", withName),
        unnamed: numbered("left", without),
      });

      expect(await run()).toMatchObject({ refused, left: refused ? without : 0 });
      expect(erased).toHaveLength(refused ? 0 : without);
    },
  );

  it("erases what a forgotten connection names, however many they are", async () => {
    const { run, erased } = vaultOf({
      named: numbered("kept", 2),
      unnamed: ["left"],
      forgotten: numbered("forgotten", 500),
    });

    expect(await run()).toEqual({ seen: 503, erased: 501, left: 0, refused: false });
    expect(erased).toEqual(["left", ...numbered("forgotten", 500)]);
  });

  it.for([-180 * day, 0, day])(
    "leaves what a connection names that was forgotten %i seconds ago",
    async (forgottenSeconds) => {
      const { run, erased } = vaultOf({ forgotten: ["ended"], forgottenSeconds });

      expect(await run()).toEqual({ seen: 1, erased: 0, left: 0, refused: false });
      expect(erased).toEqual([]);
    },
  );

  it("that refuses erases nothing of forgotten connections either", async () => {
    const { run, erased } = vaultOf({
      unnamed: numbered("left", 21),
      forgotten: numbered("forgotten", 60),
    });

    expect(await run()).toEqual({ seen: 81, erased: 0, left: 81, refused: true });
    expect(erased).toEqual([]);
  });

  it("goes on when one cannot be erased, says so, and leaves it to the next day", async () => {
    const { run, erased, reported } = vaultOf({ unnamed: ["one", "two"] });
    const outcome = await run({
      erase: async (entry) => {
        if (entry === "one") throw new Error("throttled");
        erased.push(entry);
      },
    });

    expect(outcome).toEqual({ seen: 2, erased: 1, left: 1, refused: false });
    expect(erased).toEqual(["two"]);
    expect(reported).toEqual([new Error("throttled")]);
  });

  it("leaves what a connection may name that cannot be read, says so, and erases the others", async () => {
    const { run, erased, reported } = vaultOf({
      named: ["kept"],
      unnamed: ["one", "two", "three"],
    });

    const outcome = await run({
      connections: {
        entryOf: async (id) => {
          if (id === "conn_two") return "unreadable";
          return id === "conn_kept" ? { entry: "kept", forgottenAt: undefined } : undefined;
        },
      },
    });

    expect(outcome).toEqual({ seen: 4, erased: 2, left: 0, refused: false });
    expect(erased).toEqual(["one", "three"]);
    expect(reported).toEqual([new UnreadableItem("conn_two")]);
  });

  it("believes no more of what has no name because of connections that cannot be read", async () => {
    const { run, erased } = vaultOf({
      named: numbered("spoiled", 100),
      unnamed: numbered("left", 4),
    });

    const outcome = await run({
      connections: {
        entryOf: async (id) => (id.startsWith("conn_spoiled") ? "unreadable" : undefined),
      },
    });

    expect(outcome).toMatchObject({ erased: 0, left: 4, refused: true });
    expect(erased).toEqual([]);
  });

  it("says of entries that cannot be read that they are not swept, and sweeps the others", async () => {
    const { run, erased, reported } = vaultOf({});
    const left: NamedEntry = {
      entry: "left",
      connectionId: connectionId("conn_left"),
      writtenAt: secondsAfter(noon, -day - 1),
    };

    await run({
      vaults: [
        {
          async *inPart(_, onUnreadable) {
            onUnreadable?.(new UnreadableItem("table:spoiled"));
            yield left;
          },
        },
      ],
    });

    expect(erased).toEqual(["left"]);
    expect(reported).toEqual([new UnreadableItem("table:spoiled")]);
  });

  it("erases nothing when it is not sure of a single one", async () => {
    const { run, erased } = vaultOf({ unnamed: numbered("left", 5) });

    const failing = run({
      connections: {
        entryOf: async (id) => {
          if (id === "conn_left-4") throw new Error("the table is down");
          return undefined;
        },
      },
    });

    await expect(failing).rejects.toThrow("the table is down");
    expect(erased).toEqual([]);
  });

  it("ends in time, and leaves the rest", async () => {
    const { run, erased } = vaultOf({ named: ["kept"], unnamed: numbered("left", 9) });
    let passed = 0;

    const outcome = await run({
      now: () => secondsAfter(noon, passed),
      erase: async (entry) => {
        erased.push(entry);
        passed += 100;
      },
    });

    expect(outcome).toMatchObject({ seen: 10, erased: 3, left: 6 });
  });

  it("takes another part each hour, and each part within a day", async () => {
    const { run, parts } = vaultOf({});
    for (let hour = 0; hour < 24; hour += 1) {
      await run({ now: () => secondsAfter(noon, hour * 3600 + 1800) });
    }

    expect(parts.toSorted((one, other) => one - other)).toEqual(
      Array.from({ length: sweepParts }, (_, index) => index),
    );
    expect(partAt(secondsAfter(noon, 59 * 60))).toBe(partAt(noon));
  });
});
