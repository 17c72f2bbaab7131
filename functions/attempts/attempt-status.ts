import type { AttemptView, AuthorizationAttempts } from "../../shared/domain/attempt.ts";
import { type AttemptState, attemptStateOf } from "../../shared/domain/attempt-state.ts";
import { guidingSoon } from "../../shared/domain/guiding.ts";
import { type AttemptId, isSameUser, type ProductUser } from "../../shared/domain/ids.ts";
import type { MailAddress } from "../../shared/domain/mail-address.ts";
import type { Problem } from "../../shared/domain/problem.ts";
import { fail, type Result, succeed } from "../../shared/domain/result.ts";
import {
  type OrganisationPorts,
  organisationOf,
  type RecordPorts,
  recordEvent,
} from "../../shared/domain/tenant-consent.ts";

export interface AttemptStatusRequest {
  readonly id: AttemptId;
  readonly user: ProductUser;
  /** Their address at the product, if it is known. */
  readonly email: MailAddress | undefined;
}

export interface AttemptStatusPorts extends RecordPorts, OrganisationPorts {
  readonly attempts: Pick<AuthorizationAttempts, "find">;
  /** Told when the next person will not be warned. */
  readonly report: (left: "approval_not_recorded", error: unknown) => void;
}

export interface AttemptNow extends AttemptState {
  readonly attempt: AttemptView;
}

/** Microsoft keeps people whose administrator must approve on a page of its own, and sends nobody back. */
const probablyBlocked: Problem = {
  code: "probably_blocked",
  actor: "tenant_admin",
  message:
    "Microsoft did not send you back within ten minutes. If its page said that approval is needed, your administrator must approve Appse AI for your organisation first. Otherwise you can try again.",
};

/**
 * How a sign-in stands. One that ran out without any answer from Microsoft, by somebody whose organisation is
 * not known to have approved, was probably turned away for the want of an approval: that is remembered for
 * the next person.
 */
export const attemptStatus = async (
  { id, user, email }: AttemptStatusRequest,
  ports: AttemptStatusPorts,
): Promise<Result<AttemptNow, { readonly kind: "attempt_unknown" }>> => {
  const attempt = await ports.attempts.find(id);
  if (!attempt || !isSameUser(attempt.user, user)) return fail({ kind: "attempt_unknown" });

  const state = attemptStateOf(attempt, ports.now());
  const { reconnect, forOrganization, completionHash, answeredLate } = attempt;
  const wasAnswered = completionHash !== undefined || answeredLate;
  const isUnanswered = state.status === "expired" && !wasAnswered;
  if (!isUnanswered || reconnect || forOrganization) return succeed({ ...state, attempt });
  const recorded = await guidingSoon(
    async () => {
      const organisation = await organisationOf({ user, email }, ports);
      return recordEvent(organisation, { kind: "blocked", certain: false }, ports);
    },
    (error) => ports.report("approval_not_recorded", error),
  );
  const problem = recorded?.consent.status === "verified" ? state.problem : probablyBlocked;
  return succeed({ status: state.status, problem, attempt });
};
