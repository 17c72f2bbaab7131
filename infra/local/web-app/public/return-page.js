import { createConnectOutlook } from "./connect-outlook.js";
import { byId, element } from "./element.js";
import { icon } from "./icons.js";
import { apiUrl, getAccessToken, signedInPerson } from "./session.js";
import { whoMustAct } from "./words.js";

/** @import { Outcome, Problem } from "./connect-outlook.js" */

/**
 * @param {"good" | "warn"} tone
 * @param {string} title
 * @param {HTMLElement[]} sentences
 * @param {HTMLElement} next
 */
const show = (tone, title, sentences, next) => {
  document.title = `${title} – Appse AI`;
  byId("end", HTMLElement).replaceChildren(
    element("span", { class: `tile ${tone}` }, icon(tone === "good" ? "check" : "alert")),
    element("h1", {}, title),
    element("div", { class: "details" }, ...sentences),
    next,
  );
};

/** @param {string} href @param {string} text */
const linkTo = (href, text) => element("a", { class: "button primary", href }, text);

/** @param {Outcome} outcome */
const showOutcome = (outcome) => {
  if (outcome.status === "connected") {
    const { displayName, username } = outcome.connection.account;
    const text = `You connected ${displayName} (${username}).`;
    show(
      "good",
      "Mailbox connected",
      [element("p", {}, text)],
      linkTo("/", "Back to your connections"),
    );
  } else if (outcome.status === "approved") {
    const text = "Your organisation has approved Appse AI. You can connect your mailbox now.";
    show("good", "Approved", [element("p", {}, text)], linkTo("/", "Connect your mailbox"));
  } else if (outcome.status === "approval_needed") {
    const { attemptId, problem } = outcome;
    show(
      "warn",
      "Admin approval is required",
      [
        element("p", {}, problem?.message ?? ""),
        element("p", { class: "who" }, whoMustAct.tenant_admin),
      ],
      linkTo(`/?approval=${encodeURIComponent(attemptId)}`, "Ask an administrator"),
    );
  } else if (outcome.status === "failed") {
    const { code, actor, title, message } = outcome.problem;
    const next =
      code === "signed_out"
        ? linkTo("/sign-in", "Sign in")
        : linkTo("/", "Back to your connections");
    const who = element("p", { class: "who" }, whoMustAct[actor]);
    show("warn", title, [element("p", {}, message), who], next);
  }
};

/** @param {Problem} problem an approval is being applied */
const showWaiting = ({ title, message }) => {
  document.title = `${title} – Appse AI`;
  byId("end", HTMLElement).replaceChildren(
    element("span", { class: "spinner" }),
    element("h1", {}, title),
    element("p", { class: "muted" }, message),
    element("p", { class: "muted" }, "This page goes on by itself. Please keep it open."),
  );
};

const outlook = createConnectOutlook({ apiUrl, getAccessToken });
showOutcome(
  await outlook.handleReturn(window.location, {
    loginHint: async () => (await signedInPerson())?.email,
    onWaiting: showWaiting,
  }),
);
