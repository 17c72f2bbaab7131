import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import {
  allowedOriginsEnv,
  attemptsEnv,
  clientCredentialEnv,
  graphEnv,
  microsoftEnv,
  personalAccountsEnv,
  readEnv,
  redirectEnv,
  returnPagesEnv,
  tokenVaultEnv,
} from "../../shared/config.ts";

const endpoints = z.object(graphEnv);
const endpointOf = (value: string) => readEnv(endpoints, { GRAPH_ENDPOINT: value });

const everything = z.object({
  ...allowedOriginsEnv,
  ...attemptsEnv,
  ...clientCredentialEnv,
  ...microsoftEnv,
  ...personalAccountsEnv,
  ...redirectEnv,
  ...returnPagesEnv,
  ...tokenVaultEnv,
});

const good = {
  ALLOWED_ORIGINS: "https://app.example,https://admin.example",
  ATTEMPTS_TABLE: "Attempts",
  CLIENT_CREDENTIAL_SECRET_ARN: "arn:aws:secretsmanager:eu-west-1:1:secret:credential",
  FEDERATED_CREDENTIAL: "unused",
  MICROSOFT_AUTHORITY: "https://login.microsoftonline.com",
  MICROSOFT_LOGIN_ENDPOINT: "http://127.0.0.1:4000",
  MICROSOFT_CLIENT_ID: "the-client",
  PERSONAL_ACCOUNTS: "refused",
  REDIRECT_URI: "https://api.example/callback",
  RETURN_PAGES: '{"connections":"https://app.example/outlook/return"}',
  TOKEN_VAULT: "secrets-manager",
  REFRESH_TOKENS_TABLE: "RefreshTokens",
  TOKEN_VAULT_PREFIX: "outlook-connect/test/refresh-tokens",
  TOKEN_VAULT_KEY_ARN: "arn:aws:kms:eu-west-1:1:key/k",
};

it("reads settings into what they mean, and leaves the rest of the environment alone", () => {
  const env = readEnv(everything, { ...good, PATH: "/bin" });

  expect(env).toMatchObject({
    ALLOWED_ORIGINS: ["https://app.example", "https://admin.example"],
    MICROSOFT_LOGIN_ENDPOINT: new URL("http://127.0.0.1:4000"),
    RETURN_PAGES: { connections: new URL("https://app.example/outlook/return") },
  });
  expect(env).not.toHaveProperty("PATH");
});

describe("an endpoint", () => {
  it.for(["https://graph.microsoft.com", "http://127.0.0.1:4000/graph", "http://localhost:4000"])(
    "may be %s",
    (value) => {
      expect(endpointOf(value).GRAPH_ENDPOINT.href).toContain(value);
    },
  );

  it.for([
    "http://graph.microsoft.com",
    "http://169.254.169.254",
    "http://127.0.0.1.evil.example",
    "http://localhost.evil.example",
    "http://evil.example/?127.0.0.1",
    "http://127.0.0.1@evil.example",
    "http://0.0.0.0:4000",
    "http://10.0.0.1",
    "ftp://127.0.0.1",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "graph.microsoft.com",
    "",
  ])("may not be %s", (value) => {
    expect(() => endpointOf(value)).toThrow("GRAPH_ENDPOINT");
  });
});

describe("what is wrong", () => {
  it.for<readonly [name: keyof typeof good, value: string | undefined]>([
    ["ATTEMPTS_TABLE", undefined],
    ["ATTEMPTS_TABLE", ""],
    ["CLIENT_CREDENTIAL_SECRET_ARN", "the-secret-itself"],
    ["TOKEN_VAULT_KEY_ARN", "alias/key"],
    ["TOKEN_VAULT", "a drawer"],
    ["PERSONAL_ACCOUNTS", "perhaps"],
    ["RETURN_PAGES", "not JSON"],
    ["RETURN_PAGES", '{"connections":"http://app.example"}'],
    ["RETURN_PAGES", '{"Not A Key":"https://app.example"}'],
    ["RETURN_PAGES", "[]"],
    ["REDIRECT_URI", "/callback"],
  ])("is named: %s = %j", ([name, value]) => {
    expect(() => readEnv(everything, { ...good, [name]: value })).toThrow(name);
  });

  it("is named all at once", () => {
    expect(() => readEnv(everything, {})).toThrow(
      new RegExp(Object.keys(good).toSorted().join("|")),
    );
    for (const name of Object.keys(good)) expect(() => readEnv(everything, {})).toThrow(name);
  });

  it("is never quoted", () => {
    const planted = fc.string().map((around) => `${around}PLANTED${around}`);
    fc.assert(
      fc.property(fc.subarray(Object.keys(good), { minLength: 1 }), planted, (names, value) => {
        const wrong = Object.fromEntries(names.map((name) => [name, value]));
        try {
          readEnv(everything, { ...good, ...wrong });
        } catch (error) {
          expect(String(error instanceof Error ? error.stack : error)).not.toContain("PLANTED");
        }
      }),
    );
  });
});
