import { randomUUID } from "node:crypto";
import { once } from "node:events";
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { AwsFailure } from "./aws-failure.ts";
import { Faults } from "./faults.ts";
import { operations } from "./operations.ts";
import { openSecretsFile } from "./secrets-file.ts";
import { StoredSecrets } from "./stored-secrets.ts";

export interface SecretsManagerOptions {
  /** A free one if absent or 0. */
  readonly port?: number;
  /** Keeps the secrets there, in clear, so that a restart finds them; in memory if absent. */
  readonly folder?: string;
  readonly region?: string;
  readonly accountId?: string;
  readonly now?: () => Date;
  /** Invokes the function that rotates a secret, with one step. @returns whether it did not fail */
  readonly invokeRotation?: (lambdaArn: string, event: object) => Promise<boolean>;
  /** How requests reach it: plain HTTP by default. */
  readonly createServer?: (listener: RequestListener) => Server;
}

export interface RunningSecretsManager {
  /** `http://127.0.0.1:<port>`, for `AWS_ENDPOINT_URL_SECRETS_MANAGER`. */
  readonly origin: string;
  readonly faults: Faults;
  /** How often each operation was called, refused and repeated calls included. */
  calls(): Readonly<Record<string, number>>;
  /** Waits for the rotations that are under way. */
  rotationsEnded(): Promise<void>;
  /** Cuts connections; what was answered before is kept. */
  close(): Promise<void>;
}

const targetPrefix = "secretsmanager.";

const send = (response: ServerResponse, status: number, body: object, headers = {}): void => {
  response.writeHead(status, {
    "content-type": "application/x-amz-json-1.1",
    "x-amzn-requestid": randomUUID(),
    ...headers,
  });
  response.end(JSON.stringify(body));
};

const sendFailure = (response: ServerResponse, { code, message, status }: AwsFailure): void =>
  send(response, status, { __type: code, Message: message }, { "x-amzn-errortype": code });

const parseJson = (body: string): unknown => {
  try {
    return JSON.parse(body === "" ? "{}" : body);
  } catch {
    throw new AwsFailure("SerializationException", "The request is not JSON.");
  }
};

/**
 * A stand-in for AWS Secrets Manager on loopback: the AWS JSON 1.1 protocol, without signatures,
 * permissions, encryption, replication and resource policies; a rotation goes its steps once, and is not tried again
 * by itself. Unlike AWS it is consistent at
 * once, in lists too, and a secret that is deleted by force is gone when the call returns.
 *
 * Behaviour and errors follow the API Reference and, where that is silent, what AWS was seen to answer.
 */
export const startSecretsManager = async (
  options: SecretsManagerOptions = {},
): Promise<RunningSecretsManager> => {
  const { port = 0, folder, now = () => new Date() } = options;
  const { region = "eu-west-1", accountId = "000000000000" } = options;
  const { createServer = createHttpServer } = options;
  const file = folder === undefined ? undefined : await openSecretsFile(folder);
  const secrets = new StoredSecrets(file?.secrets ?? [], region, accountId);
  const faults = new Faults();
  const calls = new Map<string, number>();
  const rotations = new Set<Promise<void>>();

  /** What AWS does after `RotateSecret`: each step once, in this order, and none after one that failed. */
  const goSteps = async (arn: string, token: string): Promise<void> => {
    for (const Step of ["createSecret", "setSecret", "testSecret", "finishSecret"]) {
      const { rotation } = secrets.find(arn) ?? {};
      const event = { Step, SecretId: arn, ClientRequestToken: token, RotationToken: randomUUID() };
      const isDone = rotation && (await options.invokeRotation?.(rotation.lambdaArn, event));
      if (!isDone) return;
    }
    const rotated = secrets.find(arn);
    if (rotated?.rotation) rotated.rotation.rotatedAtMs = now().getTime();
    await file?.save(secrets.all());
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const target = request.headers["x-amz-target"];
    const name =
      typeof target === "string" && target.startsWith(targetPrefix)
        ? target.slice(targetPrefix.length)
        : "";
    const operation = operations.get(name);
    if (!operation) {
      throw new AwsFailure(
        "UnknownOperationException",
        `The local Secrets Manager has no operation ${name}.`,
      );
    }
    const body = parseJson(await text(request));

    calls.set(name, (calls.get(name) ?? 0) + 1);
    const fault = faults.next(name);
    if (fault?.kind === "refuse") throw fault.failure;
    secrets.removeDue(now());
    const result = operation.perform(body, secrets, now());
    if (operation.writes) await file?.save(secrets.all());
    if (name === "RotateSecret" && "VersionId" in result && "ARN" in result) {
      const going = goSteps(String(result.ARN), String(result.VersionId));
      rotations.add(going);
      going.finally(() => rotations.delete(going));
    }

    if (fault?.kind === "lose_answer") request.socket.destroy();
    else send(response, 200, result);
  };

  const server = createServer((request, response) => {
    // The SDK compares it with its own clock, which in the local functions is the stack's.
    response.setHeader("date", now().toUTCString());
    answer(request, response).catch((error: unknown) => {
      if (request.socket.destroyed) return; // nobody is left to be told
      if (error instanceof AwsFailure) return sendFailure(response, error);
      console.error("the local Secrets Manager failed", error);
      sendFailure(response, new AwsFailure("InternalServiceError", "An error occurred.", 500));
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");

  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults,
    calls: () => Object.fromEntries(calls),
    rotationsEnded: async () => {
      await Promise.all(rotations);
    },
    close: () => {
      const closed = promisify(server.close.bind(server))();
      server.closeAllConnections();
      return closed;
    },
  };
};
