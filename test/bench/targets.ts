import type { HerdRow } from "./parts/herd.ts";
import type { WarmRow } from "./parts/warm.ts";
import type { BenchResult } from "./result.ts";

export interface TargetOutcome {
  readonly target: string;
  readonly met: boolean;
  /** What was measured, for people. */
  readonly found: string;
}

/** A fetch that reads the item through the SDK's client may be slower; ours does not load it. */
const largestColdTimesEmpty = 2;
const largestRefreshTimesCard = 0.55;
const smallestTimesCard = { 1: 3.3, 16: 3.5 } as const;
const largestHerdTimesOne = 1.75;
/** Of the two circuits that could keep it from asking Microsoft. */
const readsOfRefresh = 2;
/** US dollars for a million hits. */
const largestDataCost = 0.1;

/**
 * DynamoDB on demand, us-east-1: $0.125 for a million read request units; an eventually consistent read of 4 KB takes
 * half of one. Secrets Manager: $0.05 for 10,000 calls.
 */
const readUnitDollars = 0.125 / 1e6;
const secretCallDollars = 0.05 / 1e4;

const notForAHit = /^@azure\/msal-|^@aws-sdk\/client-secrets-manager$/;

const unknown = (target: string): TargetOutcome => ({ target, met: false, found: "not measured" });

const atMost = (target: string, found: number | undefined, limit: number): TargetOutcome =>
  found === undefined || Number.isNaN(found)
    ? unknown(target)
    : { target, met: found <= limit, found: `${found.toFixed(3)}, at most ${limit}` };

const atLeast = (target: string, found: number | undefined, limit: number): TargetOutcome =>
  found === undefined || Number.isNaN(found)
    ? unknown(target)
    : { target, met: found >= limit, found: `${found.toFixed(2)}, at least ${limit}` };

const exactly = (target: string, found: number | undefined, wanted: number): TargetOutcome =>
  found === undefined
    ? unknown(target)
    : { target, met: found === wanted, found: `${found}, exactly ${wanted}` };

/** With something that is no target, and that a reader should not have to work out. */
const beside = (outcome: TargetOutcome, remark: string | undefined): TargetOutcome =>
  remark === undefined ? outcome : { ...outcome, found: `${outcome.found}; ${remark}` };

/** Data calls of a million hits from the table. */
export const dollarsPerMillionHits = (
  { operations }: Pick<WarmRow, "operations">,
  itemBytes: number,
): number => {
  const readUnits = 0.5 * Math.ceil(itemBytes / 4_096) * (operations.GetItem ?? 0);
  const secretCalls = operations.GetSecretValue ?? 0;
  return 1e6 * (readUnits * readUnitDollars + secretCalls * secretCallDollars);
};

/** What a run has to show; a part that was not measured has not been shown. */
export const checkTargets = ({
  hitPackages,
  cold,
  warm,
  herd,
  growth,
}: BenchResult): readonly TargetOutcome[] => {
  const warmRow = (name: string, callers: number) =>
    warm?.rows.find((row) => row.name === name && row.callers === callers && row.latency === 0);
  const herdRow = (environments: number, isOver: boolean) =>
    herd?.rows.find(
      (row) =>
        row.name === "ours" && row.environments === environments && row.secondsLeft < 0 === isOver,
    );
  const table = warmRow("ours, from the table", 1);
  const [one, hundred] = [herdRow(1, true), herdRow(100, true)];
  const readsBeyondOneEach = (row: HerdRow | undefined) =>
    row && Math.round((row.readsPerFetch - 1) * row.environments);

  return [
    atMost(
      "1 a cold hit, times an empty handler",
      cold?.rows.find(({ name }) => name === "ours: hit")?.timesEmpty,
      largestColdTimesEmpty,
    ),
    atMost(
      "2 a cold start with a refresh, times the card's build",
      cold?.refreshTimesCard,
      largestRefreshTimesCard,
    ),
    exactly(
      "3 packages of msal and of Secrets Manager in what a hit evaluates",
      // None at all would mean that the file was not found.
      hitPackages.length > 0
        ? hitPackages.filter((name) => notForAHit.test(name)).length
        : undefined,
      0,
    ),
    exactly("4 remote calls of a hit from the table", table?.callsPerFetch, 1),
    exactly(
      "4 remote calls of a hit from memory",
      warmRow("ours, from memory", 1)?.callsPerFetch,
      0,
    ),
    ...([1, 16] as const).map((callers) =>
      atLeast(
        `4 fetches per second with ${callers} callers, times the card's`,
        warmRow("ours, from the table", callers)?.timesCard,
        smallestTimesCard[callers],
      ),
    ),
    ...[100, 1_000].map((environments) =>
      exactly(
        `5 calls of Microsoft by ${environments} environments on an expired connection`,
        herdRow(environments, true)?.tokenCalls,
        1,
      ),
    ),
    ...[100, 1_000].map((environments) =>
      exactly(
        `5 fetches without a token of ${environments} environments`,
        herdRow(environments, true)?.failures,
        0,
      ),
    ),
    exactly(
      "5 calls of Microsoft by 100 environments with two minutes left",
      herdRow(100, false)?.tokenCalls,
      1,
    ),
    // Whoever waits reads its connection again.
    ...[100, 1_000].map((environments) =>
      atMost(
        `5 reads beyond one each, by ${environments} environments whose token still satisfies them`,
        readsBeyondOneEach(herdRow(environments, false)),
        readsOfRefresh,
      ),
    ),
    beside(
      atMost(
        "5 median wait of 100 environments, times one refresh that has the machine to itself",
        hundred && one && hundred.medianWait / one.medianWait,
        largestHerdTimesOne,
      ),
      // A hundred processes share this machine, and so does the one of them that refreshes.
      hundred &&
        `${(hundred.medianWait / hundred.firstWait).toFixed(2)} times the refresh in the same herd`,
    ),
    exactly(
      "6 writes to Secrets Manager by a refresh",
      warm && (warmRow("ours, refresh", 1)?.operations.PutSecretValue ?? 0),
      0,
    ),
    atMost(
      "7 dollars for the data calls of a million hits",
      table && growth && dollarsPerMillionHits(table, growth.itemBytes),
      largestDataCost,
    ),
  ];
};
