import { execFileSync } from "node:child_process";
import { tokenEndpointMilliseconds } from "../engines/messages.ts";
import { runEnvironment } from "../environment/run-once.ts";
import type { Contender, Scene } from "../scene.ts";
import { median, medianRatio } from "../statistics.ts";

export interface ColdRow {
  readonly name: string;
  /** From the start of the process to its end. */
  readonly milliseconds: number;
  readonly timesEmpty: number;
  readonly loadMilliseconds: number;
  readonly firstFetchMilliseconds: number;
  readonly secondFetchMilliseconds: number;
  /** Steady where milliseconds are not; absent without valgrind. */
  readonly megaInstructions?: number;
}

export interface ColdResult {
  readonly rounds: number;
  readonly transport: "http" | "https";
  readonly rows: readonly ColdRow[];
  /** Of the median of each round. */
  readonly refreshTimesCard: number;
  readonly valgrind: boolean;
}

interface Variant {
  readonly name: string;
  readonly bundle: string;
  readonly event: object;
  readonly transport: "http" | "https";
  readonly prepare?: () => Promise<void>;
}

const hasValgrind = (() => {
  try {
    execFileSync("valgrind", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

/** Without a second thread and without compilers, so that the count is of the program and repeats. */
const countingNode = ["--single-threaded", "--no-opt", "--no-sparkplug", "--no-maglev"];
const callgrind = [
  "valgrind",
  "--tool=callgrind",
  "--smc-check=all-non-file",
  "--callgrind-out-file=/dev/null",
];

const healthy = 1;
const expired = 2;

/**
 * A whole execution environment: process, the builtins of Lambda's runtime client, bundle, two fetches, end. A hit is
 * over TLS, as AWS is reached, and a refresh is not: three handshakes would hide what the contenders differ in.
 * Microsoft answers at once here, since its time is not ours.
 */
export const measureCold = async (
  scene: Scene,
  { rounds, instructions }: { readonly rounds: number; readonly instructions: boolean },
): Promise<ColdResult> => {
  const { engines, ours, card, emptyBundle } = scene;
  const transport = engines.origins.https ? "https" : "http";
  for (const contender of [ours, card]) await contender.store(healthy, 4_000);
  const hit = ({ name, bundle, event }: Contender): Variant => ({
    name: `${name}: hit`,
    bundle,
    event: event(healthy),
    transport,
  });
  const refresh = ({ name, bundle, event, store }: Contender): Variant => ({
    name: `${name}: refresh`,
    bundle,
    event: event(expired),
    transport: "http",
    prepare: () => store(expired, -10),
  });
  const empty: Variant = { name: "empty handler", bundle: emptyBundle, event: {}, transport };
  const variants = [empty, hit(card), hit(ours), refresh(card), refresh(ours)];

  await engines.setMicrosoft(0);
  const runs = new Map<string, Awaited<ReturnType<typeof runEnvironment>>[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, bundle, event, transport, prepare } of variants) {
      await prepare?.();
      const env = scene.environment(transport);
      const run = await runEnvironment({ bundle, event, invocations: 2, env });
      runs.set(name, [...(runs.get(name) ?? []), run]);
    }
  }
  const counted = new Map<string, number>();
  for (const variant of hasValgrind && instructions ? variants : []) {
    const { name, bundle, event, transport, prepare } = variant;
    await prepare?.();
    const env = scene.environment(transport);
    const { stderr } = await runEnvironment({
      ...{ bundle, event, env, invocations: 2 },
      nodeOptions: countingNode,
      under: callgrind,
    });
    counted.set(name, Number(/Collected : (\d+)/.exec(stderr)?.[1]) / 1e6);
  }
  await engines.setMicrosoft(tokenEndpointMilliseconds);

  const walls = (name: string) => (runs.get(name) ?? []).map(({ wall }) => wall);
  return {
    rounds,
    transport,
    rows: variants.map(({ name }) => {
      const all = runs.get(name) ?? [];
      const megaInstructions = counted.get(name);
      return {
        name,
        milliseconds: median(walls(name)),
        timesEmpty: medianRatio(walls(name), walls(empty.name)),
        loadMilliseconds: median(all.map(({ loaded }) => loaded)),
        firstFetchMilliseconds: median(all.map(({ each }) => each[0] ?? Number.NaN)),
        secondFetchMilliseconds: median(all.map(({ each }) => each[1] ?? Number.NaN)),
        ...(megaInstructions !== undefined && { megaInstructions }),
      };
    }),
    refreshTimesCard: medianRatio(walls("ours: refresh"), walls("card: refresh")),
    valgrind: hasValgrind,
  };
};
