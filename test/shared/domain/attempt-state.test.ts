import { expect, it } from "vitest";
import { type AttemptView, redemptionLimitSeconds } from "../../../shared/domain/attempt.ts";
import { attemptStateOf, expired, interrupted } from "../../../shared/domain/attempt-state.ts";
import { attemptId, connectionId, userId, workspaceId } from "../../../shared/domain/ids.ts";

const began = new Date("2026-11-20T09:00:00Z");
const at = (seconds: number) => new Date(began.getTime() + seconds * 1000);
const problem = { code: "access_declined", actor: "user", message: "No." } as const;

const attempt = (changes: Partial<AttemptView>): AttemptView => ({
  id: attemptId("att_a"),
  user: { userId: userId("anna"), workspaceId: workspaceId("acme") },
  status: "pending",
  returnTo: "connections",
  forOrganization: false,
  reconnect: undefined,
  expiresAt: at(600),
  takenAt: undefined,
  connectionId: undefined,
  problem: undefined,
  completionHash: undefined,
  answeredLate: false,
  ...changes,
});

it.for(["pending", "returned"] as const)("%s is open until the second of its expiry", (status) => {
  expect(attemptStateOf(attempt({ status }), at(599))).toEqual({ status, problem: undefined });
  expect(attemptStateOf(attempt({ status }), at(600))).toEqual({
    status: "expired",
    problem: expired,
  });
});

it("an attempt that is being completed has a minute, even past its expiry, then it was interrupted", () => {
  const completing = attempt({ status: "completing", takenAt: at(590) });

  expect(attemptStateOf(completing, at(590 + redemptionLimitSeconds)).status).toBe("completing");
  expect(attemptStateOf(completing, at(591 + redemptionLimitSeconds))).toEqual({
    status: "failed",
    problem: interrupted,
  });
});

it("an attempt that has ended stays as it ended", () => {
  const completed = attempt({ status: "completed", connectionId: connectionId("conn_a") });
  const failed = attempt({ status: "failed", problem });

  expect(attemptStateOf(completed, at(9_999))).toEqual({ status: "completed", problem: undefined });
  expect(attemptStateOf(failed, at(9_999))).toEqual({ status: "failed", problem });
});
