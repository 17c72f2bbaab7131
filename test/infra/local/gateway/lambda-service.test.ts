import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Clock } from "../../../../infra/local/clock.ts";
import type { FunctionConfiguration } from "../../../../infra/local/gateway/execution-environment.ts";
import {
  LambdaService,
  type LambdaServiceOptions,
} from "../../../../infra/local/gateway/lambda-service.ts";
import { fixtureFunctions } from "./fixture-functions.ts";

let folder: string;
let services: LambdaService[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lambda-"));
  services = [];
});
afterEach(async () => {
  await Promise.all(services.map((service) => service.close()));
  await rm(folder, { recursive: true });
});

/** A service with one function, called `it`. */
const serve = async (
  code: string,
  {
    configuration = {},
    ...options
  }: Partial<LambdaServiceOptions> & { configuration?: Partial<FunctionConfiguration> } = {},
) => {
  const functions = await fixtureFunctions(folder, { it: code }, configuration);
  const service = new LambdaService({ functions, clock: new Clock(), ...options });
  services.push(service);
  return {
    service,
    invoke: (event: unknown = {}) => service.invoke("it", JSON.stringify(event)),
  };
};

const value = (outcome: Awaited<ReturnType<LambdaService["invoke"]>>): unknown => {
  if (outcome === "throttled") throw new Error("the function was not invoked");
  if (!outcome.ok) throw new Error(`the function failed: ${JSON.stringify(outcome.error)}`);
  return JSON.parse(outcome.payload);
};

const isAlive = (processId: number) => {
  try {
    return process.kill(processId, 0);
  } catch {
    return false;
  }
};

it("hands event and context to the handler and its result back", async () => {
  const { invoke } = await serve(`exports.handler = async (event, context) => ({
    event, name: context.functionName, arn: context.invokedFunctionArn,
    hasTime: context.getRemainingTimeInMillis() > 4000 })`);

  expect(value(await invoke({ n: 1 }))).toEqual({
    event: { n: 1 },
    name: "it",
    arn: "arn:aws:lambda:us-east-1:123456789012:function:it",
    hasTime: true,
  });
});

it("gives a function the variables of AWS and its own, and none of this process but PATH", async () => {
  vi.stubEnv("SECRET_OF_THE_PARENT", "yes");
  const { invoke } = await serve("exports.handler = async () => process.env", {
    configuration: { environment: { TABLE: "t" } },
    endpoints: { AWS_ENDPOINT_URL_DYNAMODB: "http://127.0.0.1:1" },
  });

  const variables = value(await invoke());

  expect(variables).toMatchObject({
    TABLE: "t",
    AWS_ENDPOINT_URL_DYNAMODB: "http://127.0.0.1:1",
    AWS_REGION: "us-east-1",
    AWS_LAMBDA_FUNCTION_NAME: "it",
    TZ: ":UTC",
    PATH: process.env.PATH,
  });
  expect(variables).not.toHaveProperty("SECRET_OF_THE_PARENT");
  expect(variables).not.toHaveProperty("HOME");
});

it("keeps an environment for the next event and starts another while it is busy", async () => {
  // Each event waits for the other one, so both are busy at the same time.
  const { invoke } = await serve(
    `const { existsSync, writeFileSync } = require("node:fs");
    let calls = 0;
    exports.handler = async ({ me, other }) => {
      calls += 1;
      writeFileSync(me, "");
      while (!existsSync(other)) await new Promise((done) => setTimeout(done, 5));
      return { pid: process.pid, calls };
    }`,
  );
  const [one, other] = ["one", "other"].map((name) => join(folder, name));

  const first = value(await invoke({ me: one, other: one }));
  const both = await Promise.all([invoke({ me: one, other }), invoke({ me: other, other: one })]);

  expect(both.map(value)).toContainEqual({ ...(first as object), calls: 2 });
  expect(both.map(value)).toContainEqual(expect.objectContaining({ calls: 1 }));
});

it("never runs two events in one environment, and lets more wait than there is room for", async () => {
  const { service, invoke } = await serve(
    `let running = 0;
    exports.handler = async () => {
      running += 1;
      const atOnce = running;
      await new Promise((done) => setTimeout(done, 20));
      running -= 1;
      return atOnce;
    }`,
    { environmentsPerFunction: 2 },
  );

  const outcomes = await Promise.all(Array.from({ length: 8 }, () => invoke()));

  expect(outcomes.map(value)).toEqual(Array(8).fill(1));
  expect(service.processIds()).toHaveLength(2);
});

/** Runs until a file is there; `+` and `-` tell of its beginning and its end. */
const untilReleased = `const { appendFileSync, existsSync, readFileSync } = require("node:fs");
exports.handler = async ({ log, release }) => {
  appendFileSync(log, "+");
  while (!existsSync(release)) await new Promise((done) => setTimeout(done, 5));
  appendFileSync(log, "-");
}`;

describe("a function with reserved concurrency", () => {
  const reserving = async (reservedConcurrency: number) => {
    const { service, invoke } = await serve(untilReleased, {
      configuration: { reservedConcurrency },
    });
    const [log, release] = [join(folder, "log"), join(folder, "release")] as const;
    return {
      service,
      invoke: () => invoke({ log, release }),
      enqueue: () => service.enqueue("it", JSON.stringify({ log, release })),
      release: () => writeFile(release, ""),
      log: () => readFile(log, "utf8"),
    };
  };

  it("turns away what is beyond it, at once, and has room again when one has ended", async () => {
    const { invoke, release, log } = await reserving(2);
    const running = [invoke(), invoke()];

    const third = await invoke();
    await release();
    const outcomes = await Promise.all(running);
    const afterwards = await invoke();

    expect(third).toBe("throttled");
    expect([...outcomes, afterwards].map(value)).toEqual([null, null, null]);
    expect((await log()).length).toBe(6);
  });

  it("keeps what was invoked asynchronously until there is room, and loses nothing", async () => {
    const { invoke, enqueue, release, log, service } = await reserving(1);
    const running = invoke();

    const kept = [enqueue(), enqueue(), enqueue()];
    const meanwhile = await invoke();
    await release();
    const outcomes = await Promise.all([running, ...kept]);
    await service.settled();

    expect(meanwhile).toBe("throttled");
    expect(outcomes.map(value)).toEqual([null, null, null, null]);
    expect(await log()).toBe("+-+-+-+-");
  });

  it("may have more of it than there are processes", async () => {
    const { invoke, release, log } = await reserving(6);
    const running = Array.from({ length: 6 }, invoke);

    const seventh = await invoke();
    await release();
    await Promise.all(running);

    expect(seventh).toBe("throttled");
    expect((await log()).length).toBe(12);
  });

  it("has room again after one has crashed, or has run for too long", async () => {
    const { invoke } = await serve(
      `exports.handler = ({ how }) =>
        how === "crash" ? process.exit(3) : how === "hang" ? new Promise(() => {}) : process.pid`,
      { configuration: { reservedConcurrency: 1, timeoutSeconds: 1 } },
    );

    for (const how of ["crash", "hang"]) expect(await invoke({ how })).toMatchObject({ ok: false });

    expect(await invoke()).toMatchObject({ ok: true });
  });

  it("ends what it has kept when the service closes", async () => {
    const { invoke, enqueue, service } = await reserving(1);
    const outcomes = [invoke(), enqueue()];

    await service.close();

    for (const outcome of [...outcomes, enqueue()]) {
      expect(await outcome).toMatchObject({ ok: false });
    }
  });
});

it("reports a thrown error and keeps the environment", async () => {
  const { invoke } = await serve(`exports.handler = async ({ fail }) => {
    if (fail) throw new TypeError("no");
    return process.pid; }`);

  const before = value(await invoke({}));
  const outcome = await invoke({ fail: true });

  expect(outcome).toMatchObject({
    ok: false,
    error: { errorType: "TypeError", errorMessage: "no", trace: expect.any(Array) },
  });
  expect(value(await invoke({}))).toBe(before);
});

it("survives a crash with a fresh environment", async () => {
  const { invoke } = await serve(
    "exports.handler = async ({ code }) => (code ? process.exit(code) : process.pid)",
  );

  const before = value(await invoke());
  const crashed = await invoke({ code: 3 });

  expect(crashed).toMatchObject({
    ok: false,
    error: {
      errorType: "Runtime.ExitError",
      errorMessage: expect.stringContaining("exit status 3"),
    },
  });
  expect(value(await invoke())).not.toBe(before);
});

it("ends an environment in which a promise was rejected unseen", async () => {
  const { invoke } = await serve(`exports.handler = () => {
    Promise.reject(new Error("unseen"));
    return new Promise(() => {}); }`);

  expect(await invoke()).toMatchObject({
    ok: false,
    error: { errorType: "Runtime.UnhandledPromiseRejection", errorMessage: "unseen" },
  });
});

it("kills a function that runs for too long, even if it never yields", async () => {
  const { service, invoke } = await serve("exports.handler = async () => { for (;;); }", {
    configuration: { timeoutSeconds: 0.3 },
  });

  expect(await invoke()).toMatchObject({
    ok: false,
    error: {
      errorType: "Sandbox.Timedout",
      errorMessage: expect.stringContaining("Task timed out after 0.30 seconds"),
    },
  });
  await expect.poll(() => service.processIds()).toEqual([]);
});

it.for([
  ["throws while it loads", `throw new RangeError("broken")`, "RangeError"],
  ["exits while it loads", "process.exit(0)", "Runtime.ExitError"],
  ["exports no handler", "exports.other = () => {}", "Runtime.HandlerNotFound"],
  [
    "wants a callback, which Node.js 24 has no more",
    "exports.handler = (event, context, callback) => callback(null, 1)",
    "Runtime.CallbackHandlerDeprecated",
  ],
] as const)("reports a bundle that %s", async ([, code, errorType]) => {
  const { invoke } = await serve(code);

  expect(await invoke()).toMatchObject({ ok: false, error: { errorType } });
});

it("reports a bundle that is not there", async () => {
  const { invoke } = await serve("", { configuration: { handler: "other.handler" } });

  expect(await invoke()).toMatchObject({
    ok: false,
    error: { errorType: "Runtime.ImportModuleError" },
  });
});

it("refuses an answer above the limit of synchronous payloads", async () => {
  const { invoke } = await serve(`exports.handler = async () => "x".repeat(6 * 1024 * 1024)`);

  expect(await invoke()).toMatchObject({
    ok: false,
    error: { errorType: "Function.ResponseSizeTooLarge" },
  });
});

it("shifts the function's Date by the clock, while it loads and at each event, and no timer", async () => {
  const clock = new Clock();
  clock.advance(3600);
  const { invoke } = await serve(
    `const loadedAt = Date.now();
    exports.handler = async () => {
      await new Promise((done) => setTimeout(done, 1));
      return { loadedAt, times: [Date.now(), new Date().getTime(), Date.parse(Date())],
        fixed: new Date(0).toISOString(), parts: new Date(2020, 0).getFullYear(),
        same: new Date() instanceof Date && new Date().constructor === Date };
    }`,
    { clock },
  );
  const near = (time: number) => expect.closeTo(time, -4);

  const first = value(await invoke());
  const loadedAt = Date.now() + 3_600_000;
  clock.advance(86_400);
  const second = value(await invoke());

  expect(first).toMatchObject({ loadedAt: near(loadedAt), times: Array(3).fill(near(loadedAt)) });
  expect(second).toEqual({
    loadedAt: (first as { loadedAt: number }).loadedAt,
    times: Array(3).fill(near(loadedAt + 86_400_000)),
    fixed: "1970-01-01T00:00:00.000Z",
    parts: 2020,
    same: true,
  });
});

it("passes on each line that a function writes", async () => {
  const lines: string[] = [];
  const { service, invoke } = await serve(
    `exports.handler = async () => { console.log("one\\ntwo"); console.error("three"); }`,
    { onLog: (name, line) => lines.push(`${name}: ${line}`) },
  );

  await invoke();
  await service.close();

  expect(lines.sort()).toEqual(["it: one", "it: three", "it: two"]);
});

it("leaves no process behind when it closes, and ends what still ran", async () => {
  const { service, invoke } = await serve(
    "exports.handler = ({ hang }) => (hang ? new Promise(() => {}) : process.pid)",
  );
  await invoke();
  const hanging = invoke({ hang: true });
  const processIds = service.processIds();

  await service.close();

  expect(processIds).toHaveLength(1);
  expect(processIds.filter(isAlive)).toEqual([]);
  expect(await hanging).toMatchObject({ ok: false });
  expect(await invoke()).toMatchObject({ ok: false });
});

it("leaves no process behind when its own process is killed", async () => {
  // By its port: where nobody collects orphans, a process that is gone keeps its id.
  const [configuration] = await fixtureFunctions(folder, {
    it: `const server = require("node:http").createServer((_, response) => response.end());
    exports.handler = async () => {
      await new Promise((done) => server.listen(0, "127.0.0.1", done));
      return server.address().port;
    }`,
  });
  const script = join(folder, "parent.mjs");
  const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  await writeFile(
    script,
    `import { Clock } from ${url("../../../../infra/local/clock.ts")};
    import { LambdaService } from ${url("../../../../infra/local/gateway/lambda-service.ts")};
    const service = new LambdaService({
      functions: [${JSON.stringify(configuration)}], clock: new Clock() });
    console.log((await service.invoke("it", "{}")).payload);`,
  );
  const parent = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await parent.stdout.take(1).toArray()) as [Buffer];
  const answers = () =>
    fetch(`http://127.0.0.1:${Number(line.toString())}`).then(
      () => true,
      () => false,
    );
  expect(await answers()).toBe(true);

  parent.kill("SIGKILL");

  await expect.poll(answers).toBe(false);
});

it("has settled once nothing runs or waits any more", async () => {
  const { service, invoke } = await serve(
    "exports.handler = () => new Promise((end) => setTimeout(end, 100))",
    { environmentsPerFunction: 1 },
  );
  let ended = 0;
  for (let each = 0; each < 2; each += 1) invoke().finally(() => (ended += 1));

  await service.settled();

  expect(ended).toBe(2);
});
