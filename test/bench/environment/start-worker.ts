import { fork } from "node:child_process";
import { once } from "node:events";
import { constants, setPriority } from "node:os";
import { join } from "node:path";

export interface FetchRun {
  readonly fetches: number;
  readonly seconds: number;
  readonly cpuMilliseconds: number;
  readonly times: readonly number[];
}

export interface HerdRun {
  readonly waits: readonly number[];
  /** Codes of those that got no token. */
  readonly failures: readonly string[];
}

export interface FetchOrder {
  readonly events: readonly object[];
  readonly callers: number;
  readonly milliseconds: number;
  /** Each event is used once, however long it takes. */
  readonly once?: boolean;
  /** For one caller: no token of an earlier fetch is remembered, however few the events are. */
  readonly remembersNothing?: boolean;
}

export interface BenchWorker {
  fetch(order: FetchOrder): Promise<FetchRun>;
  herd(order: { readonly event: object; readonly calls?: number }): Promise<HerdRun>;
  prepare(options: object): Promise<void>;
  stop(): Promise<void>;
}

/** A process that holds environments of one contender. What they log goes nowhere, but is written. */
export const startWorker = async (
  bundle: string,
  env: Readonly<Record<string, string>>,
  count = 1,
): Promise<BenchWorker> => {
  const worker = fork(join(import.meta.dirname, "worker.cjs"), {
    env,
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  // The engines stand for services that are somewhere else: workers do not take their processor away.
  if (worker.pid !== undefined) setPriority(worker.pid, constants.priority.PRIORITY_LOW);
  const ended = once(worker, "exit");
  // Nobody waits for what a process that has ended will never say.
  const said = async (): Promise<unknown> => {
    const first = await Promise.race([once(worker, "message"), ended.then(() => undefined)]);
    if (!first) throw new Error("a process of the bench has ended by itself");
    return first[0];
  };
  await said();
  const order = async <Answer>(name: string, input: object): Promise<Answer> => {
    const saying = said() as Promise<{ answer: Answer; error?: string }>;
    worker.send({ order: name, ...input });
    const { answer, error } = await saying;
    if (error) throw new Error(error);
    return answer;
  };
  await order("load", { bundle, count });
  return {
    fetch: (input) => order("fetch", input),
    herd: (input) => order("herd", input),
    prepare: (input) => order("prepare", input),
    stop: async () => {
      worker.disconnect();
      await ended;
    },
  };
};
