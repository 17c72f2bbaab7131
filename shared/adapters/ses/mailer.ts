import { SESv2Client, SESv2ServiceException, SendEmailCommand } from "@aws-sdk/client-sesv2";
import type { Mailer } from "../../domain/consent-request.ts";

/** Comes back with a bounce and tells whose mail it was. */
const referenceTag = "reference";

export interface SesSettings {
  /** A verified sender, with or without a name. RFC 5322 §3.4 */
  readonly from: string;
  /** Reports bounces and complaints, and rewrites nothing. */
  readonly configurationSet: string;
}

/**
 * One client per execution environment. It never repeats: SES has no way to tell that a mail was sent before, and
 * an answer that was lost says nothing about the mail. `requestTimeout` alone would only warn.
 */
export const openSes = (): SESv2Client =>
  new SESv2Client({
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: 1_000,
      requestTimeout: 5_000,
      throwOnRequestTimeout: true,
    },
  });

/**
 * Whether SES itself said no. The SDK also calls a redirect the client's fault, and whatever is not JSON comes from
 * somebody between us and SES.
 */
const isRefusal = (error: unknown): error is SESv2ServiceException =>
  error instanceof SESv2ServiceException &&
  error.$fault === "client" &&
  (error.$metadata.httpStatusCode ?? 0) >= 400;

/**
 * Mails through Amazon SES.
 *
 * @param report told of every mail that was refused or may not have been sent, except for an address that SES
 *   cannot read: the mails are constant, so that whatever else is refused is ours to put right. A sender that is not
 *   verified is a `MessageRejected`, too.
 * @see https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
 */
export const sesMailer = (
  client: SESv2Client,
  { from, configurationSet }: SesSettings,
  report: (outcome: "refused" | "unknown", error: unknown) => void,
): Mailer => ({
  async send({ to, subject, text, html, reference }) {
    const utf8 = (Data: string) => ({ Data, Charset: "UTF-8" });
    try {
      const { MessageId } = await client.send(
        new SendEmailCommand({
          FromEmailAddress: from,
          Destination: { ToAddresses: [to] },
          ConfigurationSetName: configurationSet,
          ...(reference && { EmailTags: [{ Name: referenceTag, Value: reference }] }),
          Content: {
            Simple: { Subject: utf8(subject), Body: { Text: utf8(text), Html: utf8(html) } },
          },
        }),
      );
      if (MessageId) return "sent";
      throw new Error("SES named no message");
    } catch (error) {
      if (!isRefusal(error)) {
        report("unknown", error);
        return "unknown";
      }
      if (error.name === "BadRequestException") return "undeliverable";
      report("refused", error);
      // Of this mail or address, as each one in the sandbox that nobody has verified.
      return error.name === "MessageRejected" ? "undeliverable" : "refused";
    }
  },
});
