/** What a route answers with; the server adds the headers that every answer carries. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export const json = (status: number, value: unknown): Answer => ({
  status,
  headers: { "content-type": "application/json; charset=utf-8" },
  body: JSON.stringify(value),
});

export const seeOther = (location: string): Answer => ({ status: 303, headers: { location } });

/** RFC 9457, the same shape as the API's. */
export const problem = (status: number, code: string, detail: string): Answer => ({
  status,
  headers: { "content-type": "application/problem+json; charset=utf-8" },
  body: JSON.stringify({ status, code, detail }),
});
