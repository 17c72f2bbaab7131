/**
 * Connects Outlook mailboxes, from a page of the product. Copy this file as it is: it needs nothing else.
 *
 *     const outlook = createConnectOutlook({ apiUrl, getAccessToken });
 *
 *     button.onclick = async () => {
 *       const outcome = await outlook.connect({ mode: "popup" });   // first thing in the click
 *       if (outcome.status === "connected") show(outcome.connection);
 *       if (outcome.status === "blocked") offer(() => outlook.connect({ mode: "redirect" }));
 *       if (outcome.status === "approval_needed") offer(() => outlook.requestApproval(outcome));
 *       if (outcome.status === "failed") explain(outcome.problem);
 *     };
 *
 * And on the page to which people return from Microsoft:
 *
 *     const outcome = await outlook.handleReturn(window.location);
 *
 * The page that opens the window for Microsoft and the page that people return to do not need to know each
 * other: Microsoft's pages may cut the tie between the two windows (Cross-Origin-Opener-Policy). The return
 * page finishes the connection with the product's own session and tells all other pages of the product
 * through a BroadcastChannel; who has missed that asks the API how the attempt ended.
 *
 * Nothing secret is kept in the browser, and the completion value leaves the address at once.
 */

/**
 * Who must act before the same thing can succeed.
 *
 * @typedef {"user" | "tenant_admin" | "operator" | "nobody"} Actor
 */

/**
 * @typedef {object} ConnectionProblem what the API knows about a connection that does not work
 * @property {string} code
 * @property {Actor} actor
 * @property {string} message
 */

/**
 * @typedef {object} Connection
 * @property {string} id
 * @property {"connected" | "reauthorization_required" | "admin_approval_required"} status
 * @property {{displayName: string, username: string, tenantId: string}} account
 * @property {string[]} scopes
 * @property {string} createdAt ISO 8601
 * @property {string} lastRefreshedAt ISO 8601
 * @property {ConnectionProblem} [problem]
 */

/**
 * @typedef {object} Problem
 * @property {string} code stable; switch on it
 * @property {Actor} actor
 * @property {string} title a few words
 * @property {string} message whole sentences for the person who reads them
 * @property {boolean} canRetry whether this person may as well try again, now or in a while
 * @property {number} [retryAfterSeconds]
 */

/**
 * How an attempt to connect ended.
 *
 * - `approval_needed`: the person's organisation lets only an administrator approve, and has not approved.
 *   Either Microsoft said so, or it told somebody before and the person was not sent there again; call
 *   `connect` with `anyway` if they want to try all the same.
 * - `failed` with the code `outcome_unknown`: the wait is over, and the API could not be asked how it ended. There may
 *   be a new connection: `list` tells, once the API can be reached.
 * - `closed`: the window is gone, and nothing was connected so far. Not a failure. Should it have been cut off
 *   rather than closed, its end still comes to the listeners of `onEnded`.
 * - `approved`: no sign-in ended here; the person comes from the mail that says that they can connect now.
 * - `blocked`: the browser did not let the window open. Offer `mode: "redirect"`.
 * - `redirecting`: this page is about to be left.
 *
 * @typedef {{status: "connected", connection: Connection}
 *   | {status: "failed", problem: Problem, attemptId?: string}
 *   | {status: "approval_needed", attemptId: string, problem?: Problem, approval?: Approval["status"]}
 *   | {status: "approved"}
 *   | {status: "closed", attemptId?: string}
 *   | {status: "blocked"}
 *   | {status: "redirecting"}} Outcome
 */

/**
 * @template Value
 * @typedef {{ok: true, value: Value} | {ok: false, problem: Problem}} Result
 */

/**
 * @typedef {object} Attempt
 * @property {string} attemptId
 * @property {"pending" | "returned" | "completing" | "completed" | "failed" | "expired"} status
 * @property {string} expiresAt ISO 8601
 * @property {string} [connectionId] once completed
 * @property {string} [reconnects] the connection that it renews
 * @property {ConnectionProblem} [problem] once failed
 */

/**
 * How the approval of the person's organisation stands, and what became of their mail to an administrator.
 *
 * @typedef {object} Approval
 * @property {"unknown" | "blocked" | "requested" | "reported" | "verified" | "lost"} status
 * @property {string} [approvalUrl] what an administrator must open; not there once it is `verified`, when nobody needs
 *   to be asked: `connect` with `anyway`
 * @property {string} [expiresAt] ISO 8601
 * @property {string} [connectionId] it is about the organisation of this connection, and not about that of the person's
 *   address
 * @property {string} [mailDomain] an administrator can be mailed, at an address that ends in `@` and this
 * @property {{status: "none" | "sending" | "sent" | "unknown" | "not_delivered" | "joined", to?: string, at?: string}} [mail]
 */

/**
 * What an approval is asked for: a sign-in that was turned away, or a connection that waits for it.
 *
 * @typedef {{attemptId: string} | {connectionId: string}} ApprovalFor
 */

/**
 * @typedef {object} ConnectOutlookOptions
 * @property {string | (() => Promise<string>)} apiUrl without a slash at its end; or a function that finds it
 * @property {() => Promise<string | undefined>} getAccessToken the product's JWT for the API; `undefined`
 *   when nobody is signed in any more. Asked before every request.
 * @property {string} [returnTo] the key of one of the return pages the API knows; its first by default
 */

/**
 * @typedef {object} ConnectOptions
 * @property {"popup" | "redirect"} mode a `popup` must be asked for in the click itself: browsers open
 *   windows for a person, not for a page
 * @property {string} [connectionId] renews this connection
 * @property {string} [loginHint] the address to propose at Microsoft
 * @property {boolean} [anyway] goes to Microsoft although the organisation is known not to have approved
 * @property {boolean} [forOrganization] the person is an administrator: they approve for everybody first
 * @property {AbortSignal} [signal] gives up waiting, and closes the window
 */

const channelName = "connect-outlook";

const requestTimeoutMs = 30_000;

/** Redeeming takes seconds; the API itself declares it interrupted after a minute. */
const completingTimeoutMs = 75_000;

/** Microsoft applies an approval within minutes. */
const spreadingTimeoutMs = 12 * 60_000;

/** An attempt lives for ten minutes. The API says when it is over; this is for when it cannot. */
const waitingTimeoutMs = 15 * 60_000;

/** @param {ConnectOutlookOptions} options */
export const createConnectOutlook = ({ apiUrl, getAccessToken, returnTo }) => {
  /**
   * @param {"GET" | "POST" | "DELETE"} method
   * @param {string} path
   * @param {object} [body]
   * @returns {Promise<Result<any>>} what the API answered; its own pages describe the shapes
   */
  const request = async (method, path, body) => {
    try {
      const token = await getAccessToken();
      if (token === undefined) return { ok: false, problem: localProblem("signed_out") };
      const api = typeof apiUrl === "string" ? apiUrl : await apiUrl();
      const response = await fetch(`${api}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body && { "content-type": "application/json" }),
        },
        ...(body && { body: JSON.stringify(body) }),
        cache: "no-store",
        credentials: "omit",
        signal: AbortSignal.timeout(requestTimeoutMs),
      });
      if (!response.ok) return { ok: false, problem: await problemOf(response) };
      return { ok: true, value: response.status === 204 ? undefined : await response.json() };
    } catch (error) {
      return { ok: false, problem: localProblem(reasonOf(error)) };
    }
  };

  /** @param {string} attemptId @returns {Promise<Result<Attempt>>} */
  const getAttempt = (attemptId) => request("GET", `/attempts/${encodeURIComponent(attemptId)}`);

  /** @param {string} id @returns {Promise<Result<Connection>>} */
  const get = (id) => request("GET", `/connections/${encodeURIComponent(id)}`);

  /**
   * @returns {Promise<Result<{connections: Connection[], incomplete?: true}>>} `incomplete` while the API cannot
   *   read all of them: what is missing in the list is not gone
   */
  const list = () => request("GET", "/connections");

  /** @param {string} id @returns {Promise<Result<undefined>>} */
  const disconnect = (id) => request("DELETE", `/connections/${encodeURIComponent(id)}`);

  /**
   * Asks for an approval: gives the link for an administrator, and mails it to one if the person names them.
   * Asking again is safe: the link stays the same, and nobody is mailed twice in a day.
   *
   * @param {ApprovalFor} what
   * @param {string} [adminEmail] an address at the person's own mail domain
   * @returns {Promise<Result<Approval>>}
   */
  const requestApproval = (what, adminEmail) => {
    const asked =
      "attemptId" in what ? { attemptId: what.attemptId } : { connectionId: what.connectionId };
    return request("POST", "/admin-consent-requests", { ...asked, adminEmail });
  };

  /**
   * Tells how an approval stands until it is there, less and less often. A failure that may pass is waited out.
   *
   * @param {Pick<Approval, "connectionId">} asked what `requestApproval` answered, so that the organisation that was
   *   asked is the one that is watched; or `{connectionId}` of a connection that waits for its own
   * @param {{onChange: (approval: Approval) => void, signal: AbortSignal}} options
   * @returns {Promise<Result<Approval> | undefined>} the approval once it is `verified`; the problem because of which
   *   nothing more will be heard, such as a session that is over: tell the person; `undefined` after `signal`
   */
  const watchApproval = async ({ connectionId }, { onChange, signal }) => {
    const path = connectionId
      ? `/admin-consent-requests?connectionId=${encodeURIComponent(connectionId)}`
      : "/admin-consent-requests";
    for (let pauseMs = 4_000; !signal.aborted; pauseMs = Math.min(pauseMs * 1.1, 60_000)) {
      await pause(pauseMs, signal);
      if (signal.aborted) break;
      const asked = await request("GET", path);
      if (signal.aborted) break;
      if (!asked.ok && isPassing(asked.problem)) continue;
      if (!asked.ok) return asked;
      onChange(asked.value);
      if (asked.value.status === "verified") return asked;
    }
    return undefined;
  };

  /**
   * @param {Attempt} attempt
   * @returns {Promise<Outcome | undefined>} `undefined` while it has not ended, or what it connected cannot be read
   */
  const outcomeOf = async (attempt) => {
    switch (attempt.status) {
      case "completed": {
        const got = await get(attempt.connectionId ?? "");
        if (got.ok) return { status: "connected", connection: got.value };
        return isPassing(got.problem) ? undefined : failed(got.problem);
      }
      case "failed":
      case "expired":
        return failed(
          attempt.problem ? describeProblem(attempt.problem) : localProblem("attempt_expired"),
          attempt.attemptId,
        );
      default:
        return undefined;
    }
  };

  /**
   * Asks until the attempt ends, or the window is gone for good.
   *
   * @param {() => string} attemptId of the sign-in that the window is at: a fresh approval may need several
   * @param {Window} popup
   * @param {AbortSignal} signal
   * @returns {Promise<Outcome>}
   */
  const pollUntilEnded = async (attemptId, popup, signal) => {
    const startedAt = performance.now();
    let pauseMs = 2_000;
    let timesSeenClosed = 0;
    // When it was last looked: a mailbox was, or could have been, connected, and nobody said which.
    let isUnknown = false;
    const first = attemptId();
    while (!signal.aborted && performance.now() - startedAt < waitingTimeoutMs) {
      await pause(popup.closed ? 1_000 : pauseMs, signal);
      pauseMs = Math.min(pauseMs * 1.2, 6_000);
      // Seen from here, a window that Microsoft has cut off looks closed. One that was really closed gives
      // the focus back.
      const looksClosed = popup.closed && document.hasFocus();
      timesSeenClosed = looksClosed ? timesSeenClosed + 1 : 0;

      const asked = await getAttempt(attemptId());
      if (!asked.ok && !isPassing(asked.problem)) return failed(asked.problem);
      const outcome = asked.ok ? await outcomeOf(asked.value) : undefined;
      if (outcome && !isSpreading(outcome)) return outcome;
      const status = asked.ok ? asked.value.status : undefined;
      isUnknown = status === undefined || status === "completing" || status === "completed";
      // After the return from Microsoft the other page is at work, which may take it a minute; and once it has
      // been there, it looks closed from here wherever it goes.
      const isFirst = status === "pending" && attemptId() === first;
      const patience = isFirst ? 3 : 60;
      if (timesSeenClosed >= patience) break;
    }
    if (isUnknown) return failed(localProblem("outcome_unknown"), attemptId());
    return signal.aborted || timesSeenClosed > 0
      ? { status: "closed", attemptId: attemptId() }
      : failed(localProblem("attempt_expired"), attemptId());
  };

  /**
   * @param {string} attemptId
   * @param {Window} popup
   * @param {AbortSignal | undefined} signal
   * @returns {Promise<Outcome>}
   */
  const waitForPopup = async (attemptId, popup, signal) => {
    const channel = new BroadcastChannel(channelName);
    const polling = new AbortController();
    let current = attemptId;
    /** @type {Promise<Outcome>} */
    const told = new Promise((resolve) => {
      channel.onmessage = ({ data }) => {
        if (data?.type === "continued" && data.from === current) current = data.to;
        if (data?.type === "ended" && data.attemptId === current) resolve(data.outcome);
      };
    });
    try {
      const until = signal ? AbortSignal.any([signal, polling.signal]) : polling.signal;
      const outcome = await Promise.race([told, pollUntilEnded(() => current, popup, until)]);
      if (signal?.aborted) popup.close();
      // The window may close: what it has to say is shown here.
      else channel.postMessage({ type: "seen", attemptId: current });
      return outcome;
    } finally {
      polling.abort();
      channel.close();
    }
  };

  /**
   * Sends the person to Microsoft and waits for the end.
   *
   * @param {ConnectOptions} options
   * @returns {Promise<Outcome>}
   */
  const connect = async (options) => {
    const { mode, connectionId, loginHint, anyway, forOrganization, signal } = options;
    // Before the first `await`: after it the browser no longer sees a click, and blocks the window.
    const popup = mode === "popup" ? openPopup() : undefined;
    if (popup === null) return { status: "blocked" };

    const started = await request("POST", "/start", {
      returnTo,
      connectionId,
      loginHint,
      forOrganization,
    });
    if (signal?.aborted) {
      popup?.close();
      return { status: "closed" };
    }
    if (!started.ok) {
      popup?.close();
      return failed(started.problem);
    }

    const { attemptId, authorizationUrl, adminApproval } = started.value;
    if (adminApproval && !anyway) {
      popup?.close();
      return { status: "approval_needed", attemptId, approval: adminApproval.status };
    }
    if (!popup) {
      window.location.assign(webAddress(authorizationUrl));
      return { status: "redirecting" };
    }
    if (popup.closed) return { status: "closed", attemptId };
    popup.location.replace(webAddress(authorizationUrl));
    return waitForPopup(attemptId, popup, signal);
  };

  /**
   * @param {string} attemptId
   * @returns {Promise<Outcome>} how an attempt ended that this page did not, or not surely, end itself
   */
  const askHowItEnded = async (attemptId) => {
    const startedAt = performance.now();
    for (let asking = 1; ; asking += 1) {
      const asked = await getAttempt(attemptId);
      if (!asked.ok) return failed(asked.problem);
      const outcome = await outcomeOf(asked.value);
      if (outcome) return outcome;
      // Another page, or a request whose answer was lost, may be about to complete it. Or it is completed, and what
      // it connected cannot be read just now.
      const isTaken = asked.value.status === "completing" || asked.value.status === "completed";
      if (performance.now() - startedAt > (isTaken ? completingTimeoutMs : 5_000)) {
        return failed(localProblem(isTaken ? "no_answer" : "not_finished"));
      }
      await pause(Math.min(1_000 * asking, 4_000));
    }
  };

  /**
   * Completing is safe to repeat: the API redeems once, whatever we send.
   *
   * @param {string} attemptId
   * @param {string} completion
   * @returns {Promise<Outcome>}
   */
  const complete = async (attemptId, completion) => {
    for (let sending = 1; ; sending += 1) {
      const completed = await request("POST", "/complete", { attemptId, completion });
      if (completed.ok) return { status: "connected", connection: completed.value };
      if (!endIsUnknown.has(completed.problem.code)) return failed(completed.problem, attemptId);
      const ended = await askHowItEnded(attemptId);
      const arrived = ended.status !== "failed" || ended.problem.code !== "not_finished";
      if (sending === 3 || (arrived && !isLost(ended))) return ended;
      await pause(2_000);
    }
  };

  /**
   * An administrator approved, and Microsoft is still applying it: waits, and goes there again in this window, for
   * the same mailbox if one was to be renewed.
   *
   * @param {string} attemptId
   * @param {Problem} problem
   * @param {ReturnOptions} options
   * @returns {Promise<Outcome>}
   */
  const goThereAgain = async (attemptId, problem, { loginHint, onWaiting }) => {
    const since = Number(sessionStorage.getItem(spreadingSince)) || Date.now();
    if (Date.now() - since > spreadingTimeoutMs) return failed(problem, attemptId);
    sessionStorage.setItem(spreadingSince, String(since));
    onWaiting?.(problem);
    await pause((problem.retryAfterSeconds ?? 20) * 1_000);
    const until = since + spreadingTimeoutMs;
    const asked = await whilePassing(() => getAttempt(attemptId), until);
    if (!asked.ok) return failed(asked.problem);
    const connectionId = asked.value.reconnects;
    const whose = connectionId ? { connectionId } : { loginHint: await loginHint?.() };
    const started = await whilePassing(
      () => request("POST", "/start", { returnTo, ...whose }),
      until,
    );
    if (!started.ok) return failed(started.problem);
    const channel = new BroadcastChannel(channelName);
    channel.postMessage({ type: "continued", from: attemptId, to: started.value.attemptId });
    channel.close();
    window.location.replace(webAddress(started.value.authorizationUrl));
    return { status: "redirecting" };
  };

  /**
   * @typedef {object} ReturnOptions
   * @property {() => Promise<string | undefined>} [loginHint] the person's own address, proposed at Microsoft
   *   when they have to go there again
   * @property {(problem: Problem) => void} [onWaiting] told that an approval is being applied, and that this
   *   page goes on by itself
   */

  /**
   * Finishes the connection on the page to which people return. Call it once, as soon as the page has loaded,
   * and show the outcome: in a window that `connect` opened, it is closed when the page that waits has heard.
   *
   * @param {Location} location
   * @param {ReturnOptions} [options]
   * @returns {Promise<Outcome>}
   */
  const handleReturn = async (location, options = {}) => {
    const fragment = new URLSearchParams(location.hash.slice(1));
    if (fragment.get("approval") === "granted") return { status: "approved" };
    const completion = fragment.get("completion");
    const attemptId = fragment.get("attemptId") ?? history.state?.outlookAttemptId;
    // Before any request: the one-time value must not stay in the address, the history or a screenshot.
    // The id, which opens nothing, stays with the history entry, so that a reload shows the same end.
    history.replaceState(
      { outlookAttemptId: attemptId },
      "",
      `${location.pathname}${location.search}`,
    );
    if (typeof attemptId !== "string") return failed(localProblem("nothing_to_finish"));

    // Stays open: the page that waits may learn the end from the API, even before this one.
    const channel = new BroadcastChannel(channelName);
    channel.onmessage = ({ data }) => {
      // Does nothing in a window that no page has opened.
      if (data?.type === "seen" && data.attemptId === attemptId) window.close();
    };

    let outcome = completion
      ? await complete(attemptId, completion)
      : await askHowItEnded(attemptId);
    if (outcome.status === "failed" && isSpreading(outcome)) {
      outcome = await goThereAgain(attemptId, outcome.problem, options);
      if (outcome.status === "redirecting") return outcome;
    }
    sessionStorage.removeItem(spreadingSince);
    channel.postMessage({ type: "ended", attemptId, outcome });
    return outcome;
  };

  /**
   * Hears of every attempt that ends on another page of the product, in this browser.
   *
   * @param {(outcome: Outcome) => void} listener
   * @returns {() => void} stops listening
   */
  const onEnded = (listener) => {
    const channel = new BroadcastChannel(channelName);
    channel.onmessage = ({ data }) => {
      if (data?.type === "ended") listener(data.outcome);
    };
    return () => channel.close();
  };

  return {
    connect,
    handleReturn,
    requestApproval,
    watchApproval,
    list,
    get,
    disconnect,
    onEnded,
  };
};

/** @returns {Window | null} `null` if the browser blocked it */
const openPopup = () => {
  const width = 520;
  const height = 700;
  const left = Math.max(0, window.screenX + (window.outerWidth - width) / 2);
  const top = Math.max(0, window.screenY + (window.outerHeight - height) / 2);
  const popup = window.open(
    "about:blank",
    "_blank",
    `popup,width=${width},height=${height},left=${left},top=${top}`,
  );
  if (!popup) return null;

  const { document } = popup;
  document.title = "Opening Microsoft…";
  document.documentElement.lang = "en";
  // Property by property: a content security policy that forbids inline styles allows these.
  const { style } = document.documentElement;
  style.colorScheme = "light dark";
  style.fontFamily = "system-ui, sans-serif";
  const text = document.createElement("p");
  text.textContent = "Opening Microsoft…";
  text.style.marginTop = "38vh";
  text.style.textAlign = "center";
  document.body.append(text);
  return popup;
};

/**
 * @param {string} address
 * @returns {string} the same, if it is one of the web's: never `javascript:`
 */
const webAddress = (address) => {
  const { protocol, href } = new URL(address);
  if (protocol !== "https:" && protocol !== "http:") throw new TypeError("not a web address");
  return href;
};

/**
 * @param {number} milliseconds
 * @param {AbortSignal} [signal] ends the pause early
 * @returns {Promise<void>}
 */
const pause = (milliseconds, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });

/**
 * @template Value
 * @param {() => Promise<Result<Value>>} ask asked again while its failure may pass
 * @param {number} until milliseconds since 1970
 * @returns {Promise<Result<Value>>}
 */
const whilePassing = async (ask, until) => {
  for (let pauseMs = 2_000; ; pauseMs = Math.min(pauseMs * 1.5, 20_000)) {
    const asked = await ask();
    if (asked.ok || !isPassing(asked.problem) || Date.now() + pauseMs > until) return asked;
    await pause(pauseMs);
  }
};

/** Only an administrator can help, as far as anybody knows. */
const needsApproval = new Set(["admin_approval_required", "probably_blocked"]);

/** @param {Problem} problem @param {string} [attemptId] @returns {Outcome} */
const failed = (problem, attemptId) => {
  if (attemptId === undefined) return { status: "failed", problem };
  return needsApproval.has(problem.code)
    ? { status: "approval_needed", attemptId, problem }
    : { status: "failed", problem, attemptId };
};

/** @param {Outcome} outcome whether an approval is being applied, so that the same thing works shortly */
const isSpreading = (outcome) =>
  outcome.status === "failed" && outcome.problem.code === "approval_spreading";

/** Since when this window has been sent to Microsoft again and again; kept while it is open. */
const spreadingSince = "outlook-approval-since";

/** Failures that may well be over in a moment. */
const passing = new Set([
  "offline",
  "timed_out",
  "no_answer",
  "server_failed",
  "internal_error",
  "too_many_requests",
]);

/** Failures after which the request may nevertheless have been carried out, or somebody else's was. */
const endIsUnknown = new Set([...passing, "in_progress", "already_completed"]);

/** @param {Problem} problem whether asking again in a moment may well work */
const isPassing = ({ code }) => passing.has(code);

/** @param {Outcome} outcome */
const isLost = (outcome) => outcome.status === "failed" && isPassing(outcome.problem);

/** What the API cannot say, because it was not reached or did not answer in its own words. */
const localProblems = {
  offline: {
    actor: "user",
    message: "You seem to be offline. Check your connection, then try again.",
  },
  timed_out: { actor: "nobody", message: "The answer took too long. Try again in a moment." },
  no_answer: {
    actor: "nobody",
    message: "We could not reach the service. Check your connection, then try again.",
  },
  server_failed: {
    actor: "operator",
    message: "The service did not answer as it should. Try again in a moment.",
  },
  signed_out: { actor: "user", message: "Your session is over. Sign in again, then start anew." },
  too_many_requests: {
    actor: "nobody",
    message: "That was a lot at once. Wait a moment, then try again.",
  },
  request_refused: { actor: "operator", message: "The service did not understand this page." },
  not_found: { actor: "user", message: "This is no longer there. Reload the page." },
  attempt_expired: {
    actor: "user",
    message: "It took longer than ten minutes, so nothing was connected. Start again.",
  },
  not_finished: { actor: "user", message: "This sign-in was not finished. Start again." },
  outcome_unknown: {
    actor: "user",
    message:
      "We could not reach the service, so we do not know whether the mailbox was connected. Check that you are online, then reload this page to see.",
  },
  nothing_to_finish: {
    actor: "user",
    message: "There is no sign-in to finish here. Start from your connections.",
  },
};

/**
 * Titles by code; the API's codes and ours.
 *
 * @type {Readonly<Record<string, string>>}
 */
const titles = {
  access_declined: "Nothing was connected",
  account_disabled: "This account is disabled",
  account_mismatch: "That was a different account",
  account_type_not_supported: "This kind of account cannot be connected",
  admin_approval_required: "Admin approval is required",
  admin_consent_required: "Admin approval is required",
  approval_spreading: "The approval is being applied",
  already_completed: "This sign-in is finished",
  attempt_expired: "This sign-in has expired",
  attempt_interrupted: "This sign-in was interrupted",
  attempt_unknown: "This sign-in is not known",
  disconnected_since: "Disconnected meanwhile",
  in_progress: "This sign-in is being finished",
  mail_not_allowed: "This address cannot be mailed",
  mailbox_not_available: "There is no mailbox to connect",
  no_answer: "No answer",
  not_finished: "Not finished",
  not_found: "Not found",
  nothing_to_finish: "Nothing to finish",
  offline: "You are offline",
  outcome_unknown: "We could not find out how it ended",
  probably_blocked: "Your administrator must probably approve this first",
  permissions_missing: "Some permissions are missing",
  reauthorization_required: "Sign in to Microsoft again",
  session_mismatch: "Somebody else began this sign-in",
  sign_in_required: "Microsoft asks you to sign in again",
  signed_out: "You are signed out",
  temporarily_unavailable: "Not available right now",
  tenant_blocked: "Your organisation does not allow this",
  throttled: "Microsoft is busy",
  timed_out: "No answer",
  too_many_attempts: "Too many sign-ins",
  too_many_connections: "Too many mailboxes",
  too_many_mails: "Enough mails for today",
  too_many_requests: "Too many requests",
};

/** @type {Readonly<Record<Actor, string>>} */
const titlesByActor = {
  user: "That did not work",
  tenant_admin: "Your administrator must act first",
  operator: "Something is wrong on our side",
  nobody: "Not available right now",
};

/** @param {string} code @returns {Problem} */
const localProblem = (code) =>
  describeProblem({ code, .../** @type {Record<string, any>} */ (localProblems)[code] });

/**
 * Gives a problem of the API, or of a connection, its title.
 *
 * @param {{code: string, actor: Actor, message: string, retryAfterSeconds?: number} | undefined} problem
 * @returns {Problem}
 */
export const describeProblem = (problem) => {
  if (!problem) return localProblem("server_failed");
  const { code, actor, message, retryAfterSeconds } = problem;
  return {
    code,
    actor,
    title: titleOf({ code, actor }),
    message,
    canRetry: isWorthARetry({ code, actor }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  };
};

/** @param {{code: string, actor: Actor}} problem */
const titleOf = ({ code, actor }) => {
  // A new sign-in is of no use before an administrator has acted, as for an account that is disabled.
  const isOthers = code === "reauthorization_required" && actor === "tenant_admin";
  return (isOthers ? undefined : titles[code]) ?? titlesByActor[actor];
};

/** @param {{code: string, actor: Actor}} problem */
const isWorthARetry = ({ code, actor }) => {
  if (code === "signed_out") return false;
  if (["server_failed", "internal_error", "id_token_rejected"].includes(code)) return true;
  return actor === "user" || actor === "nobody";
};

/** @param {Response} response @returns {Promise<Problem>} */
const problemOf = async (response) => {
  const answered = await response.json().catch(() => undefined);
  const { code, detail, actor, retryAfterSeconds } = answered ?? {};
  // The gateway in front of the API refuses in its own words, without a code.
  if (
    typeof code !== "string" ||
    typeof detail !== "string" ||
    !Object.hasOwn(titlesByActor, actor)
  ) {
    return localProblem(codeOfStatus(response.status));
  }
  return describeProblem({
    code,
    actor,
    message: detail,
    ...(typeof retryAfterSeconds === "number" && { retryAfterSeconds }),
  });
};

/** @param {number} status */
const codeOfStatus = (status) => {
  if (status === 401) return "signed_out";
  if (status === 404) return "not_found";
  if (status === 429) return "too_many_requests";
  return status >= 500 ? "server_failed" : "request_refused";
};

/** @param {unknown} error what `fetch` rejected with */
const reasonOf = (error) => {
  if (error instanceof DOMException && error.name === "TimeoutError") return "timed_out";
  return navigator.onLine === false ? "offline" : "no_answer";
};
