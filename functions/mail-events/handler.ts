import type { Context } from "aws-lambda";
import * as z from "zod/mini";
import { mailAddress } from "../../shared/domain/mail-address.ts";
import { errorFields, logger } from "../../shared/logger.ts";
import { type MailEvent, type NoteMailEventPorts, noteMailEvent } from "./note-mail-event.ts";

const mail = z.object({
  /**
   * Ours have one. Whoever bounced is named by a stranger's server, and may be somebody it was forwarded to.
   */
  destination: z.array(z.string()).check(z.minLength(1)),
  tags: z.object({
    reference: z.optional(z.tuple([z.string().check(z.regex(/^[\w-]{1,256}$/))])),
  }),
});

/**
 * What Amazon SES tells through EventBridge.
 *
 * @see https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
 */
const sesEvent = z.object({
  source: z.literal("aws.ses"),
  detail: z.discriminatedUnion("eventType", [
    z.object({
      eventType: z.literal("Bounce"),
      mail,
      bounce: z.object({
        bounceType: z.enum(["Permanent", "Transient", "Undetermined"]),
        bounceSubType: z.string(),
      }),
    }),
    z.object({
      eventType: z.literal("Complaint"),
      mail,
      complaint: z.object({
        complaintSubType: z.nullish(z.string()),
        complaintFeedbackType: z.nullish(z.string()),
      }),
    }),
  ]),
});

type Told = Pick<MailEvent, "suppressFor" | "isDelivered">;

const toldBy = ({ detail }: z.output<typeof sesEvent>): Told => {
  if (detail.eventType === "Complaint") {
    const { complaintSubType, complaintFeedbackType } = detail.complaint;
    return {
      // Somebody took it out of the junk mail.
      suppressFor: complaintFeedbackType === "not-spam" ? undefined : "complaint",
      // Otherwise it was read and not wanted.
      isDelivered: complaintSubType !== "OnAccountSuppressionList",
    };
  }
  const { bounceType, bounceSubType } = detail.bounce;
  return {
    suppressFor: bounceType === "Permanent" ? "bounce" : undefined,
    // A note that somebody is out of the office is reported like this, too.
    isDelivered: bounceType === "Transient" && bounceSubType === "General",
  };
};

/** @returns `undefined` for what cannot be read */
const mailEventOf = (event: unknown): MailEvent | undefined => {
  const read = sesEvent.safeParse(event);
  if (!read.success) return undefined;
  const { destination, tags } = read.data.detail.mail;
  const recipients = destination.flatMap((text) => mailAddress(text) ?? []);
  if (recipients.length < destination.length) return undefined;
  return { ...toldBy(read.data), recipients, reference: tags.reference?.[0] };
};

/** Invoked by EventBridge, which invokes again what fails. */
export const mailEventsHandler =
  (ports: NoteMailEventPorts) =>
  async (event: unknown, context: Context): Promise<void> => {
    logger.begin(context);
    const mailEvent = mailEventOf(event);
    if (!mailEvent) {
      // To be invoked again would not help; an alarm counts it.
      logger.error("mail event not understood", { failure: "mail_event_unreadable" });
      return;
    }
    try {
      await noteMailEvent(mailEvent, ports);
      logger.info("mail did not arrive, or was not wanted", {
        failure: mailEvent.suppressFor ?? "transient_bounce",
        people: mailEvent.recipients.length,
      });
    } catch (error) {
      logger.error("mail event not noted", {
        failure: "internal_error",
        error: errorFields(error),
      });
      throw error;
    }
  };
