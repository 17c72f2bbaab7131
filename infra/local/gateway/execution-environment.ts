import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import * as z from "zod/mini";
import type { Clock } from "../clock.ts";
import { credentialsOf } from "../iam/function-credentials.ts";
import { listen, readBody, stopListening } from "./listen.ts";

/** What a template says of a function, with the values its environment has on this machine. */
export interface FunctionConfiguration {
  readonly name: string;
  readonly arn: string;
  /** The folder that holds the bundle. */
  readonly codeFolder: string;
  /** `index.handler`: file, dot, export. */
  readonly handler: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  readonly memoryMegabytes: number;
  /** How many invocations may run at once; a function without it has no limit here. */
  readonly reservedConcurrency?: number;
  /** As in the function's logging configuration. */
  readonly logFormat: "Text" | "JSON";
}

/** As the caller of `Invoke` sees it. The names are those of AWS. */
export interface FunctionError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

export type InvocationOutcome =
  | { readonly ok: true; readonly payload: string }
  | { readonly ok: false; readonly error: FunctionError };

export interface Invocation {
  readonly payload: string;
  readonly end: (outcome: InvocationOutcome) => void;
}

/** AWS: synchronous payloads, both ways. */
export const payloadLimitBytes = 6 * 1024 * 1024;

/** AWS: the limit of the init phase. https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html */
const initLimitMs = 10_000;

const runtimeClient = fileURLToPath(new URL("./runtime-client.mjs", import.meta.url));

const functionError = z.object({
  errorType: z.string(),
  errorMessage: z.string(),
  trace: z.optional(z.array(z.string())),
});

const parseError = (body: string): FunctionError => {
  const { errorType, errorMessage, trace } = functionError.parse(JSON.parse(body));
  return { errorType, errorMessage, ...(trace && { trace }) };
};

const failed = (errorType: string, errorMessage: string): InvocationOutcome => ({
  ok: false,
  error: { errorType, errorMessage },
});

interface EnvironmentEvents {
  /** It waits for an invocation. */
  readonly onIdle: (environment: ExecutionEnvironment) => void;
  /** Its process is gone. `initError` is set if it never became ready. */
  readonly onEnd: (environment: ExecutionEnvironment, initError?: FunctionError) => void;
  readonly onLog: (line: string) => void;
}

interface ExecutionEnvironmentOptions extends EnvironmentEvents {
  readonly configuration: FunctionConfiguration;
  /** Endpoints of the engines, in the variables of the AWS SDK. */
  readonly endpoints: Readonly<Record<string, string>>;
  readonly region: string;
  readonly clock: Clock;
}

/**
 * One process that runs one function, one event at a time, and the Runtime API it talks to. The process gets the
 * variables it would have on AWS and nothing of this process's own environment but PATH.
 */
export class ExecutionEnvironment {
  readonly #options: ExecutionEnvironmentOptions;
  readonly #server: Server;
  readonly #gone = Promise.withResolvers<void>();
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #current: { readonly requestId: string; readonly invocation: Invocation } | undefined;
  #waiting: ServerResponse | undefined;
  #ready = false;
  #ended = false;
  #initError: FunctionError | undefined;

  constructor(options: ExecutionEnvironmentOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        options.onLog(`runtime API: ${String(error)}`);
        response.destroy();
      });
    });
  }

  /** It starts, or has just answered and is about to ask for more. */
  get idleSoon(): boolean {
    return !this.#ended && !this.idle && this.#current === undefined;
  }

  get idle(): boolean {
    return this.#waiting !== undefined && !this.#ended;
  }

  get processId(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    const origin = await listen(this.#server);
    // Closed while it was starting.
    if (this.#ended) return stopListening(this.#server);
    const { clock, configuration, onLog } = this.#options;
    const child = spawn(process.execPath, [runtimeClient, String(clock.offsetMs)], {
      cwd: configuration.codeFolder,
      env: this.#variables(new URL(origin).host),
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child = child;
    this.#timer = setTimeout(() => {
      this.#initError = {
        errorType: "Sandbox.Timedout",
        errorMessage: `Error: Init timed out after ${(initLimitMs / 1000).toFixed(2)} seconds`,
      };
      child.kill("SIGKILL");
    }, initLimitMs);
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", onLog);
    }
    child.once("error", (error) => onLog(`cannot start a process: ${error.message}`));
    // `close` comes after the last line of output; `exit` would not come for a process that never started.
    child.once("close", (code, signal) => this.#end(code, signal));
  }

  /** Hands an invocation to an environment that is {@link idle}. */
  run(invocation: Invocation): void {
    const response = this.#waiting;
    if (response === undefined) throw new Error("this environment is not idle");
    this.#waiting = undefined;

    const { clock, configuration } = this.#options;
    const requestId = randomUUID();
    this.#current = { requestId, invocation };
    const timeoutMs = configuration.timeoutSeconds * 1000;
    this.#timer = setTimeout(() => {
      const seconds = configuration.timeoutSeconds.toFixed(2);
      this.#finish(
        requestId,
        failed(
          "Sandbox.Timedout",
          `RequestId: ${requestId} Error: Task timed out after ${seconds} seconds`,
        ),
      );
      this.#child?.kill("SIGKILL");
    }, timeoutMs);

    const traceId = `1-${Math.floor(clock.now().getTime() / 1000).toString(16)}-${randomBytes(12).toString("hex")}`;
    response.writeHead(200, {
      "content-type": "application/json",
      "lambda-runtime-aws-request-id": requestId,
      // By the machine's clock: how long a function may run does not depend on the stack's time.
      "lambda-runtime-deadline-ms": String(Date.now() + timeoutMs),
      "lambda-runtime-invoked-function-arn": configuration.arn,
      "lambda-runtime-trace-id": `Root=${traceId};Parent=${randomBytes(8).toString("hex")};Sampled=0`,
      "x-local-clock-offset-ms": String(clock.offsetMs),
    });
    response.end(invocation.payload);
  }

  /** Kills the process, whatever it does, and waits until it is gone. */
  async close(): Promise<void> {
    if (this.#child === undefined) {
      this.#ended = true;
      if (this.#server.listening) await stopListening(this.#server);
      return;
    }
    this.#child.kill("SIGKILL");
    await this.#gone.promise;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "").replace("/2018-06-01/runtime", "");
    if (request.method === "GET" && path === "/invocation/next") {
      clearTimeout(this.#timer);
      this.#ready = true;
      this.#waiting = response;
      this.#options.onIdle(this);
      return;
    }

    const body = (await readBody(request, Number.POSITIVE_INFINITY))?.toString("utf8") ?? "";
    const [, requestId, kind] = /^\/invocation\/([^/]+)\/(response|error)$/.exec(path) ?? [];
    if (path === "/init/error") {
      this.#initError = parseError(body);
    } else if (requestId !== undefined) {
      this.#finish(
        requestId,
        kind === "error" ? { ok: false, error: parseError(body) } : answered(body),
      );
    } else {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(202, { "content-type": "application/json" }).end('{"status":"OK"}');
  }

  #finish(requestId: string, outcome: InvocationOutcome): void {
    // A late answer to an invocation that has timed out.
    if (this.#current?.requestId !== requestId) return;
    clearTimeout(this.#timer);
    const { invocation } = this.#current;
    this.#current = undefined;
    invocation.end(outcome);
  }

  #end(code: number | null, signal: NodeJS.Signals | null): void {
    clearTimeout(this.#timer);
    this.#ended = true;
    this.#waiting = undefined;
    const how = signal === null ? `exit status ${code}` : `signal: ${signal}`;
    if (this.#current) {
      const { requestId } = this.#current;
      const message = `RequestId: ${requestId} Error: Runtime exited with error: ${how}`;
      this.#finish(requestId, failed("Runtime.ExitError", message));
    }
    const neverReady = this.#ready
      ? undefined
      : (this.#initError ?? {
          errorType: "Runtime.ExitError",
          errorMessage: `Error: Runtime exited with error: ${how}`,
        });
    this.#options.onEnd(this, neverReady);
    stopListening(this.#server).then(this.#gone.resolve, this.#gone.reject);
  }

  /** https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime */
  #variables(runtimeApi: string): Record<string, string> {
    const { configuration, endpoints, region } = this.#options;
    return {
      ...configuration.environment,
      ...endpoints,
      ...credentialsOf(configuration.name),
      _HANDLER: configuration.handler,
      AWS_DEFAULT_REGION: region,
      AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(configuration.memoryMegabytes),
      AWS_LAMBDA_FUNCTION_NAME: configuration.name,
      AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
      AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
      AWS_LAMBDA_LOG_FORMAT: configuration.logFormat,
      AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${configuration.name}`,
      AWS_LAMBDA_LOG_STREAM_NAME: `local/[$LATEST]${randomBytes(16).toString("hex")}`,
      AWS_LAMBDA_RUNTIME_API: runtimeApi,
      AWS_REGION: region,
      LAMBDA_RUNTIME_DIR: "/var/runtime",
      LAMBDA_TASK_ROOT: configuration.codeFolder,
      LANG: "en_US.UTF-8",
      PATH: process.env.PATH ?? "",
      TZ: ":UTC",
    };
  }
}

const answered = (payload: string): InvocationOutcome =>
  Buffer.byteLength(payload) <= payloadLimitBytes
    ? { ok: true, payload }
    : failed(
        "Function.ResponseSizeTooLarge",
        `Response payload size exceeded maximum allowed payload size (${payloadLimitBytes} bytes).`,
      );
