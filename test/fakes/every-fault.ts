import { type Intercept, neverSettles } from "./intercepted.ts";

interface Fault {
  readonly what: string;
  readonly dies: boolean;
  /** Whether the call does what it is for. */
  readonly isDone: boolean;
  /** What becomes of one call becomes of all after it. */
  readonly lasts: boolean;
  readonly act: Intercept;
}

/** What can become of one call to the world outside. */
const faults: readonly Fault[] = [
  {
    what: "fails before it is done",
    dies: false,
    isDone: false,
    lasts: false,
    act: async () => {
      throw new Error("throttled");
    },
  },
  {
    what: "is done, and its answer is lost",
    dies: false,
    isDone: true,
    lasts: false,
    act: async (_, call) => {
      await call();
      throw new Error("no answer");
    },
  },
  {
    what: "is where the process dies, before",
    dies: true,
    isDone: false,
    lasts: false,
    act: neverSettles,
  },
  {
    what: "is where the process dies, after",
    dies: true,
    isDone: true,
    lasts: false,
    act: async (_, call) => {
      await call();
      return neverSettles();
    },
  },
];

const outage: Fault = {
  what: "fails, and so does all that follows",
  dies: false,
  isDone: false,
  lasts: true,
  act: async () => {
    throw new Error("no connection");
  },
};

export interface FaultyCall extends Fault {
  readonly name: string;
  /** Among the calls of what is done, from 0. */
  readonly index: number;
}

/** Each call of a flow with each fault. */
export const everyFault = (calls: readonly string[]): readonly FaultyCall[] =>
  calls.flatMap((name, index) => faults.map((fault) => ({ name, index, ...fault })));

/** An outage that begins with each call of a flow, and ends with the flow. */
export const everyOutage = (calls: readonly string[]): readonly FaultyCall[] =>
  calls.map((name, index) => ({ name, index, ...outage }));

/** Each call of each scene with each fault, and with an outage that begins with it. */
export const everyBreak = <Scene extends { readonly calls: readonly string[] }>(
  scenes: readonly Scene[],
) =>
  scenes.flatMap((scene) =>
    [...everyFault(scene.calls), ...everyOutage(scene.calls)].map((fault) => ({ scene, fault })),
  );

/** Whether the call of this name, or one after it, was done in a scene that breaks. */
export const isDoneIn = (
  { calls }: { readonly calls: readonly string[] },
  { index, isDone }: Pick<FaultyCall, "index" | "isDone">,
  name: string,
): boolean => calls.indexOf(name) < (isDone ? index + 1 : index);

export interface WatchedCalls {
  /** For whatever makes the calls. */
  readonly intercept: Intercept;
  /** Names of the calls that were made while something was watched. */
  readonly made: readonly string[];
  /** Calls before and after what is watched go as they should. @returns `undefined` if its process died */
  readonly watch: <Answer>(what: () => Promise<Answer>) => Promise<Answer | undefined>;
}

/** The calls of a flow, one of which breaks if that is said. */
export const watchedCalls = (
  fault?: Pick<FaultyCall, "index" | "dies" | "lasts" | "act">,
): WatchedCalls => {
  const made: string[] = [];
  let isWatched = false;
  let die = () => {};
  const death = new Promise<undefined>((resolve) => {
    die = () => resolve(undefined);
  });
  return {
    made,
    intercept: async (name, call) => {
      if (!isWatched) return call();
      made.push(name);
      const index = made.length - 1;
      const isBroken = fault && (fault.lasts ? index >= fault.index : index === fault.index);
      if (!isBroken) return call();
      // What the call does at all, it does before anybody looks at what it left.
      if (fault.dies) setImmediate(die);
      return fault.act(name, call);
    },
    watch: async (what) => {
      isWatched = true;
      try {
        return await Promise.race([what(), death]);
      } finally {
        isWatched = false;
      }
    },
  };
};
