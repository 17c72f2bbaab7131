import type { Actor } from "../../domain/actor.ts";
import type { Refusal } from "../../domain/attempt.ts";
import type {
  MicrosoftEvidence,
  MicrosoftFailure,
  MicrosoftFailureKind,
} from "../../domain/microsoft.ts";

/**
 * Every refusal of Microsoft's identity platform, in one table: what it is, who must act, whether to try
 * again, and the sentence the person reads.
 *
 * Microsoft allows clients to react to `error` and `suberror` and warns against depending on AADSTS
 * numbers, so a number only refines the class: an unknown number falls back to its `suberror`, then to its
 * `error`.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#error-response-1
 */
interface FailureClass {
  readonly kind: MicrosoftFailureKind;
  readonly message: string;
  /** Only where it is not the one of the kind. */
  readonly actor?: Actor;
  readonly retryable?: boolean;
  readonly certain?: boolean;
  readonly retryAfterSeconds?: number;
  readonly losesApproval?: boolean;
  readonly signInFrequency?: boolean;
  readonly notAssigned?: boolean;
  readonly accountAlone?: boolean;
  readonly missingInTenant?: boolean;
  /** It is never said of a grant that was looked at: beside a refused one, its number is of that grant. */
  readonly ofRequest?: boolean;
}

const actors: Record<MicrosoftFailureKind, Actor> = {
  access_declined: "user",
  admin_approval_required: "tenant_admin",
  sign_in_required: "user",
  account_type_not_supported: "user",
  account_disabled: "tenant_admin",
  tenant_blocked: "tenant_admin",
  throttled: "nobody",
  temporarily_unavailable: "nobody",
  app_credential_rejected: "operator",
  app_refused: "operator",
  misconfigured: "operator",
};

/** Repeating the same request later can succeed without anybody doing anything. */
const retryableKinds: ReadonlySet<MicrosoftFailureKind> = new Set([
  "throttled",
  "temporarily_unavailable",
]);

const declined: FailureClass = {
  kind: "access_declined",
  message:
    "Access was not granted. If Microsoft said that approval is needed, your administrator must approve Appse AI for your organisation first. Otherwise you can try again.",
};
const turnedBack: FailureClass = {
  kind: "admin_approval_required",
  certain: false,
  message:
    "Your organisation probably requires an administrator to approve Appse AI before you can connect. If you only changed your mind, you can try again.",
};
const adminApproval: FailureClass = {
  kind: "admin_approval_required",
  losesApproval: true,
  message:
    "Your organisation requires an administrator to approve Appse AI before anybody can connect a mailbox.",
};
const approvalRequested: FailureClass = {
  kind: "admin_approval_required",
  message:
    "Your organisation reviews Appse AI before anybody can connect. Microsoft will e-mail you when an administrator has decided; then connect again.",
};
const riskyApp: FailureClass = {
  kind: "admin_approval_required",
  message:
    "Microsoft asks for an administrator's approval because it considers this request unusual. Your administrator can approve Appse AI for your organisation.",
};
const signIn: FailureClass = {
  kind: "sign_in_required",
  message: "Microsoft asks you to sign in again. Please reconnect the mailbox.",
};
const extraVerification: FailureClass = {
  kind: "sign_in_required",
  message:
    "Your organisation asks for another proof that it is you. Please reconnect the mailbox and follow Microsoft's steps.",
};
const signInExpired: FailureClass = {
  kind: "sign_in_required",
  message: "The permission to read this mailbox has expired. Please reconnect the mailbox.",
};
const signInRevoked: FailureClass = {
  kind: "sign_in_required",
  message:
    "The sign-in was revoked, for example by a password reset. Please reconnect the mailbox.",
};
const signInFrequency: FailureClass = {
  kind: "sign_in_required",
  signInFrequency: true,
  message:
    "Your organisation asks for a new sign-in from time to time. Please reconnect the mailbox.",
};
const passwordExpired: FailureClass = {
  kind: "sign_in_required",
  message:
    "The password of this account has expired. Please change it at Microsoft, then reconnect the mailbox.",
};
const unexplainedRefusal: FailureClass = { ...signIn, certain: false };
const otherAccount: FailureClass = {
  kind: "account_type_not_supported",
  message:
    "This account cannot be used here. Please choose another Microsoft account that has its own mailbox.",
};
const otherCloud: FailureClass = {
  kind: "account_type_not_supported",
  message:
    "This account lives in a national cloud of Microsoft that Appse AI does not serve. Please choose another account.",
};
const disabled: FailureClass = {
  kind: "account_disabled",
  message:
    "This account was disabled. Your administrator must enable it; then reconnect the mailbox.",
};
const notAssigned: FailureClass = {
  kind: "tenant_blocked",
  notAssigned: true,
  message:
    "Your organisation lets only assigned people use Appse AI. Your administrator must assign it to you.",
};
const appDisabled: FailureClass = {
  kind: "tenant_blocked",
  missingInTenant: true,
  losesApproval: true,
  message:
    "Appse AI is switched off in your organisation. Your administrator must enable it in Microsoft Entra.",
};
const blockedByPolicy: FailureClass = {
  kind: "tenant_blocked",
  message:
    "A security policy of your organisation stops this sign-in. Your administrator can see the reason in Microsoft Entra's sign-in logs.",
};
const managedDevice: FailureClass = {
  kind: "sign_in_required",
  message:
    "Your organisation asks for a managed device. Please reconnect the mailbox from one; if that fails, ask your administrator.",
};
const unknownResource: FailureClass = {
  kind: "misconfigured",
  message:
    "Microsoft does not know the service or permission that was asked for. We are looking into it.",
};
const resourceMissing: FailureClass = {
  kind: "tenant_blocked",
  missingInTenant: true,
  message:
    "A service of Microsoft that Appse AI needs is missing or switched off in your organisation. Your administrator can enable it in Microsoft Entra.",
};
const noSubscription: FailureClass = {
  kind: "tenant_blocked",
  missingInTenant: true,
  message:
    "Your organisation has no subscription for Exchange Online, or has switched it off. Your administrator can enable it.",
};
const locked: FailureClass = {
  kind: "temporarily_unavailable",
  accountAlone: true,
  retryAfterSeconds: 900,
  message:
    "Microsoft has locked this account for a while, for example after wrong passwords. It unlocks by itself.",
};
const throttled: FailureClass = {
  kind: "throttled",
  message: "Microsoft is receiving many requests just now. Please try again in a moment.",
};
/** Entra's answer to many equal requests of one account; the grant behind it is sound. */
const loop: FailureClass = { ...throttled, accountAlone: true, retryAfterSeconds: 300 };
const unwell: FailureClass = {
  kind: "temporarily_unavailable",
  message: "Microsoft could not answer just now. Please try again in a moment.",
};
const credential: FailureClass = {
  kind: "app_credential_rejected",
  ofRequest: true,
  message:
    "Connecting to Microsoft is interrupted on our side. We have been alerted; your mailbox stays connected.",
};
/** Whoever administers a tenant can bring about refusals there; only a number that is listed is of the app's credential. */
const refusedForUnknownReason: FailureClass = {
  kind: "app_refused",
  retryAfterSeconds: 120,
  message:
    "Microsoft does not accept Appse AI for your organisation just now. It is tried again; your mailbox stays connected.",
};
/** A changed federated credential takes minutes to reach all of Microsoft. */
const credentialNotYetKnown: FailureClass = {
  ...credential,
  retryable: true,
  retryAfterSeconds: 120,
};
const misconfigured: FailureClass = {
  kind: "misconfigured",
  ofRequest: true,
  message: "Something is set up wrongly on our side. We have been alerted.",
};
/** The redirect URI is registered for a page, whose grants last a day. */
const pageRegistered: FailureClass = { ...misconfigured, ofRequest: false };
const tenantGone: FailureClass = {
  kind: "tenant_blocked",
  message:
    "Microsoft does not know this organisation any more. If it still exists, your administrator can ask Microsoft's support.",
};

const each = (failure: FailureClass, ...numbers: readonly number[]) =>
  numbers.map((number) => [number, failure] as const);

/** AADSTS number → class. */
const byNumber: ReadonlyMap<number, FailureClass> = new Map([
  ...each(declined, 65004),
  ...each(adminApproval, 65001, 90094, 90093, 90099, 700016, 700011),
  ...each(approvalRequested, 90095),
  ...each(riskyApp, 900941, 900981),
  ...each(misconfigured, 90097, 900971, 90008, 50011, 70004),
  ...each(unwell, 90090, 90091),
  ...each(notAssigned, 50105),
  ...each(appDisabled, 7000112, 70001, 1000031),
  ...each(misconfigured, 50194, 90124, 90130, 9002332, 9001023),
  ...each(noSubscription, 650052),
  ...each(resourceMissing, 500011, 500014),
  ...each(unknownResource, 650054, 65005, 650056, 650057, 50001),
  ...each(otherAccount, 50020, 50034, 51004, 16000, 50014, 90072, 500208, 50136),
  ...each(blockedByPolicy, 500021, 500022, 500212, 500213),
  ...each(extraVerification, 50076, 50079, 50072, 50074, 50078, 50158),
  ...each(managedDevice, 50097, 53000, 53001, 50129, 50187),
  ...each(blockedByPolicy, 53003, 530032, 530034, 530035, 53011, 53004, 50131, 53002),
  ...each(signInFrequency, 70043),
  ...each(passwordExpired, 50055, 50144, 50125),
  ...each(disabled, 50057),
  ...each(locked, 50053),
  ...each(signInExpired, 70008, 700082),
  ...each(signIn, 54005, 700005, 501481, 50147, 501491, 70000, 700020),
  ...each(signInRevoked, 50173, 50132, 50133, 50089),
  ...each(pageRegistered, 700084),
  ...each(credential, 7000222, 7000215, 70002, 7000218, 700025, 700027, 50012),
  ...each(credentialNotYetKnown, 70021, 700213, 700211, 700212, 7002137, 7002138),
  ...each(misconfigured, 70011, 28002, 28003, 700022, 700023),
  ...each(misconfigured, 900144, 90014, 9002313, 90023, 90004, 90100),
  ...each(loop, 50196),
  ...each(throttled, 90055),
  ...each(unwell, 90033, 90024, 90006, 90012, 50033, 50087, 70012),
  ...each(tenantGone, 90002),
  ...each(misconfigured, 50059, 50128, 90019),
  ...each(otherCloud, 90038, 900439, 900382, 900432),
]);

const bySuberror: ReadonlyMap<string, FailureClass> = new Map([
  ["consent_required", adminApproval],
  ["bad_token", signInRevoked],
  ["token_expired", signInExpired],
  ["user_password_expired", passwordExpired],
  ["basic_action", extraVerification],
  ["additional_action", extraVerification],
  ["ui_not_allowed", signIn],
  ["interrupted_user", signIn],
  ["message_only", blockedByPolicy],
]);

/** OAuth 2.0, OpenID Connect and Microsoft's own values of `error`. */
const byError: ReadonlyMap<string, FailureClass> = new Map([
  ["access_denied", declined],
  ["consent_required", adminApproval],
  ["interaction_required", signIn],
  ["login_required", signIn],
  ["account_selection_required", signIn],
  ["invalid_grant", unexplainedRefusal],
  ["invalid_client", credential],
  ["unauthorized_client", misconfigured],
  ["invalid_request", misconfigured],
  ["invalid_scope", misconfigured],
  ["invalid_resource", misconfigured],
  ["unsupported_grant_type", misconfigured],
  ["unsupported_response_type", misconfigured],
  ["server_error", unwell],
  ["temporarily_unavailable", unwell],
]);

export interface MicrosoftRefusal {
  readonly evidence: MicrosoftEvidence;
  /** `cancel` beside `access_denied`: the person left one of Microsoft's pages. */
  readonly errorSubcode?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
  readonly claims?: string | undefined;
  /** A personal account has no administrator: what needs approval elsewhere is the person's own choice. */
  readonly personalAccount?: boolean;
  /** It is a code that a browser brought, where anybody can put one that is malformed. */
  readonly grantIsFromBrowser?: boolean;
}

const classOf = ({
  evidence,
  errorSubcode,
  retryAfterSeconds,
  grantIsFromBrowser = false,
}: MicrosoftRefusal): FailureClass => {
  const { error, suberror, errorCodes, httpStatus = 0 } = evidence;
  // A grant that was refused was looked at, so the credential was taken, whatever numbers stand beside. A refresh token
  // is our own, and what is wrong with its request is ours to mend: no connection ends by that.
  const isGrants = error === "invalid_grant";
  const isExcused = ({ kind, ofRequest }: FailureClass) =>
    isGrants && ofRequest && (grantIsFromBrowser || kind !== "misconfigured");
  const refined = errorCodes
    .map((number) => byNumber.get(number))
    .find((known) => known && !isExcused(known));
  if (refined) return refined;
  if (httpStatus === 429) return throttled;
  if (httpStatus >= 500) return retryAfterSeconds === undefined ? unwell : throttled;
  const isBareCancel = error === "access_denied" && errorSubcode === "cancel";
  if (isBareCancel && errorCodes.length === 0) return turnedBack;
  const explained = suberror === undefined ? undefined : bySuberror.get(suberror);
  if (explained) return explained;
  if (error === "invalid_client" && errorCodes.length > 0) return refusedForUnknownReason;
  return byError.get(error) ?? unwell;
};

/** Classifies a refusal. Text from Microsoft never gets into the result. */
export const classifyRefusal = (refusal: MicrosoftRefusal): MicrosoftFailure => {
  const known = classOf(refusal);
  const isOwnChoice = refusal.personalAccount && known.kind === "admin_approval_required";
  const { kind, message, ...rest } = isOwnChoice ? signIn : known;
  const retryAfterSeconds = refusal.retryAfterSeconds ?? rest.retryAfterSeconds;
  return {
    kind,
    message,
    actor: rest.actor ?? actors[kind],
    retryable: rest.retryable ?? retryableKinds.has(kind),
    certain: rest.certain ?? true,
    ...(rest.losesApproval && { losesApproval: true }),
    ...(rest.signInFrequency && { signInFrequency: true }),
    ...(rest.notAssigned && { notAssigned: true }),
    ...(rest.accountAlone && { accountAlone: true }),
    ...(rest.missingInTenant && { missingInTenant: true }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    ...(refusal.claims !== undefined && { claims: refusal.claims }),
    evidence: refusal.evidence,
  };
};

/** Does Microsoft refuse the app's credential, for certain or perhaps? Then another credential may be taken. */
export const refusesCredential = (
  refusal: MicrosoftRefusal,
): "certainly" | "perhaps" | undefined => {
  const { kind } = classOf(refusal);
  if (kind === "app_credential_rejected") return "certainly";
  return kind === "app_refused" ? "perhaps" : undefined;
};

/**
 * What a refusal in Microsoft's redirect means; there, the tenant is not known. The app is refused at the
 * token endpoint only, so that whoever writes of it here does not alarm anybody.
 */
export const classifyRedirect = ({ errorSubcode, ...evidence }: Refusal): MicrosoftFailure => {
  const failure = classifyRefusal({ evidence, errorSubcode });
  const isOfApp = failure.kind === "app_credential_rejected" || failure.kind === "app_refused";
  const { kind, message } = isOfApp ? misconfigured : failure;
  return { ...failure, kind, message, byRedirect: true };
};
