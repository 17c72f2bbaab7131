import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createConnectOutlook } from "../../../../infra/local/web-app/public/connect-outlook.js";

/**
 * The module in a browser of stubs: its own requests, channel and address, but no window. Browser tests see
 * to the windows.
 */

const attemptId = "att_1";
const connection = {
  id: "conn_1",
  status: "connected",
  account: { displayName: "Ada", username: "ada@contoso.example", tenantId: "tenant" },
  scopes: [],
  createdAt: "2030-01-01T00:00:00Z",
  lastRefreshedAt: "2030-01-01T00:00:00Z",
};

/** @type {{method: string, path: string, body: unknown, address: string}[]} */
let requests;
/** @type {Record<string, (() => Response | Promise<Response>)[]>} answers by request, the last one repeats */
let answers;
/** @type {{pathname: string, search: string, hash: string}} */
let location;
/** @type {{state: unknown, replaceState(state: unknown, unused: string, address: string): void}} */
let history;

/** @type {Set<Channel>} all pages' channels: all of the same name */
const channels = new Set();

class Channel {
  /** @type {((event: {data: unknown}) => void) | null} */
  onmessage = null;
  constructor() {
    channels.add(this);
  }
  /** @param {unknown} message */
  postMessage(message) {
    if (!channels.has(this)) throw new Error("closed");
    const data = structuredClone(message);
    for (const other of channels) if (other !== this) other.onmessage?.({ data });
  }
  close() {
    channels.delete(this);
  }
}

/** @param {unknown} body @param {number} [status] */
const answer =
  (body, status = 200) =>
  () =>
    status === 204 ? new Response(null, { status }) : Response.json(body, { status });

/** @param {number} status @param {string} code @param {string} actor */
const refuse = (status, code, actor) =>
  answer(
    { type: "about:blank", title: "Title", status, code, actor, detail: `${code} in words.` },
    status,
  );

const outlook = () =>
  createConnectOutlook({ apiUrl: "https://api.example", getAccessToken: async () => "jwt" });

const handleReturn = () => outlook().handleReturn(/** @type {any} */ (location));

/** @template Value @param {Promise<Value>} pending */
const whenTimePasses = async (pending) => {
  await vi.advanceTimersByTimeAsync(120_000);
  return pending;
};

beforeEach(() => {
  vi.useFakeTimers();
  requests = [];
  answers = {};
  location = { pathname: "/outlook/return", search: "", hash: "" };
  history = {
    state: null,
    replaceState(state, _unused, address) {
      this.state = structuredClone(state);
      location.hash = new URL(address, "https://app.example").hash;
    },
  };
  vi.stubGlobal("history", history);
  vi.stubGlobal("sessionStorage", { getItem: () => null, setItem() {}, removeItem() {} });
  vi.stubGlobal("window", { close: vi.fn(), open: () => null });
  vi.stubGlobal("navigator", { onLine: true });
  vi.stubGlobal("fetch", async (/** @type {string} */ url, /** @type {RequestInit} */ init) => {
    const path = url.replace("https://api.example", "");
    const body = init.body ? JSON.parse(String(init.body)) : undefined;
    requests.push({ method: init.method ?? "GET", path, body, address: location.hash });
    const queue = answers[`${init.method} ${path}`] ?? [];
    const next = queue.length > 1 ? queue.shift() : queue[0];
    if (!next) throw new TypeError("Failed to fetch");
    return next();
  });
  channels.clear();
  vi.stubGlobal("BroadcastChannel", Channel);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the return from Microsoft", () => {
  it("completes with what the address carried, and has cleared the address before it asks anything", async () => {
    location.hash = `#attemptId=${attemptId}&completion=once`;
    answers["POST /complete"] = [answer(connection)];

    const outcome = await handleReturn();

    expect(outcome).toEqual({ status: "connected", connection });
    expect(requests).toEqual([
      { method: "POST", path: "/complete", body: { attemptId, completion: "once" }, address: "" },
    ]);
    expect(JSON.stringify(history.state)).not.toContain("once");
  });

  it("shows the same end after a reload, without completing again", async () => {
    location.hash = `#attemptId=${attemptId}&completion=once`;
    answers["POST /complete"] = [answer(connection)];
    answers[`GET /attempts/${attemptId}`] = [
      answer({ attemptId, status: "completed", connectionId: "conn_1" }),
    ];
    answers["GET /connections/conn_1"] = [answer(connection)];
    const first = await handleReturn();

    const second = await handleReturn();

    expect(second).toEqual(first);
    expect(requests.filter(({ path }) => path === "/complete")).toHaveLength(1);
  });

  it("tells why it failed in the words of the API, and who must act", async () => {
    location.hash = `#attemptId=${attemptId}&completion=once`;
    answers["POST /complete"] = [refuse(403, "access_declined", "user")];

    const outcome = await handleReturn();

    expect(outcome).toEqual({
      status: "failed",
      problem: {
        code: "access_declined",
        actor: "user",
        title: "Nothing was connected",
        message: "access_declined in words.",
        canRetry: true,
      },
      attemptId,
    });
  });

  it.each([
    ["id_token_rejected", "operator", "Something is wrong on our side", true],
    ["misconfigured", "operator", "Something is wrong on our side", false],
    ["reauthorization_required", "user", "Sign in to Microsoft again", true],
    ["reauthorization_required", "tenant_admin", "Your administrator must act first", false],
  ])(
    "gives %s of %s a title, and says whether another try is of use",
    async (code, actor, title, canRetry) => {
      location.hash = `#attemptId=${attemptId}&completion=once`;
      answers["POST /complete"] = [refuse(403, code, actor)];

      expect(await handleReturn()).toMatchObject({ problem: { code, title, canRetry } });
    },
  );

  it("tells of an approval that is needed apart from other failures, for a page that can ask for it", async () => {
    location.hash = `#attemptId=${attemptId}&completion=once`;
    answers["POST /complete"] = [refuse(403, "admin_approval_required", "tenant_admin")];

    const outcome = await handleReturn();

    expect(outcome).toMatchObject({
      status: "approval_needed",
      attemptId,
      problem: { code: "admin_approval_required", canRetry: false },
    });
  });

  it("asks how it ended when the answer was lost", async () => {
    location.hash = `#attemptId=${attemptId}&completion=once`;
    answers[`GET /attempts/${attemptId}`] = [
      answer({ attemptId, status: "completing" }),
      answer({ attemptId, status: "completed", connectionId: "conn_1" }),
    ];
    answers["GET /connections/conn_1"] = [answer(connection)];

    const outcome = await whenTimePasses(handleReturn());

    expect(outcome).toEqual({ status: "connected", connection });
    expect(requests.filter(({ path }) => path === "/complete")).toHaveLength(1);
  });

  it("completes again when the first request never arrived", async () => {
    location.hash = `#attemptId=${attemptId}&completion=once`;
    answers["POST /complete"] = [
      () => Promise.reject(new TypeError("Failed to fetch")),
      answer(connection),
    ];
    answers[`GET /attempts/${attemptId}`] = [answer({ attemptId, status: "returned" })];

    const outcome = await whenTimePasses(handleReturn());

    expect(outcome).toEqual({ status: "connected", connection });
  });

  it.for([
    [
      "a gateway that has had enough for now",
      () => new Response("Too Many Requests", { status: 429 }),
    ],
    ["a failure of the API's own", refuse(500, "internal_error", "operator")],
  ])(
    "is not given up for %s: the completion value is in no other place any more",
    async ([, passing]) => {
      location.hash = `#attemptId=${attemptId}&completion=once`;
      answers["POST /complete"] = [/** @type {() => Response} */ (passing), answer(connection)];
      answers[`GET /attempts/${attemptId}`] = [
        /** @type {() => Response} */ (passing),
        answer({ attemptId, status: "returned" }),
      ];

      expect(await whenTimePasses(handleReturn())).toEqual({ status: "connected", connection });
    },
  );

  it("is not given up when the new connection cannot be read for a moment", async () => {
    location.hash = `#attemptId=${attemptId}`;
    answers[`GET /attempts/${attemptId}`] = [
      answer({ attemptId, status: "completed", connectionId: "conn_1" }),
    ];
    answers["GET /connections/conn_1"] = [
      () => Promise.reject(new TypeError("Failed to fetch")),
      answer({ message: "gateway" }, 503),
      answer({ message: "gateway" }, 429),
      answer(connection),
    ];

    const outcome = await whenTimePasses(handleReturn());

    expect(outcome).toEqual({ status: "connected", connection });
  });

  it.each([
    [503, "no_answer"],
    [404, "not_found"],
  ])(
    "does not call a completed attempt unfinished when its connection stays %i",
    async (status, code) => {
      location.hash = `#attemptId=${attemptId}`;
      answers[`GET /attempts/${attemptId}`] = [
        answer({ attemptId, status: "completed", connectionId: "conn_1" }),
      ];
      answers["GET /connections/conn_1"] = [answer({ message: "gateway" }, status)];

      const outcome = await whenTimePasses(handleReturn());

      expect(outcome).toMatchObject({ status: "failed", problem: { code } });
    },
  );

  it("without a completion value shows how the attempt ended", async () => {
    location.hash = `#attemptId=${attemptId}`;
    const problem = { code: "access_declined", actor: "user", message: "You turned back." };
    answers[`GET /attempts/${attemptId}`] = [answer({ attemptId, status: "failed", problem })];

    const outcome = await handleReturn();

    expect(outcome).toMatchObject({ status: "failed", problem: { ...problem, canRetry: true } });
  });

  it.each([
    ["expired", "attempt_expired"],
    ["returned", "not_finished"],
    ["completing", "no_answer"],
  ])(
    "without a completion value does not wait for ever on an attempt that stays %s",
    async (status, code) => {
      location.hash = `#attemptId=${attemptId}`;
      answers[`GET /attempts/${attemptId}`] = [answer({ attemptId, status })];

      const outcome = await whenTimePasses(handleReturn());

      expect(outcome).toMatchObject({ status: "failed", problem: { code } });
    },
  );

  it("has nothing to finish when somebody just opens the page", async () => {
    const outcome = await handleReturn();

    expect(outcome).toMatchObject({ status: "failed", problem: { code: "nothing_to_finish" } });
    expect(requests).toEqual([]);
  });
});

describe("while Microsoft applies an approval", () => {
  const spreading = refuse(503, "approval_spreading", "nobody");
  const authorizationUrl = "https://login.microsoftonline.example/authorize";
  const loginHint = async () => "ada@contoso.example";
  const replace = vi.fn();
  beforeEach(() => replace.mockClear());

  /** @param {object} attempt */
  const comeBack = (attempt) => {
    location.hash = `#attemptId=${attemptId}&completion=once`;
    vi.stubGlobal("window", { close: vi.fn(), open: () => null, location: { replace } });
    answers["POST /complete"] = [spreading];
    answers[`GET /attempts/${attemptId}`] = [answer({ attemptId, status: "failed", ...attempt })];
    return outlook().handleReturn(/** @type {any} */ (location), { loginHint });
  };

  /** @param {unknown[]} heard */
  const hearing = (heard) => {
    const channel = new Channel();
    channel.onmessage = ({ data }) => heard.push(data);
  };

  it.for([
    ["a first mailbox, with the person's own address", {}, { loginHint: "ada@contoso.example" }],
    [
      "the mailbox that was to be renewed, and no other",
      { reconnects: "conn_9" },
      { connectionId: "conn_9" },
    ],
  ])("goes there again by itself for %s", async ([, attempt, expected]) => {
    /** @type {unknown[]} */
    const heard = [];
    hearing(heard);
    answers["POST /start"] = [
      () => new Response("Service Unavailable", { status: 503 }),
      answer({ attemptId: "att_2", authorizationUrl }, 201),
    ];

    const outcome = await whenTimePasses(comeBack(/** @type {object} */ (attempt)));

    expect(outcome).toEqual({ status: "redirecting" });
    expect(requests.filter(({ path }) => path === "/start").map(({ body }) => body)).toEqual([
      expected,
      expected,
    ]);
    expect(replace.mock.calls).toEqual([[authorizationUrl]]);
    expect(heard).toEqual([{ type: "continued", from: attemptId, to: "att_2" }]);
  });

  it("tells the page that waits when it cannot go on", async () => {
    /** @type {unknown[]} */
    const heard = [];
    hearing(heard);
    answers["POST /start"] = [refuse(429, "too_many_attempts", "user")];

    const outcome = await whenTimePasses(comeBack({}));

    expect(outcome).toMatchObject({ status: "failed", problem: { code: "too_many_attempts" } });
    expect(heard).toEqual([{ type: "ended", attemptId, outcome }]);
  });
});

describe("what the API did not say in its own words", () => {
  const path = "GET /connections";

  it.each([
    [401, "signed_out", "user"],
    [404, "not_found", "user"],
    [429, "too_many_requests", "nobody"],
    [500, "server_failed", "operator"],
    [503, "server_failed", "operator"],
  ])("%i is %s", async (status, code, actor) => {
    answers[path] = [answer({ message: "gateway" }, status)];

    const listed = await outlook().list();

    expect(listed).toMatchObject({ ok: false, problem: { code, actor } });
    expect(JSON.stringify(listed)).not.toContain("gateway");
  });

  it("an answer that is no JSON is our fault", async () => {
    answers[path] = [() => new Response("<html>", { status: 502 })];

    expect(await outlook().list()).toMatchObject({ ok: false, problem: { code: "server_failed" } });
  });

  it.each([
    [true, "no_answer"],
    [false, "offline"],
  ])("no network while onLine is %s: %s", async (onLine, code) => {
    vi.stubGlobal("navigator", { onLine });

    expect(await outlook().list()).toMatchObject({ ok: false, problem: { code } });
  });

  it("a request that takes too long ends", async () => {
    answers[path] = [() => Promise.reject(new DOMException("late", "TimeoutError"))];

    expect(await outlook().list()).toMatchObject({ ok: false, problem: { code: "timed_out" } });
  });

  it("nobody is signed in, and nothing is asked", async () => {
    const signedOut = createConnectOutlook({
      apiUrl: "https://api.example",
      getAccessToken: async () => undefined,
    });

    expect(await signedOut.list()).toMatchObject({ ok: false, problem: { code: "signed_out" } });
    expect(requests).toEqual([]);
  });

  it("keeps how long the API asks to wait", async () => {
    const body = { code: "throttled", actor: "nobody", detail: "Busy.", retryAfterSeconds: 30 };
    answers[path] = [answer(body, 503)];

    expect(await outlook().list()).toMatchObject({
      problem: { code: "throttled", retryAfterSeconds: 30, canRetry: true },
    });
  });
});

describe("connecting", () => {
  it("says that the window was blocked, before it begins an attempt", async () => {
    const outcome = await outlook().connect({ mode: "popup" });

    expect(outcome).toEqual({ status: "blocked" });
    expect(requests).toEqual([]);
  });

  it("sends this window to Microsoft, to renew this very connection", async () => {
    const assign = vi.fn();
    vi.stubGlobal("window", { location: { assign } });
    const authorizationUrl = "https://login.example/authorize?state=s";
    answers["POST /start"] = [answer({ attemptId, authorizationUrl, expiresAt: "" }, 201)];

    const outcome = await outlook().connect({
      mode: "redirect",
      connectionId: "conn_1",
      loginHint: "ada@contoso.example",
    });

    expect(outcome).toEqual({ status: "redirecting" });
    expect(assign).toHaveBeenCalledWith(authorizationUrl);
    expect(requests[0]?.body).toEqual({ connectionId: "conn_1", loginHint: "ada@contoso.example" });
  });

  it("never opens an address that is not one of the web", async () => {
    const assign = vi.fn();
    vi.stubGlobal("window", { location: { assign } });
    answers["POST /start"] = [answer({ attemptId, authorizationUrl: "javascript:alert(1)" }, 201)];

    await expect(outlook().connect({ mode: "redirect" })).rejects.toThrow(TypeError);
    expect(assign).not.toHaveBeenCalled();
  });
});

describe("a window for Microsoft", () => {
  /** @type {{closed: boolean, close(): void, location: {replace: import("vitest").Mock}, document: unknown}} */
  let popup;
  let hasFocus = true;

  beforeEach(() => {
    hasFocus = true;
    const part = () => ({ style: {}, append() {}, lang: "", textContent: "" });
    popup = {
      closed: false,
      close() {
        this.closed = true;
      },
      location: { replace: vi.fn() },
      document: { title: "", documentElement: part(), body: part(), createElement: part },
    };
    vi.stubGlobal("document", { hasFocus: () => hasFocus });
    vi.stubGlobal("window", { open: vi.fn(() => popup), screenX: 0, screenY: 0, close: vi.fn() });
    const authorizationUrl = "https://login.example/authorize?state=s";
    answers["POST /start"] = [answer({ attemptId, authorizationUrl, expiresAt: "" }, 201)];
    answers[`GET /attempts/${attemptId}`] = [answer({ attemptId, status: "pending" })];
  });

  const polls = () => requests.filter(({ path }) => path.startsWith("/attempts/")).length;

  it("opens within the click, before anything is asked, and is sent to Microsoft afterwards", async () => {
    const connecting = outlook().connect({ mode: "popup" });
    const openedInTheClick = vi.mocked(window.open).mock.calls.length;
    const askedInTheClick = requests.length;
    popup.closed = true;
    await whenTimePasses(connecting);

    expect([openedInTheClick, askedInTheClick]).toEqual([1, 0]);
  });

  it("ends when the return page tells, which is told that it was heard", async () => {
    const connecting = outlook().connect({ mode: "popup" });
    await vi.advanceTimersByTimeAsync(1_000);
    location.hash = `#attemptId=${attemptId}&completion=once`;
    answers["POST /complete"] = [answer(connection)];

    await handleReturn();

    expect(await connecting).toEqual({ status: "connected", connection });
    await vi.waitFor(() => expect(window.close).toHaveBeenCalled());
    expect(popup.location.replace).toHaveBeenCalledWith("https://login.example/authorize?state=s");
  });

  it("ends when the API tells, should the return page never be heard", async () => {
    answers[`GET /attempts/${attemptId}`] = [
      answer({ attemptId, status: "pending" }),
      answer({ attemptId, status: "returned" }),
      answer({ attemptId, status: "completed", connectionId: "conn_1" }),
    ];
    answers["GET /connections/conn_1"] = [answer(connection)];

    const outcome = await whenTimePasses(outlook().connect({ mode: "popup" }));

    expect(outcome).toEqual({ status: "connected", connection });
    expect(polls()).toBe(3);
  });

  it("is believed to be closed after several looks, and asks no more after that", async () => {
    const connecting = outlook().connect({ mode: "popup" });
    await vi.advanceTimersByTimeAsync(1_000);
    popup.closed = true;

    const outcome = await whenTimePasses(connecting);

    expect(outcome).toEqual({ status: "closed", attemptId });
    expect(polls()).toBe(3);
  });

  it("is not believed to be closed while the focus is elsewhere: Microsoft may have cut it off", async () => {
    hasFocus = false;
    const connecting = outlook().connect({ mode: "popup" });
    await vi.advanceTimersByTimeAsync(1_000);
    popup.closed = true;
    let ended = false;
    connecting.then(() => {
      ended = true;
    });

    await vi.advanceTimersByTimeAsync(60_000);
    const endedWithoutFocus = ended;
    answers[`GET /attempts/${attemptId}`] = [
      answer({ attemptId, status: "completed", connectionId: "conn_1" }),
    ];
    answers["GET /connections/conn_1"] = [answer(connection)];

    expect(await whenTimePasses(connecting)).toEqual({ status: "connected", connection });
    expect(endedWithoutFocus).toBe(false);
  });

  describe("that is gone", () => {
    const completed = answer({ attemptId, status: "completed", connectionId: "conn_1" });
    const lost = () => Promise.reject(new TypeError("Failed to fetch"));

    /** @param {Record<string, () => Response | Promise<Response>>} answered */
    const closedWhile = async (answered) => {
      const connecting = outlook().connect({ mode: "popup" });
      await vi.advanceTimersByTimeAsync(1_000);
      popup.closed = true;
      for (const [request, now] of Object.entries(answered)) answers[request] = [now];
      return whenTimePasses(connecting);
    };

    it.for([
      [
        "what was connected cannot be read",
        { [`GET /attempts/${attemptId}`]: completed, "GET /connections/conn_1": lost },
      ],
      ["the API cannot be asked how it ended", { [`GET /attempts/${attemptId}`]: lost }],
      [
        "it is still being completed",
        { [`GET /attempts/${attemptId}`]: answer({ attemptId, status: "completing" }) },
      ],
    ])("is not said to have changed nothing when %s", async ([, answered]) => {
      const outcome = await closedWhile(/** @type {any} */ (answered));

      expect(outcome).toMatchObject({
        status: "failed",
        attemptId,
        problem: {
          code: "outcome_unknown",
          actor: "user",
          title: "We could not find out how it ended",
          message: expect.stringMatching(/do not know whether .* was connected.* reload/),
        },
      });
    });

    it("has changed nothing when nobody completed what Microsoft had answered", async () => {
      const returned = answer({ attemptId, status: "returned" });

      const outcome = await closedWhile({ [`GET /attempts/${attemptId}`]: returned });

      expect(outcome).toEqual({ status: "closed", attemptId });
    });
  });

  it("is closed when the page gives up", async () => {
    const giveUp = new AbortController();
    const connecting = outlook().connect({ mode: "popup", signal: giveUp.signal });
    await vi.advanceTimersByTimeAsync(3_000);

    giveUp.abort();

    expect(await connecting).toEqual({ status: "closed", attemptId });
    expect(popup.closed).toBe(true);
  });

  it("is not said to have changed nothing when the page gives up after a mailbox was connected", async () => {
    const giveUp = new AbortController();
    answers[`GET /attempts/${attemptId}`] = [
      answer({ attemptId, status: "completed", connectionId: "conn_1" }),
    ];
    answers["GET /connections/conn_1"] = [answer({ message: "gateway" }, 503)];
    const connecting = outlook().connect({ mode: "popup", signal: giveUp.signal });
    await vi.advanceTimersByTimeAsync(3_000);

    giveUp.abort();

    expect(await connecting).toMatchObject({ problem: { code: "outcome_unknown" } });
    expect(popup.closed).toBe(true);
  });

  it.for([
    ["expired", answer({ attemptId, status: "pending" }), "attempt_expired"],
    ["of unknown end", () => Promise.reject(new TypeError("Failed to fetch")), "outcome_unknown"],
  ])(
    "that stays open is not waited for for ever: the sign-in is %s",
    async ([, answered, code]) => {
      answers[`GET /attempts/${attemptId}`] = [/** @type {() => Response} */ (answered)];
      const connecting = outlook().connect({ mode: "popup" });

      await vi.advanceTimersByTimeAsync(20 * 60_000);

      expect(await connecting).toMatchObject({ status: "failed", problem: { code } });
    },
  );

  it("is closed when the attempt cannot begin", async () => {
    answers["POST /start"] = [refuse(429, "too_many_attempts", "user")];

    const outcome = await outlook().connect({ mode: "popup" });

    expect(outcome).toMatchObject({ status: "failed", problem: { code: "too_many_attempts" } });
    expect(popup.closed).toBe(true);
  });

  it("survives that the network is away for a while", async () => {
    answers[`GET /attempts/${attemptId}`] = [
      () => Promise.reject(new TypeError("Failed to fetch")),
      answer({ message: "gateway" }, 503),
      answer({ attemptId, status: "completed", connectionId: "conn_1" }),
    ];
    answers["GET /connections/conn_1"] = [
      () => Promise.reject(new TypeError("Failed to fetch")),
      answer({ message: "gateway" }, 503),
      answer(connection),
    ];

    const outcome = await whenTimePasses(outlook().connect({ mode: "popup" }));

    expect(outcome).toEqual({ status: "connected", connection });
  });

  it("tells other pages of the product as well", async () => {
    /** @type {unknown[]} */
    const heard = [];
    const stop = outlook().onEnded((outcome) => heard.push(outcome));
    location.hash = `#attemptId=${attemptId}&completion=once`;
    answers["POST /complete"] = [answer(connection)];

    await handleReturn();
    stop();

    expect(heard).toEqual([{ status: "connected", connection }]);
  });
});

describe("waiting for an approval", () => {
  const path = "GET /admin-consent-requests";

  /** @param {{connectionId?: string}} [asked] */
  const watch = (asked = {}) => {
    /** @type {string[]} */
    const told = [];
    const { signal } = new AbortController();
    const watched = outlook().watchApproval(asked, {
      onChange: ({ status }) => told.push(status),
      signal,
    });
    return { told, watched };
  };

  it("tells how it stands, and ends with the approval", async () => {
    answers[path] = [answer({ status: "requested" }), answer({ status: "verified" })];
    const { told, watched } = watch();

    expect(await whenTimePasses(watched)).toEqual({ ok: true, value: { status: "verified" } });
    expect(told).toEqual(["requested", "verified"]);
  });

  it("watches the organisation that was asked: that of the connection which a sign-in was to renew", async () => {
    const requested = { status: "requested", approvalUrl: "https://api.example/a" };
    answers["POST /admin-consent-requests"] = [answer({ ...requested, connectionId: "conn_1" })];
    answers[`${path}?connectionId=conn_1`] = [
      answer({ status: "verified", connectionId: "conn_1" }),
    ];
    const asked = await outlook().requestApproval({ attemptId });
    if (!asked.ok) return expect.fail("it was not asked");

    const { watched } = watch(asked.value);

    expect(await whenTimePasses(watched)).toMatchObject({ ok: true });
    expect(requests.map(({ path: asks }) => asks)).toEqual([
      "/admin-consent-requests",
      "/admin-consent-requests?connectionId=conn_1",
    ]);
  });

  it("says why nothing more will be heard, when the session is over for instance", async () => {
    answers[path] = [answer({ status: "requested" }), answer({ message: "Unauthorized" }, 401)];
    const { told, watched } = watch();

    expect(await whenTimePasses(watched)).toMatchObject({
      ok: false,
      problem: { code: "signed_out", actor: "user", canRetry: false },
    });
    expect(told).toEqual(["requested"]);
  });

  it("waits out what may pass", async () => {
    answers[path] = [
      () => Promise.reject(new TypeError("Failed to fetch")),
      answer({ message: "gateway" }, 503),
      answer({ message: "Too Many Requests" }, 429),
      answer({ status: "verified" }),
    ];
    const { told, watched } = watch();

    expect(await whenTimePasses(watched)).toMatchObject({ ok: true });
    expect(told).toEqual(["verified"]);
  });

  it("ends without a word when the page gives up, even while it asks", async () => {
    const giveUp = new AbortController();
    const onChange = vi.fn();
    answers[path] = [
      async () => {
        giveUp.abort();
        return answer({ status: "verified" })();
      },
    ];

    const watched = outlook().watchApproval({}, { onChange, signal: giveUp.signal });

    expect(await whenTimePasses(watched)).toBeUndefined();
    expect(onChange).not.toHaveBeenCalled();
  });
});

describe("disconnecting", () => {
  it("has no answer but that it is done", async () => {
    answers["DELETE /connections/conn_1"] = [answer(undefined, 204)];

    expect(await outlook().disconnect("conn_1")).toEqual({ ok: true, value: undefined });
  });
});
