import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Counts, EngineOrder, EngineOrigins } from "./messages.ts";

export interface Engines {
  readonly origins: EngineOrigins;
  /** Requests that arrived since they were last forgotten. */
  counts(): Promise<Counts>;
  forget(): Promise<void>;
  /** How long every request waits before it is served. */
  setLatency(milliseconds: number): Promise<void>;
  /** How long Microsoft's token endpoint thinks. */
  setMicrosoft(milliseconds: number): Promise<void>;
  close(): Promise<void>;
}

/** DynamoDB, Secrets Manager and Microsoft's token endpoint on loopback, in a process of their own. */
export const startEngines = async (): Promise<Engines> => {
  const engines = fork(join(import.meta.dirname, "engine-process.ts"));
  const [origins] = (await once(engines, "message")) as [EngineOrigins];
  const order = async (message: EngineOrder): Promise<Counts> => {
    const answered = once(engines, "message") as Promise<[Counts]>;
    engines.send(message);
    const [counts] = await answered;
    return counts;
  };
  return {
    origins,
    counts: () => order({ order: "counts" }),
    forget: async () => {
      await order({ order: "forget" });
    },
    setLatency: async (milliseconds) => {
      await order({ order: "latency", milliseconds });
    },
    setMicrosoft: async (milliseconds) => {
      await order({ order: "microsoft", milliseconds });
    },
    close: async () => {
      const ended = once(engines, "exit");
      engines.disconnect();
      await ended;
    },
  };
};
