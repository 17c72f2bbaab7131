import { attemptId } from "../../shared/domain/ids.ts";
import { attemptIdText } from "../../shared/http/api-ids.ts";
import { type EndpointHandler, endpoint } from "../../shared/http/endpoint.ts";
import { problem } from "../../shared/http/problem.ts";
import { json } from "../../shared/http/response.ts";
import { type PersonClaimNames, signedInPerson } from "../../shared/http/signed-in-user.ts";
import { type AttemptStatusPorts, attemptStatus } from "./attempt-status.ts";

/** GET /attempts/{attemptId}: a page that waits on a popup asks how it stands. */
export const attemptsHandler = (
  settings: PersonClaimNames,
  ports: AttemptStatusPorts,
): EndpointHandler =>
  endpoint(async (request) => {
    const { user, email } = signedInPerson(request, settings);
    const id = attemptIdText.safeParse(request.pathParameters.attemptId);
    const now = id.success
      ? await attemptStatus({ id: attemptId(id.data), user, email }, ports)
      : undefined;
    if (!now?.ok) {
      return problem(
        "attempt_unknown",
        "This sign-in does not exist, or is long over. Please start again.",
      );
    }
    const { attempt, status, problem: why } = now.value;
    return json(200, {
      attemptId: attempt.id,
      status,
      expiresAt: attempt.expiresAt.toISOString(),
      connectionId: attempt.connectionId,
      reconnects: attempt.reconnect?.connectionId,
      problem: why,
    });
  });
