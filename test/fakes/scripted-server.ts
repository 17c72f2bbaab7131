import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** What a server does with one request. */
export type Answer = (response: ServerResponse, request: ReceivedRequest) => void;

export const answerText =
  (status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer =>
  (response) => {
    response.writeHead(status, headers);
    response.end(body);
  };

export const answerJson = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Answer =>
  answerText(status, JSON.stringify(body), { "content-type": "application/json", ...headers });

/** Reads the request and closes the connection. */
export const dropConnection: Answer = (response) => {
  response.destroy();
};

/** Never says anything. */
export const saySilence: Answer = () => {};

/** Promises a long body, sends a part of it and closes the connection. */
export const breakOff: Answer = (response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
  response.write('{"access_token":"', () => response.destroy());
};

/** Sends its headers at once and then one byte at a time, without end. */
export const drip: Answer = (response) => {
  response.writeHead(200, { "content-type": "application/json" });
  const timer = setInterval(() => response.write(" "), 5);
  response.on("close", () => clearInterval(timer));
};

export interface ScriptedServer {
  readonly origin: URL;
  readonly requests: readonly ReceivedRequest[];
  /** One answer for each request to come; the last one for all after it. Forgets earlier requests. */
  script(...answers: readonly Answer[]): void;
  close(): Promise<void>;
}

/** An HTTP server on loopback that answers as a test tells it, and remembers what it was asked. */
export const startScriptedServer = async (): Promise<ScriptedServer> => {
  const requests: ReceivedRequest[] = [];
  let answers: readonly Answer[] = [];

  const server = createServer(async (incoming, response) => {
    const url = new URL(incoming.url ?? "", "http://127.0.0.1");
    const request = {
      method: incoming.method ?? "",
      path: url.pathname,
      query: url.searchParams,
      headers: incoming.headers,
      body: await text(incoming),
    };
    const answer = answers[requests.length] ?? answers.at(-1) ?? answerText(500, "no script");
    requests.push(request);
    answer(response, request);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  return {
    origin: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    requests,
    script(...next) {
      requests.length = 0;
      answers = next;
    },
    close: () => {
      const closed = promisify(server.close.bind(server))();
      server.closeAllConnections();
      return closed;
    },
  };
};
