import { addAbortSignal, Readable } from "node:stream";
import { HttpRequest } from "@smithy/core/protocols";
import { NodeHttpHandler } from "@smithy/node-http-handler";

export interface BoundedRequest {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Bounds {
  /** For the whole exchange, from the first byte sent to the last byte read. */
  readonly milliseconds: number;
  readonly largestAnswerBytes: number;
  /** Requests to any other origin are a bug or an attack. */
  readonly origin: string;
  /** Keeps the connection open for the next one; only for requests that are repeated. */
  readonly keepsAlive?: boolean;
}

export interface BoundedAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The other side did not answer in time, within size, or at all. What it did is not known. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

/**
 * A new connection for every request: while Lambda freezes an environment the other side closes what is open,
 * and these requests are not repeated when they meet a dead connection. TLS sessions are resumed all the same.
 */
const handler = new NodeHttpHandler({
  connectionTimeout: 3_000,
  httpAgent: { keepAlive: false },
  httpsAgent: { keepAlive: false },
});

/** Connections that are kept open: the next request saves the handshake, or finds a dead one and is repeated. */
const keepingHandler = new NodeHttpHandler({ connectionTimeout: 1_000 });

const readBounded = async (stream: Readable, largestBytes: number): Promise<string> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > largestBytes) {
      stream.destroy();
      throw new NoAnswer("the answer is too large");
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
};

/**
 * One HTTP exchange that ends in time, in size and at the address it was meant for: it follows no redirect
 * (the answer with its 3xx status is returned), and it uses `node:https`, because the global `fetch` costs a
 * cold start some 40 ms.
 *
 * @throws {NoAnswer} if no whole answer came
 */
export const boundedRequest = async (
  { method, url, headers, body }: BoundedRequest,
  { milliseconds, largestAnswerBytes, origin, keepsAlive = false }: Bounds,
): Promise<BoundedAnswer> => {
  if (url.origin !== new URL(origin).origin) throw new Error("a request to an unlisted host");
  const deadline = AbortSignal.timeout(milliseconds);
  try {
    const { response } = await (keepsAlive ? keepingHandler : handler).handle(
      new HttpRequest({
        method,
        protocol: url.protocol,
        hostname: url.hostname,
        ...(url.port && { port: Number(url.port) }),
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        headers: {
          ...headers,
          host: url.host,
          ...(body !== undefined && { "content-length": String(Buffer.byteLength(body)) }),
        },
        ...(body !== undefined && { body }),
      }),
      { abortSignal: deadline },
    );
    if (!(response.body instanceof Readable)) throw new NoAnswer("the answer has no body");
    const stream = addAbortSignal(deadline, response.body);
    return {
      status: response.statusCode,
      headers: response.headers,
      body: await readBounded(stream, largestAnswerBytes),
    };
  } catch (error) {
    if (error instanceof NoAnswer) throw error;
    // Network errors carry addresses and sometimes requests: only their kind is kept.
    throw new NoAnswer(error instanceof Error ? error.name : "unknown");
  }
};
