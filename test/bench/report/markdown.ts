import type { BenchResult } from "../result.ts";
import { dollarsPerMillionHits } from "../targets.ts";

const row = (...cells: readonly string[]) => `| ${cells.join(" | ")} |`;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(...head), `|${"---|".repeat(head.length)}`, ...rows.map((cells) => row(...cells))].join(
    "\n",
  );

const short = (number: number): string => {
  if (!Number.isFinite(number)) return "";
  if (number >= 100) return Math.round(number).toLocaleString("en");
  return number >= 10 ? number.toFixed(1) : number.toFixed(2);
};

const coldTable = ({ cold }: BenchResult): readonly string[] =>
  cold
    ? [
        `Cold: a process from start to end, with two fetches, ${cold.transport === "https" ? "a hit over TLS and a refresh over plain HTTP" : "over plain HTTP (no openssl here)"}; medians of ${cold.rounds} interleaved rounds.`,
        table(
          ["", "ms", "× empty handler", "load", "1st fetch", "2nd fetch", "million instructions"],
          cold.rows.map((one) => [
            one.name,
            short(one.milliseconds),
            short(one.timesEmpty),
            short(one.loadMilliseconds),
            short(one.firstFetchMilliseconds),
            short(one.secondFetchMilliseconds),
            one.megaInstructions === undefined ? "not counted" : short(one.megaInstructions),
          ]),
        ),
        `A cold start with a refresh takes ${short(cold.refreshTimesCard)} times the card's.${cold.valgrind ? "" : " Valgrind is not installed, so no instructions were counted."}`,
      ]
    : [];

const warmTable = ({ warm }: BenchResult): readonly string[] =>
  warm
    ? [
        `Warm: fetches per second of one process, medians of ${warm.rounds} interleaved rounds; remote calls as counted at the engines.`,
        table(
          [
            "",
            "remote calls",
            "1 caller",
            "× card",
            "16 callers",
            "× card",
            "CPU ms per fetch",
            "p50 at 5 ms per call",
          ],
          [...new Set(warm.rows.map(({ name }) => name))].map((name) => {
            const at = (callers: number, latency: number) =>
              warm.rows.find(
                (one) => one.name === name && one.callers === callers && one.latency === latency,
              );
            const [one, many, far] = [at(1, 0), at(16, 0), at(1, 5)];
            return [
              name,
              short(one?.callsPerFetch ?? Number.NaN),
              short(one?.fetchesPerSecond ?? Number.NaN),
              short(one?.timesCard ?? Number.NaN),
              short(many?.fetchesPerSecond ?? Number.NaN),
              short(many?.timesCard ?? Number.NaN),
              (one?.cpuMillisecondsPerFetch ?? Number.NaN).toFixed(3),
              short(far?.p50 ?? Number.NaN),
            ];
          }),
        ),
      ]
    : [];

const herdTable = ({ herd }: BenchResult): readonly string[] =>
  herd
    ? [
        "Herd: environments that ask for the same connection at once; Microsoft takes 150 ms, and every call 5 ms more; times in ms.",
        table(
          [
            "",
            "token",
            "environments",
            "calls to Microsoft",
            "writes",
            "no token",
            "first",
            "median",
            "worst",
          ],
          herd.rows.map((one) => [
            one.name,
            one.secondsLeft < 0 ? "expired" : "two minutes left",
            `${one.environments.toLocaleString("en")}`,
            String(one.tokenCalls),
            Object.entries(one.writes)
              .map(([operation, count]) => `${count} ${operation}`)
              .join(", ") || "in memory",
            String(one.failures),
            short(one.firstWait),
            short(one.medianWait),
            short(one.worstWait),
          ]),
        ),
      ]
    : [];

const growthTable = ({ growth, warm }: BenchResult): readonly string[] => {
  if (!growth) return [];
  const hit = warm?.rows.find(({ name }) => name === "ours, from the table");
  return [
    "Growth: with so many connections in the table.",
    table(
      ["", "connections", "p50 ms", "× smallest", "remote calls"],
      growth.rows.map((one) => [
        one.name,
        one.connections.toLocaleString("en"),
        one.p50.toFixed(3),
        short(one.timesSmallest),
        short(one.callsPerFetch),
      ]),
    ),
    ...(hit
      ? [
          `An item has ${growth.itemBytes.toLocaleString("en")} bytes: the data calls of a million hits cost $${dollarsPerMillionHits(hit, growth.itemBytes).toFixed(4)}.`,
        ]
      : []),
  ];
};

/** The run as a reader wants it; the JSON has the rest. */
export const markdown = (result: BenchResult): string =>
  `${[
    `${result.date.slice(0, 10)}, ${result.machine.processors} × ${result.machine.model}, ${Object.entries(
      result.versions,
    )
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}.`,
    ...coldTable(result),
    ...warmTable(result),
    ...herdTable(result),
    ...growthTable(result),
  ].join("\n\n")}\n`;
