import { randomUUID } from "node:crypto";
import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestOver,
  type ServerResponse,
} from "node:http";
import { buffer } from "node:stream/consumers";
import { listen, readBody, stopListening } from "../gateway/listen.ts";
import { audiencesIn, stsError } from "../sts/sts-messages.ts";
import type { Access } from "./access.ts";
import type { RequestContext } from "./condition.ts";
import { signerOf } from "./function-credentials.ts";
import type { RequestedResources } from "./requested-resources.ts";
import type { GuardedService } from "./role-policies.ts";

export interface GuardOptions {
  readonly service: GuardedService;
  /** Origin of the engine. */
  readonly target: string;
  readonly access: Pick<Access, "refusal">;
  readonly resourcesOf: RequestedResources;
  readonly now?: () => Date;
  /** A free one if absent or 0. */
  readonly port?: number;
}

export interface RunningGuard {
  /** `http://127.0.0.1:<port>`, for `AWS_ENDPOINT_URL_…` of functions. */
  readonly origin: string;
  /** Cuts connections, its own to the engine too. */
  close(): Promise<void>;
}

/** More than a function sends: an item has at most 400 KB, a secret 64 KB. */
const largestBodyBytes = 1024 * 1024;

/** `DynamoDB_20120810.PutItem`, `secretsmanager.GetSecretValue` */
const operationIn = ({ "x-amz-target": target }: IncomingHttpHeaders): string | undefined =>
  typeof target === "string" ? /^\w+\.(\w+)$/.exec(target)?.[1] : undefined;

const parseJson = (body: Buffer): unknown => {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
};

/** Service Authorization Reference, "Condition keys for AWS Security Token Service" */
const stsContext = (form: URLSearchParams): RequestContext => {
  const one = (name: string) => form.getAll(name).slice(0, 1);
  return {
    "sts:IdentityTokenAudience": audiencesIn(form),
    "sts:DurationSeconds": one("DurationSeconds"),
    "sts:SigningAlgorithm": one("SigningAlgorithm"),
  };
};

/** What a request asks for: its operation, its parameters, and what conditions may ask of it. */
const readRequest = (service: GuardedService, headers: IncomingHttpHeaders, body: Buffer) => {
  if (service !== "sts") {
    return { operation: operationIn(headers), parameters: parseJson(body), context: {} };
  }
  const form = new URLSearchParams(body.toString("utf8"));
  return {
    operation: form.get("Action") ?? undefined,
    parameters: Object.fromEntries(form),
    context: stsContext(form),
  };
};

/** STS names what the others call an exception in its own way. AWS STS API Reference, "Common Errors" */
const stsCodes: Readonly<Record<string, string>> = {
  AccessDeniedException: "AccessDenied",
  UnrecognizedClientException: "InvalidClientTokenId",
};

/** A proxy passes on all headers but those of its own connections. RFC 9110 §7.6.1 */
const endToEnd = ({
  connection: _,
  "keep-alive": __,
  ...headers
}: IncomingHttpHeaders): IncomingHttpHeaders => headers;

/**
 * Stands before an engine and serves each function what its role allows, as AWS does: anything else never
 * reaches the engine. What is allowed passes unchanged, both ways.
 */
export const startGuard = async (options: GuardOptions): Promise<RunningGuard> => {
  const { service, access, resourcesOf, port = 0, now = () => new Date() } = options;
  const target = new URL(options.target);
  const agent = new Agent({ keepAlive: true });

  const refuse = (
    { headers }: IncomingMessage,
    response: ServerResponse,
    code: string,
    message: string,
    status = 400,
  ): void => {
    if (service === "sts") {
      const xml = stsError(stsCodes[code] ?? code, "Refused.");
      response.writeHead(status === 400 ? 403 : status, {
        "content-type": "text/xml",
        date: now().toUTCString(),
      });
      response.end(xml);
      return;
    }
    const isDynamoDb = service === "dynamodb";
    const body = JSON.stringify({
      __type: `${isDynamoDb ? "com.amazon.coral.service#" : ""}${code}`,
      Message: message,
    });
    response.writeHead(status, {
      "content-type": headers["content-type"] ?? "application/x-amz-json-1.1",
      "content-length": Buffer.byteLength(body),
      // The SDK compares it with its own clock, which in the local functions is the stack's.
      date: now().toUTCString(),
      "x-amzn-requestid": randomUUID(),
    });
    response.end(body);
  };

  const forward = async (
    { method, url, headers }: IncomingMessage,
    body: Buffer,
    response: ServerResponse,
  ): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    requestOver(new URL(url ?? "/", target), { method, headers: endToEnd(headers), agent })
      .once("response", resolve)
      .on("error", reject)
      .end(body);
    const answer = await promise;
    const answered = await buffer(answer);
    response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers));
    response.end(answered);
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readBody(request, largestBodyBytes);
    if (!body) {
      return refuse(request, response, "RequestEntityTooLargeException", "Too large.", 413);
    }
    const { operation, parameters, context } = readRequest(service, request.headers, body);
    if (operation === undefined) {
      return refuse(request, response, "UnknownOperationException", "No such operation.");
    }
    const resources = resourcesOf(parameters);
    if (!resources) {
      return refuse(request, response, "SerializationException", "The request cannot be read.");
    }
    const caller = signerOf(request.headers.authorization);
    const refusal = access.refusal(caller, `${service}:${operation}`, resources, context);
    if (refusal) return refuse(request, response, refusal.code, refusal.message);
    await forward(request, body, response);
  };

  const server = createServer((request, response) => {
    // A connection that the engine cut is cut here too: its client sees a lost answer, as it would without a guard.
    serve(request, response).catch(() => response.destroy());
  });
  const origin = await listen(server, port);
  return {
    origin,
    close: async () => {
      await stopListening(server);
      agent.destroy();
    },
  };
};
