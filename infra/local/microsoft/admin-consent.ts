import { describe, errorUri, type KnownCode, refusal, type Trace } from "./aadsts.ts";
import type { Outcome } from "./authorize.ts";
import { canConsentForTenant, grantForTenant } from "./consents.ts";
import { type HttpResponse, seeOther } from "./http-exchange.ts";
import { adminConsentPage, needAdminApprovalPage } from "./pages/consent-pages.ts";
import { errorPage } from "./pages/error-page.ts";
import { readScopes } from "./scopes.ts";
import type { AdminConsentPurpose, Authority, Principal, Simulation } from "./simulation.ts";

/**
 * Back to the app, always with `admin_consent=True`: it says which flow ended, not how. Refusals carry no
 * tenant.
 */
const answer = (
  { redirectUri, state }: AdminConsentPurpose,
  fields: Readonly<Record<string, string>>,
): HttpResponse => {
  const target = new URL(redirectUri);
  const all = { admin_consent: "True", ...fields, ...(state !== undefined && { state }) };
  for (const [name, value] of Object.entries(all)) target.searchParams.append(name, value);
  return seeOther(302, target.href);
};

/** Checks a request to `/{tenant}/v2.0/adminconsent`. It knows no code, nonce or response mode. */
export const readAdminConsent = (
  { options }: Simulation,
  authority: Authority,
  parameters: URLSearchParams,
  trace: Trace,
): { readonly purpose: AdminConsentPurpose } | { readonly response: HttpResponse } => {
  const get = (name: string) => parameters.get(name) || undefined;
  const refuse = (code: KnownCode, text?: string) => ({
    response: errorPage(refusal(code, text === undefined ? {} : { text }), trace),
  });

  // `common` is reported to fail like this; Microsoft only says not to use it.
  if (authority.kind === "common" || authority.kind === "consumers")
    return refuse(
      900144,
      "The request body must contain the following parameter: 'response_type'.",
    );
  if (get("client_id") !== options.clientId) return refuse(700016);
  const redirectUri = get("redirect_uri");
  if (redirectUri === undefined) return refuse(900971);
  if (!(options.adminConsentRedirectUris ?? options.redirectUris).includes(redirectUri))
    return refuse(50011);
  const scopeText = get("scope");
  if (scopeText === undefined)
    return refuse(900144, "The request body must contain the following parameter: 'scope'.");
  const scopes = readScopes(scopeText);
  if ("unknown" in scopes) return refuse(650053);

  return {
    purpose: {
      kind: "admin_consent",
      redirectUri,
      state: get("state"),
      scopes: scopes.names,
      scopeText,
    },
  };
};

interface Arrived {
  readonly simulation: Simulation;
  readonly purpose: AdminConsentPurpose;
  readonly principal: Principal;
  readonly action: string;
  readonly trace: Trace;
}

export const adminConsentStep = ({
  simulation,
  purpose,
  principal,
  action,
  trace,
}: Arrived): Outcome => {
  const silently = refusal(90094);
  const shown = {
    action,
    appName: simulation.appName,
    username: principal.account.username,
  };
  return {
    kind: "shown",
    silently,
    response: canConsentForTenant(principal)
      ? adminConsentPage({
          ...shown,
          scopes: purpose.scopes,
          tenantName: principal.tenant.name,
        })
      : needAdminApprovalPage({ ...shown, details: describe(refusal(90094), trace) }),
  };
};

export const adminConsentForm = (arrived: Arrived, form: URLSearchParams): Outcome => {
  const { simulation, purpose, principal, trace } = arrived;
  const declined = refusal(65004);
  switch (form.get("action")) {
    case "accept":
      if (!canConsentForTenant(principal)) return adminConsentStep(arrived);
      grantForTenant(simulation, principal.tenant.id, purpose.scopes);
      return {
        kind: "answered",
        response: answer(purpose, { tenant: principal.tenant.id, scope: purpose.scopeText }),
      };

    case "cancel":
      return {
        kind: "answered",
        response: answer(purpose, {
          error: declined.error,
          error_description: describe(declined, trace),
          error_uri: errorUri(declined),
        }),
      };

    case "return":
      return {
        kind: "answered",
        response: answer(purpose, { error: "access_denied", error_subcode: "cancel" }),
      };

    default:
      return adminConsentStep(arrived);
  }
};
