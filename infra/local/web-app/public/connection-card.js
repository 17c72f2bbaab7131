import { describeProblem } from "./connect-outlook.js";
import { element } from "./element.js";
import { icon } from "./icons.js";
import { problemMessage } from "./messages.js";
import { inWords, permissionsInWords, statusWords } from "./words.js";

/** @import { Connection } from "./connect-outlook.js" */

/**
 * @typedef {object} CardActions
 * @property {(connection: Connection, button: HTMLButtonElement) => void} run
 * @property {(connection: Connection, button: HTMLButtonElement) => void} reconnect
 * @property {(connection: Connection, button: HTMLButtonElement) => void} ask asks an administrator
 * @property {(connection: Connection, button: HTMLButtonElement) => void} disconnect
 */

/**
 * One mailbox: whose it is, how it is, what may be done with it.
 *
 * @param {Connection} connection
 * @param {CardActions} actions
 * @returns {HTMLLIElement}
 */
export const connectionCard = (connection, actions) => {
  const { id, account, status, problem, scopes, createdAt, lastRefreshedAt } = connection;
  const { words, tone } = statusWords[status];
  const headingId = `name-${id}`;
  const needsSignIn = status === "reauthorization_required";
  const needsApproval = status === "admin_approval_required";
  const canReconnect = problem?.actor !== "tenant_admin";

  /**
   * @param {"run" | "reconnect" | "ask" | "disconnect"} action
   * @param {string} text
   * @param {string} look
   * @param {SVGElement} [sign]
   */
  const button = (action, text, look, sign) => {
    const made = element(
      "button",
      { type: "button", class: look, "data-action": action },
      sign,
      element("span", {}, text),
      // Several cards have the same buttons; their names tell them apart.
      element("span", { class: "visually-hidden" }, ` ${account.username}`),
    );
    made.addEventListener("click", () => actions[action](connection, made));
    return made;
  };

  return element(
    "li",
    { "data-connection-id": id },
    element(
      "article",
      { class: "card", "aria-labelledby": headingId },
      element(
        "header",
        {},
        element("span", { class: "tile" }, icon("mail")),
        element(
          "div",
          {},
          element(
            "h2",
            { id: headingId, tabindex: "-1" },
            element("bdi", {}, account.displayName || account.username),
          ),
          account.displayName ? element("p", { class: "muted" }, account.username) : undefined,
        ),
        element(
          "p",
          { class: `pill ${tone}`, "data-status": status },
          icon(tone === "good" ? "check" : "alert"),
          needsSignIn && !canReconnect ? "Administrator needed" : words,
        ),
      ),
      problem ? problemMessage(describeProblem(problem)) : undefined,
      element(
        "dl",
        { class: "facts" },
        fact("Connected", element("time", { datetime: createdAt }, inWords(createdAt))),
        fact(
          "Access renewed",
          element("time", { datetime: lastRefreshedAt }, inWords(lastRefreshedAt)),
        ),
        fact("Appse AI may", permissionsInWords(scopes)),
      ),
      element(
        "div",
        { class: "actions" },
        needsApproval ? button("ask", "Ask an administrator", "primary") : undefined,
        ...(needsSignIn
          ? [
              button("reconnect", "Reconnect", canReconnect ? "primary" : ""),
              button("run", "Run workflow", ""),
            ]
          : [
              button("run", "Run workflow", "", icon("play")),
              button("reconnect", "Reconnect", ""),
            ]),
        button("disconnect", "Disconnect", "quiet"),
      ),
    ),
  );
};

/** @param {string} term @param {Node | string} description */
const fact = (term, description) =>
  element("div", {}, element("dt", {}, term), element("dd", {}, description));
