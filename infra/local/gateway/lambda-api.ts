import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { payloadLimitBytes } from "./execution-environment.ts";
import type { LambdaService } from "./lambda-service.ts";
import { listen, readBody, stopListening } from "./listen.ts";

export interface LambdaApi {
  readonly origin: string;
  close(): Promise<void>;
}

/** A function's name, its ARN or the part of it after the Region, each with or without a version or alias. */
const functionName = (nameOrArn: string) => {
  const [, name] =
    /^(?:(?:arn:[^:]*:lambda:[^:]*:)?\d{12}:function:)?([^:]+)(?::[^:]+)?$/.exec(nameOrArn) ?? [];
  return name;
};

/** The `Invoke` operation of AWS Lambda. https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html */
export const startLambdaApi = async (options: {
  readonly port?: number;
  readonly lambda: Pick<LambdaService, "has" | "invoke" | "enqueue">;
}): Promise<LambdaApi> => {
  const { lambda, port } = options;

  const invoke = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const requestId = randomUUID();
    const send = (status: number, headers: Record<string, string>, body = "") =>
      response.writeHead(status, { "x-amzn-requestid": requestId, ...headers }).end(body);
    const refuse = (status: number, type: string, message: string) =>
      send(
        status,
        { "content-type": "application/json", "x-amzn-errortype": type },
        JSON.stringify({ Type: "User", Message: message, message }),
      );

    const { pathname } = new URL(request.url ?? "/", "http://127.0.0.1");
    const [, given] = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(pathname) ?? [];
    if (request.method !== "POST" || given === undefined) {
      return void refuse(404, "UnknownOperationException", "Only Invoke is available here.");
    }
    if (!request.headers.authorization?.startsWith("AWS4-HMAC-SHA256 ")) {
      return void refuse(
        403,
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
      );
    }
    const body = await readBody(request, payloadLimitBytes);
    if (body === undefined) {
      return void refuse(
        413,
        "RequestTooLargeException",
        `Request must be smaller than ${payloadLimitBytes} bytes for the InvokeFunction operation`,
      );
    }
    const name = functionName(decodeURIComponent(given));
    if (name === undefined || !lambda.has(name)) {
      return void refuse(404, "ResourceNotFoundException", `Function not found: ${name}`);
    }
    const payload = body.length === 0 ? "{}" : body.toString("utf8");
    if (!isJson(payload)) {
      return void refuse(
        400,
        "InvalidRequestContentException",
        "Could not parse request body into json: it is not JSON",
      );
    }
    const type = request.headers["x-amz-invocation-type"] ?? "RequestResponse";
    if (type === "DryRun") return void send(204, {});
    if (type === "Event") {
      void lambda.enqueue(name, payload);
      return void send(202, {});
    }
    const outcome = await lambda.invoke(name, payload);
    if (outcome === "throttled") {
      return void send(
        429,
        { "content-type": "application/json", "x-amzn-errortype": "TooManyRequestsException" },
        JSON.stringify({
          Reason: "ReservedFunctionConcurrentInvocationLimitExceeded",
          Type: "User",
          message: "Rate Exceeded.",
        }),
      );
    }
    send(
      200,
      {
        "content-type": "application/json",
        "x-amz-executed-version": "$LATEST",
        ...(!outcome.ok && { "x-amz-function-error": "Unhandled" }),
      },
      outcome.ok ? outcome.payload : JSON.stringify(outcome.error),
    );
  };

  const server = createServer((request, response) => {
    invoke(request, response).catch((error: unknown) => {
      if (response.destroyed) return; // whoever asked is gone
      console.error(error);
      response.destroy();
    });
  });
  return { origin: await listen(server, port), close: () => stopListening(server) };
};

const isJson = (text: string) => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};
