import type { MicrosoftFailure } from "../../shared/domain/microsoft.ts";
import { type ApiProblem, type Problem, problemCodes } from "../../shared/domain/problem.ts";
import type { NotConnected, NotTaken } from "./complete-authorization.ts";

const startAgain = "Microsoft did not complete this sign-in. Please start again.";

const problemOfRefusal = (refusal: MicrosoftFailure): ApiProblem => {
  const { kind, actor, message } = refusal;
  switch (kind) {
    case "access_declined":
    case "admin_approval_required":
    case "account_type_not_supported":
    case "account_disabled":
    case "tenant_blocked":
      return { code: kind, actor, message };
    case "sign_in_required":
      return { code: kind, actor, message: startAgain };
    case "throttled":
    case "temporarily_unavailable":
      return {
        code: kind,
        actor,
        message: "Microsoft could not answer just now. Nothing was connected; please start again.",
        retryAfterSeconds: refusal.retryAfterSeconds ?? 30,
      };
    case "app_credential_rejected":
    case "app_refused":
    case "misconfigured":
      return {
        code: "misconfigured",
        actor: "operator",
        // What comes through the browser alerts nobody by itself, nor does what may be one tenant's.
        message: `Connecting mailboxes is interrupted on our side. ${refusal.byRedirect || kind === "app_refused" ? "Please try again later; if it goes on, tell the support of Appse AI." : "We have been alerted; please try again later."}`,
      };
    default:
      return kind satisfies never;
  }
};

/** The code as it was stored, by this version of the code or an earlier one. */
const codeOf = ({ code }: Problem) =>
  problemCodes.find((known) => known === code) ?? "attempt_interrupted";

const approvedFirst = ({ hasApproved }: { readonly hasApproved?: boolean }): string =>
  hasApproved
    ? "Your approval for the whole organisation is in place. If that is all you came for, you are done. "
    : "";

/** What the person is told, and who must act. */
export const problemOf = (failure: NotTaken | NotConnected): ApiProblem => {
  switch (failure.kind) {
    case "attempt_unknown":
      return {
        code: failure.kind,
        actor: "user",
        message: "This sign-in does not exist, or is long over. Please start again.",
      };
    case "attempt_expired":
      return {
        code: failure.kind,
        actor: "user",
        message: "This sign-in took longer than ten minutes. Please start again.",
      };
    case "not_returned":
      return {
        code: failure.kind,
        actor: "user",
        message: "Microsoft has not answered yet. Please finish the sign-in in Microsoft's window.",
      };
    case "in_progress":
      return {
        code: failure.kind,
        actor: "nobody",
        message: "This sign-in is being finished just now.",
        retryAfterSeconds: 2,
      };
    case "already_completed":
      return {
        code: failure.kind,
        actor: "user",
        message: "This sign-in was finished before, and its mailbox has been disconnected since.",
      };
    case "session_mismatch":
      return {
        code: failure.kind,
        actor: "user",
        message:
          "This sign-in was started by someone else or in another browser. Nothing was connected. If you want to connect your mailbox, please start from your own Connections page.",
      };
    case "failed_before":
      return { ...failure.problem, code: codeOf(failure.problem) };
    case "refused":
      return problemOfRefusal(failure.refusal);
    case "id_token_rejected":
      return {
        code: failure.kind,
        actor: "operator",
        message:
          failure.check === "nonce"
            ? "This answer of Microsoft belongs to another sign-in, so nothing was connected. Please start again."
            : "We could not verify who signed in, so nothing was connected. Please try again; we have been alerted.",
      };
    case "grant_incomplete":
      return {
        code: "microsoft_answer_incomplete",
        actor: "nobody",
        message: "Microsoft's answer was incomplete, so nothing was connected. Please start again.",
      };
    case "guest_account":
      return {
        code: "account_type_not_supported",
        actor: "user",
        message:
          "This is a guest account, and a guest has no mailbox here. Please choose the account of your own organisation.",
      };
    case "personal_account":
      return {
        code: "account_type_not_supported",
        actor: "user",
        message:
          "Personal Microsoft accounts cannot be connected here. Please choose a work or school account.",
      };
    case "account_mismatch":
      return {
        code: failure.kind,
        actor: "user",
        message:
          "You signed in with a different account. Nothing was changed. Please reconnect with the account that this connection belongs to.",
      };
    case "permissions_missing":
      return {
        code: failure.kind,
        actor: "user",
        message:
          "Not all of the permissions were granted that workflows need, so nothing was connected. Please start again and accept all of them.",
      };
    case "approval_spreading":
      return {
        code: failure.kind,
        actor: "nobody",
        message:
          "Your organisation's approval is being applied by Microsoft, which can take a few minutes. Nothing more is needed; please try again in a moment.",
        retryAfterSeconds: 20,
      };
    case "disconnected_since":
      return {
        code: failure.kind,
        actor: "user",
        message:
          "This mailbox was disconnected while you were signing in, so it was not connected again. Please start again if you want it connected.",
      };
    case "mailbox_not_available":
      return {
        code: failure.kind,
        actor: "user",
        message: `${approvedFirst(failure)}This account has no Outlook mailbox that can be reached online. Please choose another account, or try again later if the mailbox is new.`,
      };
    case "mailbox_access_denied":
      return {
        code: "mailbox_not_available",
        actor: "tenant_admin",
        message: `${approvedFirst(failure)}Microsoft does not let this account's mailbox be read. Your administrator can check its Exchange licence and access policies.`,
      };
    case "out_of_time":
      return {
        code: "temporarily_unavailable",
        actor: "nobody",
        message:
          "Finishing this sign-in took too long. Nothing was connected; please start again in a moment.",
        retryAfterSeconds: 30,
      };
    case "mailbox_unreachable":
      return {
        code: "temporarily_unavailable",
        actor: "nobody",
        message: `${approvedFirst(failure)}The mailbox could not be reached just now. Nothing was connected; please start again.`,
        retryAfterSeconds: 30,
      };
    default:
      return failure satisfies never;
  }
};
