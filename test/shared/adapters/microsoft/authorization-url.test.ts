import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { authorizationUrl } from "../../../../shared/adapters/microsoft/authorization-url.ts";
import { tenantId } from "../../../../shared/domain/ids.ts";
import type { AuthorizationRequest } from "../../../../shared/domain/microsoft.ts";
import { Secret } from "../../../../shared/domain/secret.ts";

const urlOf = (changes: Partial<AuthorizationRequest> = {}) =>
  authorizationUrl({
    loginEndpoint: new URL("https://login.microsoftonline.com"),
    clientId: "the-client",
    redirectUri: new URL("https://api.outlook-connect.example/callback"),
  })({
    authority: "organizations",
    state: new Secret("the-state"),
    nonce: new Secret("the-nonce"),
    codeChallenge: "the-challenge",
    ...changes,
  });

const parametersOf = (url: URL) => Object.fromEntries(url.searchParams);

it("asks for a code by form_post, with PKCE S256, state, nonce and the fixed scopes", () => {
  const url = urlOf();

  expect(url.origin).toBe("https://login.microsoftonline.com");
  expect(url.pathname).toBe("/organizations/oauth2/v2.0/authorize");
  expect(parametersOf(url)).toEqual({
    client_id: "the-client",
    response_type: "code",
    response_mode: "form_post",
    redirect_uri: "https://api.outlook-connect.example/callback",
    scope: "openid profile email offline_access User.Read Mail.ReadWrite Mail.Send",
    state: "the-state",
    nonce: "the-nonce",
    code_challenge: "the-challenge",
    code_challenge_method: "S256",
    prompt: "select_account",
  });
});

it.for(["common", "consumers", tenantId("11111111-1111-4111-8111-111111111111")] as const)(
  "sends a person to the authority %s",
  (authority) => {
    expect(urlOf({ authority }).pathname).toBe(`/${authority}/oauth2/v2.0/authorize`);
  },
);

it("gives a known account a hint instead of the picker, which Microsoft refuses together", () => {
  const parameters = parametersOf(urlOf({ loginHint: "anna+mail@contoso.example" }));

  expect(parameters.login_hint).toBe("anna+mail@contoso.example");
  expect(parameters).not.toHaveProperty("prompt");
});

it("shows nothing to a person who is to be asked silently, and hints at a known account beside it", () => {
  const silently = parametersOf(urlOf({ isSilent: true }));

  expect(silently).toMatchObject({ prompt: "none", code_challenge_method: "S256" });
  expect(silently).not.toHaveProperty("login_hint");
  expect(parametersOf(urlOf({ isSilent: true, loginHint: "anna@contoso.example" }))).toMatchObject({
    prompt: "none",
    login_hint: "anna@contoso.example",
  });
  expect(parametersOf(urlOf({ isSilent: false, isSignedIn: true }))).not.toHaveProperty("prompt");
});

it("carries a claims request, and none when there is none", () => {
  const claims = '{"access_token":{"polids":{"essential":true,"values":["a b&c"]}}}';

  expect(parametersOf(urlOf({ claims })).claims).toBe(claims);
  expect(parametersOf(urlOf())).not.toHaveProperty("claims");
});

describe("whatever it is given", () => {
  const text = fc.string({ unit: "grapheme" });

  it("never asks for consent, never forgets PKCE, and adds no parameter or host of anybody's", () => {
    fc.assert(
      fc.property(
        fc.record(
          { loginHint: text, claims: text, state: text.map((value) => new Secret(value)) },
          { requiredKeys: [] },
        ),
        (changes) => {
          const url = urlOf(changes);
          const names = [...url.searchParams.keys()];

          expect(url.href.startsWith("https://login.microsoftonline.com/organizations/")).toBe(
            true,
          );
          expect(url.hash).toBe("");
          expect(new Set(names).size).toBe(names.length);
          expect(url.searchParams.get("redirect_uri")).toMatch(/^https:\/\/api\.outlook-connect/);
          expect(url.searchParams.get("code_challenge_method")).toBe("S256");
          expect(url.searchParams.get("response_mode")).toBe("form_post");
          expect([null, "select_account"]).toContain(url.searchParams.get("prompt"));
          expect(url.searchParams.has("prompt")).toBe(!url.searchParams.has("login_hint"));
        },
      ),
    );
  });
});
