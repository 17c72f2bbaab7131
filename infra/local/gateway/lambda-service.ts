import type { Clock } from "../clock.ts";
import {
  ExecutionEnvironment,
  type FunctionConfiguration,
  type FunctionError,
  type Invocation,
  type InvocationOutcome,
} from "./execution-environment.ts";

export interface LambdaServiceOptions {
  readonly functions: readonly FunctionConfiguration[];
  readonly clock: Clock;
  readonly region?: string;
  /** Endpoints of the engines, in the variables of the AWS SDK: `AWS_ENDPOINT_URL_DYNAMODB`, … */
  readonly endpoints?: Readonly<Record<string, string>>;
  /**
   * How many processes of one function this machine bears; what its reserved concurrency admits beyond that waits for
   * one of them.
   */
  readonly environmentsPerFunction?: number;
  /** Each line that a function writes to its standard output or error. */
  readonly onLog?: (functionName: string, line: string) => void;
}

/** Runs functions as AWS Lambda does: lazily, in processes of their own, each busy with one event at a time. */
export class LambdaService {
  readonly #pools: ReadonlyMap<string, Pool>;
  readonly #unfinished = new Set<Promise<InvocationOutcome>>();

  constructor(options: LambdaServiceOptions) {
    this.#pools = new Map(options.functions.map((each) => [each.name, new Pool(each, options)]));
  }

  has(functionName: string): boolean {
    return this.#pools.has(functionName);
  }

  /**
   * Invokes synchronously.
   *
   * @param payload JSON
   * @returns how the function ended, a crash or a time-out included; or, at once, that its reserved concurrency is in use
   * @throws if there is no such function
   */
  async invoke(functionName: string, payload: string): Promise<InvocationOutcome | "throttled"> {
    const pool = this.#poolOf(functionName);
    return pool.hasRoom ? this.#tracked(pool.run(payload)) : "throttled";
  }

  /**
   * Invokes asynchronously: what finds no room is kept until there is some. Lambda tries again, more and more seldom, for
   * up to six hours.
   * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
   *
   * @param payload JSON
   * @returns how the function ended, for who waits for it
   * @throws if there is no such function
   */
  async enqueue(functionName: string, payload: string): Promise<InvocationOutcome> {
    return this.#tracked(this.#poolOf(functionName).enqueue(payload));
  }

  #poolOf(functionName: string): Pool {
    const pool = this.#pools.get(functionName);
    if (pool === undefined) throw new Error(`there is no function ${functionName}`);
    return pool;
  }

  #tracked(outcome: Promise<InvocationOutcome>): Promise<InvocationOutcome> {
    this.#unfinished.add(outcome);
    outcome.finally(() => this.#unfinished.delete(outcome));
    return outcome;
  }

  /** Waits until nothing runs or waits, not even for a caller who is gone. */
  async settled(): Promise<void> {
    while (this.#unfinished.size > 0) await Promise.all(this.#unfinished);
  }

  /** Ids of the processes that run now. */
  processIds(): readonly number[] {
    return [...this.#pools.values()].flatMap((pool) => pool.processIds());
  }

  /** Ends every process; what still runs or waits ends with an error. */
  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }
}

/** The execution environments of one function, what waits for one of them, and what waits for room. */
class Pool {
  readonly #configuration: FunctionConfiguration;
  readonly #options: LambdaServiceOptions;
  readonly #environments = new Set<ExecutionEnvironment>();
  /** Admitted, and about to run. */
  readonly #queue: Invocation[] = [];
  /** Asynchronous, and beyond the reserved concurrency. */
  readonly #kept: Invocation[] = [];
  /** Admitted, and not yet ended. */
  #concurrent = 0;
  #closed = false;

  constructor(configuration: FunctionConfiguration, options: LambdaServiceOptions) {
    this.#configuration = configuration;
    this.#options = options;
  }

  get hasRoom(): boolean {
    const { reservedConcurrency = Number.POSITIVE_INFINITY } = this.#configuration;
    return this.#concurrent < reservedConcurrency;
  }

  run(payload: string): Promise<InvocationOutcome> {
    const { promise, resolve } = Promise.withResolvers<InvocationOutcome>();
    if (this.#closed) resolve(closing);
    else this.#admit({ payload, end: resolve });
    return promise;
  }

  enqueue(payload: string): Promise<InvocationOutcome> {
    if (this.hasRoom || this.#closed) return this.run(payload);
    const { promise, resolve } = Promise.withResolvers<InvocationOutcome>();
    this.#kept.push({ payload, end: resolve });
    return promise;
  }

  #admit({ payload, end }: Invocation): void {
    this.#concurrent += 1;
    this.#queue.push({
      payload,
      end: (outcome) => {
        this.#concurrent -= 1;
        end(outcome);
        const next = this.#kept.shift();
        if (next) this.#admit(next);
      },
    });
    this.#advance();
  }

  processIds(): readonly number[] {
    return [...this.#environments].flatMap(({ processId }) => processId ?? []);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { end } of [...this.#kept.splice(0), ...this.#queue.splice(0)]) end(closing);
    await Promise.all([...this.#environments].map((environment) => environment.close()));
  }

  /** Events go to whoever is idle first; an environment is started for each event that has neither one nor the hope of one. */
  #advance(): void {
    for (const environment of this.#environments) {
      if (!environment.idle) continue;
      const invocation = this.#queue.shift();
      if (invocation === undefined) return;
      environment.run(invocation);
    }
    const coming = [...this.#environments].filter(({ idleSoon }) => idleSoon).length;
    const room = (this.#options.environmentsPerFunction ?? 4) - this.#environments.size;
    for (let more = Math.min(this.#queue.length - coming, room); more > 0; more--) this.#spawn();
  }

  #spawn(): void {
    const { clock, endpoints = {}, onLog, region = "us-east-1" } = this.#options;
    const environment = new ExecutionEnvironment({
      configuration: this.#configuration,
      endpoints,
      region,
      clock,
      onIdle: () => this.#advance(),
      onEnd: (ended, initError) => this.#replace(ended, initError),
      onLog: (line) => onLog?.(this.#configuration.name, line),
    });
    this.#environments.add(environment);
    environment.start().catch((error: unknown) => {
      this.#replace(environment, { errorType: "Sandbox.Failure", errorMessage: String(error) });
    });
  }

  #replace(ended: ExecutionEnvironment, initError: FunctionError | undefined): void {
    this.#environments.delete(ended);
    if (this.#closed) return;
    // On AWS, too, a failed start answers the event it was made for.
    if (initError) this.#queue.shift()?.end({ ok: false, error: initError });
    this.#advance();
  }
}

const closing: InvocationOutcome = {
  ok: false,
  error: { errorType: "ServiceException", errorMessage: "The local Lambda service has stopped." },
};
