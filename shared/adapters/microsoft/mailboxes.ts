import type { Mailboxes } from "../../domain/microsoft.ts";
import { fail, succeed } from "../../domain/result.ts";
import { boundedRequest, NoAnswer } from "../https/bounded-request.ts";

const probeMilliseconds = 5_000;
const largestProbeBytes = 64 * 1024;

/**
 * Mailboxes through Microsoft Graph.
 *
 * Graph answers 404 for an account without an Exchange Online mailbox (`MailboxNotEnabledForRESTAPI`, at
 * times `ResourceNotFound`) and 403 where the licence or the permission is missing.
 *
 * @see https://learn.microsoft.com/graph/api/mailfolder-get
 */
export const graphMailboxes = (graphEndpoint: URL): Mailboxes => ({
  async probe(accessToken) {
    const url = new URL(`${graphEndpoint.href.replace(/\/$/, "")}/v1.0/me/mailFolders/inbox`);
    url.searchParams.set("$select", "id");
    try {
      const { status } = await boundedRequest(
        {
          method: "GET",
          url,
          headers: { authorization: `Bearer ${accessToken.reveal()}`, accept: "application/json" },
        },
        {
          milliseconds: probeMilliseconds,
          largestAnswerBytes: largestProbeBytes,
          origin: graphEndpoint.origin,
        },
      );
      if (status === 200) return succeed(undefined);
      if (status === 404) return fail({ kind: "mailbox_not_available" });
      if (status === 401 || status === 403) return fail({ kind: "mailbox_access_denied" });
      return fail({ kind: "mailbox_unreachable" });
    } catch (error) {
      if (error instanceof NoAnswer) return fail({ kind: "mailbox_unreachable" });
      throw error;
    }
  },
});
