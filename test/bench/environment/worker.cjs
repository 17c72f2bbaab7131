// One process with one or more environments of a contender; does what the bench tells it, and answers each order once.
const { pathToFileURL } = require("node:url");
const { dirname } = require("node:path");

const context = { awsRequestId: "bench", getRemainingTimeInMillis: () => 25_000 };
const instances = [];
let cursor = 0;

/** Each instance of a bundle has its own modules: its own clients, connections and memory. */
const load = async (bundle) => {
  if (!bundle.endsWith(".cjs")) return import(pathToFileURL(bundle).href);
  for (const file of Object.keys(require.cache)) {
    if (file.startsWith(dirname(bundle))) delete require.cache[file];
  }
  const module_ = require(bundle);
  // What it requires later is its own as well.
  return { ...module_, handler: module_.handler };
};

/**
 * Tokens are remembered for half a minute, and never from the future. A clock that is ten minutes ahead in every other
 * pass over the events, and right in those between, lets none be found.
 */
const tenMinutes = 600_000;
let ahead = 0;
const RightDate = Date;
class MovedDate extends RightDate {
  constructor(...args) {
    super(...(args.length === 0 ? [MovedDate.now()] : args));
  }

  static now() {
    return RightDate.now() + ahead;
  }
}

const orders = {
  async load({ bundle, count }) {
    for (let index = 0; index < count; index += 1) instances.push(await load(bundle));
  },

  /** As many fetches as fit into the time, or as there are events to be used once. */
  async fetch({ events, callers, milliseconds, once, remembersNothing }) {
    const [{ handler }] = instances;
    if (remembersNothing) globalThis.Date = MovedDate;
    const times = [];
    if (once) cursor = 0;
    const cpuBefore = process.cpuUsage();
    const begun = performance.now();
    const caller = async () => {
      while (once ? cursor < events.length : performance.now() - begun < milliseconds) {
        const event = events[cursor % events.length];
        if (remembersNothing && cursor % events.length === 0) ahead = tenMinutes - ahead;
        cursor += 1;
        const from = performance.now();
        const answer = await handler(event, context);
        times.push(performance.now() - from);
        if (answer?.ok !== true) throw new Error(`no token: ${JSON.stringify(answer?.error)}`);
      }
    };
    await Promise.all(Array.from({ length: callers }, caller));
    const seconds = (performance.now() - begun) / 1000;
    const { user, system } = process.cpuUsage(cpuBefore);
    return { fetches: times.length, seconds, cpuMilliseconds: (user + system) / 1000, times };
  },

  /** One fetch in every environment, all at once; or several in the same one. */
  async herd({ event, calls = 1 }) {
    const waits = [];
    const failures = [];
    const all = instances.flatMap(({ handler }) => Array.from({ length: calls }, () => handler));
    await Promise.all(
      all.map(async (handler) => {
        const from = performance.now();
        const answer = await handler(event, context).catch((error) => ({ error: error.name }));
        waits.push(performance.now() - from);
        if (answer?.ok !== true) failures.push(answer?.error?.code ?? answer?.error ?? "unknown");
      }),
    );
    return { waits, failures };
  },

  async prepare(options) {
    await instances[0].prepare(options);
  },
};

process.on("message", async ({ order, ...input }) => {
  try {
    process.send({ answer: (await orders[order](input)) ?? null });
  } catch (error) {
    process.send({ error: String(error?.stack ?? error) });
  }
});
process.on("disconnect", () => process.exit(0));
process.send({ answer: null });
