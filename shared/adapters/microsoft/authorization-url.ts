import type { AuthorizationRequest } from "../../domain/microsoft.ts";
import { requestedScopes } from "../../domain/permissions.ts";

export interface AuthorizationUrlSettings {
  readonly loginEndpoint: URL;
  readonly clientId: string;
  readonly redirectUri: URL;
  /** @default all that a connection needs */
  readonly scopes?: readonly string[];
  /** Of every person who is sent there. @see AuthorizationRequest */
  readonly isSignedIn?: boolean;
}

/** A hint, the account picker, or what the session at Microsoft says. */
const accountOf = (
  { loginHint, isSilent }: AuthorizationRequest,
  isSignedIn: boolean,
): Readonly<Record<string, string>> => {
  // OpenID Connect Core §3.1.2.1: beside `none` no other value may stand.
  if (isSilent)
    return { prompt: "none", ...(loginHint !== undefined && { login_hint: loginHint }) };
  if (loginHint !== undefined) return { login_hint: loginHint };
  return isSignedIn ? {} : { prompt: "select_account" };
};

/**
 * Where to send a person to sign in. Built without msal, which `start` would load for this alone.
 *
 * A first connect shows the account picker; a known account gets a hint instead, because Microsoft refuses
 * both together. `prompt=consent` is never sent: it asks ordinary users for consent that their
 * administrator has given.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#request-an-authorization-code
 */
export const authorizationUrl =
  ({
    loginEndpoint,
    clientId,
    redirectUri,
    scopes = requestedScopes,
    isSignedIn = false,
  }: AuthorizationUrlSettings) =>
  (request: AuthorizationRequest): URL => {
    const url = new URL(`/${request.authority}/oauth2/v2.0/authorize`, loginEndpoint);
    const parameters = {
      client_id: clientId,
      response_type: "code",
      redirect_uri: redirectUri.href,
      // Keeps the code out of URLs, and so out of histories, logs and Referer headers.
      response_mode: "form_post",
      scope: scopes.join(" "),
      state: request.state.reveal(),
      nonce: request.nonce.reveal(),
      code_challenge: request.codeChallenge,
      code_challenge_method: "S256",
      ...accountOf(request, isSignedIn || (request.isSignedIn ?? false)),
      ...(request.claims !== undefined && { claims: request.claims }),
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url;
  };
