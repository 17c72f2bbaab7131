import { describeProblem } from "./connect-outlook.js";
import { element } from "./element.js";
import { problemMessage } from "./messages.js";
import { inWords, timeInWords } from "./words.js";

/**
 * @import { Actor } from "./connect-outlook.js"
 * @typedef {{subject: string, from: {name: string, address: string}, receivedAt: string, preview: string}} Mail
 * @typedef {{status: "succeeded", mails: Mail[], token: {expiresAt: string, degraded: boolean}}
 *   | {status: "failed", failure: {code: string, actor: Actor, message: string, retryAfterSeconds?: number}}} Run
 */

/**
 * How a run of the workflow ended.
 *
 * @param {Run} run
 * @param {string} id of the heading
 * @param {{reasonIsShown?: boolean}} [card] whether the card above says already what is wrong
 */
export const workflowResult = (run, id, { reasonIsShown = false } = {}) => {
  const heading = run.status === "succeeded" ? "Newest mail" : "The workflow stopped";
  return element(
    "section",
    { class: "result", "aria-labelledby": id },
    element("h3", { id, tabindex: "-1" }, heading),
    ...(run.status === "succeeded"
      ? [mailList(run.mails), tokenLine(run.token)]
      : [
          reasonIsShown
            ? element("p", { class: "muted" }, "Run it again once this mailbox is ready.")
            : problemMessage(describeProblem(run.failure)),
        ]),
  );
};

/** @param {Mail[]} mails */
const mailList = (mails) =>
  mails.length === 0
    ? element("p", { class: "muted" }, "There is no mail in this mailbox.")
    : element("ul", { class: "mails" }, ...mails.map(mailItem));

/** @param {Mail} mail */
const mailItem = ({ subject, from, receivedAt, preview }) =>
  element(
    "li",
    {},
    element(
      "p",
      { class: "sender", title: from.address },
      element("bdi", {}, from.name || "Unknown sender"),
    ),
    element("time", { datetime: receivedAt }, inWords(receivedAt)),
    element("p", { class: "subject" }, element("bdi", {}, subject || "(no subject)")),
    element("p", { class: "preview" }, element("bdi", {}, preview)),
  );

/** @param {{expiresAt: string, degraded: boolean}} token */
const tokenLine = ({ expiresAt, degraded }) => {
  const until = `Appse AI has access until ${timeInWords(expiresAt)}`;
  return element(
    "p",
    { class: "muted" },
    degraded ? `${until}. It could not be renewed just now.` : `${until}, and renews it by itself.`,
  );
};
