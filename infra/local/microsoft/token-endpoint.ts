import { createHash } from "node:crypto";
import { importSPKI, importX509, jwtVerify } from "jose";
import { type KnownCode, type Refusal, refusal, type Trace, tokenError } from "./aadsts.ts";
import { grantedGraphScopes, isConsented } from "./consents.ts";
import { personalTenantId } from "./directory.ts";
import type { TokenAlteration } from "./faults.ts";
import { type HttpRequest, type HttpResponse, json } from "./http-exchange.ts";
import { isOpenIdScope, type RequestedScopes, readScopes, writeScopes } from "./scopes.ts";
import {
  type Authority,
  type Grant,
  homePrincipal,
  type Principal,
  principalAt,
  type Simulation,
  sameAuthority,
  stepUpClaims,
} from "./simulation.ts";
import {
  clientInfoOf,
  issueAccessToken,
  issueIdToken,
  issueRefreshToken,
} from "./tokens.ts";

/** A refusal on its way out; every check of the endpoint may end the request with one. */
class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refused: Refusal) {
    super(refused.error);
    this.refusal = refused;
  }
}

const refuse = (code: KnownCode, changes: Partial<Refusal> = {}): never => {
  throw new Refused(refusal(code, changes));
};

const required = (form: URLSearchParams, name: string): string =>
  form.get(name) ||
  refuse(900144, { text: `The request body must contain the following parameter: '${name}'.` });

/** `client_secret_basic`: both parts are form-encoded before they are joined. RFC 6749 §2.3.1 */
const basicCredentials = ({ headers }: HttpRequest) => {
  const [scheme, value = ""] = (headers.authorization ?? "").split(" ");
  if (scheme?.toLowerCase() !== "basic") return undefined;
  const [id = "", secret = ""] = Buffer.from(value, "base64").toString("utf8").split(":");
  const decoded = (text: string) => decodeURIComponent(text.replaceAll("+", " "));
  return { id: decoded(id), secret: decoded(secret) };
};

const checkAssertion = async (
  { options, now }: Simulation,
  assertion: string,
  tokenEndpoint: string,
): Promise<void> => {
  for (const pem of options.clientCertificates ?? []) {
    try {
      const key = pem.includes("CERTIFICATE")
        ? await importX509(pem, "PS256")
        : await importSPKI(pem, "PS256");
      await jwtVerify(assertion, key, {
        issuer: options.clientId,
        subject: options.clientId,
        audience: tokenEndpoint,
        currentDate: now(),
      });
      return;
    } catch {
      // Perhaps it is signed with another certificate.
    }
  }
  refuse(700027);
};

/** The app proves who it is before anything it brought is looked at. RFC 6749 §5.2 */
const checkClient = async (simulation: Simulation, request: HttpRequest): Promise<void> => {
  const { form, url } = request;
  const basic = basicCredentials(request);
  const clientId = basic?.id ?? required(form, "client_id");
  if (clientId !== simulation.options.clientId) refuse(700016);
  const assertion = form.get("client_assertion");
  if (assertion) return checkAssertion(simulation, assertion, `${url.origin}${url.pathname}`);
  const secret = basic?.secret ?? form.get("client_secret");
  if (!secret) return refuse(7000218);
  const known = simulation.state.clientSecrets.get(secret);
  if (!known) return refuse(7000215);
  if (known.expired) return refuse(7000222);
};

const readScopeParameter = (form: URLSearchParams): RequestedScopes | undefined => {
  const text = form.get("scope");
  if (!text) return undefined;
  const scopes = readScopes(text);
  return "unknown" in scopes ? refuse(70011) : scopes;
};

/** Whether an authority accepts what was issued to this account. */
const checkPlace = (simulation: Simulation, { account }: Principal, authority: Authority) => {
  if (!principalAt(simulation, account, authority)) refuse(700005);
};

/** What may have changed since the person signed in. */
const checkPerson = (simulation: Simulation, grant: Grant): void => {
  const { account, tenant } = grant.principal;
  const { policy } = tenant;
  if (account.disabled) refuse(50057);
  if (policy.appDisabled) refuse(7000112);
  if (policy.blocked) refuse(53003);
  if (grant.sessionEpoch !== account.sessionEpoch) refuse(50173);
  if (policy.mfa && grant.mfaEpoch !== tenant.mfaEpoch) {
    // At the token endpoint Microsoft wraps it in `invalid_grant`; msal understands both.
    refuse(50076, { error: "invalid_grant", claims: stepUpClaims });
  }
  const age = (simulation.now().getTime() - grant.authenticatedAt.getTime()) / 1000;
  if (policy.signInFrequencySeconds > 0 && age > policy.signInFrequencySeconds) refuse(70043);
};

const isVerified = (challenge: { value: string; method: string }, verifier: string): boolean =>
  challenge.value ===
  (challenge.method === "S256"
    ? createHash("sha256").update(verifier).digest("base64url")
    : verifier);

const redeemCode = (
  simulation: Simulation,
  { form }: HttpRequest,
  authority: Authority,
): { grant: Grant; scopes: RequestedScopes } => {
  const { state } = simulation;
  const code = required(form, "code");
  state.redemptions.set(code, (state.redemptions.get(code) ?? 0) + 1);
  const grant = state.codes.get(code) ?? refuse(70000);
  if (grant.redeemed) refuse(54005);
  if (grant.expiresAt <= simulation.now()) refuse(70008);
  if (!sameAuthority(grant.authority, authority)) refuse(700005);
  if (required(form, "redirect_uri") !== grant.redirectUri) {
    refuse(50011, { error: "invalid_grant" });
  }
  if (grant.codeChallenge && !isVerified(grant.codeChallenge, form.get("code_verifier") ?? "")) {
    refuse(501481);
  }
  grant.redeemed = true;
  checkPerson(simulation, grant);
  const { scopes, withResource } = grant;
  return { grant, scopes: readScopeParameter(form) ?? { names: scopes, withResource } };
};

const useRefreshToken = (
  simulation: Simulation,
  { form }: HttpRequest,
  authority: Authority,
): { grant: Grant; scopes: RequestedScopes } => {
  const grant = simulation.state.refreshTokens.get(required(form, "refresh_token")) ?? refuse(70000);
  if (grant.expiresAt <= simulation.now()) refuse(700082);
  checkPlace(simulation, grant.principal, authority);
  checkPerson(simulation, grant);
  const { scopes, withResource } = grant;
  return { grant, scopes: readScopeParameter(form) ?? { names: scopes, withResource } };
};

const alteredGrant = (simulation: Simulation, grant: Grant, { account }: TokenAlteration): Grant => {
  const other = account && simulation.state.accounts.get(account.toLowerCase());
  return other ? { ...grant, principal: homePrincipal(simulation, other) } : grant;
};

const answerTokens = async (
  simulation: Simulation,
  asked: Grant,
  requested: RequestedScopes,
  alteration: TokenAlteration,
): Promise<HttpResponse> => {
  const grant = alteredGrant(simulation, asked, alteration);
  const { principal } = grant;
  const names = alteration.scopes ?? [
    ...new Set([
      ...requested.names,
      // Work accounts get everything that was consented. Breaking changes of August 2021.
      ...(principal.tenant.id === personalTenantId ? [] : grantedGraphScopes(simulation, principal)),
    ]),
  ];
  const graphScopes = names.filter((name) => !isOpenIdScope(name));
  const { token, expiresIn } = issueAccessToken(simulation, { principal, scopes: graphScopes });
  const kept: Grant = { ...grant, scopes: names };
  const answer = {
    token_type: "Bearer",
    scope: writeScopes(names, requested.withResource),
    expires_in: expiresIn,
    ext_expires_in: expiresIn,
    access_token: token,
    ...(requested.names.includes("offline_access") && {
      refresh_token: issueRefreshToken(simulation, kept),
    }),
    ...(requested.names.includes("openid") && {
      id_token: await issueIdToken(simulation, kept, alteration.idToken),
      client_info: clientInfoOf(principal),
    }),
    ...alteration.set,
  };
  const omitted = new Set(alteration.omit);
  return json(200, Object.fromEntries(Object.entries(answer).filter(([name]) => !omitted.has(name))));
};

/** `POST /{tenant}/oauth2/v2.0/token` */
export const tokenEndpoint = async (
  simulation: Simulation,
  request: HttpRequest,
  authority: Authority,
  trace: Trace,
): Promise<HttpResponse> => {
  const { form } = request;
  try {
    const grantType = required(form, "grant_type");
    await checkClient(simulation, request);
    const use =
      grantType === "authorization_code"
        ? redeemCode
        : grantType === "refresh_token"
          ? useRefreshToken
          : () => refuse(70003);
    const { grant, scopes } = use(simulation, request, authority);
    if (!isConsented(simulation, grant.principal, scopes.names)) refuse(65001);
    const order = simulation.state.alterations.take(grantType, () => true);
    return await answerTokens(simulation, grant, scopes, order?.alteration ?? {});
  } catch (error) {
    if (error instanceof Refused) return tokenError(error.refusal, trace);
    throw error;
  }
};
