import { parseArgs } from "node:util";
import * as z from "zod/mini";
import { buildFunctions } from "../build.ts";
import { exampleSettings, type Stage, stages } from "./stages.ts";
import { synthesize } from "./synthesize.ts";

/** The CDK's command line hands its `-c` values over in this variable. */
const cdkContext = z.looseObject({ stage: z.optional(z.string()) });

const chosenStage = (): Stage => {
  const { values } = parseArgs({ options: { stage: { type: "string" } } });
  const context = cdkContext.parse(JSON.parse(process.env.CDK_CONTEXT_JSON ?? "{}"));
  const name = values.stage ?? context.stage ?? "dev";
  const stage = new Map<string, Stage>(Object.entries(stages)).get(name);
  if (!stage) throw new Error(`There is no stage ${name}, only ${Object.keys(stages).join(", ")}.`);
  return stage;
};

const stage = chosenStage();
const examples = exampleSettings(stage);
if (examples.length > 0) {
  console.warn(`Stage ${stage.name} still has an example's value for ${examples.join(", ")}.`);
}
await buildFunctions();
await synthesize(stage, process.env.CDK_OUTDIR ?? "cdk.out", { checks: true });
