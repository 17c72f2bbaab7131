import type { IncomingMessage } from "node:http";

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage["headers"];
  readonly cookies: ReadonlyMap<string, string>;
  readonly body: string;
  /** The body as a form; empty if it is none. */
  readonly form: URLSearchParams;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string;
}

const bodyLimitBytes = 256 * 1024;

const readBody = async (message: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    size += bytes.length;
    if (size > bodyLimitBytes) throw new Error("request body too large");
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
};

const readCookies = (header: string | undefined): ReadonlyMap<string, string> =>
  new Map(
    (header ?? "").split(";").flatMap((pair) => {
      const [name, value] = pair.trim().split("=", 2);
      return name && value !== undefined ? [[name, value] as const] : [];
    }),
  );

/** @throws if the body is larger than any request to Microsoft's endpoints has reason to be. */
export const readRequest = async (
  message: IncomingMessage,
  origin: string,
): Promise<HttpRequest> => {
  const body = await readBody(message);
  const isForm = message.headers["content-type"]?.startsWith("application/x-www-form-urlencoded");
  return {
    method: message.method ?? "GET",
    url: new URL(message.url ?? "/", origin),
    headers: message.headers,
    cookies: readCookies(message.headers.cookie),
    body,
    form: new URLSearchParams(isForm ? body : ""),
  };
};

/** What no cache may keep, as on every answer of an identity provider. */
const notCached = { "cache-control": "no-store, no-cache", pragma: "no-cache" };

export const json = (
  status: number,
  body: unknown,
  headers: HttpResponse["headers"] = {},
): HttpResponse => ({
  status,
  headers: { "content-type": "application/json; charset=utf-8", ...notCached, ...headers },
  body: JSON.stringify(body),
});

export const seeOther = (status: 302 | 303, location: string): HttpResponse => ({
  status,
  headers: { location, ...notCached },
  body: "",
});
