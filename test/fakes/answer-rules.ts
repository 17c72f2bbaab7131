import { expect } from "vitest";
import * as z from "zod/mini";
import { problemCodes } from "../../shared/domain/problem.ts";
import type { HttpResponse } from "../../shared/http/response.ts";

/** OWASP ASVS 3.4; the last one differs where a redirect passes through a popup. */
const alwaysSent = {
  "cache-control": "no-store",
  "content-security-policy": expect.stringMatching(
    /^default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'(; style-src 'sha256-[\w+/]{43}=')?$/,
  ),
  "cross-origin-resource-policy": "same-site",
  "referrer-policy": "no-referrer",
  "strict-transport-security": "max-age=63072000; includeSubDomains",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** RFC 9457, with nothing beside it that could tell a caller how we are built. */
const problemBody = z.strictObject({
  type: z.string(),
  title: z.string().check(z.minLength(1)),
  status: z.number(),
  code: z.enum(problemCodes),
  detail: z.string().check(z.regex(/^\w.+ .+[.]$/)),
  actor: z.enum(["user", "tenant_admin", "operator", "nobody"]),
  retryAfterSeconds: z.optional(z.number()),
});

/** Of an error, or of what the samples keep secret. */
const insides =
  /\bat .+:\d+|\.(?:ts|cjs|js):\d+|\w+(?:Error|Exception)\b|node_modules|arn:aws|access-token-|refresh-token-|the-code/;

/** What holds for every answer of every endpoint, whatever was asked. */
export const expectKeepsTheRules = ({ statusCode, headers, body }: HttpResponse): void => {
  expect(headers).toMatchObject(alwaysSent);
  expect(headers["cross-origin-opener-policy"]).toBe(
    statusCode === 303 ? "unsafe-none" : "same-origin",
  );
  expect(Object.keys(headers)).not.toContain("set-cookie");
  // The gateway alone answers for other origins.
  expect(Object.keys(headers).join()).not.toContain("access-control-");
  expect(body).not.toMatch(insides);
  const type = headers["content-type"];
  if (statusCode === 204 || statusCode === 303) {
    expect(body).toBe("");
    expect(type).toBeUndefined();
  } else if (type === "text/html; charset=utf-8") {
    expect(body).not.toMatch(/<script|\son\w+=|javascript:/i);
  } else if (statusCode < 400) {
    expect(type).toBe("application/json");
    expect(() => JSON.parse(body)).not.toThrow();
  } else {
    expect(type).toBe("application/problem+json");
    const { status, code, type: urn, retryAfterSeconds } = problemBody.parse(JSON.parse(body));
    expect(status).toBe(statusCode);
    expect(urn).toBe(`urn:outlook-connect:problem:${code}`);
    expect(headers["retry-after"]).toBe(
      retryAfterSeconds === undefined ? undefined : String(retryAfterSeconds),
    );
  }
};
