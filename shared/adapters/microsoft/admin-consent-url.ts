import type { AdminConsentUrlRequest } from "../../domain/microsoft.ts";
import { requestedScopes } from "../../domain/permissions.ts";

export interface AdminConsentUrlSettings {
  readonly loginEndpoint: URL;
  readonly clientId: string;
  readonly redirectUri: URL;
}

/**
 * Where an administrator approves for the whole organisation. Always with all permissions, because an approval
 * may take away what an earlier one gave; never at `common`, where personal accounts could end up.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/v2-admin-consent
 */
export const adminConsentUrl =
  ({ loginEndpoint, clientId, redirectUri }: AdminConsentUrlSettings) =>
  ({ tenant, state }: AdminConsentUrlRequest): URL => {
    const url = new URL(`/${tenant ?? "organizations"}/v2.0/adminconsent`, loginEndpoint);
    const parameters = {
      client_id: clientId,
      redirect_uri: redirectUri.href,
      scope: requestedScopes.join(" "),
      state: state.reveal(),
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url;
  };
