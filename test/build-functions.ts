import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { buildFunctions } from "../infra/build.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder of the functions as they are built, for all stacks of a run. */
    bundles: string;
  }
}

/** Building takes longer than all else that a stack does when it starts. */
export default async (project: TestProject): Promise<() => Promise<void>> => {
  const folder = await mkdtemp(join(tmpdir(), "outlook-connect-functions-"));
  const outFolder = join(folder, "functions");
  const built = async () => {
    await buildFunctions({ outFolder });
  };
  await built();
  project.provide("bundles", outFolder);
  project.onTestsRerun(built);
  return () => rm(folder, { recursive: true, force: true });
};
