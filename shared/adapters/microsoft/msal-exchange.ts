import { ConfidentialClientApplication, LogLevel } from "@azure/msal-node";
import type { Authority } from "../../domain/microsoft.ts";
import {
  type AppCredential,
  type AppCredentials,
  credentialId,
  type Fallback,
} from "./app-credential.ts";
import { refusesCredential } from "./failure-table.ts";
import { type ExchangeOutcome, TokenExchange, tokenCallMilliseconds } from "./token-exchange.ts";

export interface MsalSettings {
  /** The cloud's authority, which msal knows by name. */
  readonly authority: URL;
  /** Where its requests go. */
  readonly loginEndpoint: URL;
  readonly clientId: string;
}

/**
 * One token request through msal, told as what came back.
 *
 * @param until no request is begun that could end after this
 */
export type Exchange = (
  tenant: Authority,
  send: (client: ConfidentialClientApplication) => Promise<unknown>,
  until?: Date,
) => Promise<ExchangeOutcome>;

export interface ExchangeWatch {
  readonly now: () => Date;
  /** Told when a credential works and a better one did not, each time the better one was tried. */
  readonly onFallback: (fallback: Fallback) => void;
  /** Told when the issuer of the federated credential gives no assertion. */
  readonly onUnavailable: (error: unknown) => void;
  /** When a token request is given up. */
  readonly callMilliseconds?: number;
}

/**
 * All of the authority's metadata, so that msal asks for none of it.
 *
 * @see https://learn.microsoft.com/entra/msal/javascript/node/configuration `authorityMetadata`
 */
const metadataOf = ({ authority, loginEndpoint }: MsalSettings, tenant: Authority) =>
  JSON.stringify({
    authorization_endpoint: new URL(`/${tenant}/oauth2/v2.0/authorize`, loginEndpoint).href,
    token_endpoint: new URL(`/${tenant}/oauth2/v2.0/token`, loginEndpoint).href,
    jwks_uri: new URL(`/${tenant}/discovery/v2.0/keys`, loginEndpoint).href,
    end_session_endpoint: new URL(`/${tenant}/oauth2/v2.0/logout`, loginEndpoint).href,
    issuer: `${authority.origin}/{tenantid}/v2.0`,
  });

const noCredential: ExchangeOutcome = {
  kind: "refused",
  refusal: { evidence: { error: "invalid_client", errorCodes: [] } },
};

/** Too late to ask: nothing was sent, and nothing is known. */
const outOfTime: ExchangeOutcome = {
  kind: "unknown",
  refusal: { evidence: { error: "out_of_time", errorCodes: [] } },
};

/** A credential that was refused beside another one that works is tried again after this. */
const fallbackMilliseconds = 5 * 60 * 1000;

type ClientAuthentication =
  | { readonly clientSecret: string }
  | { readonly clientAssertion: () => Promise<string> }
  | { readonly clientCertificate: { thumbprintSha256: string; privateKey: string } };

/** As msal takes it. With a certificate it signs an assertion by PS256. */
const authenticationOf = async (credential: AppCredential): Promise<ClientAuthentication> => {
  switch (credential.kind) {
    case "federated": {
      const assertion = await credential.assertion();
      return { clientAssertion: async () => assertion.reveal() };
    }
    case "certificate": {
      const { thumbprintSha256, privateKey } = credential;
      return { clientCertificate: { thumbprintSha256, privateKey: privateKey.reveal() } };
    }
    case "client_secret":
      return { clientSecret: credential.secret.reveal() };
    default:
      return credential satisfies never;
  }
};

/** Token requests through msal, each with the app's credential and its bounds in time and size. */
export const msalExchange = (
  settings: MsalSettings,
  credentials: AppCredentials,
  { now, onFallback, onUnavailable, callMilliseconds = tokenCallMilliseconds }: ExchangeWatch,
): Exchange => {
  const { authority, loginEndpoint, clientId } = settings;
  /** The credential that works although it is not the first: until then, it is tried before all others. */
  let working: { readonly credential: AppCredential; readonly until: number } | undefined;

  async function* inOrder(fresh: boolean): AsyncIterable<AppCredential> {
    if (working && now().getTime() < working.until) yield working.credential;
    yield* credentials.inOrder({ fresh });
  }

  /** @returns `undefined` if this credential is not to be had now */
  const obtain = async (credential: AppCredential): Promise<ClientAuthentication | undefined> => {
    try {
      return await authenticationOf(credential);
    } catch (error) {
      onUnavailable(error);
      return undefined;
    }
  };

  /** A new client for every call: it keeps tokens in memory, and one function serves many users. */
  const exchangeWith = async (
    authentication: ClientAuthentication,
    tenant: Authority,
    send: (client: ConfidentialClientApplication) => Promise<unknown>,
  ): Promise<ExchangeOutcome> => {
    const exchange = new TokenExchange(loginEndpoint.origin, callMilliseconds);
    const client = new ConfidentialClientApplication({
      auth: {
        clientId,
        authority: `${authority.origin}/${tenant}`,
        authorityMetadata: metadataOf(settings, tenant),
        ...authentication,
      },
      system: {
        networkClient: exchange,
        loggerOptions: {
          piiLoggingEnabled: false,
          logLevel: LogLevel.Error,
          // What msal would say is said better by the outcome of the exchange.
          loggerCallback: () => {},
        },
      },
    });
    try {
      await send(client);
    } catch (error) {
      // What msal thinks of an answer does not matter: the outcome holds the answer itself.
      if (!exchange.outcome) throw error;
    }
    if (!exchange.outcome) throw new Error("msal made no request");
    return exchange.outcome;
  };

  /**
   * Tries the app's credentials in order. Only a refusal of the credential itself leads to the next one: Microsoft
   * refuses the client before it looks at what the client brought. RFC 6749 §5.2
   */
  return async (tenant, send, until) => {
    const tried = new Set<string>();
    let outcome: ExchangeOutcome = noCredential;
    // One that may be of the tenant alone says more than that of a credential that has ended.
    let perhaps: ExchangeOutcome | undefined;
    let better: AppCredential | undefined;
    for (const fresh of [false, true]) {
      for await (const credential of inOrder(fresh)) {
        if (tried.has(credentialId(credential))) continue;
        tried.add(credentialId(credential));
        const authentication = await obtain(credential);
        if (authentication) {
          if (until && now().getTime() + callMilliseconds > until.getTime()) return outOfTime;
          outcome = await exchangeWith(authentication, tenant, send);
          const isRefused =
            outcome.kind === "refused" ? refusesCredential(outcome.refusal) : undefined;
          if (isRefused === "perhaps") perhaps ??= outcome;
          if (!isRefused) {
            // Only a token proves that a credential works: an outage says nothing about it.
            if (better && outcome.kind === "answered") {
              working = { credential, until: now().getTime() + fallbackMilliseconds };
              onFallback({ from: better.kind, to: credential.kind });
            }
            return outcome;
          }
        }
        // What worked although it was not the first, and does no longer, is no better than what follows.
        if (credential !== working?.credential) better ??= credential;
        else working = undefined;
      }
    }
    return perhaps ?? outcome;
  };
};
