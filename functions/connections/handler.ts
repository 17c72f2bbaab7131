import type { Connections } from "../../shared/domain/connection.ts";
import { connectionId } from "../../shared/domain/ids.ts";
import { connectionIdText } from "../../shared/http/api-ids.ts";
import { connectionView } from "../../shared/http/connection-view.ts";
import { type EndpointHandler, endpoint } from "../../shared/http/endpoint.ts";
import { problem } from "../../shared/http/problem.ts";
import { json } from "../../shared/http/response.ts";
import { type ClaimNames, signedInUser } from "../../shared/http/signed-in-user.ts";

export interface ConnectionsPorts {
  readonly connections: Pick<Connections, "findOwned" | "listOwned">;
}

/** GET /connections and GET /connections/{connectionId}: what a person has connected. */
export const connectionsHandler = (
  settings: ClaimNames,
  { connections }: ConnectionsPorts,
): EndpointHandler =>
  endpoint(async (request) => {
    const user = signedInUser(request, settings);
    const asked = request.pathParameters.connectionId;
    if (asked === undefined) {
      const owned = await connections.listOwned(user);
      return json(200, { connections: owned.map(connectionView) });
    }
    const id = connectionIdText.safeParse(asked);
    const connection = id.success
      ? await connections.findOwned(connectionId(id.data), user)
      : undefined;
    if (!connection) {
      return problem("not_found", "This connection does not exist, or is not yours.");
    }
    return json(200, connectionView(connection));
  });
