import { createHash } from "node:crypto";
import { type Refusal, refusal, type Trace, tokenError } from "./aadsts.ts";
import { refuseClient } from "./client-authentication.ts";
import { grantedGraphScopes, isConsented } from "./consents.ts";
import { personalTenantId } from "./directory.ts";
import type { TokenAlteration } from "./faults.ts";
import { type HttpRequest, type HttpResponse, json } from "./http-exchange.ts";
import { readScopes, writeScopes } from "./scopes.ts";
import {
  type Authority,
  type Grant,
  homePrincipal,
  principalAt,
  type Simulation,
  sameAuthority,
  stepUpClaims,
} from "./simulation.ts";
import { clientInfoOf, issueAccessToken, issueIdToken, issueRefreshToken } from "./tokens.ts";

const missing = (parameter: string) =>
  refusal(900144, {
    text: `The request body must contain the following parameter: '${parameter}'.`,
  });

/** A grant that may be served now, or why not. */
type Found = { readonly grant: Grant } | { readonly refused: Refusal };

/** RFC 7636 §4.6 */
const provesChallenge = (
  challenge: { readonly value: string; readonly method: "S256" | "plain" } | undefined,
  verifier: string | null,
): boolean => {
  if (!challenge) return verifier === null;
  const proof =
    challenge.method === "S256"
      ? createHash("sha256")
          .update(verifier ?? "")
          .digest("base64url")
      : verifier;
  return proof === challenge.value;
};

/**
 * Spends the code. A request with a wrong redirect URI, tenant or verifier leaves it as it was; whether
 * Microsoft does so too is [unverified].
 */
const redeem = (simulation: Simulation, authority: Authority, form: URLSearchParams): Found => {
  const code = form.get("code");
  if (!code) return { refused: missing("code") };

  const grant = simulation.state.codes.get(code);
  if (!grant) return { refused: refusal(70000) };
  if (grant.redeemed) return { refused: refusal(54005) };
  if (grant.expiresAt <= simulation.now()) return { refused: refusal(70008) };
  if (!sameAuthority(grant.authority, authority)) return { refused: refusal(700005) };
  if (form.get("redirect_uri") !== grant.redirectUri)
    return { refused: refusal(50011, { error: "invalid_grant" }) };
  if (!provesChallenge(grant.codeChallenge, form.get("code_verifier")))
    return { refused: refusal(501481) };
  grant.redeemed = true;
  return { grant };
};

/** Leaves the refresh token as it is: Microsoft does not revoke it when it is used. */
const refresh = (simulation: Simulation, authority: Authority, form: URLSearchParams): Found => {
  const token = form.get("refresh_token");
  if (!token) return { refused: missing("refresh_token") };
  const grant = simulation.state.refreshTokens.get(token);
  if (!grant) return { refused: refusal(70000, { suberror: "bad_token" }) };
  if (grant.expiresAt <= simulation.now()) return { refused: refusal(700082) };

  // Refresh tokens are bound to the person and the app, not to a tenant.
  const principal = principalAt(simulation, grant.principal.account, authority);
  if (!principal) return { refused: refusal(50020, { error: "invalid_grant" }) };
  return {
    grant: authority.kind === "tenant" ? { ...grant, principal } : grant,
  };
};

/** What may have changed since the person signed in. */
const refuseGrant = (
  simulation: Simulation,
  grant: Grant,
  scopes: readonly string[],
): Refusal | undefined => {
  const { account, tenant } = grant.principal;
  const { appDisabled, blocked, mfa, signInFrequencySeconds } = tenant.policy;
  if (account.disabled) return refusal(50057);
  if (appDisabled) return refusal(7000112);
  if (blocked) return refusal(53003);
  if (grant.sessionEpoch !== account.sessionEpoch) return refusal(50173);
  // At the token endpoint Microsoft wraps it in `invalid_grant`; the suberror tells.
  if (mfa && grant.mfaEpoch !== tenant.mfaEpoch)
    return refusal(50076, { error: "invalid_grant", claims: stepUpClaims });
  const age = (simulation.now().getTime() - grant.authenticatedAt.getTime()) / 1000;
  if (signInFrequencySeconds > 0 && age > signInFrequencySeconds) return refusal(70043);
  return isConsented(simulation, grant.principal, scopes) ? undefined : refusal(65001);
};

/** Work accounts get what else they have granted as well; personal ones only what was asked for. */
const grantedScopes = (simulation: Simulation, grant: Grant, requested: readonly string[]) =>
  grant.principal.tenant.id === personalTenantId
    ? requested
    : [...new Set([...requested, ...grantedGraphScopes(simulation, grant.principal)])];

const tokenAnswer = async (
  simulation: Simulation,
  grant: Grant,
  scopes: readonly string[],
  withResource: boolean,
  alteration: TokenAlteration,
): Promise<Readonly<Record<string, unknown>>> => {
  const granted = alteration.scopes ?? grantedScopes(simulation, grant, scopes);
  const { principal } = grant;
  const access = issueAccessToken(simulation, { principal, scopes: granted });
  const answer = {
    token_type: "Bearer",
    scope: writeScopes(granted, withResource),
    expires_in: access.expiresIn,
    ext_expires_in: access.expiresIn,
    access_token: access.token,
    ...(grant.scopes.includes("offline_access") && {
      refresh_token: issueRefreshToken(simulation, grant),
    }),
    ...(scopes.includes("openid") && {
      id_token: await issueIdToken(simulation, { ...grant, scopes }, alteration.idToken),
    }),
    client_info: clientInfoOf(principal),
    ...alteration.set,
  };
  return Object.fromEntries(
    Object.entries(answer).filter(([name]) => !alteration.omit?.includes(name)),
  );
};

/** POST `/{tenant}/oauth2/v2.0/token` */
export const tokenEndpoint = async (
  simulation: Simulation,
  request: HttpRequest,
  authority: Authority,
  trace: Trace,
): Promise<HttpResponse> => {
  const { form } = request;
  const grantType = form.get("grant_type");
  if (!grantType) return tokenError(missing("grant_type"), trace);
  const clientRefused = await refuseClient(simulation, request);
  if (clientRefused) return tokenError(clientRefused, trace);
  if (grantType !== "authorization_code" && grantType !== "refresh_token")
    return tokenError(refusal(70003), trace);

  const found =
    grantType === "authorization_code"
      ? redeem(simulation, authority, form)
      : refresh(simulation, authority, form);
  if ("refused" in found) return tokenError(found.refused, trace);

  const { grant } = found;
  const scopeText = form.get("scope");
  const requested = scopeText
    ? readScopes(scopeText)
    : { names: grant.scopes, withResource: grant.withResource };
  if ("unknown" in requested) return tokenError(refusal(70011), trace);
  const refused = refuseGrant(simulation, grant, requested.names);
  if (refused) return tokenError(refused, trace);

  const order = simulation.state.alterations.take(grantType, () => true);
  const alteration = order?.alteration ?? {};
  const other =
    alteration.account === undefined
      ? undefined
      : simulation.state.accounts.get(alteration.account.toLowerCase());
  const served = other ? { ...grant, principal: homePrincipal(simulation, other) } : grant;
  return json(
    200,
    await tokenAnswer(simulation, served, requested.names, requested.withResource, alteration),
    { "x-ms-request-id": trace.traceId, "client-request-id": trace.correlationId },
  );
};
