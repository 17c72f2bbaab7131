import { exportSPKI, generateKeyPair, type JWK, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { idTokenVerifier } from "../../../../shared/adapters/jose/id-token.ts";
import { personalAccountsTenant } from "../../../../shared/domain/ids.ts";
import { fail, succeed } from "../../../../shared/domain/result.ts";
import { Secret } from "../../../../shared/domain/secret.ts";
import { hurriedLimits } from "../../../fakes/hurried-limits.ts";
import {
  annaClaims,
  annaObject,
  annaTenant,
  authority,
  clientId,
  issuerOf,
  newSigningKey,
  type SigningKey,
  seconds,
  signIdToken,
} from "../../../fakes/id-tokens.ts";
import {
  answerJson,
  answerText,
  dropConnection,
  type ScriptedServer,
  saySilence,
  startScriptedServer,
} from "../../../fakes/scripted-server.ts";

const otherTenant = "33333333-3333-4333-8333-333333333333";

let server: ScriptedServer;
let key: SigningKey;
let secondKey: SigningKey;
let foreignKey: SigningKey;
beforeAll(async () => {
  server = await startScriptedServer();
  [key, secondKey, foreignKey] = await Promise.all([
    newSigningKey("first"),
    newSigningKey("second"),
    newSigningKey("first"), // another key under the name of a published one
  ]);
});
afterAll(() => server.close());

const publish = (...keys: readonly JWK[]) => server.script(answerJson(200, { keys }));
beforeEach(() => publish(key.jwk));
afterEach(() => {
  vi.useRealTimers();
});

const newVerifier = () => idTokenVerifier({ authority, loginEndpoint: server.origin, clientId });

const verify = (token: string, verifier = newVerifier()) =>
  verifier(new Secret(token), new Secret("the-nonce"));

const verifyClaims = async (changes: Readonly<Record<string, unknown>>) =>
  verify(await signIdToken(key, annaClaims(changes)));

const rejected = (check: string) => fail({ kind: "id_token_rejected", check });

const anna = {
  account: {
    tenantId: annaTenant,
    objectId: annaObject,
    displayName: "Anna Keller",
    username: "anna@contoso.example",
  },
  accountType: "member",
  roles: [],
};

describe("a genuine ID token", () => {
  it("names the account", async () => {
    expect(await verifyClaims({})).toEqual(succeed(anna));
  });

  it("is checked with the keys of the login endpoint, asked for once", async () => {
    const verifier = newVerifier();

    await verify(await signIdToken(key), verifier);
    await verify(await signIdToken(key), verifier);

    expect(server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /common/discovery/v2.0/keys",
    ]);
  });

  it("names a tenant and an object in lower case, however they are spelled", async () => {
    const [tid, oid] = [annaTenant.toUpperCase(), "AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE"];

    expect(await verifyClaims({ tid, oid })).toMatchObject({
      ok: true,
      value: { account: { tenantId: annaTenant, objectId: oid.toLowerCase() } },
    });
  });

  it("of another tenant names that tenant", async () => {
    expect(await verifyClaims({ tid: otherTenant })).toMatchObject({
      value: { account: { tenantId: otherTenant } },
    });
  });

  it.for<readonly [changes: Record<string, unknown>, accountType: string]>([
    [{ acct: 0 }, "member"],
    [{ acct: 1 }, "guest"],
    [{ tid: personalAccountsTenant }, "personal"],
  ])("with %j is of a %s", async ([changes, accountType]) => {
    expect(await verifyClaims(changes)).toMatchObject({ ok: true, value: { accountType } });
  });

  it("needs no names, and an e-mail address identifies nobody", async () => {
    const names = { name: undefined, preferred_username: undefined, email: "a@contoso.example" };

    expect(await verifyClaims(names)).toEqual(
      succeed({
        ...anna,
        account: { ...anna.account, displayName: "", username: "a@contoso.example" },
      }),
    );
  });

  it("cannot bring names of any length", async () => {
    const verified = await verifyClaims({ name: "x".repeat(5_000) });

    expect(verified.ok && verified.value.account.displayName).toHaveLength(256);
  });

  it("may be five minutes off our clock", async () => {
    expect((await verifyClaims({ exp: seconds(-290) })).ok).toBe(true);
    expect((await verifyClaims({ nbf: seconds(290) })).ok).toBe(true);
  });
});

/** Named as in the OpenID Foundation's conformance suite for clients. */
describe("conformance", () => {
  it("IdTokenSigAlgNone", async () => {
    const token = new UnsecuredJWT(annaClaims()).encode();

    expect(await verify(token)).toEqual(rejected("alg"));
  });

  it("alg null", async () => {
    const [, payload, signature] = (await signIdToken(key)).split(".");
    const header = Buffer.from('{"alg":null,"kid":"first"}').toString("base64url");

    expect(await verify(`${header}.${payload}.${signature}`)).toEqual(rejected("format"));
  });

  it("InvalidIdTokenSignatureWithRS256", async () => {
    expect(await verify(await signIdToken(foreignKey))).toEqual(rejected("signature"));

    const [header, , signature] = (await signIdToken(key)).split(".");
    const forged = Buffer.from(JSON.stringify(annaClaims({ oid: otherTenant })));
    expect(await verify(`${header}.${forged.toString("base64url")}.${signature}`)).toEqual(
      rejected("signature"),
    );
  });

  it("InvalidIdTokenSignatureWithES256", async () => {
    const { privateKey } = await generateKeyPair("ES256");
    const token = await new SignJWT(annaClaims())
      .setProtectedHeader({ alg: "ES256", kid: "first" })
      .sign(privateKey);

    expect(await verify(token)).toEqual(rejected("alg"));
  });

  it("InvalidIdTokenSignatureWithHS256, signed with the public key too", async () => {
    const { publicKey } = await generateKeyPair("RS256", { extractable: true });
    for (const secret of [await exportSPKI(publicKey), JSON.stringify(key.jwk), "client-secret"]) {
      const token = await new SignJWT(annaClaims())
        .setProtectedHeader({ alg: "HS256", kid: "first" })
        .sign(new TextEncoder().encode(secret));

      expect(await verify(token)).toEqual(rejected("alg"));
    }
  });

  it.for([
    "https://login.microsoftonline.com/common/v2.0",
    `https://login.microsoftonline.com/${otherTenant}/v2.0`,
    `https://login.microsoftonline.com/${annaTenant}`,
    `https://login.microsoftonline.com/${annaTenant}/v2.0/`,
    `https://login.microsoftonline.com.evil.example/${annaTenant}/v2.0`,
    `https://sts.windows.net/${annaTenant}/`,
    "https://login.microsoftonline.com/{tenantid}/v2.0",
    "",
    undefined,
  ])("InvalidIssuerInIdToken: %j", async (iss) => {
    expect(await verifyClaims({ iss })).toEqual(rejected("iss"));
  });

  it.for(["another-client", `${clientId}x`, ""])("InvalidAudInIdToken: %j", async (aud) => {
    expect(await verifyClaims({ aud })).toEqual(rejected("aud"));
  });

  it.for([
    ["with a foreign second value", [clientId, "another-client"]],
    ["with our id alone", [clientId]],
    ["without our id", ["another-client"]],
    ["that is empty", []],
  ] as const)("aud as an array %s, which Microsoft never sends", async ([, aud]) => {
    expect(await verifyClaims({ aud })).toEqual(rejected("aud"));
  });

  it.for(["aud", "iat", "sub", "exp", "oid", "tid", "ver", "nonce", "iss"])(
    "Missing %s in the ID token",
    async (claim) => {
      expect(
        await verifyClaims({
          [claim]: undefined,
          ...(claim === "tid" && { iss: issuerOf(annaTenant) }),
        }),
      ).toEqual(rejected(claim));
    },
  );

  it.for(["another-nonce", "", "the-nonce ", 7, null])("NonceInvalid: %j", async (nonce) => {
    expect(await verifyClaims({ nonce })).toEqual(rejected("nonce"));
  });

  it("KidAbsentSingleJwks: the only key is meant", async () => {
    const token = await signIdToken(key, annaClaims(), { kid: undefined });

    expect(await verify(token)).toEqual(succeed(anna));
  });

  it("KidAbsentMultipleMatchingKeysInJwks: no key is tried", async () => {
    publish(key.jwk, secondKey.jwk);
    const token = await signIdToken(key, annaClaims(), { kid: undefined });

    expect(await verify(token)).toEqual(rejected("kid"));
  });

  it("a key that is not published", async () => {
    expect(await verify(await signIdToken(secondKey))).toEqual(rejected("kid"));
  });

  it("SigningKeyRotation: a new key is looked up once it is seen", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const verifier = newVerifier();
    expect((await verify(await signIdToken(key), verifier)).ok).toBe(true);

    vi.setSystemTime(Date.now() + 31_000);
    publish(secondKey.jwk);

    expect((await verify(await signIdToken(secondKey), verifier)).ok).toBe(true);
    expect((await verify(await signIdToken(key), verifier)).ok).toBe(false);
  });

  it("SigningKeyRotationJustBeforeSigning: a key that came just after the others were read is known in five seconds", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const verifier = newVerifier();
    await verify(await signIdToken(key), verifier);
    publish(key.jwk, secondKey.jwk);
    const token = await signIdToken(secondKey);

    expect(await verify(token, verifier)).toEqual(rejected("kid"));
    vi.setSystemTime(Date.now() + 5_001);
    expect((await verify(token, verifier)).ok).toBe(true);
  });

  it("and tokens with invented keys do not make us ask again and again", async () => {
    const verifier = newVerifier();
    await verify(await signIdToken(key), verifier);

    for (const kid of ["invented1", "invented2", "invented3"]) {
      expect(await verify(await signIdToken(key, annaClaims(), { kid }), verifier)).toEqual(
        rejected("kid"),
      );
    }

    expect(server.requests).toHaveLength(1);
  });

  it.for<readonly [string, Record<string, unknown>, check: string]>([
    ["expired", { exp: seconds(-400) }, "exp"],
    ["exp that is no number", { exp: "tomorrow" }, "exp"],
    ["not valid yet", { nbf: seconds(400) }, "nbf"],
    ["iat that is no number", { iat: "now" }, "iat"],
    ["version 1.0", { ver: "1.0" }, "ver"],
    ["no GUID as oid", { oid: "admin" }, "oid"],
  ])("%s", async ([, changes, check]) => {
    expect(await verifyClaims(changes)).toEqual(rejected(check));
  });

  it.for(["common", "contoso.example", "../../evil", `${annaTenant}/../x`, 7, null])(
    "a tenant that is no GUID: %j",
    async (tid) => {
      expect(await verifyClaims({ tid, iss: issuerOf(String(tid)) })).toEqual(rejected("tid"));
    },
  );
});

describe("a key that is good for some issuers only", () => {
  const withIssuer = (issuer: string) => ({ ...key.jwk, issuer }) as JWK;

  it("signs for every tenant where it says {tenantid}", async () => {
    publish(withIssuer(issuerOf("{tenantid}")));

    expect((await verifyClaims({})).ok).toBe(true);
  });

  it("signs for the tenant that it names", async () => {
    publish(withIssuer(issuerOf(annaTenant)));

    expect((await verifyClaims({})).ok).toBe(true);
  });

  it.for([undefined, "first"])("signs for no other tenant, kid %j", async (kid) => {
    publish(withIssuer(issuerOf(personalAccountsTenant)));
    const token = await signIdToken(key, annaClaims(), { kid });

    expect(await verify(token)).toEqual(rejected("kid"));
  });

  it("is told from another key beside it", async () => {
    publish(withIssuer(issuerOf("{tenantid}")), {
      ...secondKey.jwk,
      issuer: issuerOf(personalAccountsTenant),
    } as JWK);

    expect((await verifyClaims({})).ok).toBe(true);
    expect(await verify(await signIdToken(secondKey))).toEqual(rejected("kid"));
  });
});

describe("text that is no ID token", () => {
  it.for(["", "a", "a.b", "a.b.c", "a.b.c.d.e", "{}", "eyJhbGciOiJSUzI1NiJ9..x"])(
    "%j is rejected without asking for keys",
    async (text) => {
      expect(await verify(text)).toEqual(rejected("format"));
      expect(server.requests).toEqual([]);
    },
  );
});

describe("without Microsoft's keys nothing is accepted, and nobody is accused", () => {
  it.for([
    ["they answer 503", answerText(503, "down")],
    ["they redirect", answerText(302, "", { location: "/elsewhere" })],
    ["they close the connection", dropConnection],
    ["they send HTML", answerText(200, "<html>")],
    ["they send no key set", answerJson(200, { keys: "none" })],
    ["they send more than a key set can be", answerText(200, " ".repeat(300_000))],
  ] as const)("%s", async ([, answer]) => {
    server.script(answer);
    const token = await signIdToken(key);

    const unverified = await verify(token);

    expect(unverified).toEqual(fail({ kind: "keys_unreachable" }));
  });

  it("three seconds of silence", async () => {
    server.script(saySilence);
    const token = await signIdToken(key);
    const limits = hurriedLimits();

    expect(await verify(token)).toEqual(fail({ kind: "keys_unreachable" }));

    expect(limits).toEqual([3_000]);
  });

  it("they are asked again for the next token", async () => {
    const verifier = newVerifier();
    server.script(answerText(503, "down"), answerJson(200, { keys: [key.jwk] }));

    expect((await verify(await signIdToken(key), verifier)).ok).toBe(false);

    expect((await verify(await signIdToken(key), verifier)).ok).toBe(true);
  });
});
