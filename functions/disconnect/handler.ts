import {
  type DisconnectMailboxPorts,
  disconnectMailbox,
} from "../../shared/domain/disconnect-mailbox.ts";
import { connectionId } from "../../shared/domain/ids.ts";
import { isFromProduct } from "../../shared/http/allowed-origin.ts";
import { connectionIdText } from "../../shared/http/api-ids.ts";
import { type EndpointHandler, endpoint } from "../../shared/http/endpoint.ts";
import { problem } from "../../shared/http/problem.ts";
import { noContent } from "../../shared/http/response.ts";
import { type ClaimNames, signedInUser } from "../../shared/http/signed-in-user.ts";

export interface DisconnectSettings extends ClaimNames {
  readonly ALLOWED_ORIGINS: readonly string[];
}

/** DELETE /connections/{connectionId}. Repeating it is fine. */
export const disconnectHandler = (
  settings: DisconnectSettings,
  ports: DisconnectMailboxPorts,
): EndpointHandler =>
  endpoint(async (request) => {
    if (!isFromProduct(request, settings.ALLOWED_ORIGINS)) {
      return problem("invalid_request", "This page may not disconnect a mailbox.", "operator");
    }
    const owner = signedInUser(request, settings);
    const id = connectionIdText.safeParse(request.pathParameters.connectionId);
    const disconnected = id.success
      ? await disconnectMailbox({ id: connectionId(id.data), owner }, ports)
      : undefined;
    if (!id.success || !disconnected?.ok) {
      return problem("not_found", "This connection does not exist, or is not yours.");
    }
    return noContent();
  });
