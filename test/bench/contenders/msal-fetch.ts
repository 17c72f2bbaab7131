import {
  ConfidentialClientApplication,
  DistributedCachePlugin,
  type ICacheClient,
} from "@azure/msal-node";

/** How a token fetch is written from msal's documentation: its cache, kept by a plugin, asked silently. */
export interface MsalFetchParts {
  /** The row of a connection, for whose workspace it is and where its cache is kept. */
  readonly findConnection: (id: string) => Promise<{ workspaceId?: string; cacheKey?: string }>;
  readonly cache: ICacheClient;
}

export interface FetchEvent {
  readonly connectionId: string;
  readonly workspaceId: string;
}

const setting = (name: string): string => process.env[name] ?? "";

export const msalFetch =
  ({ findConnection, cache }: MsalFetchParts) =>
  async ({ connectionId, workspaceId }: FetchEvent) => {
    const row = await findConnection(connectionId);
    if (row.workspaceId !== workspaceId || !row.cacheKey) return { ok: false, error: "not_found" };
    const key = row.cacheKey;
    const tenant = setting("BENCH_TENANT");
    const login = setting("BENCH_LOGIN_ENDPOINT");
    const client = new ConfidentialClientApplication({
      auth: {
        clientId: setting("BENCH_CLIENT_ID"),
        clientSecret: setting("BENCH_CLIENT_SECRET"),
        authority: `https://login.microsoftonline.com/${tenant}`,
        authorityMetadata: JSON.stringify({
          authorization_endpoint: `${login}/${tenant}/oauth2/v2.0/authorize`,
          token_endpoint: `${login}/${tenant}/oauth2/v2.0/token`,
          jwks_uri: `${login}/${tenant}/discovery/v2.0/keys`,
          end_session_endpoint: `${login}/${tenant}/oauth2/v2.0/logout`,
          issuer: "https://login.microsoftonline.com/{tenantid}/v2.0",
        }),
      },
      cache: {
        cachePlugin: new DistributedCachePlugin(cache, {
          getKey: () => Promise.resolve(key),
          extractKey: () => Promise.resolve(key),
        }),
      },
    });
    const [account] = await client.getTokenCache().getAllAccounts();
    if (!account) return { ok: false, error: "not_found" };
    const { accessToken, expiresOn } = await client.acquireTokenSilent({
      account,
      scopes: setting("BENCH_SCOPES").split(" "),
    });
    return { ok: true, accessToken, expiresAt: expiresOn?.toISOString() };
  };
