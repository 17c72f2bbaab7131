import { connectionId } from "../../shared/domain/ids.ts";
import { connectionIdText } from "../../shared/http/api-ids.ts";
import { type EndpointHandler, endpoint } from "../../shared/http/endpoint.ts";
import { problem } from "../../shared/http/problem.ts";
import { json } from "../../shared/http/response.ts";
import { type PersonClaimNames, signedInPerson } from "../../shared/http/signed-in-user.ts";
import { type ApprovalStatusPorts, approvalStatus } from "./approval-status.ts";

/** GET /admin-consent-requests: a page that waits for an approval asks how it stands. */
export const approvalStatusHandler = (
  settings: PersonClaimNames,
  ports: ApprovalStatusPorts,
): EndpointHandler =>
  endpoint(async (request) => {
    const { user, email } = signedInPerson(request, settings);
    const asked = request.query.getAll("connectionId");
    const [id] = asked;
    const isAskable =
      asked.length <= 1 && (id === undefined || connectionIdText.safeParse(id).success);
    const found = isAskable
      ? await approvalStatus(
          { user, email, connectionId: id === undefined ? undefined : connectionId(id) },
          ports,
        )
      : undefined;
    if (!found?.ok) {
      return problem("not_found", "This connection does not exist, or is not yours.");
    }
    const { status, mail } = found.value;
    return json(200, {
      status,
      mail: mail && { status: mail.status, to: mail.to, at: mail.at?.toISOString() },
      connectionId: id,
    });
  });
