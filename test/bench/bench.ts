import { mkdir, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { measureCold } from "./parts/cold.ts";
import { measureGrowth } from "./parts/growth.ts";
import { measureHerd } from "./parts/herd.ts";
import { measureWarm } from "./parts/warm.ts";
import { markdown } from "./report/markdown.ts";
import { herdPlot, warmPlot } from "./report/plots.ts";
import type { BenchResult } from "./result.ts";
import { openScene } from "./scene.ts";
import { checkTargets } from "./targets.ts";
import { versions } from "./versions.ts";

/**
 * What a token fetch costs beside what its peers cost, in one run on loopback: cold, warm, under a herd and in a table
 * that grows. Ratios of rounds that were measured one after the other, because milliseconds move with whatever else
 * the machine does.
 */
const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    /** Writes the table and the plots of the README. */
    report: { type: "boolean", default: false },
    only: { type: "string", multiple: true },
    out: { type: "string", default: join(import.meta.dirname, "results", "latest.json") },
  },
});
const { quick, only } = values;

const wants = (part: string) => only === undefined || only.includes(part);
const begun = performance.now();
const say = (what: string) =>
  console.log(`${((performance.now() - begun) / 1000).toFixed(0).padStart(4)} s  ${what}`);

say("engines, templates and bundles");
const scene = await openScene();
let result: BenchResult;
try {
  if (wants("cold")) say("cold");
  const cold = wants("cold")
    ? await measureCold(scene, { rounds: quick ? 9 : 17, instructions: !quick })
    : undefined;
  if (cold && !cold.valgrind) say("valgrind is not installed: no instructions are counted");
  if (wants("warm")) say("warm");
  const warm = wants("warm")
    ? await measureWarm(scene, {
        rounds: quick ? 2 : 4,
        milliseconds: quick ? 250 : 700,
        refreshes: quick ? 40 : 100,
      })
    : undefined;
  if (wants("herd")) say("herd");
  const herd = wants("herd")
    ? await measureHerd(scene, { rounds: quick ? 3 : 15, many: 1_000, peersUpTo: quick ? 10 : 100 })
    : undefined;
  if (wants("growth")) say("growth");
  const growth = wants("growth")
    ? await measureGrowth(scene, {
        sizes: quick ? [1, 1_000, 10_000] : [1, 1_000, 100_000],
        rounds: 5,
        milliseconds: quick ? 250 : 700,
      })
    : undefined;
  result = {
    date: new Date().toISOString(),
    quick,
    seconds: (performance.now() - begun) / 1000,
    machine: { processors: cpus().length, model: cpus()[0]?.model ?? "unknown" },
    versions: versions(),
    bundleBytes: scene.bundleBytes,
    hitPackages: scene.hitPackages,
    ...(cold && { cold }),
    ...(warm && { warm }),
    ...(herd && { herd }),
    ...(growth && { growth }),
  };
} finally {
  await scene.close();
}

await mkdir(dirname(values.out), { recursive: true });
await writeFile(values.out, `${JSON.stringify(result, null, 2)}\n`);
const table = markdown(result);
console.log(`\n${table}`);
if (values.report) {
  const folder = join(import.meta.dirname, "report");
  await writeFile(join(folder, "bench.md"), table);
  if (result.warm) await writeFile(join(folder, "warm.svg"), warmPlot(result));
  if (result.herd) await writeFile(join(folder, "herd.svg"), herdPlot(result));
}
say(`all figures are in ${values.out}`);

if (values.check) {
  const outcomes = checkTargets(result);
  for (const { target, met, found } of outcomes) {
    console.log(`${met ? "met   " : "MISSED"}  ${target}: ${found}`);
  }
  if (outcomes.some(({ met }) => !met)) process.exitCode = 1;
}
