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
  isSameUser,
  type ProductUser,
} from "../../shared/domain/ids.ts";
import { inTime, secondsBefore, TookTooLong } from "../../shared/domain/in-time.ts";
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
import { type ConnectingEnd, connectMailbox, type SealedGrant } from "./connect-mailbox.ts";
import { type ApprovalPorts, noteBlock, noteGrant } from "./learn-approval.ts";
import { problemOf } from "./problem-of.ts";
import { stepLimits, timeBudget } from "./time-budget.ts";

export interface CompletionRequest {
  readonly attemptId: AttemptId;
  /** The one-time value that came with the browser. */
  readonly completion: Secret;
  readonly user: ProductUser;
  /** Their address at the product, if it is known. */
  readonly email: MailAddress | undefined;
  /** When it must be answered. */
  readonly deadline: Date;
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
  /** It was not proved in time for what must follow. */
  | { readonly kind: "out_of_time" }
  /** An administrator approved minutes ago, and not all of Microsoft knows it yet. */
  | { readonly kind: "approval_spreading" }
  /** The mailbox was disconnected while its owner signed in to it. */
  | { readonly kind: "disconnected_since" };

export interface Completed {
  readonly connection: Connection;
  /** `false` when an earlier call completed the attempt and this one only shows its end. */
  readonly isNew: boolean;
}

/** Told of a connection as soon as it is stored, whatever becomes of the rest. */
export type NoteConnected = (connected: {
  readonly connection: Connection;
  readonly attempt: TakenAttempt;
  readonly isReconnect: boolean;
}) => void;

export interface CompleteAuthorizationPorts extends ApprovalPorts {
  readonly attempts: Pick<AuthorizationAttempts, "take" | "destroy" | "end" | "find">;
  readonly connections: Pick<Connections, "connect" | "findForWorkspace" | "findOwned">;
  readonly identity: Pick<MicrosoftIdentity, "redeemCode">;
  /** What a refusal in Microsoft's redirect means. */
  readonly meaningOf: (refusal: Refusal) => MicrosoftFailure;
  readonly mailboxes: Mailboxes;
  readonly vault: Pick<TokenVault, "create" | "erase">;
  readonly signInSealer: Pick<SignInSealer, "open">;
  readonly tokenSealer: Pick<TokenSealer, "seal">;
  readonly personalAccounts: "allowed" | "refused";
  readonly noteConnected: NoteConnected;
  /** Told of what was left undone that the person does not notice. */
  readonly report: (left: LeftUndone, error: unknown) => void;
}

/** An entry of the vault that no connection names, or an attempt whose end is not written down. */
export type LeftUndone = "vault_entry_left" | "attempt_end_not_recorded" | "approval_not_recorded";

const attemptSecrets = z.object({ codeVerifier: z.string(), nonce: z.string() });

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
  return succeed({ connection, isNew: false });
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

/** What a sign-in proves: whose it is, and that the account may be connected and has a mailbox. */
interface Proof {
  readonly proved: Result<SealedGrant, NotConnected>;
  /** What counts for the organisation, whether or not a mailbox can be connected: administrators often have none. */
  readonly grant: Grant | undefined;
}

const proveMailbox = async (
  attempt: TakenAttempt,
  ports: CompleteAuthorizationPorts,
): Promise<Proof> => {
  const granted = await redeem(attempt, ports);
  if (!granted.ok) return { proved: granted, grant: undefined };
  const grant = granted.value;
  const refused = objection(grant, attempt, ports.personalAccounts);
  if (refused) return { proved: fail(refused), grant: undefined };
  const probed = await ports.mailboxes.probe(grant.accessToken);
  if (!probed.ok) return { proved: probed, grant };
  const sealedAccessToken = await ports.tokenSealer.seal(grant.accessToken, {
    purpose: "access_token",
    connectionId: connectionIdOf(attempt.user, grant.account),
    workspaceId: attempt.user.workspaceId,
  });
  return { proved: succeed({ ...grant, sealedAccessToken }), grant };
};

/** The same call, given up at `instant`. */
const until = <Input extends readonly unknown[], Output>(
  instant: Date,
  call: (...input: Input) => Promise<Output>,
  { now }: CompleteAuthorizationPorts,
) => inTime((instant.getTime() - now().getTime()) / 1000, call);

/** Nothing is stored before a sign-in is proved, so that it can be given up without a trace. */
const proveInTime = async (
  attempt: TakenAttempt,
  deadline: Date,
  ports: CompleteAuthorizationPorts,
): Promise<Proof> => {
  try {
    const provedBy = secondsBefore(deadline, timeBudget.store);
    return await until(provedBy, proveMailbox, ports)(attempt, ports);
  } catch (error) {
    if (error instanceof TookTooLong) {
      return { proved: fail({ kind: "out_of_time" }), grant: undefined };
    }
    throw error;
  }
};

interface SignInEnd extends ConnectingEnd {
  readonly grant: Grant | undefined;
}

const endOfSignIn = async (
  attempt: TakenAttempt,
  deadline: Date,
  ports: CompleteAuthorizationPorts,
): Promise<SignInEnd> => {
  const { proved, grant } = await proveInTime(attempt, deadline, ports);
  if (!proved.ok) return { connected: proved, unnamedEntry: undefined, grant };
  return { ...(await connectMailbox(proved.value, attempt, ports)), grant };
};

/** What a sign-in tells of the organisation's approval is remembered, without anybody's harm if it is not. */
const learn = <Learnt>(
  learntBy: Date,
  remember: () => Promise<Learnt>,
  ports: CompleteAuthorizationPorts,
): Promise<Learnt | undefined> =>
  guiding(until(learntBy, remember, ports), (error) =>
    ports.report("approval_not_recorded", error),
  );

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
  { email, deadline }: CompletionRequest,
  ports: CompleteAuthorizationPorts,
): Promise<NotConnected> => {
  const learntBy = secondsBefore(deadline, timeBudget.end);
  if (grant) {
    const note = () => noteGrant(grant, attempt, false, ports);
    const proof = await learn(learntBy, note, ports);
    const hasApproved = proof?.kind === "administrator";
    return hasApproved && isOfMailbox(failure) ? { ...failure, hasApproved } : failure;
  }
  if (failure.kind !== "refused" || failure.refusal.kind !== "admin_approval_required") {
    return failure;
  }
  const { certain } = failure.refusal;
  const learnt = await learn(learntBy, () => noteBlock(certain, attempt, email, ports), ports);
  return learnt === "spreading" ? { kind: "approval_spreading" } : failure;
};

/** What no connection names is never served, so that nothing depends on whether this works. */
const eraseUnnamed = async (
  vaultEntry: string,
  erasedBy: Date,
  ports: CompleteAuthorizationPorts,
) => {
  try {
    await until(erasedBy, ports.vault.erase, ports)(vaultEntry);
  } catch (error) {
    ports.report("vault_entry_left", error);
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
      await inTime(stepLimits.end, attempts.end)(attempt.id, outcome);
    } catch (error) {
      // The person is answered all the same; a page that asks later is told that it was interrupted.
      report("attempt_end_not_recorded", error);
    }
  };
  try {
    const { connected, grant, unnamedEntry } = await endOfSignIn(attempt, request.deadline, ports);
    const doneBy = secondsBefore(request.deadline, timeBudget.answer);
    if (!connected.ok) {
      const failure = await whatItMeans(connected.failure, grant, attempt, request, ports);
      await end({ status: "failed", problem: problemOf(failure) });
      if (unnamedEntry) await eraseUnnamed(unnamedEntry, doneBy, ports);
      return fail(failure);
    }
    await end({ status: "completed", connectionId: connected.value.connection.id });
    await Promise.all([
      unnamedEntry && eraseUnnamed(unnamedEntry, doneBy, ports),
      grant && learn(doneBy, () => noteGrant(grant, attempt, true, ports), ports),
    ]);
    return connected;
  } catch (error) {
    // The code may be spent, so there is no second try: the page is told to start again.
    await end({ status: "failed", problem: interrupted });
    throw error;
  }
};
