import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Secret } from "../../../shared/domain/secret.ts";
import { readMicrosoftForm } from "../../../shared/http/microsoft-form.ts";
import { account } from "../../fakes/samples.ts";

const authority = new URL("https://login.microsoftonline.com");
const form = "application/x-www-form-urlencoded";
const state = "s".repeat(43);

const read = (fields: Readonly<Record<string, string>> | string) =>
  readMicrosoftForm(
    typeof fields === "string" ? fields : new URLSearchParams({ ...fields }).toString(),
    form,
    authority,
  );

describe("an answer of Microsoft's", () => {
  it("is a code", () => {
    const code = `1.AXkA${"c".repeat(1_500)}`;

    const answer = read({ code, state, session_state: "s-1", client_info: "e30" });

    expect(answer).toEqual({
      state: new Secret(state),
      outcome: { kind: "code", code: new Secret(code) },
    });
  });

  it("is a refusal, of which only numbers and ids are kept", () => {
    const answer = read({
      error: "access_denied",
      error_subcode: "cancel",
      error_description:
        "AADSTS65004: alice@north.example declined.\r\nTrace ID: 0d5c0000-0000-4000-8000-00000000000a",
      error_uri: "https://login.microsoftonline.com/error?code=65004",
      state,
    });

    expect(answer?.outcome).toEqual({
      kind: "refusal",
      refusal: {
        error: "access_denied",
        errorSubcode: "cancel",
        errorCodes: [65004],
        traceId: "0d5c0000-0000-4000-8000-00000000000a",
      },
    });
  });

  it("is a refusal where it names both a code and an error", () => {
    expect(read({ code: "c", error: "access_denied", state })?.outcome.kind).toBe("refusal");
  });

  it("is still a refusal with a subcode that nobody knows", () => {
    const answer = read({ error: "access_denied", error_subcode: "<script>", state });

    expect(answer?.outcome).toEqual({
      kind: "refusal",
      refusal: { error: "access_denied", errorCodes: [] },
    });
  });

  it.for([
    `https://login.microsoftonline.com/${account.tenantId}/v2.0`,
    `https://login.microsoftonline.com/${account.tenantId.toUpperCase()}/v2.0`,
  ])("may name its issuer: %s", (iss) => {
    expect(read({ code: "c", state, iss })).toBeDefined();
  });

  it.for([form, `${form}; charset=utf-8`, "Application/X-WWW-Form-URLEncoded"])(
    "comes as %s",
    (contentType) => {
      expect(readMicrosoftForm(`code=c&state=${state}`, contentType, authority)).toBeDefined();
    },
  );
});

describe("is no answer of Microsoft's:", () => {
  it.for<readonly [string, Readonly<Record<string, string>> | string]>([
    ["nothing", ""],
    ["neither a code nor an error", { state }],
    ["an empty code", { code: "", state }],
    ["no state", { code: "c" }],
    ["a short state", { code: "c", state: state.slice(1) }],
    ["a long state", { code: "c", state: `${state}s` }],
    ["a state with another alphabet", { code: "c", state: `${state.slice(1)}+` }],
    ["a state with a line after it", { code: "c", state: `${state}\n` }],
    ["a code that is too long", { code: "c".repeat(8_193), state }],
    ["a form that is too long", { code: "c", state, session_state: "s".repeat(33_000) }],
    ["two states", `code=c&state=${state}&state=${state}`],
    ["two codes", `code=c&code=d&state=${state}`],
    ["two of what is not even read", `code=c&state=${state}&session_state=1&session_state=2`],
    ["two codes, of which one is written otherwise", `code=c&%63ode=d&state=${state}`],
    ["an access token", { code: "c", state, access_token: "t" }],
    ["an ID token", { code: "c", state, id_token: "t" }],
    ["an empty ID token", { code: "c", state, id_token: "" }],
    ["only an ID token", { id_token: "t", state }],
    ["an error that is a sentence", { error: "Call 555-0100 now!", state }],
    ["an empty error", { error: "", state }],
    ["a code beside an empty error", { code: "c", error: "", state }],
    ["a code beside an error that is a sentence", { code: "c", error: "Call now!", state }],
    ["an error that is too long", { error: "e".repeat(65), state }],
    ["two errors", `error=access_denied&error=server_error&state=${state}`],
    ["a refusal with an ID token", { error: "access_denied", state, id_token: "t" }],
    ["another issuer", { code: "c", state, iss: "https://accounts.google.com" }],
    ["an issuer without a tenant", { code: "c", state, iss: "https://login.microsoftonline.com" }],
    [
      "an issuer that looks alike",
      {
        code: "c",
        state,
        iss: `https://login.microsoftonline.com.evil.example/${account.tenantId}/v2.0`,
      },
    ],
    [
      "an issuer of plain http",
      { code: "c", state, iss: `http://login.microsoftonline.com/${account.tenantId}/v2.0` },
    ],
    [
      "an issuer behind the name of another",
      {
        code: "c",
        state,
        iss: `https://login.microsoftonline.com@evil.example/${account.tenantId}/v2.0`,
      },
    ],
    [
      "an issuer of the first version",
      { code: "c", state, iss: `https://sts.windows.net/${account.tenantId}/` },
    ],
    ["an issuer that is no URL", { code: "c", state, iss: "Microsoft" }],
    ["an empty issuer", { code: "c", state, iss: "" }],
    ["a refusal of another issuer", { error: "access_denied", state, iss: "https://a.example" }],
    ["prototypes", `__proto__=1&constructor=2&state=${state}`],
    ["a code as a list", `code[]=c&state=${state}`],
    ["JSON", JSON.stringify({ code: "c", state })],
  ])("%s", ([, fields]) => {
    expect(read(fields)).toBeUndefined();
  });

  it.for([
    undefined,
    "",
    "application/json",
    "text/plain",
    "multipart/form-data; boundary=b",
    `text/plain; ${form}`,
    "application/x-www-form-urlencoded-not",
  ])("a form that is sent as %s", (contentType) => {
    expect(readMicrosoftForm(`code=c&state=${state}`, contentType, authority)).toBeUndefined();
  });

  it("whatever it may be that has no valid state", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.string()),
        fc.webQueryParameters(),
        (fields, raw) => {
          expect(read({ ...fields, state: "short" })).toBeUndefined();
          expect(read(raw)).toBeUndefined();
        },
      ),
      { numRuns: 200 },
    );
  });
});

it("never lets text through that anybody could choose", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme" }).map((text) => `canary ${text}`),
      (description) => {
        const answer = read({ error: "server_error", error_description: description, state });

        expect(JSON.stringify(answer)).not.toContain("canary");
      },
    ),
    { numRuns: 50 },
  );
});
