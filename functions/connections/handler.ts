import { connectionId } from "../../shared/domain/ids.ts";
import { connectionIdText } from "../../shared/http/api-ids.ts";
import { connectionView } from "../../shared/http/connection-view.ts";
import { type EndpointHandler, endpoint } from "../../shared/http/endpoint.ts";
import { problem } from "../../shared/http/problem.ts";
import { json } from "../../shared/http/response.ts";
import { type ClaimNames, signedInUser } from "../../shared/http/signed-in-user.ts";
import { logger, logUnreadable } from "../../shared/logger.ts";
import { type FindConnectionsPorts, findConnection, listConnections } from "./find-connections.ts";

/** GET /connections and GET /connections/{connectionId}: what a person has connected. */
export const connectionsHandler = (
  settings: ClaimNames,
  ports: FindConnectionsPorts,
): EndpointHandler =>
  endpoint(async (request) => {
    const user = signedInUser(request, settings);
    const asked = request.pathParameters.connectionId;
    if (asked === undefined) {
      const { connections, leftOut, unreadable } = await listConnections(user, ports);
      if (leftOut > 0) {
        logger.warn("connections of a later layout are not listed", {
          failure: "later_layout",
          workspaceId: user.workspaceId,
        });
      }
      for (const each of unreadable) logUnreadable(each);
      return json(200, {
        connections: connections.map(connectionView),
        // So that the page does not take what it does not see for gone.
        ...(leftOut + unreadable.length > 0 && { incomplete: true }),
      });
    }
    const id = connectionIdText.safeParse(asked);
    const connection = id.success
      ? await findConnection(connectionId(id.data), user, ports)
      : undefined;
    if (!connection) {
      return problem("not_found", "This connection does not exist, or is not yours.");
    }
    return json(200, connectionView(connection));
  });
