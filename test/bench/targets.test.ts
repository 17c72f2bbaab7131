import { describe, expect, it } from "vitest";
import type { HerdRow } from "./parts/herd.ts";
import type { WarmRow } from "./parts/warm.ts";
import { markdown } from "./report/markdown.ts";
import { herdPlot, warmPlot } from "./report/plots.ts";
import type { BenchResult } from "./result.ts";
import { checkTargets, dollarsPerMillionHits } from "./targets.ts";

const coldRow = (name: string, timesEmpty: number) => ({
  name,
  timesEmpty,
  milliseconds: 40 * timesEmpty,
  loadMilliseconds: 20,
  firstFetchMilliseconds: 20,
  secondFetchMilliseconds: 1,
});

const warmRow = (name: string, callers: number, changes: Partial<WarmRow> = {}): WarmRow => ({
  name,
  callers,
  latency: 0,
  fetchesPerSecond: 1_000,
  timesCard: 1,
  p50: 1,
  p99: 2,
  cpuMillisecondsPerFetch: 0.2,
  callsPerFetch: 3,
  operations: { GetItem: 1 },
  ...changes,
});

const herdRow = (environments: number, changes: Partial<HerdRow> = {}): HerdRow => ({
  name: "ours",
  environments,
  processes: 10,
  secondsLeft: -10,
  tokenCalls: 1,
  writes: { UpdateItem: 2 },
  readsPerFetch: 3,
  failures: 0,
  firstWait: 190,
  medianWait: 200,
  worstWait: 300,
  ...changes,
});

const good = {
  date: "2026-11-25T09:00:00.000Z",
  quick: false,
  seconds: 300,
  machine: { processors: 2, model: "a processor" },
  versions: { "Node.js": "24.21.0" },
  bundleBytes: {},
  hitPackages: ["zod", "@smithy/signature-v4"],
  cold: {
    rounds: 25,
    transport: "https",
    valgrind: false,
    refreshTimesCard: 0.5,
    rows: [coldRow("empty handler", 1), coldRow("card: hit", 4.5), coldRow("ours: hit", 1.9)],
  },
  warm: {
    rounds: 5,
    rows: [1, 16].flatMap((callers) => [
      warmRow("the card", callers, { fetchesPerSecond: 400 }),
      warmRow("ours, from the table", callers, { callsPerFetch: 1, timesCard: 6 }),
      warmRow("ours, from memory", callers, { callsPerFetch: 0, timesCard: 4_000, operations: {} }),
      warmRow("ours, refresh", callers, { operations: { GetItem: 2, UpdateItem: 2 } }),
    ]),
  },
  herd: {
    rows: [
      herdRow(1),
      herdRow(100, { medianWait: 300 }),
      herdRow(1_000, { medianWait: 900 }),
      herdRow(100, { secondsLeft: 120, readsPerFetch: 1.02 }),
      herdRow(1_000, { secondsLeft: 120, readsPerFetch: 1.002 }),
      herdRow(100, { name: "card", tokenCalls: 100 }),
    ],
  },
  growth: {
    itemBytes: 3_500,
    rows: [{ name: "fetch", connections: 1, p50: 0.4, timesSmallest: 1, callsPerFetch: 1 }],
  },
} satisfies BenchResult;

const missed = (result: BenchResult) =>
  checkTargets(result)
    .filter(({ met }) => !met)
    .map(({ target }) => target);

/** The good run with other rows of the herd or of the warm part. */
const withHerd = (changes: (row: HerdRow) => Partial<HerdRow>): BenchResult => ({
  ...good,
  herd: { rows: good.herd.rows.map((row) => ({ ...row, ...changes(row) })) },
});
const withWarm = (name: string, changes: Partial<WarmRow>): BenchResult => ({
  ...good,
  warm: {
    rounds: 5,
    rows: good.warm.rows.map((row) => (row.name === name ? { ...row, ...changes } : row)),
  },
});

describe("the targets", () => {
  it("are all met by a run that meets them", () => {
    expect(missed(good)).toEqual([]);
  });

  it.for<[string, BenchResult, RegExp]>([
    [
      "a cold hit that is too slow",
      { ...good, cold: { ...good.cold, rows: [coldRow("ours: hit", 2.4)] } },
      /^1 a cold hit/,
    ],
    [
      "a cold refresh that is too slow",
      { ...good, cold: { ...good.cold, refreshTimesCard: 0.6 } },
      /^2 a cold start with a refresh/,
    ],
    [
      "a hit that loads msal",
      { ...good, hitPackages: ["zod", "@azure/msal-node", "@azure/msal-common"] },
      /^3 packages of msal/,
    ],
    [
      "a hit that loads the client of Secrets Manager",
      { ...good, hitPackages: ["zod", "@aws-sdk/client-secrets-manager"] },
      /^3 packages of msal/,
    ],
    [
      "a hit with a second remote call",
      withWarm("ours, from the table", { callsPerFetch: 1.01 }),
      /^4 remote calls of a hit from the table/,
    ],
    [
      "a remembered token that is fetched all the same",
      withWarm("ours, from memory", { callsPerFetch: 0.001 }),
      /^4 remote calls of a hit from memory/,
    ],
    [
      "a second call of Microsoft",
      withHerd(({ environments, name }) =>
        name === "ours" && environments === 1_000 ? { tokenCalls: 2 } : {},
      ),
      /^5 calls of Microsoft by 1000 environments/,
    ],
    [
      "a caller without a token",
      withHerd(({ environments, secondsLeft }) =>
        environments === 100 && secondsLeft < 0 ? { failures: 1 } : {},
      ),
      /^5 fetches without a token of 100/,
    ],
    [
      "one of a hundred callers who waits although its token satisfies it",
      withHerd(({ environments, secondsLeft }) =>
        environments === 100 && secondsLeft > 0 ? { readsPerFetch: 1.03 } : {},
      ),
      /^5 reads beyond one each, by 100 environments/,
    ],
    [
      "one of a thousand callers who waits although its token satisfies it",
      withHerd(({ environments, secondsLeft }) =>
        environments === 1_000 && secondsLeft > 0 ? { readsPerFetch: 1.003 } : {},
      ),
      /^5 reads beyond one each, by 1000 environments/,
    ],
    [
      "a herd that waits too long",
      withHerd(({ environments, secondsLeft }) =>
        environments === 100 && secondsLeft < 0 ? { medianWait: 360 } : {},
      ),
      /^5 median wait of 100/,
    ],
    [
      "a herd that waits too long, and whose refresh is as slow",
      withHerd(({ environments, secondsLeft }) =>
        environments === 100 && secondsLeft < 0 ? { firstWait: 360, medianWait: 360 } : {},
      ),
      /^5 median wait of 100/,
    ],
    [
      "a write to Secrets Manager",
      withWarm("ours, refresh", { operations: { PutSecretValue: 1 } }),
      /^6 writes to Secrets Manager/,
    ],
    [
      "an item that costs too much to read",
      { ...good, growth: { ...good.growth, itemBytes: 9_000 } },
      /^7 dollars/,
    ],
  ])("name %s", ([, result, name]) => {
    expect(missed(result)).toEqual([expect.stringMatching(name)]);
  });

  it("name a fetch that is not faster enough than the card's, at one caller and at sixteen", () => {
    expect(missed(withWarm("ours, from the table", { timesCard: 3.2 }))).toEqual([
      expect.stringContaining("with 1 callers"),
      expect.stringContaining("with 16 callers"),
    ]);
  });

  it("are missed by a part that was not measured", () => {
    const { cold: _, warm: __, herd: ___, growth: ____, ...nothing } = good;

    expect(checkTargets({ ...nothing, hitPackages: [] }).filter(({ met }) => met)).toEqual([]);
  });

  it("count half a read unit for each 4 KB of an item, and a call of Secrets Manager", () => {
    expect(dollarsPerMillionHits({ operations: { GetItem: 1 } }, 4_096)).toBeCloseTo(0.0625);
    expect(dollarsPerMillionHits({ operations: { GetItem: 1 } }, 4_097)).toBeCloseTo(0.125);
    expect(dollarsPerMillionHits({ operations: { GetSecretValue: 2 } }, 1)).toBeCloseTo(10);
  });
});

it("says visibly in the table that instructions were not counted", () => {
  expect(markdown(good)).toContain("Valgrind is not installed");
});

it("draws every contender, and in colours for light and dark pages", () => {
  for (const plot of [warmPlot(good), herdPlot(good)]) {
    expect(plot).toContain("prefers-color-scheme: dark");
    expect(plot).not.toMatch(/NaN|undefined|Infinity/);
  }
  expect(warmPlot(good)).toContain("ours, from memory");
  expect(herdPlot(good)).toContain("100 of 100");
});
