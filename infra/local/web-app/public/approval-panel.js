import { element } from "./element.js";
import { icon } from "./icons.js";
import { durationInWords, inWords } from "./words.js";

/**
 * @import { Approval, ApprovalFor, Problem, createConnectOutlook } from "./connect-outlook.js"
 */

/**
 * @typedef {object} ApprovalPanelOptions
 * @property {ReturnType<typeof createConnectOutlook>} outlook
 * @property {ApprovalFor} what
 * @property {Problem} [problem] what Microsoft said, if it was asked
 * @property {boolean} wasAsked there is a link already, whether or not anybody passed it on
 * @property {() => void} [tryAnyway]
 * @property {() => void} approveNow for a person who is an administrator
 * @property {() => void} goOn once it is approved; without a click, so in this window
 * @property {() => void} worksAgain the same for a connection, which needs no sign-in
 * @property {(text: string) => void} announce has it read out
 * @property {string} signInPage where a person goes whose session at the product is over
 * @property {AbortSignal} signal ends it
 */

/** How long a person has to stop the page from going on by itself. */
const countdownSeconds = 20;

/** @type {Readonly<Record<NonNullable<Approval["mail"]>["status"], (to: string) => string>>} */
const mailWords = {
  none: () => "",
  sending: (to) =>
    `The mail to ${to} is on its way, as far as we know. If nothing arrives, send the link yourself.`,
  sent: (to) => `We have mailed ${to}. You will get a mail when it is approved.`,
  unknown: (to) =>
    `We cannot tell whether the mail to ${to} was sent, and do not send it twice. Please send the link yourself.`,
  not_delivered: (to) =>
    `The mail to ${to} could not be delivered. Please check the address, or send the link yourself.`,
  joined: (to) =>
    `${to} was already mailed for your organisation today. Your request is on the page that the mail leads to.`,
};

/** As far as anybody knows: the person had better send the link themselves. */
const undelivered = new Set(["unknown", "not_delivered"]);

/** @type {Readonly<Partial<Record<Approval["status"], string>>>} */
const statusSentences = {
  requested: "This page notices by itself when an administrator approves.",
  // Any browser can have said so, so nobody is told that it is true.
  reported:
    "An approval was reported, and is being confirmed. You need not do anything. If it takes more than a few minutes, ask the administrator to open the link again: it says what is left to do.",
};

const askedBefore =
  "A link was made before, but an administrator may not have seen it. Send the link below as well, or wait here: this page notices by itself when an administrator approves.";

/**
 * Tells a person that only an administrator can help, gives them what an administrator needs, and waits with them.
 *
 * @param {ApprovalPanelOptions} options
 * @returns {HTMLElement}
 */
export const approvalPanel = (options) => {
  const {
    outlook,
    what,
    problem,
    wasAsked,
    tryAnyway,
    approveNow,
    goOn,
    worksAgain,
    announce,
    signInPage,
    signal,
  } = options;
  /** The sign-in is forgotten sooner than the connection that it was to renew. */
  let asksFor = what;
  const title = problem?.title ?? "Admin approval is required";
  let isWatching = false;
  const waiting = new AbortController();
  const said = element("p", { role: "status" });
  const mailed = element("p", { id: "approval-mailed", role: "status" });
  const unheard = element("div", { hidden: "" });
  const body = element("div", { class: "stack" });
  const panel = element(
    "section",
    { class: "message approval", "aria-labelledby": "approval-title" },
    icon("alert"),
    element(
      "div",
      { class: "stack" },
      element("h2", { id: "approval-title", tabindex: "-1" }, title),
      problem ? element("p", {}, problem.message) : undefined,
      said,
      unheard,
      element(
        "p",
        { class: "muted" },
        "Where only an administrator may approve apps that work with mail, one approval is enough for everybody; each person still connects only their own mailbox.",
      ),
      body,
    ),
  );

  /** @param {string} text @param {string} look @param {() => void} click */
  const button = (text, look, click) =>
    element("button", { type: "button", class: look, click }, text);

  /** @param {{ first?: HTMLElement | undefined, connectWords?: string }} [options] */
  const others = ({ first, connectWords = "Try anyway" } = {}) =>
    element(
      "div",
      { class: "actions" },
      first,
      tryAnyway ? button(connectWords, "", tryAnyway) : undefined,
      button("I am an administrator: approve now", "quiet", approveNow),
    );

  /** @param {Problem} problem @param {string} text @param {() => void} again */
  const nextStep = ({ code, canRetry }, text, again) => {
    if (code === "signed_out")
      return element("a", { class: "button", href: signInPage }, "Sign in");
    return canRetry ? button(text, "", again) : undefined;
  };

  /** Either the mail or the watching may learn of the approval, and the other may be under way. */
  const showApproved = () => {
    if (waiting.signal.aborted) return;
    waiting.abort();
    if ("connectionId" in what) return worksAgain();
    let left = countdownSeconds;
    const countdown = element("p", { class: "muted" });
    const stop = () => {
      clearInterval(timer);
      countdown.textContent = "Your organisation has approved Appse AI. Connect whenever you like.";
      announce("This page stays here.");
      goesOn.textContent = "Connect your mailbox";
      const hadFocus = document.activeElement === notNow;
      notNow.remove();
      if (hadFocus) goesOn.focus();
    };
    const notNow = button("Not now", "", stop);
    const goesOn = button("Continue now", "primary", () => {
      clearInterval(timer);
      goOn();
    });
    const count = () => {
      if (signal.aborted) return clearInterval(timer);
      countdown.textContent = `Your organisation has approved Appse AI. Continuing in ${durationInWords(left)}…`;
      if (left === 0) {
        clearInterval(timer);
        goOn();
      }
      left -= 1;
    };
    const timer = setInterval(count, 1_000);
    count();
    const approved = element(
      "section",
      { class: "message good", "aria-labelledby": "approval-title" },
      icon("check"),
      element(
        "div",
        { class: "stack" },
        element("h2", { id: "approval-title", tabindex: "-1" }, "Approved"),
        countdown,
        element("div", { class: "actions" }, goesOn, notNow),
      ),
    );
    const hadFocus = panel.contains(document.activeElement);
    panel.replaceWith(approved);
    // Once, and not each second of the countdown.
    announce(
      `Your organisation has approved Appse AI. This page goes on to Microsoft in ${durationInWords(countdownSeconds)}; “Not now” stops it.`,
    );
    if (hadFocus) approved.querySelector("h2")?.focus();
  };

  /** @param {Approval} approval */
  const showStatus = ({ status, mail }) => {
    const isMailed = mail !== undefined && mail.status !== "none" && !undelivered.has(mail.status);
    const isAskedBefore = wasAsked && status === "requested" && !isMailed;
    said.textContent = isAskedBefore ? askedBefore : (statusSentences[status] ?? "");
    mailed.textContent = mail?.to ? mailWords[mail.status](mail.to) : "";
    mailed.classList.toggle("field-warning", mail !== undefined && undelivered.has(mail.status));
  };

  /**
   * @param {Approval} approval with a link
   * @param {string} [mailbox] whose organisation is asked, where it is not that of the person's own address
   */
  const form = (approval, mailbox) => {
    const { mailDomain } = approval;
    const url = element("input", { id: "approval-url", type: "text", readonly: "" });
    url.addEventListener("focus", () => url.select());
    const until = element("span", {});
    /** @param {Approval} approval a link that is over is followed by another */
    const showLink = ({ approvalUrl, expiresAt }) => {
      if (!approvalUrl || !expiresAt) return;
      url.value = approvalUrl;
      until.textContent = inWords(expiresAt);
    };
    showLink(approval);
    const copied = element("span", { class: "muted", role: "status" });
    const copy = button("Copy link", "", async () => {
      try {
        await navigator.clipboard.writeText(url.value);
        copied.textContent = "Copied.";
      } catch {
        url.select();
        copied.textContent = "Copy the selected link.";
      }
    });

    const mail = element("input", {
      id: "approval-email",
      type: "email",
      name: "email",
      autocomplete: "off",
      "aria-describedby": "approval-hint approval-error approval-mailed",
      required: "",
    });
    const error = element("p", { id: "approval-error", class: "field-error" });
    const send = element("button", { type: "submit" }, "Send");
    const mailForm = element(
      "form",
      { class: "field", novalidate: "" },
      element("label", { for: "approval-email" }, "Or e-mail it to your administrator"),
      element("div", { class: "field-row" }, mail, send),
      element(
        "p",
        { id: "approval-hint", class: "muted" },
        `An address that ends in @${mailDomain}`,
      ),
      error,
      mailed,
    );
    /** @param {string} text */
    const complain = (text) => {
      error.textContent = text;
      if (text) mail.setAttribute("aria-invalid", "true");
      else mail.removeAttribute("aria-invalid");
      if (text) mail.focus();
    };
    mailForm.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (send.ariaDisabled === "true") return;
      if (!mail.value.trim()) return complain("Please enter the address of an administrator.");
      complain("");
      send.ariaDisabled = "true";
      const asked = await outlook.requestApproval(asksFor, mail.value.trim());
      send.ariaDisabled = null;
      if (signal.aborted) return;
      if (!asked.ok) return complain(asked.problem.message);
      if (asked.value.status === "verified") return showApproved();
      mail.value = "";
      showLink(asked.value);
      showStatus(asked.value);
      if (!isWatching) watch(asked.value);
    });

    return [
      element(
        "div",
        { class: "field" },
        element(
          "label",
          { for: "approval-url" },
          mailbox === undefined || mailDomain !== undefined
            ? "Send this link to your administrator"
            : `Send this link to an administrator of the organisation of ${mailbox}`,
        ),
        element("div", { class: "field-row" }, url, copy),
        element(
          "p",
          { class: "muted" },
          "It shows who asks and for what, and works until ",
          until,
          ". ",
          copied,
        ),
      ),
      ...(mailDomain === undefined ? [] : [mailForm]),
      others(),
    ];
  };

  /** The button that had the focus may be gone. @param {...Node} content */
  const replaceBody = (...content) => {
    const hadFocus = body.contains(document.activeElement);
    body.replaceChildren(...content);
    if (hadFocus) panel.querySelector("h2")?.focus();
  };

  const open = async () => {
    announce("");
    replaceBody(element("p", { class: "muted" }, "Getting the link…"));
    const asked = await outlook.requestApproval(what);
    if (signal.aborted) return;
    if (!asked.ok) {
      const isForgotten = asked.problem.code === "attempt_unknown";
      const first = isForgotten ? undefined : nextStep(asked.problem, "Get the link", open);
      replaceBody(
        element("p", {}, asked.problem.message),
        others({ first, ...(isForgotten && { connectWords: "Connect again" }) }),
      );
      announce(asked.problem.message);
      return;
    }
    const { status, approvalUrl, expiresAt, connectionId } = asked.value;
    if (status === "verified" || !approvalUrl || !expiresAt) return showApproved();
    /** @type {string | undefined} */
    let mailbox;
    if (connectionId !== undefined) {
      asksFor = { connectionId };
      const got = await outlook.get(connectionId);
      if (signal.aborted) return;
      mailbox = got.ok ? got.value.account.username : "this mailbox";
    }
    replaceBody(...form(asked.value, mailbox));
    watch(asked.value);
  };

  /** @param {Approval} approval */
  const watch = async (approval) => {
    unheard.hidden = true;
    showStatus(approval);
    isWatching = true;
    let latest = approval;
    const watched = await outlook.watchApproval(approval, {
      onChange: (now) => {
        latest = { ...latest, ...now };
        showStatus(latest);
      },
      signal: AbortSignal.any([signal, waiting.signal]),
    });
    isWatching = false;
    if (watched?.ok) showApproved();
    else if (watched) showUnheard(watched.problem, () => watch(latest));
  };

  /** @param {Problem} problem @param {() => void} again */
  const showUnheard = (problem, again) => {
    said.textContent = `This page does not notice the approval any more. ${problem.message} You will get a mail when it is approved.`;
    const next = nextStep(problem, "Wait here again", again);
    unheard.replaceChildren(...(next ? [element("div", { class: "actions" }, next)] : []));
    unheard.hidden = false;
  };
  open();
  return panel;
};
