import { createConnectOutlook } from "./connect-outlook.js";
import { byId, element } from "./element.js";
import { icon } from "./icons.js";
import { youConnected } from "./messages.js";
import { apiUrl, getAccessToken, signedInPerson } from "./session.js";
import { whoMustAct } from "./words.js";

/** @import { Outcome, Problem } from "./connect-outlook.js" */

/**
 * @param {"good" | "warn"} tone
 * @param {string} title
 * @param {HTMLElement[]} sentences
 * @param {...HTMLElement} next
 */
const show = (tone, title, sentences, ...next) => {
  document.title = `${title} · Appse AI`;
  byId("end", HTMLElement).replaceChildren(
    element("span", { class: `tile ${tone}` }, icon(tone === "good" ? "check" : "alert")),
    element("h1", {}, title),
    element("div", { class: "details" }, ...sentences),
    element("div", { class: "actions" }, ...next),
  );
};

/** @param {string} href @param {string} text @param {string} [look] */
const linkTo = (href, text, look = "primary") =>
  element("a", { class: `button ${look}`, href }, text);

/** @param {string} [look] */
const linkBack = (look) => linkTo("/", "Back to your connections", look);

/** @param {string} attemptId @param {string} [look] */
const linkToAsk = (attemptId, look) =>
  linkTo(`/?approval=${encodeURIComponent(attemptId)}`, "Ask an administrator", look);

/** @param {Outcome} outcome */
const showOutcome = (outcome) => {
  if (outcome.status === "connected") {
    const text = youConnected(outcome.connection.account);
    show("good", "Mailbox connected", [element("p", {}, text)], linkBack());
  } else if (outcome.status === "approved") {
    const text = "Your organisation has approved Appse AI. You can connect your mailbox now.";
    show("good", "Approved", [element("p", {}, text)], linkTo("/", "Connect your mailbox"));
  } else if (outcome.status === "approval_needed") {
    const { attemptId, problem } = outcome;
    const who = element("p", { class: "who" }, whoMustAct.tenant_admin);
    show(
      "warn",
      problem?.title ?? "Admin approval is required",
      // Who is only probably waiting for an administrator may as well try again.
      [
        element("p", {}, problem?.message ?? ""),
        ...(problem?.code === "probably_blocked" ? [] : [who]),
      ],
      linkToAsk(attemptId),
      linkBack(""),
    );
  } else if (outcome.status === "failed") {
    const { attemptId, problem } = outcome;
    const { code, actor, title, message } = problem;
    const who = element("p", { class: "who" }, whoMustAct[actor]);
    const sentences = [element("p", {}, message), who];
    if (code === "signed_out") {
      show("warn", title, sentences, linkTo("/sign-in", "Sign in"));
    } else if (code === "access_declined" && attemptId !== undefined) {
      // Microsoft's answer is the same whether the person said no or nobody but an administrator could say yes.
      show("warn", title, sentences, linkBack(), linkToAsk(attemptId, ""));
    } else {
      show("warn", title, sentences, linkBack());
    }
  }
};

/** @param {Problem} problem an approval is being applied */
const showWaiting = ({ title, message }) => {
  document.title = `${title} · Appse AI`;
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
    loginHint: async () => (await signedInPerson().catch(() => undefined))?.email,
    onWaiting: showWaiting,
  }),
);
