import type { AttemptView, AuthorizationAttempts } from "../../shared/domain/attempt.ts";
import { attemptStateOf } from "../../shared/domain/attempt-state.ts";
import { attemptId } from "../../shared/domain/ids.ts";
import { attemptIdText } from "../../shared/http/api-ids.ts";
import { type EndpointHandler, endpoint } from "../../shared/http/endpoint.ts";
import { problem } from "../../shared/http/problem.ts";
import { json } from "../../shared/http/response.ts";
import { type ClaimNames, signedInUser } from "../../shared/http/signed-in-user.ts";

export interface AttemptsPorts {
  readonly attempts: Pick<AuthorizationAttempts, "find">;
  readonly now: () => Date;
}

const view = (attempt: AttemptView, now: Date) => {
  const { status, problem } = attemptStateOf(attempt, now);
  return {
    attemptId: attempt.id,
    status,
    expiresAt: attempt.expiresAt.toISOString(),
    connectionId: attempt.connectionId,
    problem,
  };
};

/** GET /attempts/{attemptId}: a page that waits on a popup asks how it stands. */
export const attemptsHandler = (
  settings: ClaimNames,
  { attempts, now }: AttemptsPorts,
): EndpointHandler =>
  endpoint(async (request) => {
    const user = signedInUser(request, settings);
    const id = attemptIdText.safeParse(request.pathParameters.attemptId);
    const attempt = id.success ? await attempts.find(attemptId(id.data)) : undefined;
    const isTheirs =
      attempt?.user.userId === user.userId && attempt.user.workspaceId === user.workspaceId;
    if (!attempt || !isTheirs) {
      return problem("attempt_unknown", "This sign-in does not exist, or is long over.");
    }
    return json(200, view(attempt, now()));
  });
