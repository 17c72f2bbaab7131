import { parseArgs } from "node:util";
import * as z from "zod/mini";
import { buildFunctions } from "../build.ts";
import { checkedStage, refuseExamples, type Stage, stages } from "./stages.ts";
import { synthesize } from "./synthesize.ts";

/** The CDK's command line hands its `-c` values over in this variable. */
const cdkContext = z.looseObject({ stage: z.optional(z.string()) });

const { values: options } = parseArgs({
  options: {
    stage: { type: "string" },
    // Templates to look at. No `-c` value, so that no command of the CDK can come to deploy an example.
    "allow-examples": { type: "boolean", default: false },
  },
});

const chosenStage = (): Stage => {
  const context = cdkContext.parse(JSON.parse(process.env.CDK_CONTEXT_JSON ?? "{}"));
  const name = options.stage ?? context.stage ?? "dev";
  const stage = new Map<string, Stage>(Object.entries(stages)).get(name);
  if (!stage) throw new Error(`There is no stage ${name}, only ${Object.keys(stages).join(", ")}.`);
  return stage;
};

const stage = checkedStage(chosenStage());
if (!options["allow-examples"]) refuseExamples(stage);
await buildFunctions();
await synthesize(stage, process.env.CDK_OUTDIR ?? "cdk.out", { checks: true });
