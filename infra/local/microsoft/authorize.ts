import { randomUUID } from "node:crypto";
import * as z from "zod/mini";
import { describe, errorUri, type KnownCode, type Refusal, refusal, type Trace } from "./aadsts.ts";
import {
  canConsentForTenantWhenSigningIn,
  grantForTenant,
  grantForUser,
  neededConsent,
} from "./consents.ts";
import { personalTenantId } from "./directory.ts";
import { type HttpResponse, seeOther } from "./http-exchange.ts";
import {
  consentPage,
  needAdminApprovalPage,
  personalConsentPage,
  requestApprovalPage,
  requestSentPage,
} from "./pages/consent-pages.ts";
import { errorPage } from "./pages/error-page.ts";
import { formPostPage } from "./pages/form-post-page.ts";
import { readScopes } from "./scopes.ts";
import type {
  AuthorizePurpose,
  Interaction,
  Principal,
  SignedIn,
  Simulation,
} from "./simulation.ts";
import { clientInfoOf, issueCode } from "./tokens.ts";

type AnswerTarget = Pick<AuthorizePurpose, "redirectUri" | "responseMode" | "state">;

/** Sends the browser back to the app with these fields, and the state if there was one. */
const answer = (
  { redirectUri, responseMode, state }: AnswerTarget,
  fields: Readonly<Record<string, string>>,
): HttpResponse => {
  const all = new URLSearchParams(fields);
  if (state !== undefined) all.set("state", state);
  if (responseMode === "form_post") return formPostPage(redirectUri, all);
  const target = new URL(redirectUri);
  if (responseMode === "fragment") {
    target.hash = all.toString();
    return seeOther(302, target.href);
  }
  for (const [name, value] of all) target.searchParams.append(name, value);
  // An empty fragment, so that none of the app's own page survives the redirect.
  return seeOther(302, `${target.href}#`);
};

export const answerRefusal = (target: AnswerTarget, refused: Refusal, trace: Trace): HttpResponse =>
  answer(target, {
    error: refused.error,
    error_description: describe(refused, trace),
    error_uri: errorUri(refused),
  });

/** A request that begins an interaction, or the answer that ends it at once. */
export type ReadAuthorize =
  | { readonly purpose: AuthorizePurpose }
  | { readonly response: HttpResponse };

const responseMode = z.catch(z.enum(["query", "fragment", "form_post"]), "query");
const promptValue = z.optional(z.enum(["none", "login", "select_account", "consent"]));

/** The claims of Conditional Access; msal's own request for ID token claims asks for no second factor. */
const claimsRequest = z.object({
  access_token: z.optional(
    z.object({ acrs: z.optional(z.unknown()), capolids: z.optional(z.unknown()) }),
  ),
});

const readClaims = (text: string): { readonly stepUp: boolean } | undefined => {
  try {
    const claims = claimsRequest.safeParse(JSON.parse(text));
    if (!claims.success) return undefined;
    const { acrs, capolids } = claims.data.access_token ?? {};
    return { stepUp: acrs !== undefined || capolids !== undefined };
  } catch {
    return undefined;
  }
};

/**
 * Checks a request to `/{tenant}/oauth2/v2.0/authorize`. What makes the redirect URI doubtful stays on an
 * error page; everything else is told to the app.
 */
export const readAuthorize = (
  simulation: Simulation,
  parameters: URLSearchParams,
  trace: Trace,
): ReadAuthorize => {
  const { options } = simulation;
  const get = (name: string) => parameters.get(name) || undefined;

  const redirectUri = get("redirect_uri");
  if (get("client_id") === undefined)
    return {
      response: errorPage(
        refusal(900144, {
          text: "The request body must contain the following parameter: 'client_id'.",
        }),
        trace,
      ),
    };
  if (get("client_id") !== options.clientId) return { response: errorPage(refusal(700016), trace) };
  if (redirectUri === undefined || !options.redirectUris.includes(redirectUri))
    return { response: errorPage(refusal(50011), trace) };

  const target = {
    redirectUri,
    responseMode: responseMode.parse(get("response_mode")),
    state: get("state"),
  };
  const refuse = (code: KnownCode, text?: string): ReadAuthorize => ({
    response: answerRefusal(target, refusal(code, text === undefined ? {} : { text }), trace),
  });

  if (get("response_type") === undefined)
    return refuse(
      900144,
      "The request body must contain the following parameter: 'response_type'.",
    );
  if (get("response_type") !== "code") return refuse(700054);
  const mode = get("response_mode");
  if (mode !== undefined && mode !== target.responseMode)
    return refuse(90023, `Unsupported 'response_mode' value: '${mode}'.`);
  const prompt = promptValue.safeParse(get("prompt"));
  if (!prompt.success) return refuse(90023, "Unsupported 'prompt' value.");
  // Microsoft refuses the two together; with which number is [unverified].
  if (prompt.data === "select_account" && get("login_hint") !== undefined)
    return refuse(90023, "'login_hint' must not be sent with prompt 'select_account'.");

  const scopeText = get("scope");
  if (scopeText === undefined)
    return refuse(900144, "The request body must contain the following parameter: 'scope'.");
  const scopes = readScopes(scopeText);
  if ("unknown" in scopes) return refuse(650053);

  const challenge = get("code_challenge");
  const method = get("code_challenge_method") ?? "plain";
  if (challenge !== undefined && !/^[A-Za-z0-9._~-]{43,128}$/.test(challenge))
    return refuse(501491);
  if (method !== "plain" && method !== "S256")
    return refuse(90023, "Unsupported 'code_challenge_method' value.");

  const claims = readClaims(get("claims") ?? "{}");
  if (!claims) return refuse(90023, "The 'claims' parameter is not valid JSON.");

  return {
    purpose: {
      kind: "authorize",
      ...target,
      nonce: get("nonce"),
      scopes: scopes.names,
      withResource: scopes.withResource,
      prompt: prompt.data,
      loginHint: get("login_hint"),
      codeChallenge: challenge === undefined ? undefined : { value: challenge, method },
      clientInfo: get("client_info") === "1",
      stepUp: claims.stepUp,
    },
  };
};

interface Arrived {
  readonly simulation: Simulation;
  readonly interaction: Pick<Interaction, "authority">;
  readonly purpose: AuthorizePurpose;
  readonly principal: Principal;
  readonly signedIn: SignedIn;
  readonly action: string;
  readonly trace: Trace;
}

const answerCode = ({ simulation, interaction, purpose, principal, signedIn }: Arrived) =>
  answer(purpose, {
    code: issueCode(simulation, {
      ...signedIn,
      principal,
      authority: interaction.authority,
      redirectUri: purpose.redirectUri,
      codeChallenge: purpose.codeChallenge,
      scopes: purpose.scopes,
      withResource: purpose.withResource,
      nonce: purpose.nonce,
    }),
    ...(purpose.clientInfo && { client_info: clientInfoOf(principal) }),
    session_state: randomUUID(),
  });

/**
 * What the tenant's administrators have decided about the app, before any consent. Whoever is not assigned is kept on
 * Microsoft's page, administrators as well.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/reference-breaking-changes#october-2021
 * @see https://learn.microsoft.com/entra/identity/enterprise-apps/assign-user-or-group-access-portal
 */
const tenantRefusal = ({ account, tenant: { policy } }: Principal): Refusal | undefined => {
  if (policy.appDisabled) return refusal(7000112);
  if (policy.blocked) return refusal(53003);
  if (policy.assignmentRequired && !account.assigned) return refusal(50105);
  return undefined;
};

/** A page on which the person stays, or the answer to the app. */
export type Outcome =
  | { readonly kind: "shown"; readonly response: HttpResponse; readonly silently: Refusal }
  | { readonly kind: "answered"; readonly response: HttpResponse };

/** The person is signed in: their tenant's decisions, then consent, then the code. */
export const authorizeStep = (arrived: Arrived): Outcome => {
  const { simulation, purpose, principal, action, trace } = arrived;
  const { appName } = simulation;
  const { username } = principal.account;

  const refused = tenantRefusal(principal);
  if (refused)
    return {
      kind: "shown",
      silently: { ...refused, error: "interaction_required" },
      response: errorPage(refused, trace),
    };

  const silently = refusal(65001, { error: "interaction_required" });
  switch (neededConsent(simulation, principal, purpose.scopes, purpose.prompt)) {
    case "nothing":
      return { kind: "answered", response: answerCode(arrived) };

    case "consent": {
      const shown = { action, appName, username, scopes: purpose.scopes };
      return {
        kind: "shown",
        silently,
        response:
          principal.tenant.id === personalTenantId
            ? personalConsentPage(shown)
            : consentPage({
                ...shown,
                forOrganization: canConsentForTenantWhenSigningIn(principal),
              }),
      };
    }

    default: {
      const workflow = principal.tenant.policy.approvalWorkflow;
      const details = describe(refusal(workflow ? 90095 : 90094), trace);
      const shown = { action, appName, username, details };
      return {
        kind: "shown",
        silently,
        response: workflow
          ? requestApprovalPage({ ...shown, scopes: purpose.scopes })
          : needAdminApprovalPage(shown),
      };
    }
  }
};

/** What a signed-in person sent from one of the pages about consent. */
export const authorizeForm = (arrived: Arrived, form: URLSearchParams): Outcome => {
  const { simulation, purpose, principal, action, trace } = arrived;
  const needed = neededConsent(simulation, principal, purpose.scopes, purpose.prompt);
  const answered = (response: HttpResponse): Outcome => ({ kind: "answered", response });

  switch (form.get("action")) {
    case "accept":
      if (needed !== "consent" || tenantRefusal(principal)) return authorizeStep(arrived);
      if (form.get("organization") === "true" && canConsentForTenantWhenSigningIn(principal))
        grantForTenant(simulation, principal.tenant.id, purpose.scopes);
      else grantForUser(simulation, principal, purpose.scopes);
      return answered(answerCode(arrived));

    case "cancel":
      return answered(
        principal.tenant.id === personalTenantId
          ? answer(purpose, {
              error: "access_denied",
              error_description:
                "The user has denied access to the scope requested by the client application.",
            })
          : answerRefusal(purpose, refusal(65004), trace),
      );

    // Without a description: this is all that tells it from somebody who declined.
    case "return":
      return answered(answer(purpose, { error: "access_denied", error_subcode: "cancel" }));

    case "request": {
      if (needed !== "admin_approval" || !principal.tenant.policy.approvalWorkflow)
        return authorizeStep(arrived);
      simulation.state.approvalRequests.push({
        username: principal.account.username,
        tenantId: principal.tenant.id,
        scopes: purpose.scopes,
        justification: form.get("justification") ?? "",
      });
      return {
        kind: "shown",
        silently: refusal(90095),
        response: requestSentPage(action, {
          appName: simulation.appName,
          username: principal.account.username,
        }),
      };
    }

    case "back-to-app":
      return answered(answerRefusal(purpose, refusal(65004), trace));

    default:
      return authorizeStep(arrived);
  }
};
