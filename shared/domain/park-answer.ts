import { randomBytes } from "node:crypto";
import type { AuthorizationAttempts, ParkedAnswer, Refusal } from "./attempt.ts";
import { type AttemptId, attemptIdOf, hashOf } from "./ids.ts";
import { fail, type Result, succeed } from "./result.ts";
import type { SignInSealer } from "./sealer.ts";
import { Secret } from "./secret.ts";

/** What Microsoft sent through the person's browser. */
export interface MicrosoftAnswer {
  readonly state: Secret;
  readonly outcome:
    | { readonly kind: "code"; readonly code: Secret }
    | { readonly kind: "refusal"; readonly refusal: Refusal };
}

export interface Return {
  readonly attemptId: AttemptId;
  readonly returnTo: string;
  /**
   * Goes to the browser that brought the answer, and to nobody else, ever: whoever began the attempt knows
   * the state, and could otherwise have another person's answer completed as their own. So a repeated
   * callback returns without it.
   */
  readonly completion: Secret | undefined;
}

export interface ParkAnswerPorts {
  readonly attempts: Pick<AuthorizationAttempts, "park" | "find" | "noteLateAnswer">;
  readonly sealer: Pick<SignInSealer, "seal">;
  readonly now: () => Date;
}

/** Keeps the answer, sealed, until the product's own session has proved who came back. */
export const parkAnswer = async (
  { state, outcome }: MicrosoftAnswer,
  { attempts, sealer, now }: ParkAnswerPorts,
): Promise<Result<Return, { readonly kind: "attempt_unknown" }>> => {
  const attemptId = attemptIdOf(state.reveal());
  const answer: ParkedAnswer =
    outcome.kind === "refusal"
      ? outcome
      : {
          kind: "code",
          sealedCode: await sealer.seal(outcome.code, { purpose: "parked_answer", attemptId }),
        };
  const completion = randomBytes(32).toString("base64url");
  const parked = await attempts.park(attemptId, answer, hashOf("completion", completion), now());
  if (parked) {
    return succeed({ attemptId, returnTo: parked.returnTo, completion: new Secret(completion) });
  }
  const known = await attempts.find(attemptId);
  if (!known) return fail({ kind: "attempt_unknown" });
  if (known.completionHash === undefined) await attempts.noteLateAnswer(attemptId);
  return succeed({ attemptId, returnTo: known.returnTo, completion: undefined });
};
