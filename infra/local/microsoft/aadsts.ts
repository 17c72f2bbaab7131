import { randomUUID } from "node:crypto";
import { type HttpResponse, json } from "./http-exchange.ts";

/** A refusal as Microsoft words it: the OAuth error, and numbers that only explain it. */
export interface Refusal {
  readonly error: string;
  readonly codes: readonly number[];
  readonly text: string;
  readonly suberror?: string | undefined;
  /** JSON of the claims request to sign in again with. */
  readonly claims?: string | undefined;
}

interface Known extends Omit<Refusal, "codes" | "claims"> {}

/**
 * Numbers and OAuth errors follow Microsoft's list of AADSTS codes. Which `suberror` goes with which
 * number is documented for few of them [unverified for the rest]; texts are shortened.
 */
const known = {
  16000: {
    error: "interaction_required",
    text: "Either multiple user identities are available for the current request or selected account is not supported for the scenario.",
  },
  28002: {
    error: "invalid_scope",
    text: "Provided value for the input parameter scope is not valid.",
  },
  50011: {
    error: "invalid_request",
    text: "The redirect URI specified in the request does not match the redirect URIs configured for the application.",
  },
  50020: {
    error: "access_denied",
    text: "User account from identity provider does not exist in tenant and cannot access the application in that tenant. The account needs to be added as an external user in the tenant first.",
  },
  50057: { error: "invalid_grant", text: "The user account is disabled." },
  50058: {
    error: "login_required",
    text: "A silent sign-in request was sent but no user is signed in.",
  },
  50076: {
    error: "interaction_required",
    suberror: "basic_action",
    text: "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '00000003-0000-0000-c000-000000000000'.",
  },
  50105: {
    error: "interaction_required",
    text: "Your administrator has configured the application to block users unless they are specifically granted ('assigned') access to the application.",
  },
  50173: {
    error: "invalid_grant",
    suberror: "bad_token",
    text: "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.",
  },
  53003: {
    error: "invalid_grant",
    suberror: "message_only",
    text: "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
  },
  54005: {
    error: "invalid_grant",
    text: "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
  },
  65001: {
    error: "invalid_grant",
    suberror: "consent_required",
    text: "The user or administrator has not consented to use the application. Send an interactive authorization request for this user and resource.",
  },
  65004: { error: "access_denied", text: "User declined to consent to access the app." },
  70000: { error: "invalid_grant", text: "Provided grant is invalid or malformed." },
  70003: { error: "unsupported_grant_type", text: "The app requested an unsupported grant type." },
  70008: {
    error: "invalid_grant",
    text: "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
  },
  70011: {
    error: "invalid_scope",
    text: "The provided value for the input parameter 'scope' is not valid.",
  },
  70021: {
    // Seen with `invalid_request`, unlike its kin. https://github.com/Azure/azure-workload-identity/issues/616
    error: "invalid_request",
    text: "No matching federated identity record found for presented assertion.",
  },
  70043: {
    error: "invalid_grant",
    suberror: "token_expired",
    text: "The refresh token has expired or is invalid due to sign-in frequency checks by Conditional Access.",
  },
  90002: {
    error: "invalid_request",
    text: "Tenant not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.",
  },
  90014: { error: "invalid_request", text: "The required field is missing from the request body." },
  90023: { error: "invalid_request", text: "Invalid STS request." },
  90094: {
    error: "access_denied",
    text: "The grant requires admin permission. Ask an admin to grant permission to this app before you can use it.",
  },
  90095: {
    error: "access_denied",
    text: "Admin approval is required. A request can be sent to an admin.",
  },
  900971: { error: "invalid_request", text: "No reply address provided." },
  501481: {
    error: "invalid_grant",
    text: "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
  },
  501491: { error: "invalid_request", text: "Invalid size of Code_Challenge parameter." },
  650053: {
    error: "invalid_client",
    text: "The application asked for a scope that doesn't exist on the resource '00000003-0000-0000-c000-000000000000'.",
  },
  700005: {
    error: "invalid_grant",
    text: "The provided Authorization Code is intended to use against another tenant, thus rejected. OAuth2 Authorization Code must be redeemed against same tenant it was acquired for (/common or /{tenant-ID} as appropriate).",
  },
  700016: {
    error: "unauthorized_client",
    text: "Application was not found in the directory. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.",
  },
  700021: {
    error: "invalid_client",
    text: "Client assertion application identifier doesn't match 'client_id' parameter.",
  },
  700023: {
    error: "invalid_client",
    text: "Client assertion audience claim does not match Realm issuer.",
  },
  700024: {
    error: "invalid_client",
    text: "Client assertion is not within its valid time range.",
  },
  700027: {
    error: "invalid_client",
    text: "Client assertion contains an invalid signature.",
  },
  700054: {
    error: "unsupported_response_type",
    text: "The response_type is not enabled for the application.",
  },
  700082: {
    error: "invalid_grant",
    suberror: "token_expired",
    text: "The refresh token has expired due to inactivity.",
  },
  900144: {
    error: "invalid_request",
    text: "The request body must contain the following parameter: 'grant_type'.",
  },
  700211: {
    error: "invalid_client",
    text: "No matching federated identity record found for presented assertion issuer.",
  },
  700212: {
    error: "invalid_client",
    text: "No matching federated identity record found for presented assertion audience.",
  },
  700213: {
    error: "invalid_client",
    text: "No matching federated identity record found for presented assertion subject. Check your federated identity credential Subject, Audience and Issuer against the presented assertion.",
  },
  7000112: { error: "unauthorized_client", text: "Application is disabled." },
  7000215: {
    error: "invalid_client",
    text: "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to the app.",
  },
  7000218: {
    error: "invalid_client",
    text: "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
  },
  7000222: {
    error: "invalid_client",
    text: "The provided client secret keys for app are expired. Visit the Azure portal to create new keys for your app.",
  },
} as const satisfies Readonly<Record<number, Known>>;

export type KnownCode = keyof typeof known;

export const refusal = (code: KnownCode, changes: Partial<Refusal> = {}): Refusal => ({
  ...known[code],
  codes: [code],
  ...changes,
});

/** "2026-01-31 09:30:00Z", as in Microsoft's bodies and texts. */
export const timestamp = (now: Date): string =>
  `${now.toISOString().slice(0, 19).replace("T", " ")}Z`;

/** What identifies one answer to Microsoft's support. */
export interface Trace {
  readonly traceId: string;
  readonly correlationId: string;
  readonly at: Date;
}

export const newTrace = (at: Date, correlationId?: string): Trace => ({
  traceId: randomUUID(),
  correlationId: correlationId ?? randomUUID(),
  at,
});

export const describe = ({ codes, text }: Refusal, { traceId, correlationId, at }: Trace): string =>
  `AADSTS${codes[0] ?? 90023}: ${text} Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${timestamp(at)}`;

export const errorUri = ({ codes }: Refusal): string =>
  `https://login.microsoftonline.com/error?code=${codes[0] ?? 90023}`;

/** An error of the token endpoint. 401 only if the app's own credential was refused. RFC 6749 §5.2 */
export const tokenError = (
  refused: Refusal,
  trace: Trace,
  status = refused.error === "invalid_client" ? 401 : 400,
): HttpResponse =>
  json(
    status,
    {
      error: refused.error,
      error_description: describe(refused, trace),
      error_codes: refused.codes,
      timestamp: timestamp(trace.at),
      trace_id: trace.traceId,
      correlation_id: trace.correlationId,
      error_uri: errorUri(refused),
      ...(refused.suberror !== undefined && { suberror: refused.suberror }),
      ...(refused.claims !== undefined && { claims: refused.claims }),
    },
    { "x-ms-request-id": trace.traceId, "client-request-id": trace.correlationId },
  );
