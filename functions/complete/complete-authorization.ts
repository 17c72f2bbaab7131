import * as z from "zod/mini";
import type {
  AttemptOutcome,
  AttemptView,
  AuthorizationAttempts,
  Refusal,
  TakenAttempt,
} from "../../shared/domain/attempt.ts";
import { attemptStateOf, interrupted } from "../../shared/domain/attempt-state.ts";
import type { Connection, Connections } from "../../shared/domain/connection.ts";
import { guiding } from "../../shared/domain/guiding.ts";
import {
  type AttemptId,
  connectionIdOf,
  hashOf,
  type ProductUser,
} from "../../shared/domain/ids.ts";
import type { MailAddress } from "../../shared/domain/mail-address.ts";
import type {
  Grant,
  GrantIncomplete,
  IdTokenRejected,
  Mailboxes,
  MailboxFailure,
  MicrosoftFailure,
  MicrosoftIdentity,
} from "../../shared/domain/microsoft.ts";
import { missingScopes } from "../../shared/domain/permissions.ts";
import type { Problem } from "../../shared/domain/problem.ts";
import { fail, type Result, succeed } from "../../shared/domain/result.ts";
import type { SignInSealer, TokenSealer } from "../../shared/domain/sealer.ts";
import { Secret } from "../../shared/domain/secret.ts";
import type { TokenVault } from "../../shared/domain/token-vault.ts";
import { type ApprovalPorts, noteBlock, noteGrant } from "./learn-approval.ts";
import { problemOf } from "./problem-of.ts";

export interface CompletionRequest {
  readonly attemptId: AttemptId;
  /** The one-time value that came with the browser. */
  readonly completion: Secret;
  readonly user: ProductUser;
  /** Their address at the product, if it is known. */
  readonly email: MailAddress | undefined;
}

/** The attempt cannot be completed by this request; nothing was sent to Microsoft. */
export type NotTaken =
  | { readonly kind: "attempt_unknown" }
  | { readonly kind: "attempt_expired" }
  | { readonly kind: "not_returned" }
  | { readonly kind: "in_progress" }
  /** `isFirst` when this call ended the attempt, and not one before it. */
  | { readonly kind: "session_mismatch"; readonly isFirst: boolean }
  | { readonly kind: "already_completed" }
  /** It failed before; the same end is shown again. */
  | { readonly kind: "failed_before"; readonly problem: Problem };

/** The sign-in came back, but no connection came of it. The attempt is over. */
export type NotConnected =
  | { readonly kind: "refused"; readonly refusal: MicrosoftFailure }
  | IdTokenRejected
  | GrantIncomplete
  | { readonly kind: "guest_account" }
  | { readonly kind: "personal_account" }
  | { readonly kind: "account_mismatch" }
  | { readonly kind: "permissions_missing"; readonly missing: readonly string[] }
  | (MailboxFailure & {
      /** All the same, an administrator has approved for everybody in this sign-in. */
      readonly hasApproved?: boolean;
    })
  /** An administrator approved minutes ago, and not all of Microsoft knows it yet. */
  | { readonly kind: "approval_spreading" }
  /** The mailbox was disconnected while its owner signed in to it. */
  | { readonly kind: "disconnected_since" };

export interface Completed {
  readonly connection: Connection;
  /** `false` when an earlier call completed the attempt and this one only shows its end. */
  readonly isNew: boolean;
  readonly isReconnect: boolean;
}

export interface CompleteAuthorizationPorts extends ApprovalPorts {
  readonly attempts: Pick<AuthorizationAttempts, "take" | "destroy" | "end" | "find">;
  readonly connections: Pick<Connections, "connect" | "findOwned">;
  readonly identity: Pick<MicrosoftIdentity, "redeemCode">;
  /** What a refusal in Microsoft's redirect means. */
  readonly meaningOf: (refusal: Refusal) => MicrosoftFailure;
  readonly mailboxes: Mailboxes;
  readonly vault: Pick<TokenVault, "create" | "erase">;
  readonly signInSealer: Pick<SignInSealer, "open">;
  readonly tokenSealer: Pick<TokenSealer, "seal">;
  readonly personalAccounts: "allowed" | "refused";
  /** Told of what was left undone that the person does not notice. */
  readonly report: (left: LeftUndone, error: unknown) => void;
}

/** An entry of the vault that no connection names, or an attempt whose end is not written down. */
export type LeftUndone = "vault_entry_left" | "attempt_end_not_recorded" | "approval_not_recorded";

const attemptSecrets = z.object({ codeVerifier: z.string(), nonce: z.string() });

const isSameUser = (left: ProductUser, right: ProductUser) =>
  left.userId === right.userId && left.workspaceId === right.workspaceId;

/**
 * Why an attempt could not be taken. Whoever brings back an attempt that is not theirs, or their own attempt
 * without the value that only the returning browser got, ends it: one person began and another one came
 * back. IETF draft-ietf-oauth-security-topics-update, "Cross-user OAuth Session Fixation"
 */
const whyNotTaken = async (
  request: CompletionRequest,
  completionHash: string,
  { attempts, connections, now }: CompleteAuthorizationPorts,
): Promise<Result<Completed, NotTaken>> => {
  const attempt: AttemptView | undefined = await attempts.find(request.attemptId);
  if (!attempt) return fail({ kind: "attempt_unknown" });

  const isTheirs = isSameUser(attempt.user, request.user);
  const cameBackHere = attempt.completionHash === completionHash;
  if (!isTheirs && !cameBackHere) return fail({ kind: "attempt_unknown" });
  if (attempt.completionHash === undefined) {
    const { status } = attemptStateOf(attempt, now());
    return fail({ kind: status === "expired" ? "attempt_expired" : "not_returned" });
  }
  if (!isTheirs || !cameBackHere) {
    const problem = problemOf({ kind: "session_mismatch", isFirst: true });
    const isFirst = await attempts.destroy(attempt.id, attempt.completionHash, problem);
    return fail({ kind: "session_mismatch", isFirst });
  }

  const { status, problem } = attemptStateOf(attempt, now());
  if (status === "expired") return fail({ kind: "attempt_expired" });
  if (problem) return fail({ kind: "failed_before", problem });
  if (!attempt.connectionId) return fail({ kind: "in_progress" });
  const connection = await connections.findOwned(attempt.connectionId, request.user);
  if (!connection) return fail({ kind: "already_completed" });
  return succeed({ connection, isNew: false, isReconnect: false });
};

const redeem = async (
  attempt: TakenAttempt,
  { identity, meaningOf, signInSealer }: CompleteAuthorizationPorts,
): Promise<Result<Grant, NotConnected>> => {
  const { id: attemptId, answer } = attempt;
  if (answer.kind === "refusal") {
    return fail({ kind: "refused", refusal: meaningOf(answer.refusal) });
  }
  const secrets = await signInSealer.open(attempt.sealedSecrets, {
    purpose: "attempt_secrets",
    attemptId,
  });
  const { codeVerifier, nonce } = attemptSecrets.parse(JSON.parse(secrets.reveal()));
  const granted = await identity.redeemCode({
    authority: attempt.authority,
    code: await signInSealer.open(answer.sealedCode, { purpose: "parked_answer", attemptId }),
    codeVerifier: new Secret(codeVerifier),
    nonce: new Secret(nonce),
    // By a version of this service that may have asked for others than this one.
    scopes: attempt.requestedScopes,
  });
  if (granted.ok) return granted;
  const { failure } = granted;
  return failure.kind === "id_token_rejected" || failure.kind === "grant_incomplete"
    ? fail(failure)
    : fail({ kind: "refused", refusal: failure });
};

/** Why this account cannot be the one, whatever its tokens may do. */
const objection = (
  { account, accountType, scopes }: Grant,
  { reconnect, requestedScopes }: TakenAttempt,
  personalAccounts: "allowed" | "refused",
): NotConnected | undefined => {
  if (accountType === "guest") return { kind: "guest_account" };
  if (accountType === "personal" && personalAccounts === "refused") {
    return { kind: "personal_account" };
  }
  const isExpected =
    !reconnect ||
    (account.tenantId === reconnect.account.tenantId &&
      account.objectId === reconnect.account.objectId);
  if (!isExpected) return { kind: "account_mismatch" };
  const missing = missingScopes(scopes, requestedScopes);
  return missing.length > 0 ? { kind: "permissions_missing", missing } : undefined;
};

interface SignInEnd {
  readonly connected: Result<Completed, NotConnected>;
  /** What counts for the organisation, whether or not a mailbox could be connected: administrators often have none. */
  readonly grant?: Grant;
}

const endOfSignIn = async (
  attempt: TakenAttempt,
  ports: CompleteAuthorizationPorts,
): Promise<SignInEnd> => {
  const granted = await redeem(attempt, ports);
  if (!granted.ok) return { connected: granted };
  const grant = granted.value;
  const refused = objection(grant, attempt, ports.personalAccounts);
  if (refused) return { connected: fail(refused) };
  const probed = await ports.mailboxes.probe(grant.accessToken);
  return { connected: probed.ok ? await connectMailbox(grant, attempt, ports) : probed, grant };
};

const connectMailbox = async (
  grant: Grant,
  attempt: TakenAttempt,
  ports: CompleteAuthorizationPorts,
): Promise<Result<Completed, NotConnected>> => {
  const { user: owner } = attempt;
  const { tenantId, objectId } = grant.account;
  const id = connectionIdOf(owner, grant.account);
  const binding = {
    purpose: "access_token",
    connectionId: id,
    workspaceId: owner.workspaceId,
  } as const;
  const sealedAccessToken = await ports.tokenSealer.seal(grant.accessToken, binding);
  // The secret first, the item that names it second: a crash between them leaves a secret that no item
  // names, and never a connection without its secret.
  const vaultEntry = await ports.vault.create(
    { connectionId: id, workspaceId: owner.workspaceId, tenantId, objectId },
    grant.refreshToken,
  );
  const connecting = await ports.connections.connect({
    id,
    owner,
    account: grant.account,
    vaultEntry,
    sealedAccessToken,
    accessTokenExpiresAt: grant.accessTokenExpiresAt,
    scopes: grant.scopes,
    requestedScopes: attempt.requestedScopes,
    startedAt: attempt.createdAt,
    now: ports.now(),
  });
  if (connecting.kind === "disconnected_since") {
    await eraseUnnamed(vaultEntry, ports);
    return fail(connecting);
  }
  const { connection, replacedVaultEntry, isReconnect } = connecting;
  if (replacedVaultEntry) await eraseUnnamed(replacedVaultEntry, ports);
  return succeed({ connection, isNew: true, isReconnect });
};

/** What a sign-in tells of the organisation's approval is remembered, without anybody's harm if it is not. */
const learn = <Learnt>(
  { report }: CompleteAuthorizationPorts,
  remember: () => Promise<Learnt>,
): Promise<Learnt | undefined> =>
  guiding(remember, (error) => report("approval_not_recorded", error));

const mailboxFailures: ReadonlySet<string> = new Set<MailboxFailure["kind"]>([
  "mailbox_not_available",
  "mailbox_access_denied",
  "mailbox_unreachable",
]);

const isOfMailbox = (failure: NotConnected): failure is MailboxFailure =>
  mailboxFailures.has(failure.kind);

/**
 * The failure as the person is told of it: to be turned away while an approval is being applied means to wait, and who has
 * approved without a mailbox has approved.
 */
const whatItMeans = async (
  failure: NotConnected,
  grant: Grant | undefined,
  attempt: TakenAttempt,
  email: MailAddress | undefined,
  ports: CompleteAuthorizationPorts,
): Promise<NotConnected> => {
  if (grant) {
    const proof = await learn(ports, () => noteGrant(grant, attempt, false, ports));
    const hasApproved = proof?.kind === "administrator";
    return hasApproved && isOfMailbox(failure) ? { ...failure, hasApproved } : failure;
  }
  if (failure.kind !== "refused" || failure.refusal.kind !== "admin_approval_required") {
    return failure;
  }
  const { certain } = failure.refusal;
  const learnt = await learn(ports, () => noteBlock(certain, attempt, email, ports));
  return learnt === "spreading" ? { kind: "approval_spreading" } : failure;
};

/** What no connection names is never served, so that nothing depends on whether this works. */
const eraseUnnamed = async (vaultEntry: string, { vault, report }: CompleteAuthorizationPorts) => {
  try {
    await vault.erase(vaultEntry);
  } catch (error) {
    report("vault_entry_left", error);
  }
};

/**
 * Ends a sign-in: only for the product user who began it, only with the value that the returning browser
 * got, only once. Until both are proved the code is not redeemed.
 */
export const completeAuthorization = async (
  request: CompletionRequest,
  ports: CompleteAuthorizationPorts,
): Promise<Result<Completed, NotTaken | NotConnected>> => {
  const { attempts, now, report } = ports;
  const completionHash = hashOf("completion", request.completion.reveal());
  const attempt = await attempts.take(request.attemptId, request.user, completionHash, now());
  if (!attempt) return whyNotTaken(request, completionHash, ports);

  const end = async (outcome: AttemptOutcome) => {
    try {
      await attempts.end(attempt.id, outcome);
    } catch (error) {
      // The person is answered all the same; a page that asks later is told that it was interrupted.
      report("attempt_end_not_recorded", error);
    }
  };
  try {
    const { connected, grant } = await endOfSignIn(attempt, ports);
    if (!connected.ok) {
      const failure = await whatItMeans(connected.failure, grant, attempt, request.email, ports);
      await end({ status: "failed", problem: problemOf(failure) });
      return fail(failure);
    }
    await end({ status: "completed", connectionId: connected.value.connection.id });
    if (grant) await learn(ports, () => noteGrant(grant, attempt, true, ports));
    return connected;
  } catch (error) {
    // The code may be spent, so there is no second try: the page is told to start again.
    await end({ status: "failed", problem: interrupted });
    throw error;
  }
};
