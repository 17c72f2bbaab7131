/**
 * The inside of a local execution environment: loads a bundle's handler and serves the Lambda Runtime API with it, one
 * event at a time, as AWS's runtime interface client for Node.js 24 does.
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 *
 * Plain JavaScript and no dependency: this is the whole price of a cold start. The only argument is the offset of the
 * stack's clock, in milliseconds, while the bundle loads; each invocation brings its own.
 */
import { existsSync } from "node:fs";
import { Agent, request } from "node:http";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const RealDate = Date;
let clockOffsetMs = Number(process.argv[2] ?? 0);

const shiftedNow = () => RealDate.now() + clockOffsetMs;

/** `Date` by the stack's clock. Timers stay real: a time-out is about this machine. */
globalThis.Date = new Proxy(RealDate, {
  apply: () => new RealDate(shiftedNow()).toString(),
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [shiftedNow()] : args, newTarget),
  get: (target, key, receiver) => (key === "now" ? shiftedNow : Reflect.get(target, key, receiver)),
});
RealDate.prototype.constructor = globalThis.Date;

// The parent holds the other end. When it dies, however it dies, so does this process.
process.stdin.on("close", () => process.exit(0)).resume();

const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

const runtimeApi = (method, path, body) =>
  new Promise((fulfil, reject) => {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const options = { agent, hostname, port, method, headers, path: `/2018-06-01/runtime${path}` };
    const sent = request(options, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        fulfil({ headers: response.headers, body: Buffer.concat(chunks).toString("utf8") }),
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });

const runtimeError = (errorType, errorMessage) =>
  Object.assign(new Error(errorMessage), { name: errorType });

const described = (error) =>
  JSON.stringify(
    error instanceof Error
      ? {
          errorType: error.name,
          errorMessage: error.message,
          trace: (error.stack ?? "").split("\n"),
        }
      : { errorType: typeof error, errorMessage: String(error), trace: [] },
  );

/** `folder/file.export.nested` as AWS reads it: everything after the first dot of the file's name is the export. */
const loadHandler = async () => {
  const name = process.env._HANDLER;
  const [, path, exported] = /^(.*?[^/.]+)\.(.+)$/.exec(name) ?? [];
  if (path === undefined) throw runtimeError("Runtime.MalformedHandlerName", "Bad handler");

  const base = resolve(process.env.LAMBDA_TASK_ROOT, path);
  const file = [".js", ".mjs", ".cjs"].map((end) => base + end).find((each) => existsSync(each));
  if (file === undefined) {
    throw runtimeError("Runtime.ImportModuleError", `Error: Cannot find module '${path}'`);
  }
  const module = file.endsWith(".mjs")
    ? await import(pathToFileURL(file).href)
    : createRequire(file)(file);

  const handler = exported.split(".").reduce((value, key) => value?.[key], module);
  if (handler === undefined) {
    throw runtimeError("Runtime.HandlerNotFound", `${name} is undefined or not exported`);
  }
  if (typeof handler !== "function") {
    throw runtimeError("Runtime.HandlerNotFound", `${name} is not a function`);
  }
  if (handler.length > 2) {
    throw runtimeError(
      "Runtime.CallbackHandlerDeprecated",
      "AWS Lambda has removed support for callback-based function handlers starting with Node.js 24.",
    );
  }
  return handler;
};

const contextOf = (headers) => ({
  callbackWaitsForEmptyEventLoop: true,
  functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
  functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
  memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
  logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
  logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
  awsRequestId: headers["lambda-runtime-aws-request-id"],
  invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
  getRemainingTimeInMillis: () =>
    Math.max(0, Number(headers["lambda-runtime-deadline-ms"]) - RealDate.now()),
});

let currentRequestId;

const dieOf = (errorType, exitCode) => async (error) => {
  console.error(error);
  if (currentRequestId !== undefined) {
    const message = error instanceof Error ? error.message : String(error);
    const failure = described(Object.assign(runtimeError(errorType, message)));
    await runtimeApi("POST", `/invocation/${currentRequestId}/error`, failure).catch(() => {});
  }
  process.exit(exitCode);
};
process.on("uncaughtException", dieOf("Runtime.UncaughtException", 129));
process.on("unhandledRejection", dieOf("Runtime.UnhandledPromiseRejection", 128));

const serve = async () => {
  let handler;
  try {
    handler = await loadHandler();
  } catch (error) {
    console.error(error);
    await runtimeApi("POST", "/init/error", described(error));
    process.exit(1);
  }

  for (;;) {
    const { headers, body } = await runtimeApi("GET", "/invocation/next");
    clockOffsetMs = Number(headers["x-local-clock-offset-ms"] ?? 0);
    process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"];
    currentRequestId = headers["lambda-runtime-aws-request-id"];

    const answer = await Promise.resolve()
      .then(() => handler(JSON.parse(body), contextOf(headers)))
      .then((result) => ["response", JSON.stringify(result === undefined ? null : result)])
      .catch((error) => {
        console.error(error);
        return ["error", described(error)];
      });
    await runtimeApi("POST", `/invocation/${currentRequestId}/${answer[0]}`, answer[1]);
    currentRequestId = undefined;
  }
};

await serve();
