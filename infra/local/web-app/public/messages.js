import { element } from "./element.js";
import { icon } from "./icons.js";
import { durationInWords, whoMustAct } from "./words.js";

/** @import { Connection, Problem } from "./connect-outlook.js" */

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
        `${whoMustAct[actor]}${retryAfterSeconds ? ` Try again in ${durationInWords(retryAfterSeconds)}.` : ""}`,
      ),
      actions.length > 0 ? element("div", { class: "actions" }, ...actions) : undefined,
    ),
  );

/**
 * Names may be written from right to left: they are kept apart from the sentence around them.
 *
 * @param {Connection["account"]} account some have no name
 */
export const youConnected = ({ displayName, username }) =>
  displayName
    ? element("span", {}, "You connected ", element("bdi", {}, displayName), ` (${username}).`)
    : element("span", {}, `You connected ${username}.`);

/**
 * @param {string} title
 * @param {string} text
 * @param {...HTMLElement} actions
 */
export const plainMessage = (title, text, ...actions) => message("mail", title, text, actions);

/** @param {string} title @param {string | Node} text */
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
 * @param {string | Node} text
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
