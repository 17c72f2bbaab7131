import { type AwsService, signedJsonCalls } from "../https/signed-json-request.ts";

/** Of the SDK's client configuration, what our clients set. */
export interface ClientConfiguration {
  readonly maxAttempts?: number;
  readonly requestHandler?: { readonly requestTimeout?: number };
}

interface Command {
  readonly operation: string;
  readonly input: object;
}

/** A class of commands, to be made and sent as the SDK's. */
export const commandOf = (operation: string) =>
  class implements Command {
    readonly operation = operation;
    readonly input: object;

    constructor(input: object) {
      this.input = input;
    }
  };

/** What a service refused; the SDK's exceptions are told apart by their class. */
export class ServiceException extends Error {}

/**
 * A class of exceptions with the name that the service gives them. As in the SDK the name tells, not the class: each
 * bundle has a class of its own, and a client is handed from one to the other.
 */
export const exceptionOf = (name: string) =>
  class extends ServiceException {
    override readonly name: string = name;

    static override [Symbol.hasInstance](value: unknown): boolean {
      return value instanceof Error && value.name === name;
    }
  };

/** More than the largest item, 400 KB, and the largest secret, 64 KB, take when every byte is escaped. */
const largestAnswerBytes = 2 * 1024 * 1024;

/**
 * Stands in a bundle where the SDK's client of a service would stand: `send` takes commands and returns outputs of the
 * same shape, as far as they are JSON. It has no binary values and no dates, and fills in nothing: a `ClientRequestToken`
 * is given by the caller.
 */
export abstract class JsonClient {
  readonly #call;
  readonly #exceptions;

  constructor(
    service: Pick<AwsService, "service" | "target" | "version">,
    endpointVariable: string,
    exceptions: Readonly<Record<string, new (message: string) => ServiceException>>,
    { maxAttempts = 3, requestHandler = {} }: ClientConfiguration,
  ) {
    const region = process.env.AWS_REGION ?? "";
    const endpoint = new URL(
      process.env[endpointVariable] ?? `https://${service.service}.${region}.amazonaws.com/`,
    );
    this.#exceptions = exceptions;
    this.#call = signedJsonCalls(
      { ...service, region, endpoint },
      {
        tries: maxAttempts,
        tryMilliseconds: requestHandler.requestTimeout ?? 3_000,
        largestAnswerBytes,
        keepsAlive: true,
      },
    );
  }

  async send({ operation, input }: Command): Promise<unknown> {
    const called = await this.#call(operation, JSON.stringify(input));
    if (called.ok) return JSON.parse(called.value);
    const { kind, message = kind } = called.failure;
    const Exception = this.#exceptions[kind];
    if (Exception) throw new Exception(message);
    throw Object.assign(new ServiceException(message), { name: kind });
  }

  /** Connections end with the process. */
  destroy(): void {}
}
