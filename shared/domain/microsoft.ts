import type { Actor } from "./actor.ts";
import type { AccountKey, TenantId } from "./ids.ts";
import type { Result } from "./result.ts";
import type { Secret } from "./secret.ts";

/**
 * Where a person is sent to sign in: any work or school account (`organizations`), those and personal
 * ones (`common`), personal ones only (`consumers`), or one tenant.
 */
export type Authority = "organizations" | "common" | "consumers" | TenantId;

/** What a person is called; display only, since every part of it can change owners. */
export interface AccountNames {
  readonly displayName: string;
  readonly username: string;
}

export type MicrosoftAccount = AccountKey & AccountNames;

/** A guest's mailbox is in the tenant that the person comes from, not in this one. */
export type AccountType = "member" | "guest" | "personal";

/** Tokens for one account, already checked: both tokens are there and the ID token is genuine. */
export interface Grant {
  readonly account: MicrosoftAccount;
  readonly accountType: AccountType;
  /** Role template ids of the directory roles they hold (`wids`), if Microsoft names them. */
  readonly roles: readonly string[];
  readonly accessToken: Secret;
  readonly accessTokenExpiresAt: Date;
  readonly refreshToken: Secret;
  readonly scopes: readonly string[];
}

/** What a refresh brings. Microsoft may leave the refresh token as it was. RFC 6749 §6 */
export interface RefreshedTokens {
  readonly accessToken: Secret;
  readonly accessTokenExpiresAt: Date;
  readonly refreshToken: Secret | undefined;
  /** Empty if Microsoft did not say: then they are as they were. RFC 6749 §5.1 */
  readonly scopes: readonly string[];
}

/** The classes into which every refusal of Microsoft falls. */
export type MicrosoftFailureKind =
  /** The person, or somebody for them, said no. */
  | "access_declined"
  /** An administrator of the tenant must approve this app. */
  | "admin_approval_required"
  /** The person must sign in again. */
  | "sign_in_required"
  /** The account exists but cannot be used here: another one must be chosen. */
  | "account_type_not_supported"
  /** The account was disabled by its administrator. */
  | "account_disabled"
  /** The tenant's policies stop this sign-in; its administrator must change something. */
  | "tenant_blocked"
  /** Microsoft asks to slow down. */
  | "throttled"
  /** Microsoft is unwell, or its answer made no sense. */
  | "temporarily_unavailable"
  /** Microsoft refuses the app's own credential: nobody's connection is at fault. */
  | "app_credential_rejected"
  /** Microsoft refuses the app for a reason that is not known, which may be that of one tenant alone. */
  | "app_refused"
  /** The app registration or our request is wrong. */
  | "misconfigured";

/** A refusal in our words, with Microsoft's evidence for the log. */
export interface MicrosoftFailure {
  readonly kind: MicrosoftFailureKind;
  readonly actor: Actor;
  readonly retryable: boolean;
  /** A whole sentence for the person who reads it; never text that came from Microsoft. */
  readonly message: string;
  /** `false` when the answer names no known reason, so that one answer alone ends nothing. */
  readonly certain: boolean;
  readonly retryAfterSeconds?: number;
  /** The whole tenant seems to have lost the approval, and not this person alone. */
  readonly losesApproval?: boolean;
  /** The tenant asks for a new sign-in after some time, and that has passed. */
  readonly signInFrequency?: boolean;
  /** The tenant lets only assigned people use the app, and this account is none of them. */
  readonly notAssigned?: boolean;
  /** It says nothing of the tenant's other accounts. */
  readonly accountAlone?: boolean;
  /** The app, or a service that it needs, is switched off or missing there, for whichever account. */
  readonly missingInTenant?: boolean;
  /** It came in a redirect through the browser, where anybody can write what they like. */
  readonly byRedirect?: boolean;
  /** The claims request to carry into the next interactive sign-in. OpenID Connect Core §5.5 */
  readonly claims?: string;
  readonly evidence: MicrosoftEvidence;
}

/** The code for the log, where alarms count it: what anybody can write must not look like a fault of ours. */
export const failureCodeOf = ({ kind, actor, byRedirect }: MicrosoftFailure): string =>
  byRedirect && actor === "operator" ? "redirect_refused" : kind;

/** Safe to log: no token, code, address or free text. */
export interface MicrosoftEvidence {
  readonly error: string;
  readonly suberror?: string;
  /** AADSTS numbers. */
  readonly errorCodes: readonly number[];
  readonly traceId?: string;
  readonly correlationId?: string;
  readonly httpStatus?: number;
}

/** An ID token that is not what it says. Somebody tampers, or we are misconfigured. */
export interface IdTokenRejected {
  readonly kind: "id_token_rejected";
  /** Which check failed, such as `nonce` or `signature`; safe to log. */
  readonly check: string;
}

/**
 * The code for the log. Whoever signs in can write another nonce into the address that leads them to Microsoft, so that
 * one of these proves nothing; an ID token that fails any other check was made by somebody else.
 */
export const idTokenFailureCodeOf = ({ kind, check }: IdTokenRejected): string =>
  check === "nonce" ? "id_token_nonce_mismatch" : kind;

/** The answer to a code lacks something without which a connection would not live. */
export interface GrantIncomplete {
  readonly kind: "grant_incomplete";
  readonly missing: "access_token" | "refresh_token" | "expiry";
}

export interface AuthorizationRequest {
  readonly authority: Authority;
  readonly state: Secret;
  readonly nonce: Secret;
  /** PKCE, always `S256`. RFC 7636 §4.2 */
  readonly codeChallenge: string;
  /** Skips the account picker; never sent beside `prompt=select_account`, which Microsoft refuses. */
  readonly loginHint?: string;
  /** From an earlier Conditional Access challenge. */
  readonly claims?: string;
  /** The person has just signed in at Microsoft, and is not asked for an account again. */
  readonly isSignedIn?: boolean;
  /**
   * Microsoft shows nothing, and refuses at once where it would have to. Nobody is held on a page of Microsoft's then, as
   * who is not assigned to the app is otherwise.
   */
  readonly isSilent?: boolean;
}

/** Where an administrator approves for their whole organisation. */
export interface AdminConsentUrlRequest {
  /** The tenant if it is known; otherwise Microsoft takes that of whoever signs in. */
  readonly tenant: TenantId | undefined;
  readonly state: Secret;
}

export interface CodeRedemption {
  readonly authority: Authority;
  readonly code: Secret;
  readonly codeVerifier: Secret;
  readonly nonce: Secret;
}

/** The code of a sign-in that asked for `scopes`. */
export interface GrantRedemption extends CodeRedemption {
  readonly scopes: readonly string[];
}

/** Who signed in, without any of their tokens. */
export interface ProvenIdentity {
  readonly account: MicrosoftAccount;
  readonly accountType: AccountType;
  readonly roles: readonly string[];
}

/**
 * Roles that may approve delegated permissions for their whole tenant, by template id.
 *
 * @see https://learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent#prerequisites
 */
export const approvingRoles: ReadonlySet<string> = new Set([
  "62e90394-69f5-4237-9190-012177145e10", // Global Administrator
  "e8611ab8-c189-46e8-94e1-60213ab1f814", // Privileged Role Administrator
  "158c047a-c907-4556-b7ef-446551a6b5f7", // Cloud Application Administrator
  "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3", // Application Administrator
]);

export interface RefreshRequest {
  readonly refreshToken: Secret;
  readonly account: AccountKey;
  readonly scopes: readonly string[];
  /** Microsoft is not asked if its answer could come after this; the failure is then a passing one. */
  readonly until: Date;
}

/** Microsoft's identity platform, as far as it needs the app's credential. */
export interface MicrosoftIdentity {
  /**
   * Sends the code once and never again, whatever comes back: a code that was sent is spent.
   * RFC 9700 §2.1.1, AADSTS54005
   */
  redeemCode(
    redemption: GrantRedemption,
  ): Promise<Result<Grant, MicrosoftFailure | IdTokenRejected | GrantIncomplete>>;

  /**
   * Redeems the code of a sign-in that asked for nothing but who it is. Whatever tokens come with the
   * answer are dropped.
   */
  proveIdentity(
    redemption: CodeRedemption,
  ): Promise<Result<ProvenIdentity, MicrosoftFailure | IdTokenRejected | GrantIncomplete>>;

  /** Leaves the old refresh token valid: Microsoft does not revoke it when it is used. */
  refresh(request: RefreshRequest): Promise<Result<RefreshedTokens, MicrosoftFailure>>;
}

export type MailboxFailure =
  | { readonly kind: "mailbox_not_available" }
  | { readonly kind: "mailbox_access_denied" }
  | { readonly kind: "mailbox_unreachable" };

/** Microsoft Graph, as far as connecting needs it. */
export interface Mailboxes {
  /** Opens the inbox once: a token alone does not prove that there is a mailbox behind it. */
  probe(accessToken: Secret): Promise<Result<undefined, MailboxFailure>>;
}
