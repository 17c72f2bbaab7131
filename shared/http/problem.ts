import type { Actor } from "../domain/actor.ts";
import type { ApiProblem, ProblemCode } from "../domain/problem.ts";
import { type HttpResponse, json } from "./response.ts";

/** Status and title of every code that an endpoint answers. Stable: clients switch on the code. */
const problems: Record<ProblemCode, readonly [status: number, title: string]> = {
  invalid_request: [400, "The request is not valid"],
  access_declined: [403, "Access was not granted"],
  account_disabled: [403, "The account is disabled"],
  account_type_not_supported: [403, "This account cannot be used"],
  admin_approval_required: [403, "Admin approval is required"],
  mail_not_allowed: [403, "This address cannot be mailed"],
  mailbox_not_available: [403, "No mailbox was found"],
  permissions_missing: [403, "Some permissions are missing"],
  session_mismatch: [403, "Started by someone else"],
  sign_in_required: [403, "A new sign-in is needed"],
  tenant_blocked: [403, "Blocked by your organisation"],
  attempt_unknown: [404, "Unknown sign-in"],
  not_found: [404, "Not found"],
  account_mismatch: [409, "A different account"],
  already_completed: [409, "Already completed"],
  attempt_interrupted: [409, "The sign-in was interrupted"],
  disconnected_since: [409, "Disconnected meanwhile"],
  in_progress: [409, "Still in progress"],
  not_returned: [409, "Microsoft has not answered yet"],
  too_many_connections: [409, "Too many mailboxes"],
  probably_blocked: [403, "Admin approval is probably required"],
  attempt_expired: [410, "The sign-in has expired"],
  too_many_attempts: [429, "Too many sign-ins"],
  too_many_mails: [429, "Too many mails"],
  internal_error: [500, "Something went wrong on our side"],
  id_token_rejected: [502, "The sign-in could not be verified"],
  microsoft_answer_incomplete: [502, "Microsoft's answer was incomplete"],
  approval_spreading: [503, "The approval is being applied"],
  misconfigured: [503, "Something is set up wrongly on our side"],
  temporarily_unavailable: [503, "Temporarily unavailable"],
  throttled: [503, "Too many requests just now"],
};

/**
 * Problem details with two members of our own: a stable `code`, and the `actor` who must act. `detail` is
 * the sentence for the person. RFC 9457
 */
export const problemResponse = ({ code, actor, message, retryAfterSeconds }: ApiProblem) => {
  const [status, title] = problems[code];
  const response = json(
    status,
    {
      type: `urn:outlook-connect:problem:${code}`,
      title,
      status,
      code,
      detail: message,
      actor,
      retryAfterSeconds,
    },
    "application/problem+json",
  );
  if (retryAfterSeconds === undefined) return response;
  return {
    ...response,
    headers: { ...response.headers, "retry-after": String(retryAfterSeconds) },
  };
};

export const problem = (code: ProblemCode, message: string, actor: Actor = "user"): HttpResponse =>
  problemResponse({ code, actor, message });

/** Whoever wants an administrator's approval for a private mailbox. */
export const noAdministrator = (): HttpResponse =>
  problem(
    "account_type_not_supported",
    "This is a personal account: it has no administrator. Please reconnect it yourself.",
  );
