import { createHash, randomBytes } from "node:crypto";
import { ConfidentialClientApplication, CryptoProvider } from "@azure/msal-node";
import * as z from "zod/mini";
import { Clock } from "../../../../infra/local/clock.ts";
import type { SimulatorOptions } from "../../../../infra/local/microsoft/simulation.ts";
import { startMicrosoftSimulator } from "../../../../infra/local/microsoft/simulator.ts";
import {
  type Arrival,
  type Person,
  signIn,
} from "../../../../infra/local/microsoft/walk-sign-in.ts";

export const clientId = "8f2c1d4e-5a6b-4c7d-8e9f-0a1b2c3d4e5f";
export const clientSecret = "simulated+secret/with=odd characters";
export const redirectUri = "http://127.0.0.1:9/callback";
export const adminRedirectUri = "http://127.0.0.1:9/admin-consent-callback";

export const ben = "ben.okafor@larkfield.example";
export const ada = "ada.whitlock@larkfield.example";
export const niall = "niall.byrne@aldermoor.example";
export const margit = "margit.solberg@aldermoor.example";
export const quentin = "quentin.marsh@brightwater.example";
export const tomas = "tomas.rivera@castellan.example";
export const juno = "juno.hale@outlook.example";

export const mailScopes = "openid profile email offline_access User.Read Mail.ReadWrite Mail.Send";

const tokens = z.object({
  token_type: z.string(),
  scope: z.string(),
  expires_in: z.number(),
  access_token: z.string(),
  refresh_token: z.string(),
  id_token: z.string(),
  client_info: z.string(),
});

const refusal = z.object({
  error: z.string(),
  error_description: z.string(),
  error_codes: z.array(z.number()),
  timestamp: z.string(),
  trace_id: z.string(),
  correlation_id: z.string(),
  error_uri: z.string(),
  suberror: z.optional(z.string()),
  claims: z.optional(z.string()),
});

const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

const verifier = randomBytes(32).toString("base64url");

/** An app at the simulator, as far as a test needs one. */
export const startSimulatedApp = async (
  special: Pick<
    SimulatorOptions,
    "clientCertificates" | "federatedCredentials" | "appName" | "folder"
  > = {},
) => {
  const clock = new Clock();
  const simulator = await startMicrosoftSimulator({
    clock,
    clientId,
    clientSecrets: [clientSecret],
    redirectUris: [redirectUri],
    adminConsentRedirectUris: [adminRedirectUri],
    ...special,
  });
  const { origin } = simulator;

  /** A parameter that is `undefined` is left out. */
  const authorizeUrl = (
    changes: Readonly<Record<string, string | undefined>> = {},
    authority = "common",
  ): URL => {
    const url = new URL(`/${authority}/oauth2/v2.0/authorize`, origin);
    const parameters = {
      client_id: clientId,
      response_type: "code",
      redirect_uri: redirectUri,
      response_mode: "form_post",
      scope: mailScopes,
      state: "the-state",
      nonce: "the-nonce",
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
      code_challenge_method: "S256",
      ...changes,
    };
    for (const [name, value] of Object.entries(parameters))
      if (value !== undefined) url.searchParams.set(name, value);
    return url;
  };

  const adminConsentUrl = (
    changes: Readonly<Record<string, string | undefined>> = {},
    authority = "organizations",
  ): URL => {
    const url = new URL(`/${authority}/v2.0/adminconsent`, origin);
    const parameters = {
      client_id: clientId,
      redirect_uri: adminRedirectUri,
      scope: mailScopes,
      state: "the-state",
      ...changes,
    };
    for (const [name, value] of Object.entries(parameters))
      if (value !== undefined) url.searchParams.set(name, value);
    return url;
  };

  const walk = (person: Person, url = authorizeUrl()) => signIn(url, person);

  /** @throws if nothing reaches the app */
  const arrive = async (person: Person, url = authorizeUrl()): Promise<Arrival> => {
    const walked = await signIn(url, person);
    if ("kept" in walked) throw new Error(`kept on ${walked.kept}`);
    return walked;
  };

  const codeFor = async (username: string, url = authorizeUrl()): Promise<string> => {
    const { fields } = await arrive({ username }, url);
    const code = fields.get("code");
    if (code === null) throw new Error(`no code but ${fields}`);
    return code;
  };

  const postToken = (
    fields: Readonly<Record<string, string | undefined>>,
    authority = "common",
  ): Promise<Response> => {
    const form = new URLSearchParams();
    const all = { client_id: clientId, client_secret: clientSecret, ...fields };
    for (const [name, value] of Object.entries(all)) if (value !== undefined) form.set(name, value);
    return fetch(`${origin}/${authority}/oauth2/v2.0/token`, {
      method: "POST",
      body: form,
      redirect: "manual",
    });
  };

  const redeem = (
    code: string,
    changes: Readonly<Record<string, string | undefined>> = {},
    authority = "common",
  ) =>
    postToken(
      {
        grant_type: "authorization_code",
        code,
        redirect_uri: redirectUri,
        code_verifier: verifier,
        ...changes,
      },
      authority,
    );

  const refresh = (
    refreshToken: string,
    changes: Readonly<Record<string, string | undefined>> = {},
    authority = "common",
  ) =>
    postToken({ grant_type: "refresh_token", refresh_token: refreshToken, ...changes }, authority);

  const tokensOf = async (answer: Response | Promise<Response>) =>
    tokens.parse(await (await answer).json());

  const refusalOf = async (answer: Response | Promise<Response>) => {
    const response = await answer;
    return { status: response.status, ...refusal.parse(await response.json()) };
  };

  const tokensFor = async (username: string, url = authorizeUrl(), authority = "common") =>
    tokensOf(redeem(await codeFor(username, url), {}, authority));

  const graph = (path: string, accessToken: string) =>
    fetch(`${origin}/graph/v1.0${path}`, { headers: { authorization: `Bearer ${accessToken}` } });

  const keys = async (tenant: string) =>
    keySet.parse(await (await fetch(`${origin}/${tenant}/discovery/v2.0/keys`)).json());

  /** msal knows Microsoft's hosts by heart, so that it needs no discovery and only its endpoints move. */
  const msal = (tenant: string) =>
    new ConfidentialClientApplication({
      auth: {
        clientId,
        clientSecret,
        authority: `https://login.microsoftonline.com/${tenant}`,
        authorityMetadata: JSON.stringify({
          authorization_endpoint: `${origin}/${tenant}/oauth2/v2.0/authorize`,
          token_endpoint: `${origin}/${tenant}/oauth2/v2.0/token`,
          jwks_uri: `${origin}/${tenant}/discovery/v2.0/keys`,
          issuer: "https://login.microsoftonline.com/{tenantid}/v2.0",
        }),
      },
    });

  return {
    clock,
    origin,
    control: simulator.control,
    close: simulator.close,
    authorizeUrl,
    adminConsentUrl,
    walk,
    arrive,
    codeFor,
    postToken,
    redeem,
    refresh,
    tokensOf,
    refusalOf,
    tokensFor,
    graph,
    keys,
    msal,
    pkce: () => new CryptoProvider().generatePkceCodes(),
  };
};

export type SimulatedApp = Awaited<ReturnType<typeof startSimulatedApp>>;
