import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import * as z from "zod/mini";

const measured = z.object({ loaded: z.number(), each: z.array(z.number()) });

export interface EnvironmentRun {
  readonly bundle: string;
  readonly event: object;
  readonly invocations: number;
  readonly env: Readonly<Record<string, string>>;
  /** Options of Node.js itself. */
  readonly nodeOptions?: readonly string[];
  /** Runs Node.js under it: a program and its arguments. */
  readonly under?: readonly string[];
}

const boot = join(import.meta.dirname, "boot.cjs");

/** One execution environment, from the start of its process to its end. */
export const runEnvironment = async ({
  bundle,
  event,
  invocations,
  env,
  nodeOptions = [],
  under = [],
}: EnvironmentRun) => {
  const [program = process.execPath, ...args] = [
    ...under,
    process.execPath,
    ...nodeOptions,
    boot,
    bundle,
    JSON.stringify(event),
    String(invocations),
  ];
  const startedAt = performance.now();
  const { stdout, stderr } = await promisify(execFile)(program, args, {
    env,
    maxBuffer: 64 * 1024 * 1024,
  });
  const wall = performance.now() - startedAt;
  const lastLine = stdout.trimEnd().split("\n").at(-1) ?? "";
  return { wall, ...measured.parse(JSON.parse(lastLine)), stderr };
};
