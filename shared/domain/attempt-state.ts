import { type AttemptStatus, type AttemptView, redemptionLimitSeconds } from "./attempt.ts";
import type { Problem } from "./problem.ts";

export interface AttemptState {
  readonly status: AttemptStatus | "expired";
  readonly problem: Problem | undefined;
}

/** A crash after taking the answer leaves nothing behind but this, and perhaps a connection, without anybody being told. */
export const interrupted: Problem = {
  code: "attempt_interrupted",
  actor: "user",
  message:
    "The sign-in was interrupted, perhaps just after the mailbox was connected. If your connections do not show it as connected, please start again.",
};

export const expired: Problem = {
  code: "attempt_expired",
  actor: "user",
  message: "This sign-in took longer than ten minutes. Please start again.",
};

/** Where an attempt stands at `now`. The clock decides: what TTL will remove one day may still be there. */
export const attemptStateOf = (
  { status, expiresAt, takenAt, problem }: AttemptView,
  now: Date,
): AttemptState => {
  const isOpen = status === "pending" || status === "returned";
  if (isOpen && expiresAt <= now) return { status: "expired", problem: expired };
  if (status !== "completing") return { status, problem };
  const takenFor = now.getTime() - (takenAt?.getTime() ?? 0);
  if (takenFor <= redemptionLimitSeconds * 1000) return { status, problem };
  return { status: "failed", problem: interrupted };
};
