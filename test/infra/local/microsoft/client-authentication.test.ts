import { createPrivateKey, X509Certificate } from "node:crypto";
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type CertificatePair,
  newCertificate,
} from "../../../../infra/local/microsoft/new-certificate.ts";
import {
  answerJson,
  type ScriptedServer,
  startScriptedServer,
} from "../../../fakes/scripted-server.ts";
import { ben, clientId, type SimulatedApp, startSimulatedApp } from "./simulated-app.ts";

const day = 24 * 3600;
const tokenEndpoint = "https://login.microsoftonline.com/common/oauth2/v2.0/token";
const role = "arn:aws:iam::123456789012:role/outlook-connect-prod-token-fetch-eu-west-1";
const audience = "api://AzureADTokenExchange";

let issuer: ScriptedServer;
let signing: { privateKey: CryptoKey; publicKey: CryptoKey };
let foreign: { privateKey: CryptoKey; publicKey: CryptoKey };
let registered: CertificatePair;
let another: CertificatePair;
let app: SimulatedApp;
let refreshToken: string;
beforeAll(async () => {
  [signing, foreign] = await Promise.all([generateKeyPair("RS256"), generateKeyPair("RS256")]);
  [registered, another] = await Promise.all([
    newCertificate(new Date(), day),
    newCertificate(new Date(), day),
  ]);
  issuer = await startScriptedServer();
  const key = { ...(await exportJWK(signing.publicKey)), alg: "RS256", kid: "theirs" };
  issuer.script((response, request) =>
    answerJson(
      200,
      request.path === "/keys"
        ? { keys: [key] }
        : { issuer: issuer.origin.origin, jwks_uri: `${issuer.origin.origin}/keys` },
    )(response, request),
  );
  app = await startSimulatedApp({
    clientCertificates: [registered.certificate],
    federatedCredentials: () => [{ issuer: issuer.origin.origin, subject: role, audience }],
  });
  refreshToken = (await app.tokensFor(ben)).refresh_token;
});
afterAll(async () => {
  await Promise.all([app.close(), issuer.close()]);
});

const seconds = () => Math.floor(app.clock.now().getTime() / 1000);

const answered = async (assertion: string): Promise<number | "taken"> => {
  const response = await app.refresh(refreshToken, {
    client_secret: undefined,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: assertion,
  });
  if (response.status === 200) return "taken";
  const { error_codes, error, status } = await app.refusalOf(response);
  expect([error, status]).toEqual(
    error_codes[0] === 70021 ? ["invalid_request", 400] : ["invalid_client", 401],
  );
  return error_codes[0] ?? 0;
};

describe("an assertion of the app's own", () => {
  const thumbprint = ({ certificate }: CertificatePair) =>
    Buffer.from(
      new X509Certificate(certificate).fingerprint256.replaceAll(":", ""),
      "hex",
    ).toString("base64url");

  /** As msal makes it, with changes. */
  const assertion = (
    changes: Readonly<Record<string, unknown>> = {},
    { named = registered, signedWith = registered, alg = "PS256" } = {},
  ) =>
    new SignJWT({
      aud: tokenEndpoint,
      exp: seconds() + 600,
      iss: clientId,
      sub: clientId,
      nbf: seconds(),
      jti: "1",
      ...changes,
    })
      .setProtectedHeader({ alg, "x5t#S256": thumbprint(named) })
      .sign(createPrivateKey(signedWith.privateKey));

  it("is taken when a registered certificate's key signed it", async () => {
    expect(await answered(await assertion())).toBe("taken");
    expect(await answered(await assertion({}, { alg: "RS256" }))).toBe("taken");
  });

  it.for<readonly [string, () => Promise<string>, number]>([
    ["a certificate that is not registered", () => assertion({}, { named: another }), 700027],
    ["the key of another one", () => assertion({}, { signedWith: another }), 700027],
    ["another app", () => assertion({ sub: "another" }), 700021],
    [
      "another endpoint",
      () => assertion({ aud: tokenEndpoint.replace("common", "consumers") }),
      700023,
    ],
    ["an end that has passed", () => assertion({ exp: seconds() - 301 }), 700024],
    ["a beginning to come", () => assertion({ nbf: seconds() + 301 }), 700024],
    ["no id", () => assertion({ jti: undefined }), 700027],
    ["no end", () => assertion({ exp: undefined }), 700027],
    ["no JWT", async () => "not a JWT", 700027],
  ])("is refused for %s", async ([, make, code]) => {
    expect(await answered(await make())).toBe(code);
  });

  it("is refused when the certificate has ended, whatever it says itself", async () => {
    const short = await newCertificate(new Date(app.clock.now().getTime() - 100_000), 60);
    app.control.setClientCertificates({ certificates: [short.certificate] });

    expect(await answered(await assertion({}, { named: short, signedWith: short }))).toBe(700027);

    app.control.setClientCertificates({ certificates: [registered.certificate] });
  });
});

describe("an assertion of another issuer", () => {
  const assertion = (
    changes: Readonly<Record<string, unknown>> = {},
    { key = signing, alg = "RS256" } = {},
  ) =>
    new SignJWT({
      aud: audience,
      exp: seconds() + 300,
      iss: issuer.origin.origin,
      sub: role,
      ...changes,
    })
      .setProtectedHeader({ alg, kid: "theirs" })
      .sign(key.privateKey);

  it("is taken when it names a registered subject, and is taken again until its end", async () => {
    const given = await assertion();

    expect(await answered(given)).toBe("taken");
    expect(await answered(given)).toBe("taken");
  });

  it.for<readonly [string, () => Promise<string>, number]>([
    ["an issuer that is not registered", () => assertion({ iss: "http://127.0.0.1:9" }), 700211],
    ["another role", () => assertion({ sub: `${role}2` }), 700213],
    ["the role in capitals", () => assertion({ sub: role.toUpperCase() }), 700213],
    ["another audience", () => assertion({ aud: "api://azureadtokenexchange" }), 700212],
    ["two audiences", () => assertion({ aud: [audience, "more"] }), 700212],
    ["a key that the issuer does not publish", () => assertion({}, { key: foreign }), 700027],
    ["an end that has passed", () => assertion({ exp: seconds() - 301 }), 700024],
    ["no end", () => assertion({ exp: undefined }), 700027],
  ])("is refused for %s", async ([, make, code]) => {
    expect(await answered(await make())).toBe(code);
  });

  it("is refused while its registration has not reached all of Microsoft", async () => {
    const credentials = [{ issuer: issuer.origin.origin, subject: role, audience }];
    app.control.setFederatedCredentials({ credentials, replicationSeconds: 300 });

    expect(await answered(await assertion())).toBe(70021);
    app.clock.advance(300);
    expect(await answered(await assertion())).toBe("taken");
  });
});

it("a client secret ends at its time", async () => {
  const expiresAt = new Date(app.clock.now().getTime() + 60_000);
  app.control.setClientSecrets({ secrets: [{ secret: "short-lived", expiresAt }] });
  const asked = () => app.refresh(refreshToken, { client_secret: "short-lived" });

  expect((await asked()).status).toBe(200);
  app.clock.advance(60);

  expect((await app.refusalOf(asked())).error_codes).toEqual([7000222]);
});
