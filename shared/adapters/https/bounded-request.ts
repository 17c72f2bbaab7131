import {
  Agent as HttpAgent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestHttp,
} from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";

interface RequestTarget {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

export type BoundedRequest = RequestTarget &
  (
    | { readonly method: "GET"; readonly body?: undefined }
    | { readonly method: "POST"; readonly body: string }
  );

export interface Bounds {
  /** For the whole exchange, from the first byte sent to the last byte read. */
  readonly milliseconds: number;
  readonly largestAnswerBytes: number;
  /** As `URL` writes it. Requests to any other origin are a bug or an attack. */
  readonly origin: string;
  /** Keeps the connection open for the next one; only for requests that are repeated. */
  readonly keepsAlive?: boolean;
}

export interface BoundedAnswer {
  readonly status: number;
  /** Names in lower case; what stands in several fields, joined by commas. Made when they are read. */
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
const closing = { http: new HttpAgent(), https: new HttpsAgent() };

/** Connections that are kept open: the next request saves the handshake, or finds a dead one and is repeated. */
const keeping = {
  http: new HttpAgent({ keepAlive: true }),
  https: new HttpsAgent({ keepAlive: true }),
};

/** A flat list is written as it is, where Node.js would look at each field of an object several times. */
const headerList = (
  headers: BoundedRequest["headers"],
  { host }: URL,
  body: string | undefined,
): readonly string[] => [
  ...Object.entries(headers)
    .filter(([name]) => !isSetHere(name))
    .flat(),
  ...["host", host],
  ...(body === undefined ? [] : ["content-length", String(Buffer.byteLength(body))]),
];

/** A flat list that names a field twice sends it twice. */
const isSetHere = (name: string) => /^(host|content-length)$/i.test(name);

const joined = (headers: IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));

const readBounded = (response: IncomingMessage, largestBytes: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on("data", (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size > largestBytes) response.destroy(new NoAnswer("the answer is too large"));
    });
    response.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    response.on("error", reject);
  });

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
  if (url.origin !== origin) throw new Error("a request to an unlisted host");
  const agents = keepsAlive ? keeping : closing;
  const [request, agent] =
    url.protocol === "https:" ? [requestHttps, agents.https] : [requestHttp, agents.http];
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<BoundedAnswer>((resolve, reject) => {
      const sent = request(url, { method, agent, headers: headerList(headers, url, body) });
      // `AbortSignal.timeout` cannot be taken back: it would fire later for each answer that came in time.
      timer = setTimeout(() => sent.destroy(new NoAnswer("the answer is late")), milliseconds);
      sent.on("error", reject);
      sent.on("response", (response) => {
        readBounded(response, largestAnswerBytes).then(
          (text) =>
            resolve({
              status: response.statusCode ?? 0,
              get headers() {
                return joined(response.headers);
              },
              body: text,
            }),
          reject,
        );
      });
      sent.end(body);
    });
  } catch (error) {
    if (error instanceof NoAnswer) throw error;
    // Network errors carry addresses and sometimes requests: only their kind is kept.
    throw new NoAnswer(error instanceof Error ? error.name : "unknown");
  } finally {
    clearTimeout(timer);
  }
};
