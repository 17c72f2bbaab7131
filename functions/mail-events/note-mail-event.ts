import type { ConsentRequests, MailLedger } from "../../shared/domain/consent-request.ts";
import type { MailAddress } from "../../shared/domain/mail-address.ts";
import type { OnUnreadable } from "../../shared/domain/unreadable-item.ts";

/** Mail that did not arrive, or that somebody did not want. */
export interface MailEvent {
  /** To whom the mail was sent. */
  readonly recipients: readonly MailAddress[];
  /** Why nothing more may be sent there; `undefined` for what may pass, such as a full mailbox. */
  readonly suppressFor: "bounce" | "complaint" | undefined;
  readonly isDelivered: boolean;
  /** Of the request for which the mail was sent, if it was sent for one. */
  readonly reference: string | undefined;
}

export interface NoteMailEventPorts {
  readonly ledger: Pick<MailLedger, "suppress" | "release">;
  readonly requests: Pick<ConsentRequests, "findByLink" | "waiting" | "noteMail">;
  /** Told of a request that keeps no other from being noted. */
  readonly noteUnreadable: OnUnreadable;
  readonly now: () => Date;
}

/** Sends nothing more to the address, and lets those know who wait for an answer. Repeating it is fine. */
export const noteMailEvent = async (
  { recipients, suppressFor, isDelivered, reference }: MailEvent,
  { ledger, requests, noteUnreadable, now }: NoteMailEventPorts,
): Promise<void> => {
  if (suppressFor) {
    for (const recipient of recipients) await ledger.suppress(recipient, suppressFor, now());
  }
  const linked =
    isDelivered || reference === undefined ? undefined : await requests.findByLink(reference);
  if (!linked) return;
  const { organisation } = linked.request;
  // One mail in a day asks for everybody who named this administrator.
  for (const request of await requests.waiting(organisation, noteUnreadable)) {
    const { to } = request.mail;
    if (to && recipients.includes(to)) {
      await requests.noteMail(request, { status: "not_delivered", to, at: now() });
    }
  }
  // What bounced is one address; another one of the same mailbox may be asked today.
  if (suppressFor === "complaint") return;
  for (const recipient of recipients) await ledger.release(recipient, organisation);
};
