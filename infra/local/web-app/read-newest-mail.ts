import * as z from "zod/mini";
import type { TokenAnswer, TokenFailure } from "../../../shared/worker/fetch-token.ts";

/** One mail as the workflow shows it. */
export interface Mail {
  readonly subject: string;
  readonly from: { readonly name: string; readonly address: string };
  readonly receivedAt: string;
  readonly preview: string;
}

export interface ReadMailFailure extends Pick<TokenFailure, "code" | "actor" | "message"> {
  readonly retryable: boolean;
  readonly retryAfterSeconds?: number;
}

/** Graph leaves out what a message does not have: a draft has no sender, a mail may have no subject. */
const messages = z.object({
  value: z.array(
    z.object({
      subject: z.nullish(z.string()),
      from: z.nullish(
        z.object({
          emailAddress: z.object({ name: z.nullish(z.string()), address: z.nullish(z.string()) }),
        }),
      ),
      receivedDateTime: z.nullish(z.string()),
      bodyPreview: z.nullish(z.string()),
    }),
  ),
});

/** https://learn.microsoft.com/graph/api/user-list-messages */
const query =
  "$top=5&$select=subject,from,receivedDateTime,bodyPreview&$orderby=receivedDateTime%20desc";

/** What the workflow of the demo does with its token: read the five newest mails, newest first. */
export const readNewestMail = async ({
  accessToken,
  graphBaseUrl,
}: Pick<Extract<TokenAnswer, { ok: true }>, "accessToken" | "graphBaseUrl">): Promise<
  | { readonly ok: true; readonly mails: readonly Mail[] }
  | { readonly ok: false; readonly error: ReadMailFailure }
> => {
  const answer = await fetch(`${graphBaseUrl}/me/messages?${query}`, {
    headers: { authorization: `Bearer ${accessToken.reveal()}`, accept: "application/json" },
    redirect: "error",
    signal: AbortSignal.timeout(20_000),
  });
  if (!answer.ok) {
    await answer.body?.cancel();
    return { ok: false, error: failureOf(answer) };
  }
  const { value } = messages.parse(await answer.json());
  return {
    ok: true,
    mails: value.map(({ subject, from, receivedDateTime, bodyPreview }) => ({
      subject: subject ?? "",
      from: {
        name: from?.emailAddress.name ?? from?.emailAddress.address ?? "",
        address: from?.emailAddress.address ?? "",
      },
      receivedAt: receivedDateTime ?? "",
      preview: bodyPreview ?? "",
    })),
  };
};

const failureOf = ({ status, headers }: Response): ReadMailFailure => {
  if (status === 401 || status === 403) {
    return {
      code: "mailbox_refused",
      actor: "user",
      retryable: false,
      message: "Microsoft refused the mailbox. Reconnect it, then run the workflow again.",
    };
  }
  const retryAfterSeconds = Number(headers.get("retry-after") ?? Number.NaN);
  return {
    code: status === 429 ? "mailbox_throttled" : "mailbox_unavailable",
    actor: "nobody",
    retryable: true,
    message: "The mailbox does not answer right now. Run the workflow again in a while.",
    ...(Number.isFinite(retryAfterSeconds) && { retryAfterSeconds }),
  };
};
