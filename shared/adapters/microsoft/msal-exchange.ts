import { ConfidentialClientApplication, LogLevel } from "@azure/msal-node";
import type { Authority } from "../../domain/microsoft.ts";
import type { Secret } from "../../domain/secret.ts";
import type { ClientCredential } from "../secrets-manager/client-credential.ts";
import { classifyRefusal } from "./failure-table.ts";
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
  /** Told when an older secret works and a newer one is refused, once for each reading of the credential. */
  readonly onFallback: () => void;
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

/** Token requests through msal, each with the app's credential and its bounds in time and size. */
export const msalExchange = (
  settings: MsalSettings,
  credential: ClientCredential,
  { now, onFallback, callMilliseconds = tokenCallMilliseconds }: ExchangeWatch,
): Exchange => {
  const { authority, loginEndpoint, clientId } = settings;
  /** Of the secrets as they were read last, the one that works although it is not the first. */
  let working: { readonly of: readonly Secret[]; readonly secret: Secret } | undefined;

  const inOrder = (secrets: readonly Secret[]): readonly Secret[] =>
    working?.of === secrets ? [working.secret, ...secrets] : secrets;

  /** A new client for every call: it keeps tokens in memory, and one function serves many users. */
  const exchangeWith = async (
    clientSecret: Secret,
    tenant: Authority,
    send: (client: ConfidentialClientApplication) => Promise<unknown>,
  ): Promise<ExchangeOutcome> => {
    const exchange = new TokenExchange(loginEndpoint.origin, callMilliseconds);
    const client = new ConfidentialClientApplication({
      auth: {
        clientId,
        authority: `${authority.origin}/${tenant}`,
        authorityMetadata: metadataOf(settings, tenant),
        clientSecret: clientSecret.reveal(),
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
   * Tries the app's secrets in order. Only `invalid_client` leads to the next one: Microsoft refuses the
   * client before it looks at what the client brought. RFC 6749 §5.2
   */
  return async (tenant, send, until) => {
    const tried = new Set<string>();
    let outcome: ExchangeOutcome = noCredential;
    for (const fresh of [false, true]) {
      const secrets = await credential.secrets({ fresh });
      for (const secret of inOrder(secrets)) {
        if (tried.has(secret.reveal())) continue;
        if (until && now().getTime() + callMilliseconds > until.getTime()) return outOfTime;
        tried.add(secret.reveal());
        outcome = await exchangeWith(secret, tenant, send);
        const isRejected =
          outcome.kind === "refused" &&
          classifyRefusal(outcome.refusal).kind === "app_credential_rejected";
        if (isRejected) continue;
        // Only a token proves that a secret works: an outage says nothing about it.
        const isProven = outcome.kind === "answered";
        if (isProven && secret !== secrets[0] && working?.secret !== secret) {
          working = { of: secrets, secret };
          onFallback();
        }
        return outcome;
      }
    }
    return outcome;
  };
};
