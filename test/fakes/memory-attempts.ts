import {
  type AttemptView,
  type AuthorizationAttempts,
  attemptsPerUser,
  type NewAttempt,
  type ParkedAnswer,
} from "../../shared/domain/attempt.ts";
import { type AttemptId, ownerKeyOf } from "../../shared/domain/ids.ts";

interface Remembered {
  readonly attempt: NewAttempt;
  readonly approvedOnTheWay: boolean;
  readonly view: AttemptView;
  readonly answer: ParkedAnswer | undefined;
  /** It counts until it would have expired, whether it has ended or not. */
  readonly isCodeTaken: boolean;
}

/** Attempts in memory, with the promises of the port and nothing more. Every method is one step. */
export const memoryAttempts = (): AuthorizationAttempts => {
  const remembered = new Map<AttemptId, Remembered>();

  const hasEnded = ({ view }: Remembered) =>
    view.status === "completed" || view.status === "failed";

  const counts = (each: Remembered) => each.isCodeTaken || !hasEnded(each);

  /** The table keeps instants in whole seconds. */
  const hasExpired = ({ view }: Remembered, now: Date) =>
    Math.floor(view.expiresAt.getTime() / 1000) <= Math.floor(now.getTime() / 1000);

  const change = (id: AttemptId, view: Partial<AttemptView>, answer: ParkedAnswer | undefined) => {
    const found = remembered.get(id);
    if (found) remembered.set(id, { ...found, view: { ...found.view, ...view }, answer });
  };

  return {
    begin: async (attempt) => {
      const open = [...remembered.values()].filter(
        (each) =>
          ownerKeyOf(each.attempt.user) === ownerKeyOf(attempt.user) &&
          counts(each) &&
          each.view.expiresAt > attempt.createdAt,
      );
      if (open.length >= attemptsPerUser) return false;
      const { id, user, returnTo, forOrganization, reconnect, expiresAt } = attempt;
      remembered.set(id, {
        attempt,
        approvedOnTheWay: false,
        answer: undefined,
        isCodeTaken: false,
        view: {
          id,
          user,
          returnTo,
          forOrganization,
          reconnect,
          expiresAt,
          status: "pending",
          takenAt: undefined,
          connectionId: undefined,
          problem: undefined,
          completionHash: undefined,
          answeredLate: false,
        },
      });
      return true;
    },

    narrow: async (id, tenantId, now) => {
      const found = remembered.get(id);
      const isOpenHere =
        found?.view.status === "pending" &&
        found.attempt.forOrganization &&
        !hasExpired(found, now);
      if (!isOpenHere) return undefined;
      remembered.set(id, {
        ...found,
        attempt: { ...found.attempt, authority: tenantId },
        approvedOnTheWay: true,
      });
      return { sealedSecrets: found.attempt.sealedSecrets };
    },

    park: async (id, answer, completionHash, now) => {
      const found = remembered.get(id);
      if (found?.view.status !== "pending" || hasExpired(found, now)) return undefined;
      change(id, { status: "returned", completionHash }, answer);
      return { returnTo: found.view.returnTo };
    },

    noteLateAnswer: async (id) => {
      const found = remembered.get(id);
      if (found?.view.status === "pending") change(id, { answeredLate: true }, found.answer);
    },

    take: async (id, user, completionHash, now) => {
      const found = remembered.get(id);
      const isTheirs =
        found?.view.status === "returned" &&
        found.view.completionHash === completionHash &&
        ownerKeyOf(found.attempt.user) === ownerKeyOf(user) &&
        !hasExpired(found, now);
      if (!isTheirs || !found.answer) return undefined;
      const { attempt, answer, approvedOnTheWay } = found;
      const view: AttemptView = { ...found.view, status: "completing", takenAt: now };
      remembered.set(id, { ...found, view, isCodeTaken: answer.kind === "code" });
      return { ...attempt, answer, approvedOnTheWay };
    },

    destroy: async (id, completionHash, problem) => {
      const found = remembered.get(id);
      if (found?.view.status !== "returned" || found.view.completionHash !== completionHash) {
        return false;
      }
      change(id, { status: "failed", problem }, undefined);
      return true;
    },

    end: async (id, outcome) => {
      if (remembered.get(id)?.view.status !== "completing") return;
      change(id, outcome, undefined);
    },

    eraseOpen: async (user) => {
      for (const [id, each] of remembered) {
        if (counts(each) && ownerKeyOf(each.view.user) === ownerKeyOf(user)) remembered.delete(id);
      }
    },

    find: async (id) => remembered.get(id)?.view,
  };
};
