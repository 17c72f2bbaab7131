import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NewAttempt } from "../../../shared/domain/attempt.ts";
import { attemptIdOf } from "../../../shared/domain/ids.ts";
import type { HttpResponse } from "../../../shared/http/response.ts";
import { signInLostPage } from "../../../shared/pages/sign-in-lost.ts";
import { signInWaitingPage } from "../../../shared/pages/sign-in-waiting.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { formRequest, type SampleRequest, send } from "../../fakes/http-event.ts";
import type { Intercept } from "../../fakes/intercepted.ts";
import { alice } from "../../fakes/samples.ts";
import {
  broughtBack,
  problemIn,
  type ServiceInMemory,
  serviceInMemory,
  settings,
} from "../../fakes/service-in-memory.ts";

const log = captureLog();

const returnPages: readonly string[] = Object.values(settings.RETURN_PAGES).map(({ href }) => href);

const post = (service: ServiceInMemory, request: Partial<SampleRequest>) =>
  send(service.handlers.callback, { route: "POST /callback", ...request });

/** A sign-in that waits for Microsoft's answer. */
const waiting = async (body: unknown = {}) => {
  const service = serviceInMemory();
  return { service, ...(await service.begin(alice, body)) };
};

const expectLost = (answer: HttpResponse) => {
  expect(answer.statusCode).toBe(400);
  expect(answer.headers["content-type"]).toBe("text/html; charset=utf-8");
  expect(answer.headers).not.toHaveProperty("location");
  expect(answer.body).toBe(signInLostPage.html);
};

/** Either the one page, or one of the return pages with nothing but its two values in the fragment. */
const expectOneOfOurEnds = (answer: HttpResponse) => {
  if (answer.statusCode === 400) return expectLost(answer);
  expect(answer.statusCode).toBe(303);
  const location = new URL(answer.headers.location ?? "");
  const values = [...new URLSearchParams(location.hash.slice(1)).keys()];
  location.hash = "";
  expect(returnPages).toContain(location.href);
  expect([["attemptId"], ["attemptId", "completion"]]).toContainEqual(values);
};

const statusOf = async (service: ServiceInMemory, attemptId: string) =>
  JSON.parse((await service.attempt(alice, attemptId)).body).status;

describe("Microsoft's answer", () => {
  it("sends the browser on with what only this browser gets, in the fragment", async () => {
    const { service, state, attemptId } = await waiting();

    const { statusCode, headers } = await service.callback({ state, code: "the-code" });

    expect(statusCode).toBe(303);
    expect(headers.location).toMatch(
      /^https:\/\/app\.example\/connections#attemptId=att_[\w-]{43}&completion=[\w-]{43}$/,
    );
    expect(broughtBack({ statusCode, headers, body: "" }).attemptId).toBe(attemptId);
  });

  it("leads to the page that was chosen at the start, whatever its own address holds", async () => {
    const { service, state } = await waiting({ returnTo: "setup" });

    const { headers } = await service.callback({ state, code: "the-code" });

    expect(headers.location).toMatch(/^https:\/\/setup\.example\/steps\?step=2#attemptId=/);
  });

  it("that comes again leads to the same page, without the value", async () => {
    const { service, state, attemptId } = await waiting();
    await service.callback({ state, code: "the-code" });

    const again = await service.callback({ state, code: "the-code" });

    expect(again.headers.location).toBe(`https://app.example/connections#attemptId=${attemptId}`);
  });

  it("that comes again after the end leads there, too, and changes nothing", async () => {
    const { service, state, attemptId } = await waiting();
    await service.complete(alice, await service.comeBack(state));

    const again = await service.callback({ state, error: "access_denied" });

    expect(again.headers.location).toBe(`https://app.example/connections#attemptId=${attemptId}`);
    expect(await statusOf(service, attemptId)).toBe("completed");
  });

  it.for(["iframe", "frame", "fencedframe", "object", "image", "empty"])(
    "that a page brings out of sight, as %s, is not taken, and the person's own still is",
    async (dest) => {
      const { service, state, attemptId } = await waiting();
      const form = formRequest({ state, code: "the-code" });
      const brought = (as: string) =>
        post(service, { ...form, headers: { ...form.headers, "sec-fetch-dest": as } });

      expectLost(await brought(dest));

      expect(await statusOf(service, attemptId)).toBe("pending");
      expect(log.lines().at(-1)).toContain('"failure":"not_top_level"');
      expect(broughtBack(await brought("document")).completion).not.toBe("");
    },
  );

  it("is kept sealed: neither code nor value can be read where it is parked", async () => {
    const parked: unknown[] = [];
    const service = serviceInMemory({
      intercept: (name, call) => call().finally(() => parked.push(name)),
    });
    const { state } = await service.begin(alice);
    const { park } = service.ports.attempts;
    service.ports.attempts.park = (...values) => {
      parked.push(values);
      return park(...values);
    };

    const { completion } = await service.comeBack(state);

    expect(parked).toContain("sealer.seal");
    expect(JSON.stringify(parked)).toContain("sealedCode");
    for (const secret of ["the-code", completion, state]) {
      expect(secret).not.toBe("");
      expect(JSON.stringify(parked)).not.toContain(secret);
    }
  });

  it("is taken as text as well as in base64, with what Microsoft sends beside it", async () => {
    const { service, state } = await waiting();

    const answer = await post(service, {
      headers: { "content-type": "Application/X-WWW-Form-Urlencoded ; charset=UTF-8" },
      body: `code=the-code&state=${state}&session_state=3f&client_info=eyJ1aWQiOiJ4In0`,
    });

    expect(answer.statusCode).toBe(303);
    expect(broughtBack(answer).completion).not.toBe("");
  });

  it("is logged without code, state, value or name of the attempt", async () => {
    const { service, state, attemptId } = await waiting();

    const { completion } = await service.comeBack(state);
    await service.callback({ state, error: "access_denied", error_description: "Dear Alice" });
    await service.callback({ state: "x", code: "the-code" });
    await service.callback({ state: "u".repeat(43), code: "the-code" });

    const written = log.lines().join("");
    expect(written).toContain("answer parked");
    expect(written).toContain("answer came again, or too late");
    expect(written).toContain("answer not understood");
    expect(JSON.parse(log.lines().at(-1) ?? "")).toMatchObject({
      level: "WARN",
      message: "answer to no known sign-in",
      failure: "attempt_unknown",
    });
    for (const secret of ["the-code", state, completion, attemptId, "Dear Alice"]) {
      expect(written).not.toContain(secret);
    }
  });
});

describe("is answered with the one page, and leaves the sign-in as it was", () => {
  const form = (more: string) => (state: string) => formRequest(`state=${state}${more}`);
  const typed = (contentType: string) => (state: string) => ({
    ...formRequest(`state=${state}&code=a`),
    headers: { "content-type": contentType },
  });
  const tenant = "3b0f5c1e-7a42-4d89-9e15-c2f68ab01d37";
  const issuer = (text: string) => form(`&code=a&iss=${encodeURIComponent(text)}`);

  const bad: readonly (readonly [string, (state: string) => Partial<SampleRequest>])[] = [
    ["no body", () => ({ headers: { "content-type": "application/x-www-form-urlencoded" } })],
    ["an empty form", () => formRequest("")],
    ["a form of nothing but signs", () => formRequest("&&==&%%%")],
    ["no state", () => formRequest("code=a")],
    ["an unknown state", () => formRequest({ state: "u".repeat(43), code: "a" })],
    ["an empty state", () => formRequest("state=&code=a")],
    ["a state that is too long", (state) => formRequest({ state: `${state}A`, code: "a" })],
    ["a state with a line after it", (state) => formRequest({ state: `${state}\n`, code: "a" })],
    ["a state with a zero after it", (state) => formRequest({ state: `${state}\0`, code: "a" })],
    ["a state in padded base64", (state) => formRequest({ state: `${state}=`, code: "a" })],
    ["the attempt's name for a state", (state) => formRequest({ state: attemptIdOf(state) })],
    ["no answer", form("")],
    ["an empty code", form("&code=")],
    ["a code that is too long", form(`&code=${"c".repeat(8193)}`)],
    ["an empty error", form("&error=")],
    ["an error that is a sentence", form("&error=Access+denied")],
    ["an error that is a script", form("&error=%3Cscript%3E")],
    ["a code beside an empty error", form("&code=a&error=")],
    ["a code beside an error that is not understood", form("&code=a&error=No%21")],
    ["two states", (state) => formRequest(`state=${state}&state=${state}&code=a`)],
    ["two states, one of another spelling", form(`&st%61te=${"s".repeat(43)}&code=a`)],
    ["two codes", form("&code=a&code=b")],
    ["two of anything", form("&code=a&x=1&x=1")],
    ["an access token", form("&code=a&access_token=x")],
    ["an ID token", form("&code=a&id_token=x")],
    ["an ID token beside an error", form("&error=access_denied&id_token=x")],
    ["too much of a form", form(`&code=a&x=${"x".repeat(33_000)}`)],
    ["too many names", form(`&code=a${"&a".repeat(20_000)}`)],
    ["another issuer", issuer(`https://evil.example/${tenant}/v2.0`)],
    ["an issuer that is no tenant", issuer("https://login.microsoftonline.com/common/v2.0")],
    ["JSON", typed("application/json")],
    ["a list of types", typed("text/html, application/x-www-form-urlencoded")],
    ["no type", (state) => ({ body: `state=${state}&code=a` })],
    [
      "base64 that does not say so",
      (state) => ({ ...formRequest(`state=${state}&code=a`), isBase64Encoded: false }),
    ],
    [
      "text that says it is base64",
      (state) => ({ ...formRequest(""), body: `state=${state}&code=a` }),
    ],
    ["UTF-16", (state) => inBase64(Buffer.from(`state=${state}&code=a`, "utf16le"))],
    ["bytes that are no text", () => inBase64(Buffer.from([0xff, 0xfe, 0x00, 0xc3]))],
    [
      "everything in the query",
      (state) => ({ ...formRequest(""), query: `state=${state}&code=a` }),
    ],
    [
      "the answer split over query and form",
      (state) => ({ ...formRequest(`state=${state}`), query: "code=a" }),
    ],
  ];

  it.for(bad)("%s", async ([, request]) => {
    const { service, state, attemptId } = await waiting();

    const answer = await post(service, request(state));

    expectLost(answer);
    expect(await statusOf(service, attemptId)).toBe("pending");
    expect((await service.comeBack(state)).completion).not.toBe("");
  });

  const inBase64 = (bytes: Buffer) => ({
    ...formRequest(""),
    body: bytes.toString("base64"),
  });

  it("but an issuer that is a tenant of Microsoft's is expected", async () => {
    const { service, state } = await waiting();

    const answer = await post(
      service,
      issuer(`https://login.microsoftonline.com/${tenant}/v2.0`)(state),
    );

    expect(answer.statusCode).toBe(303);
  });

  it("but a code beside an error is a refusal, and is never redeemed", async () => {
    const { service, state } = await waiting();
    const brought = broughtBack(
      await service.callback({ state, code: "the-code", error: "access_denied" }),
    );

    const answer = await service.complete(alice, brought);

    expect(answer.statusCode).toBe(403);
    expect(service.identity.redeemed).toEqual([]);
  });

  it("but names that every object has are names like others", async () => {
    const { service, state } = await waiting();

    const answer = await post(
      service,
      formRequest(`state=${state}&code=a&__proto__=x&constructor=y&toString=z`),
    );

    expect(answer.statusCode).toBe(303);
    expect(Object.hasOwn(Object.prototype, "x")).toBe(false);
  });
});

describe("whatever is posted", () => {
  const name = fc.oneof(
    fc.constantFrom("state", "code", "error", "error_description", "iss", "returnTo", "__proto__"),
    fc.string({ maxLength: 8 }),
  );
  const value = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.constantFrom(
      "access_denied",
      "https://evil.example",
      "//evil.example",
      "<script>alert(1)</script>",
      "\r\nlocation: https://evil.example",
    ),
  );

  it("the end is the one page, or a return page of the list", async () => {
    const { service, state } = await waiting();
    const fields = fc.array(fc.tuple(name, fc.oneof(fc.constant(state), value)), { maxLength: 6 });
    let redirected = 0;
    await fc.assert(
      fc.asyncProperty(fields, fc.string({ maxLength: 30 }), async (pairs, query) => {
        const answer = await post(service, {
          ...formRequest(new URLSearchParams(pairs).toString()),
          query,
        });

        expectOneOfOurEnds(answer);
        if (answer.statusCode === 303) redirected += 1;
      }),
      {
        numRuns: 300,
        examples: [
          [
            [
              ["state", state],
              ["code", "c"],
            ],
            "",
          ],
        ],
      },
    );
    expect(redirected).toBeGreaterThan(0);
  });

  it("to a known sign-in, no other field chooses the page", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("connections", "setup"),
        fc.dictionary(
          name.filter((each) => each !== "state" && each !== "error" && each !== "iss"),
          value,
        ),
        async (returnTo, more) => {
          const { service, state } = await waiting({ returnTo });

          const { statusCode, headers } = await service.callback({ ...more, code: "c", state });

          const page = new URL(headers.location ?? "");
          page.hash = "";
          expect(statusCode).toBe(303);
          expect(page.href).toBe(settings.RETURN_PAGES[returnTo]?.href);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("bytes or text, the end is the one page", async () => {
    const { service } = await waiting();
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
          fc.string({ unit: "binary", maxLength: 200 }).map((text) => Buffer.from(text)),
        ),
        fc.boolean(),
        fc.oneof(fc.constant("application/x-www-form-urlencoded"), fc.string({ maxLength: 20 })),
        async (bytes, isBase64Encoded, contentType) => {
          expectLost(
            await post(service, {
              headers: { "content-type": contentType },
              body: isBase64Encoded ? bytes.toString("base64") : bytes.toString("latin1"),
              isBase64Encoded,
            }),
          );
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("the page", () => {
  const { html, styleHash } = signInLostPage;

  it("has no script and loads nothing", () => {
    expect(html).not.toMatch(/<script|\bon\w+\s*=|javascript:|https?:|src\s*=|url\(|@import/i);
    expect(html).not.toMatch(/<(?:form|iframe|object|embed|link|base|img|a)\b/i);
  });

  it("says in its policy which style it has, and that it has no other", async () => {
    const { service } = await waiting();
    const [, style = ""] = /<style>([\s\S]*?)<\/style>/.exec(html) ?? [];

    const { headers } = await post(service, formRequest(""));

    const hash = createHash("sha256").update(style).digest("base64");
    expect(styleHash).toBe(`sha256-${hash}`);
    expect(headers["content-security-policy"]).toBe(
      `default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-${hash}'`,
    );
    expect(html).not.toContain("style=");
  });

  it("is a page of its own language and character set, with a heading", () => {
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">/);
    expect(html.match(/<h1>/g)).toHaveLength(1);
  });
});

describe("when something of ours is down", () => {
  const failing = async (broken: string, isDone: boolean) => {
    let isUp = true;
    const intercept: Intercept = async (name, call) => {
      if (isUp || name !== broken) return call();
      if (isDone) await call();
      throw new Error("the-code was throttled");
    };
    const service = serviceInMemory({ intercept });
    const begun = await service.begin(alice);
    isUp = false;
    const answer = await service.callback({ state: begun.state, code: "the-code" });
    isUp = true;
    return { service, answer, ...begun };
  };

  it.for(["sealer.seal", "attempts.park"])(
    "%s before it is done: the browser can post its form again",
    async (broken) => {
      const { service, answer, state } = await failing(broken, false);

      const brought = await service.comeBack(state);

      expect(answer).toMatchObject({ statusCode: 503, body: signInWaitingPage.html });
      expect((await service.complete(alice, brought)).statusCode).toBe(200);
    },
  );

  it("and the answer that was parked is lost on its way: nobody can complete it, ever", async () => {
    const { service, answer, state, attemptId } = await failing("attempts.park", true);

    const brought = await service.comeBack(state);
    const completed = await service.complete(alice, { attemptId, completion: "g".repeat(43) });

    expect(answer).toMatchObject({ statusCode: 503, body: signInWaitingPage.html });
    expect(brought).toEqual({ attemptId, completion: "" });
    expect(problemIn(completed).code).toBe("session_mismatch");
    expect(service.identity.redeemed).toEqual([]);
  });

  it("a return page that is no longer listed is an error of ours, and never a redirect", async () => {
    const { service, state } = await waiting();
    const { park } = service.ports.attempts;
    const elsewhere = { returnTo: "gone" } satisfies Partial<NewAttempt>;
    service.ports.attempts.park = async (...values) => (await park(...values)) && elsewhere;

    const answer = await service.callback({ state, code: "the-code" });

    expect(answer).toMatchObject({ statusCode: 503, body: signInWaitingPage.html });
    expect(answer.headers).not.toHaveProperty("location");
  });
});
