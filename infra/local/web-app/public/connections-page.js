import { approvalPanel } from "./approval-panel.js";
import { createConnectOutlook, describeProblem } from "./connect-outlook.js";
import { connectionCard } from "./connection-card.js";
import { byId, element } from "./element.js";
import { icon } from "./icons.js";
import {
  busyMessage,
  goodMessage,
  plainMessage,
  problemMessage,
  youConnected,
} from "./messages.js";
import {
  apiUrl,
  getAccessToken,
  postJson,
  readConfig,
  signedInPerson,
  signOut,
} from "./session.js";
import { inWords } from "./words.js";
import { workflowResult } from "./workflow-result.js";

/**
 * @import { ApprovalFor, Connection, Outcome, Problem } from "./connect-outlook.js"
 * @import { CardActions } from "./connection-card.js"
 * @import { Person } from "./session.js"
 * @import { Run } from "./workflow-result.js"
 */

const outlook = createConnectOutlook({ apiUrl, getAccessToken });

const notice = byId("notice", HTMLElement);
/** Not a part of the notice: every change of that is read out as a whole. */
const approval = byId("approval", HTMLElement);
const cards = byId("cards", HTMLUListElement);
const empty = byId("empty", HTMLElement);
const connectButton = byId("connect", HTMLButtonElement);
const connectHereButton = byId("connect-here", HTMLButtonElement);
const dialog = byId("disconnect-dialog", HTMLDialogElement);

byId("empty-sign", HTMLElement).append(icon("mail"));

/** Ends the panel that waits for an approval, if one is shown. */
let approving = new AbortController();

/** @param {Element[]} content shown above the list, and read out */
const tell = (...content) => {
  approving.abort();
  approval.replaceChildren();
  const hadFocus = notice.contains(document.activeElement);
  notice.replaceChildren(...content);
  if (hadFocus) notice.focus();
};

/** @param {string} text read out, for what can be seen anyway */
const announce = (text) => {
  byId("announcement", HTMLElement).textContent = text;
};

/** @param {string} text @param {string} look @param {() => void} click */
const button = (text, look, click) =>
  element("button", { type: "button", class: look, click }, text);

/**
 * Keeps a button from being pressed twice, and its focus where it is.
 *
 * @param {HTMLButtonElement} pressed
 * @param {() => Promise<void>} work
 */
const whileBusy = async (pressed, work) => {
  if (pressed.ariaDisabled === "true") return;
  pressed.ariaDisabled = "true";
  try {
    await work();
  } finally {
    pressed.ariaDisabled = null;
  }
};

/** @param {Problem} problem @param {() => void} [again] */
const tellProblem = (problem, again) => {
  const next =
    problem.code === "signed_out"
      ? element("a", { class: "button", href: "/sign-in" }, "Sign in")
      : problem.canRetry && again
        ? button("Try again", "", again)
        : undefined;
  tell(next ? problemMessage(problem, next) : problemMessage(problem));
};

/**
 * Shows what a person can do whose organisation lets only an administrator approve.
 *
 * @param {ApprovalFor} what
 * @param {{connectionId?: string, loginHint?: string}} how
 * @param {{problem?: Problem, approval?: string}} [known]
 */
const askAdministrator = (what, how, { problem, approval: status } = {}) => {
  tell();
  approving = new AbortController();
  const panel = approvalPanel({
    outlook,
    what,
    ...(problem && { problem }),
    wasAsked: status === "requested",
    tryAnyway: () => connect({ ...how, mode: "popup", anyway: true }),
    approveNow: () => connect({ ...how, mode: "popup", forOrganization: true }),
    goOn: () => connect({ ...how, mode: "redirect", anyway: true }),
    worksAgain: () => {
      tell(
        goodMessage(
          "Approved",
          "Your organisation has approved Appse AI again. The mailbox works again within ten minutes, without you.",
        ),
      );
      showList();
    },
    announce,
    signInPage: "/sign-in",
    signal: approving.signal,
  });
  approval.replaceChildren(panel);
  panel.querySelector("h2")?.focus();
};

// The list

/** @param {Connection} connection a new card, or a new face of the one that is there */
const showConnection = (connection) => {
  const card = connectionCard(connection, cardActions);
  const shown = cardOf(connection.id);
  const focused = shown?.contains(document.activeElement) ? document.activeElement : undefined;
  if (shown) shown.replaceWith(card);
  else cards.append(card);
  empty.hidden = true;
  if (focused instanceof HTMLElement) focusAction(card, focused.dataset.action);
};

/** @param {Element} card @param {string | undefined} action */
const focusAction = (card, action) => {
  const target = action
    ? card.querySelector(`[data-action="${action}"]`)
    : card.querySelector("h2");
  if (target instanceof HTMLElement) target.focus();
};

/** @param {string} connectionId */
const cardOf = (connectionId) =>
  cards.querySelector(`[data-connection-id="${CSS.escape(connectionId)}"]`);

/**
 * @param {() => void} [again] what a button does if there is no list
 * @returns {Promise<boolean>} whether it is shown
 */
const showList = async (again = () => void showList()) => {
  const listed = await outlook.list();
  byId("loading", HTMLElement).hidden = true;
  if (!listed.ok) {
    tellProblem(listed.problem, again);
    return false;
  }
  if (notice.querySelector(".warn-box")) tell();
  cards.replaceChildren();
  const { connections, incomplete } = listed.value;
  connections.forEach(showConnection);
  empty.hidden = incomplete || connections.length > 0;
  if (incomplete) {
    tell(
      plainMessage(
        "Not all mailboxes are shown",
        "Some of your mailboxes cannot be shown just now. They stay connected: there is no need to connect them again.",
        button("Reload", "", () => {
          tell();
          return showList();
        }),
      ),
    );
  }
  return true;
};

// Connecting

/** @type {AbortController | undefined} */
let waiting;

/**
 * Must be called in the click itself, or the browser blocks the window.
 *
 * @param {{mode: "popup" | "redirect", connectionId?: string, loginHint?: string, anyway?: boolean,
 *   forOrganization?: boolean}} how
 */
const connect = async (how) => {
  waiting?.abort();
  const mine = new AbortController();
  waiting = mine;
  const outcome = outlook.connect({ ...how, signal: mine.signal });
  tell(
    how.mode === "popup"
      ? busyMessage(
          "Waiting for Microsoft",
          "Sign in and agree in the window that has opened. This page carries on by itself.",
          button("Cancel", "", () => mine.abort()),
        )
      : busyMessage("Opening Microsoft", "You will come back here when you have signed in."),
  );
  const end = await outcome;
  // Another attempt may have been begun in between: its news count now.
  if (waiting !== mine) return;
  waiting = undefined;
  const { connectionId, loginHint } = how;
  showOutcome(end, {
    ...(connectionId !== undefined && { connectionId }),
    ...(loginHint !== undefined && { loginHint }),
  });
};

/**
 * @param {Outcome} outcome
 * @param {{connectionId?: string, loginHint?: string}} how
 */
const showOutcome = (outcome, how) => {
  switch (outcome.status) {
    case "connected": {
      const { account } = outcome.connection;
      showConnection(outcome.connection);
      return tell(
        how.connectionId === undefined
          ? goodMessage("Mailbox connected", youConnected(account))
          : goodMessage("Mailbox reconnected", `Your workflows can use ${account.username} again.`),
      );
    }
    case "approval_needed":
      // Also for a mailbox that was to be renewed: with the approval alone it may not work again.
      return askAdministrator({ attemptId: outcome.attemptId }, how, outcome);
    case "failed": {
      const { problem, attemptId } = outcome;
      if (problem.code === "outcome_unknown") {
        return tell(
          problemMessage(
            problem,
            button("Reload", "", () => showList()),
          ),
        );
      }
      const again = () => connect({ ...how, mode: "popup" });
      // Microsoft's answer is the same whether the person said no or nobody but an administrator could say yes.
      if (problem.code !== "access_declined" || attemptId === undefined) {
        return tellProblem(problem, again);
      }
      return tell(
        problemMessage(
          problem,
          button("Try again", "", again),
          button("Ask an administrator", "", () => askAdministrator({ attemptId }, how)),
        ),
      );
    }
    case "closed": {
      const { attemptId } = outcome;
      const title = "The Microsoft window is closed";
      const text =
        "Nothing was changed. If you are still signing in somewhere, carry on: the mailbox appears here.";
      if (attemptId === undefined) return tell(plainMessage(title, text));
      return tell(
        plainMessage(
          title,
          `${text} If Microsoft asked for an administrator's approval, ask for it here.`,
          button("Ask an administrator", "", () => askAdministrator({ attemptId }, how)),
        ),
      );
    }
    case "blocked":
      return tell(
        plainMessage(
          "Your browser did not open the window",
          "You can sign in to Microsoft in this window, and come back here after it.",
          button("Continue in this window", "primary", () => connect({ ...how, mode: "redirect" })),
        ),
      );
    case "approved":
    case "redirecting":
      return undefined;
    default:
      return outcome;
  }
};

connectButton.addEventListener("click", () => connect({ mode: "popup" }));
connectHereButton.addEventListener("click", () => connect({ mode: "redirect" }));

// Ended in a window that nobody here waits for any more. Asked for anew, because that window may belong to
// somebody else's session.
outlook.onEnded(async (outcome) => {
  if (waiting || outcome.status !== "connected") return;
  const got = await outlook.get(outcome.connection.id);
  if (got.ok) showOutcome({ status: "connected", connection: got.value }, {});
});

// What can be done with a mailbox

/** @param {string} id of the connection */
const hideRun = (id) => cardOf(id)?.querySelector(".result")?.remove();

/**
 * On the card that is there now: the list may have been shown anew while the workflow ran.
 *
 * @param {string} id of the connection
 * @param {Run} run
 * @param {{reasonIsShown?: boolean}} [options]
 */
const showRun = (id, run, options) => {
  const headingId = `result-${id}`;
  hideRun(id);
  cardOf(id)
    ?.querySelector("article")
    ?.append(workflowResult(run, headingId, options));
  document.getElementById(headingId)?.focus();
};

/** @type {CardActions} */
const cardActions = {
  run: (connection, pressed) =>
    whileBusy(pressed, async () => {
      hideRun(connection.id);
      // What was said about something else would read as if it were about this run.
      if (!waiting) tell();
      announce("Running the workflow");
      const label = pressed.querySelector("span");
      if (label) label.textContent = "Running…";
      const run = await runWorkflow(connection.id);
      if (label) label.textContent = "Run workflow";
      announce("");

      showRun(connection.id, run);
      // A token may be served although its connection has ended; and a run may also be the first to learn that
      // all is well again.
      const isAllWell = run.status === "succeeded" && !run.token.degraded;
      if (!isAllWell || connection.status !== "connected") await refreshCard(connection, run);
    }),

  reconnect: ({ id, account }) =>
    connect({ mode: "popup", connectionId: id, loginHint: account.username }),

  ask: ({ id, account }) =>
    askAdministrator({ connectionId: id }, { connectionId: id, loginHint: account.username }),

  disconnect: (connection, pressed) => {
    byId("disconnect-title", HTMLElement).textContent =
      `Disconnect ${connection.account.username}?`;
    dialog.returnValue = "";
    dialog.addEventListener(
      "close",
      () => {
        if (dialog.returnValue === "disconnect") {
          whileBusy(pressed, () => disconnect(connection));
        }
      },
      { once: true },
    );
    dialog.showModal();
  },
};

/** @param {string} connectionId @returns {Promise<Run>} */
const runWorkflow = async (connectionId) => {
  try {
    const answer = await postJson("/workflows/run", { connectionId });
    if (answer.ok) return await answer.json();
    if (answer.status === 401) {
      const message = "Your session is over. Sign in again, then run the workflow.";
      return { status: "failed", failure: { code: "signed_out", actor: "user", message } };
    }
  } catch {
    // Not reached; said below.
  }
  const message = "We could not reach the workflow engine. Try again in a moment.";
  return { status: "failed", failure: { code: "no_answer", actor: "nobody", message } };
};

/**
 * A run may be the first to learn that a mailbox needs its owner, or is gone.
 *
 * @param {Connection} connection
 * @param {Run} run to be shown on the new card as well
 */
const refreshCard = async (connection, run) => {
  const { id, account, status } = connection;
  const got = await outlook.get(id);
  if (!got.ok && got.problem.code === "not_found") {
    return removeCard(
      id,
      plainMessage(
        "This mailbox is not connected any more",
        `${account.username} was disconnected, perhaps on another page. Connect it again if your workflows need it.`,
      ),
    );
  }
  if (!got.ok || got.value.status === status) return;
  showConnection(got.value);
  showRun(id, run, { reasonIsShown: got.value.problem !== undefined });
};

/** @param {string} id @param {Element} message why it is gone */
const removeCard = (id, message) => {
  cardOf(id)?.remove();
  empty.hidden = cards.childElementCount > 0;
  tell(message);
  byId("title", HTMLElement).focus();
};

/** @param {Connection} connection */
const disconnect = async ({ id, account }) => {
  const disconnected = await outlook.disconnect(id);
  if (!disconnected.ok) return tellProblem(disconnected.problem);
  removeCard(
    id,
    goodMessage("Mailbox disconnected", `Appse AI has no access to ${account.username} any more.`),
  );
};

// The frame of the page

/** @type {Person | undefined} */
let person;

byId("sign-out", HTMLButtonElement).addEventListener("click", async () => {
  await signOut();
  window.location.assign("/sign-in");
});

// Somebody else may have signed in in another tab; this one must not go on showing their neighbour's list.
window.addEventListener("focus", async () => {
  if (!person) return;
  const now = await signedInPerson().catch(() => person);
  if (now?.id !== person.id) window.location.reload();
});

// Back from Microsoft with the browser's button: the page is as it was left, waiting.
window.addEventListener("pageshow", ({ persisted }) => {
  if (persisted) window.location.reload();
});

// Local controls, of the demo only

/** @param {string} now ISO 8601 */
const showLocalTime = (now) => {
  const time = byId("local-time", HTMLTimeElement);
  time.dateTime = now;
  time.textContent = inWords(now);
};

/** @param {string} text @param {string | undefined} href */
const showLink = (text, href) => {
  if (href) byId("local-links", HTMLElement).append(element("a", { href }, text), " ");
};

const hourButton = byId("hour", HTMLButtonElement);
hourButton.addEventListener("click", () =>
  whileBusy(hourButton, async () => {
    const answer = await postJson("/local/clock", { seconds: 3600 });
    const { now } = await answer.json();
    await showList();
    showLocalTime(now);
    announce(`An hour has passed. It is ${inWords(now)} now.`);
  }),
);

const showLocalControls = async () => {
  const { local } = await readConfig();
  showLocalTime(local.now);
  showLink("Simulated Microsoft", local.simulatorUrl);
  showLink("Mail inbox", local.mailUrl);
};

// Everything is in place; now fill it.

const notReached = describeProblem({
  code: "no_answer",
  actor: "nobody",
  message: "We could not reach Appse AI. Check your connection, then try again.",
});

const fillPage = async () => {
  try {
    person = await signedInPerson();
  } catch {
    byId("loading", HTMLElement).hidden = true;
    return tellProblem(notReached, fillPage);
  }
  if (!person) return window.location.replace("/sign-in");
  byId("person-name", HTMLElement).textContent = person.name;
  byId("workspace-name", HTMLElement).textContent = person.workspace.name;
  if (!(await showList(fillPage))) return;
  // From the page of return, where a sign-in was turned away.
  const attemptId = new URLSearchParams(window.location.search).get("approval");
  if (attemptId) {
    history.replaceState(null, "", "/");
    askAdministrator({ attemptId }, {});
  }
  await showLocalControls();
};

await fillPage();
