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
  /** How many events of one function may run at once; more wait. */
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
   * @param payload JSON
   * @returns how the function ended; a crash or a time-out is an outcome, not a rejection
   * @throws if there is no such function
   */
  invoke(functionName: string, payload: string): Promise<InvocationOutcome> {
    const pool = this.#pools.get(functionName);
    if (pool === undefined) throw new Error(`there is no function ${functionName}`);
    const outcome = pool.invoke(payload);
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

/** The execution environments of one function and the events that wait for one. */
class Pool {
  readonly #configuration: FunctionConfiguration;
  readonly #options: LambdaServiceOptions;
  readonly #environments = new Set<ExecutionEnvironment>();
  readonly #queue: Invocation[] = [];
  #closed = false;

  constructor(configuration: FunctionConfiguration, options: LambdaServiceOptions) {
    this.#configuration = configuration;
    this.#options = options;
  }

  invoke(payload: string): Promise<InvocationOutcome> {
    const { promise, resolve } = Promise.withResolvers<InvocationOutcome>();
    if (this.#closed) resolve(closing);
    else this.#queue.push({ payload, end: resolve });
    this.#advance();
    return promise;
  }

  processIds(): readonly number[] {
    return [...this.#environments].flatMap(({ processId }) => processId ?? []);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { end } of this.#queue.splice(0)) end(closing);
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
