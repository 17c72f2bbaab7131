import { createHash, randomBytes, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type CertificatePair,
  newCertificate,
} from "../../../../infra/local/microsoft/new-certificate.ts";
import { idTokenVerifier } from "../../../../shared/adapters/jose/id-token.ts";
import type { AppCredentials } from "../../../../shared/adapters/microsoft/app-credential.ts";
import { authorizationUrl } from "../../../../shared/adapters/microsoft/authorization-url.ts";
import { msalExchange } from "../../../../shared/adapters/microsoft/msal-exchange.ts";
import { msalRedeemCode } from "../../../../shared/adapters/microsoft/redeem-code.ts";
import { msalRefresh } from "../../../../shared/adapters/microsoft/refresh.ts";
import { secretsManagerClientCredential } from "../../../../shared/adapters/secrets-manager/client-credential.ts";
import { objectId, tenantId } from "../../../../shared/domain/ids.ts";
import {
  graphScopes,
  missingScopes,
  requestedScopes,
} from "../../../../shared/domain/permissions.ts";
import { Secret } from "../../../../shared/domain/secret.ts";
import { annaObject, annaTenant, authority, clientId, issuerOf } from "../../../fakes/id-tokens.ts";

const redirectUri = new URL("https://api.outlook-connect.example/callback");
const clientSecret = "the-registered-secret";
const certificateClientId = "0c0ffee0-5e1f-4a3b-9c2d-7b6a5d4c3e2f";
const tenant = tenantId(annaTenant);

/**
 * A certified OpenID Provider, independent of everything here, that answers for one tenant: Microsoft's
 * paths, issuer and claims by configuration.
 */
const newProvider = async ({ certificate }: CertificatePair): Promise<RequestListener> => {
  const registeredKey = await exportJWK(new X509Certificate(certificate).publicKey);
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const signingKey = {
    ...(await exportJWK(privateKey)),
    use: "sig",
    alg: "RS256",
    kid: "provider",
  };
  const own = ["tid", "oid", "ver"];
  const provider = new Provider(issuerOf(tenant), {
    clockTolerance: 1, // msal rounds to the nearest second
    enabledJWA: { clientAuthSigningAlgValues: ["PS256"] },
    clientAuthMethods: ["client_secret_post", "private_key_jwt"],
    jwks: { keys: [signingKey] },
    cookies: { keys: ["test"] },
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        token_endpoint_auth_method: "client_secret_post",
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: [redirectUri.href],
      },
      {
        client_id: certificateClientId,
        token_endpoint_auth_method: "private_key_jwt",
        token_endpoint_auth_signing_alg: "PS256",
        jwks: { keys: [registeredKey] },
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: [redirectUri.href],
      },
    ],
    routes: {
      authorization: `/${tenant}/oauth2/v2.0/authorize`,
      token: `/${tenant}/oauth2/v2.0/token`,
      jwks: "/common/discovery/v2.0/keys",
    },
    scopes: [...requestedScopes],
    claims: {
      openid: ["sub", ...own],
      profile: ["name", "preferred_username"],
      email: ["email"],
    },
    conformIdTokenClaims: false, // Microsoft puts claims of scopes into the ID token
    pkce: { required: () => true },
    rotateRefreshToken: true,
    ttl: {
      AccessToken: 3600,
      AuthorizationCode: 60,
      Grant: 86_400,
      IdToken: 3600,
      Interaction: 600,
      RefreshToken: 86_400,
      Session: 86_400,
    },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    findAccount: (_context: unknown, accountId: string) => ({
      accountId,
      claims: () => ({
        sub: accountId,
        tid: tenant,
        oid: annaObject,
        ver: "2.0",
        name: "Anna Keller",
        preferred_username: "anna@contoso.example",
      }),
    }),
  });
  const callback = provider.callback();

  return async (request, response) => {
    if (!request.url?.startsWith("/interaction/")) return callback(request, response);
    // Anna signs in and consents to everything, without a page.
    const { params } = await provider.interactionDetails(request, response);
    const grant = new provider.Grant({
      accountId: "anna",
      clientId: params.client_id ?? "",
    });
    grant.addOIDCScope(params.scope ?? "");
    return provider.interactionFinished(request, response, {
      login: { accountId: "anna" },
      consent: { grantId: await grant.save() },
    });
  };
};

let server: Server;
let origin: URL;
let pair: CertificatePair;
beforeAll(async () => {
  pair = await newCertificate(new Date(), 3600);
  server = createServer(await newProvider(pair));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

/** A browser that follows redirects with its cookies, until the page that posts the answer back. */
const browse = async (start: URL): Promise<string> => {
  const cookies = new Map<string, string>();
  let url = start;
  for (let redirects = 0; redirects < 10; redirects += 1) {
    const response = await fetch(url, {
      redirect: "manual",
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = ""] = cookie.split(";");
      cookies.set(pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1));
    }
    const location = response.headers.get("location");
    if (location === null) return response.text();
    // Its addresses are made from the issuer; here it listens elsewhere.
    const { pathname, search } = new URL(location, origin);
    url = new URL(`${pathname}${search}`, origin);
  }
  throw new Error("too many redirects");
};

const fieldOf = (html: string, name: string): string =>
  new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1] ?? "";

const signIn = async (as = clientId) => {
  const codeVerifier = new Secret(randomBytes(32).toString("base64url"));
  const nonce = new Secret(randomBytes(32).toString("base64url"));
  const state = new Secret(randomBytes(32).toString("base64url"));
  const url = authorizationUrl({ loginEndpoint: origin, clientId: as, redirectUri })({
    authority: tenant,
    state,
    nonce,
    codeChallenge: createHash("sha256").update(codeVerifier.reveal()).digest("base64url"),
    loginHint: "anna@contoso.example",
  });
  // Microsoft grants offline_access without it; OpenID Connect Core §11 lets a provider insist.
  url.searchParams.set("prompt", "consent");
  const html = await browse(url);
  return { html, state, codeVerifier, nonce, code: new Secret(fieldOf(html, "code")) };
};

/** As they are stored: the first one of each is not registered. */
const credentialsOf = async (as: string): Promise<AppCredentials> => {
  const certificates = [await newCertificate(new Date(), 3600), pair];
  const stored =
    as === clientId ? { clientSecrets: ["the-new-secret", clientSecret] } : { certificates };
  const value = new Secret(JSON.stringify(stored));
  return secretsManagerClientCredential(
    async () => ({ versionId: "v", value }),
    "arn:credential",
    () => new Date(),
  );
};

const adapters = async (as = clientId) => {
  const now = () => new Date();
  const exchange = msalExchange(
    { authority, loginEndpoint: origin, clientId: as },
    await credentialsOf(as),
    {
      now,
      onFallback: () => {},
      onUnavailable: () => {},
    },
  );
  const verifyIdToken = idTokenVerifier({ authority, loginEndpoint: origin, clientId: as });
  return {
    redeemCode: msalRedeemCode({ exchange, verifyIdToken, redirectUri, now }),
    refresh: msalRefresh({ exchange, now }),
  };
};

const until = new Date(Date.now() + 60_000);
const account = { tenantId: tenant, objectId: objectId(annaObject) };

describe("with an OpenID Provider that nobody here wrote", () => {
  it.for([
    ["a client secret", clientId],
    ["an assertion that a certificate's key signed", certificateClientId],
  ])(
    "by %s a sign-in becomes a grant, which is refreshed, and its rotated token again",
    async ([, as]) => {
      const { html, state, ...signedIn } = await signIn(as);
      const { redeemCode, refresh } = await adapters(as);
      expect(html).toContain(`action="${redirectUri.href}"`);
      expect(fieldOf(html, "state")).toBe(state.reveal());

      const granted = await redeemCode({ authority: tenant, ...signedIn, scopes: requestedScopes });

      if (!granted.ok) throw new Error(JSON.stringify(granted.failure));
      expect(granted.value).toMatchObject({
        account: { ...account, displayName: "Anna Keller", username: "anna@contoso.example" },
        accountType: "member",
        roles: [],
      });
      expect(missingScopes(granted.value.scopes)).toEqual([]);
      expect(granted.value.accessTokenExpiresAt.getTime()).toBeGreaterThan(Date.now());

      let { refreshToken, accessToken } = granted.value;
      for (let round = 0; round < 2; round += 1) {
        const refreshed = await refresh({ refreshToken, account, scopes: [...graphScopes], until });

        if (!refreshed.ok) throw new Error(JSON.stringify(refreshed.failure));
        expect(refreshed.value.accessToken.reveal()).not.toBe(accessToken.reveal());
        expect(refreshed.value.refreshToken?.reveal()).not.toBe(refreshToken.reveal());
        expect(missingScopes(refreshed.value.scopes)).toEqual([]);
        accessToken = refreshed.value.accessToken;
        refreshToken = refreshed.value.refreshToken ?? refreshToken;
      }
    },
  );

  it("a code works once", async () => {
    const { html: _, state: __, ...signedIn } = await signIn();
    const { redeemCode } = await adapters();
    expect((await redeemCode({ authority: tenant, ...signedIn, scopes: requestedScopes })).ok).toBe(
      true,
    );

    expect(
      await redeemCode({ authority: tenant, ...signedIn, scopes: requestedScopes }),
    ).toMatchObject({
      ok: false,
      failure: { kind: "sign_in_required", evidence: { error: "invalid_grant" } },
    });
  });

  it("a code is worth nothing without its verifier", async () => {
    const { code, nonce } = await signIn();
    const codeVerifier = new Secret(randomBytes(32).toString("base64url"));

    expect(
      await (await adapters()).redeemCode({
        authority: tenant,
        code,
        nonce,
        codeVerifier,
        scopes: requestedScopes,
      }),
    ).toMatchObject({ ok: false, failure: { evidence: { error: "invalid_grant" } } });
  });

  it("a code of another sign-in is refused for its nonce", async () => {
    const { code, codeVerifier } = await signIn();
    const nonce = new Secret("another-nonce");

    expect(
      await (await adapters()).redeemCode({
        authority: tenant,
        code,
        codeVerifier,
        nonce,
        scopes: requestedScopes,
      }),
    ).toEqual({
      ok: false,
      failure: { kind: "id_token_rejected", check: "nonce" },
    });
  });

  it("a refresh token that was never issued ends in a refusal that is not yet believed", async () => {
    const refreshed = await (await adapters()).refresh({
      refreshToken: new Secret("never-issued"),
      account,
      scopes: [...graphScopes],
      until,
    });

    expect(refreshed).toMatchObject({
      ok: false,
      failure: { kind: "sign_in_required", certain: false },
    });
  });
});
