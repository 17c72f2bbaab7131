import { element } from "./element.js";
import { icon } from "./icons.js";
import { whoMustAct } from "./words.js";

/** @import { Problem } from "./connect-outlook.js" */

/**
 * What went wrong, who must act, and what can be done from here.
 *
 * @param {Problem} problem
 * @param {...HTMLElement} actions
 */
export const problemMessage = ({ code, actor, title, message, retryAfterSeconds }, ...actions) =>
  element(
    "div",
    { class: "message warn-box", "data-code": code },
    icon("alert"),
    element(
      "div",
      {},
      element("p", {}, element("strong", {}, title)),
      element("p", {}, message),
      element(
        "p",
        { class: "who" },
        `${whoMustAct[actor]}${retryAfterSeconds ? ` Try again in ${waitInWords(retryAfterSeconds)}.` : ""}`,
      ),
      actions.length > 0 ? element("div", { class: "actions" }, ...actions) : undefined,
    ),
  );

/**
 * @param {string} title
 * @param {string} text
 * @param {...HTMLElement} actions
 */
export const plainMessage = (title, text, ...actions) => message("mail", title, text, actions);

/** @param {string} title @param {string} text */
export const goodMessage = (title, text) => {
  const made = message("check", title, text, []);
  made.classList.add("good");
  return made;
};

/**
 * @param {string} title
 * @param {string} text
 * @param {...HTMLElement} actions
 */
export const busyMessage = (title, text, ...actions) => {
  const made = message("mail", title, text, actions);
  made.firstElementChild?.replaceWith(element("span", { class: "spinner" }));
  return made;
};

/**
 * @param {"mail" | "check"} sign
 * @param {string} title
 * @param {string} text
 * @param {HTMLElement[]} actions
 */
const message = (sign, title, text, actions) =>
  element(
    "div",
    { class: "message" },
    icon(sign),
    element(
      "div",
      {},
      element("p", {}, element("strong", {}, title)),
      element("p", { class: "muted" }, text),
      actions.length > 0 ? element("div", { class: "actions" }, ...actions) : undefined,
    ),
  );

/** @param {number} seconds */
const waitInWords = (seconds) =>
  seconds < 90 ? `${Math.ceil(seconds)} seconds` : `${Math.ceil(seconds / 60)} minutes`;
