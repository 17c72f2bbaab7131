import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Secret } from "../../shared/domain/secret.ts";
import { errorFields, type LogFields, logger } from "../../shared/logger.ts";

let written: string[];
beforeEach(() => {
  written = [];
  // Lambda's runtime takes lines from these streams.
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, "write").mockImplementation((chunk) => {
      written.push(String(chunk));
      return true;
    });
  }
});
afterEach(() => {
  vi.restoreAllMocks();
});

const line = () => JSON.parse(written.at(-1) ?? "{}");

const base64url = (length: number) =>
  fc
    .uint8Array({ minLength: length, maxLength: length })
    .map((bytes) => Buffer.from(bytes).toString("base64url"));

/** What tokens, codes and secrets of Microsoft's and of ours look like. */
const tokenLike: Record<string, fc.Arbitrary<string>> = {
  "a JWT": fc
    .tuple(base64url(60), base64url(256))
    .map(([payload, signature]) => `eyJ0eXAiOiJKV1QifQ.${payload}.${signature}`),
  "a short JWT": base64url(9).map((payload) => `eyJhbGciOiJub25lIn0.${payload}.`),
  "a JWE": fc
    .tuple(base64url(12), base64url(80), base64url(16))
    .map(([iv, text, tag]) => `eyJhbGciOiJkaXIifQ..${iv}.${text}.${tag}`),
  "a code or refresh token of a work account": fc
    .tuple(fc.constantFrom("0", "1"), base64url(90))
    .map(([version, text]) => `${version}.AXkA${text}`),
  "a code or refresh token of a personal account": base64url(60).map(
    (text) => `M.C547_BL2.2.U.${text}!*$$`,
  ),
  "an access token of a personal account": fc
    .uint8Array({ minLength: 300, maxLength: 300 })
    .map((bytes) => `EwB4A8l6BAAU${Buffer.from(bytes).toString("base64")}`),
  "a certificate's private key": fc
    .uint8Array({ minLength: 300, maxLength: 300 })
    .map(
      (bytes) =>
        `-----BEGIN PRIVATE KEY-----\n${Buffer.from(bytes).toString("base64").replaceAll(/.{64}/g, "$&\n")}\n-----END PRIVATE KEY-----\n`,
    ),
  "a client secret": base64url(24).map((text) => `abc8Q~${text}~_`),
  "a state, completion, nonce or verifier": base64url(32),
};

it("writes one line of JSON with the sentence and its fields", () => {
  logger.warn("token not served", {
    failure: "sign_in_required",
    connectionId: "conn_0123456789012345678901",
    microsoft: { error: "invalid_grant", errorCodes: [700082], traceId: crypto.randomUUID() },
  });

  expect(written).toHaveLength(1);
  expect(line()).toMatchObject({
    level: "WARN",
    message: "token not served",
    failure: "sign_in_required",
    connectionId: "conn_0123456789012345678901",
    microsoft: { error: "invalid_grant", errorCodes: [700082] },
  });
});

describe("what looks like a token is masked", () => {
  it.for(Object.entries(tokenLike))("%s", ([, arbitrary]) => {
    fc.assert(
      fc.property(arbitrary, fc.constantFrom("", "Bearer ", "?code=", '"'), (token, before) => {
        const text = `${before}${token}`;

        logger.error("something happened", {
          failure: text,
          missing: [text],
          microsoft: { error: text, errorCodes: [] },
          error: { name: text, frames: [text] },
        });

        // Not even a piece of it that is long enough to be worth something.
        for (let start = 0; start + 30 <= token.length; start += 10) {
          expect(written.at(-1)).not.toContain(token.slice(start, start + 30));
        }
        expect(line().failure).toContain("[masked]");
      }),
      { numRuns: 50 },
    );
  });

  it("also where an id of the product should be", () => {
    const jwt = `eyJhbGciOiJSUzI1NiJ9.${"x".repeat(40)}`;

    logger.info("token served", { runId: jwt });

    expect(line().runId).toBe("[masked]");
  });

  it("and what a person needs to read is not", () => {
    const fields: LogFields = {
      route: "GET /attempts/{attemptId}",
      connectionId: "conn_0123456789012345678901",
      attempt: "att_AbCdEfGh",
      tenantId: "11111111-1111-4111-8111-111111111111",
      // As long as the product likes to make its ids.
      workspaceId: "workspace_22222222-2222-4222-8222-222222222222",
      workflowId: "0".repeat(64),
      runId: "run-33333333-3333-4333-8333-333333333333",
      item: `client/scopes/tenant/one request/r_${"h".repeat(43)}`,
      failure: "admin_approval_required",
      error: { name: "TypeError", frames: ["at handler (/var/task/index.cjs:12:3456)"] },
    };

    logger.info("mailbox connected", fields);

    expect(line()).toMatchObject(fields);
  });
});

it("cannot print a secret", () => {
  // @ts-expect-error a secret is no text
  logger.info("mailbox connected", { failure: new Secret("planted") });

  expect(written.join()).not.toContain("planted");
});

it("has no field for what may hold a secret", () => {
  const nothing = { authorizationUrl: "", event: {}, headers: {}, body: "", stack: "", email: "" };

  // @ts-expect-error not in the list
  logger.info("a line", { authorizationUrl: nothing.authorizationUrl });
  // @ts-expect-error not in the list
  logger.info("a line", { event: nothing.event });
  // @ts-expect-error not in the list
  logger.warn("a line", { headers: nothing.headers });
  // @ts-expect-error not in the list
  logger.warn("a line", { body: nothing.body });
  // @ts-expect-error not in the list
  logger.error("a line", { email: nothing.email });
  // @ts-expect-error an error is told by its class and place only
  logger.error("a line", { error: new Error("told") });

  expect(written).toHaveLength(6);
});

describe("an unexpected error", () => {
  it("is told by its class and where it was thrown, without its message", () => {
    const error = new TypeError("planted");

    const fields = errorFields(error);

    expect(fields.name).toBe("TypeError");
    expect(fields.frames.length).toBeGreaterThan(0);
    expect(fields.frames.length).toBeLessThanOrEqual(5);
    expect(fields.frames[0]).toMatch(/^at .*logger\.test\.ts/);
    expect(JSON.stringify(fields)).not.toContain("planted");
  });

  it.for([
    "a message of one line",
    "two lines\nand the second",
    "one that looks like a place\n    at planted (/planted.ts:1:1)",
  ])("without its message: %j", (message) => {
    const error = new Error(message, { cause: new Error("planted cause") });

    expect(JSON.stringify(errorFields(error))).not.toMatch(
      /message of|two lines|second|looks like|planted/,
    );
  });

  it("may be anything that was thrown", () => {
    for (const thrown of ["planted", { planted: true }, undefined, null, 7]) {
      expect(errorFields(thrown)).toEqual({ name: typeof thrown, frames: [] });
    }
  });
});
