import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Arrival, signIn } from "../../infra/local/microsoft/walk-sign-in.ts";
import { type ProductClient, postCallback } from "../../infra/local/product-client.ts";
import { connectionView, isArrival, openScene, problemIn, type Scene } from "./scene.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
});
afterAll(() => scene?.close());
beforeEach(() => scene.newDay());

/** What an attacker who knows the form of a completion value, but not the value, can send. */
const guess = () => randomBytes(32).toString("base64url");

const victim = { username: "ben.okafor@larkfield.example" };

/** How often Microsoft saw this code. */
const sent = (code: string) => {
  expect(code).not.toBe("");
  return scene.microsoft.report().redemptions[code] ?? 0;
};

const nothingIsConnected = async () => {
  const items = await scene.tables.items("CONNECTIONS_TABLE");
  expect(items.filter(({ status }) => status !== "disconnected")).toEqual([]);
  expect(await scene.vault.names()).toEqual([]);
  expect(scene.microsoft.report().issued.accessTokens).toEqual([]);
};

/** The attempt is over for its owner, and says why. */
const isEndedFor = async (owner: ProductClient, attemptId: string) =>
  expect(await scene.attempt(owner, attemptId)).toMatchObject({
    status: "failed",
    problem: { code: "session_mismatch" },
  });

const withFields = (form: Arrival, change: (fields: URLSearchParams) => void): Arrival => {
  const fields = new URLSearchParams(form.fields);
  change(fields);
  return { ...form, fields };
};

const pageOf = async (response: Response) => {
  expect(response.status).toBe(400);
  expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(response.headers.get("location")).toBeNull();
  return response.text();
};

/** Microsoft's form for an attempt that nobody has posted yet. */
const formFor = async (product: ProductClient) => {
  const { attemptId, authorizationUrl } = await product.start();
  const form = await signIn(authorizationUrl, victim);
  if (!isArrival(form)) expect.fail(`Microsoft kept the person on ${form.kept}`);
  return { attemptId, form, code: form.fields.get("code") ?? "" };
};

describe("one person begins, another one’s browser comes back, and the code is never sent", () => {
  it("when the other one completes as themselves", async () => {
    const attacker = await scene.signedIn("user_leo");
    const ines = await scene.signedIn("user_ines");
    const { attemptId, code, returned } = await scene.goToMicrosoft(attacker, victim);

    const completed = await ines.complete(returned);

    expect(completed.status).toBe(403);
    expect(await problemIn(completed)).toMatchObject({ code: "session_mismatch", actor: "user" });
    await isEndedFor(attacker, attemptId);
    expect(sent(code)).toBe(0);
    await nothingIsConnected();
  });

  it("when a colleague of the one who began completes", async () => {
    const attacker = await scene.signedIn("user_tomas");
    const ines = await scene.signedIn("user_ines");
    const { attemptId, code, returned } = await scene.goToMicrosoft(attacker, victim);

    const completed = await ines.complete(returned);

    expect((await problemIn(completed)).code).toBe("session_mismatch");
    await isEndedFor(attacker, attemptId);
    expect(sent(code)).toBe(0);
    await nothingIsConnected();
  });

  it("when the one who began completes with a guess, which ends it for both", async () => {
    const attacker = await scene.signedIn("user_leo");
    const ines = await scene.signedIn("user_ines");
    const { attemptId, code, returned } = await scene.goToMicrosoft(attacker, victim);

    const guessed = await attacker.complete({ attemptId, completion: guess() });
    const afterwards = await ines.complete(returned);

    expect((await problemIn(guessed)).code).toBe("session_mismatch");
    expect((await problemIn(afterwards)).code).toBe("session_mismatch");
    await isEndedFor(attacker, attemptId);
    expect(sent(code)).toBe(0);
    await nothingIsConnected();
  });

  it("when the one who began completes without a completion value", async () => {
    const attacker = await scene.signedIn("user_leo");
    const { attemptId, code } = await scene.goToMicrosoft(attacker, victim);

    const completed = await attacker.complete({ attemptId, completion: undefined });

    expect(completed.status).toBe(400);
    expect((await problemIn(completed)).code).toBe("invalid_request");
    expect(await scene.attempt(attacker, attemptId)).toMatchObject({ status: "returned" });
    expect(sent(code)).toBe(0);
    await nothingIsConnected();
  });

  it("when the one who began posts the callback again, who gets no completion value", async () => {
    const attacker = await scene.signedIn("user_leo");
    const { attemptId, authorizationUrl, code, form } = await scene.goToMicrosoft(attacker, victim);
    const own = await formFor(attacker);

    const replayed = [
      await postCallback(form),
      // The state is known from the authorization URL; the code may be the attacker's own, or nonsense.
      await postCallback({
        action: form.action,
        fields: new URLSearchParams({
          state: authorizationUrl.searchParams.get("state") ?? "",
          code: own.code,
        }),
      }),
      await postCallback({
        action: form.action,
        fields: new URLSearchParams({
          state: authorizationUrl.searchParams.get("state") ?? "",
          error: "access_denied",
        }),
      }),
    ];

    for (const { response, returned } of replayed) {
      expect(response.status).toBe(303);
      expect(returned).toEqual({ attemptId, completion: undefined });
    }
    expect(sent(code)).toBe(0);
    await nothingIsConnected();
  });

  it("when the one who began completes before the other one comes back", async () => {
    const attacker = await scene.signedIn("user_leo");
    const ines = await scene.signedIn("user_ines");
    const { attemptId, form, code } = await formFor(attacker);

    const early = await attacker.complete({ attemptId, completion: guess() });
    const { returned } = await postCallback(form);
    if (!returned) expect.fail("the callback leads nowhere");
    const completed = await ines.complete(returned);

    expect(early.status).toBe(409);
    expect((await problemIn(early)).code).toBe("not_returned");
    expect((await problemIn(completed)).code).toBe("session_mismatch");
    expect(sent(code)).toBe(0);
    await nothingIsConnected();
  });

  it("and a stranger who knows neither value cannot even disturb it", async () => {
    const ines = await scene.signedIn("user_ines");
    const stranger = await scene.signedIn("user_leo");
    const { attemptId, code, returned } = await scene.goToMicrosoft(ines, victim);

    const guessed = await stranger.complete({ attemptId, completion: guess() });
    const seen = await stranger.call("GET", `/attempts/${attemptId}`);
    const completed = await ines.complete(returned);

    expect(guessed.status).toBe(404);
    expect((await problemIn(guessed)).code).toBe("attempt_unknown");
    expect((await problemIn(seen)).code).toBe("attempt_unknown");
    expect(completed.status).toBe(200);
    expect(sent(code)).toBe(1);
    const { id } = connectionView.parse(await completed.json());
    await ines.call("DELETE", `/connections/${id}`);
  });
});

describe("the answer of Microsoft is taken once", () => {
  it("by the first of several callbacks, so that a reload brings no second value", async () => {
    const ines = await scene.signedIn("user_ines");
    const { attemptId, form } = await formFor(ines);

    const callbacks = await Promise.all(Array.from({ length: 6 }, () => postCallback(form)));
    const reload = await postCallback(form);

    const completions = callbacks.flatMap(({ returned }) => returned?.completion ?? []);
    expect(callbacks.map(({ response }) => response.status)).toEqual(Array(6).fill(303));
    expect(completions).toHaveLength(1);
    expect(reload.returned).toEqual({ attemptId, completion: undefined });
    expect(await scene.attempt(ines, attemptId)).toMatchObject({ status: "returned" });
  });

  it("by one of several completes, and every later one shows the same end", async () => {
    const tomas = await scene.signedIn("user_tomas");
    const { attemptId, code, returned } = await scene.goToMicrosoft(tomas, victim);
    // So that all of them are there before the first one ends.
    scene.microsoft.fault({ endpoint: "token", fault: { kind: "delayed", milliseconds: 800 } });

    const parallel = await Promise.all(Array.from({ length: 6 }, () => tomas.complete(returned)));
    const later = await tomas.complete(returned);

    expect(sent(code)).toBe(1);
    const ended = parallel.filter(({ status }) => status === 200);
    const others = parallel.filter(({ status }) => status !== 200);
    expect(ended.length).toBeGreaterThan(0);
    expect(others.length).toBeGreaterThan(0);
    for (const other of others) {
      expect(await problemIn(other)).toMatchObject({ status: 409, code: "in_progress" });
      expect(other.headers.get("retry-after")).toBe("2");
    }
    const connection = connectionView.parse(await later.json());
    for (const answer of ended) expect(await answer.json()).toEqual(connection);
    expect(await scene.vault.names(connection.id)).toHaveLength(1);
    expect(await scene.attempt(tomas, attemptId)).toMatchObject({
      status: "completed",
      connectionId: connection.id,
    });
  });

  it("and after a disconnect the old complete says so and connects nothing", async () => {
    const tomas = await scene.signedIn("user_tomas");
    const { code, returned } = await scene.goToMicrosoft(tomas, victim);
    const { id } = connectionView.parse(await (await tomas.complete(returned)).json());
    await tomas.call("DELETE", `/connections/${id}`);

    const again = await tomas.complete(returned);

    expect(again.status).toBe(409);
    expect((await problemIn(again)).code).toBe("already_completed");
    expect(sent(code)).toBe(1);
    expect(await scene.vault.names(id)).toEqual([]);
  });

  it("and a failed sign-in stays failed, with the same words", async () => {
    const leo = await scene.signedIn("user_leo");
    const { returned } = await scene.goToMicrosoft(leo, { ...victim, consent: "decline" });

    const first = await problemIn(await leo.complete(returned));
    const second = await problemIn(await leo.complete(returned));

    expect(first.code).toBe("access_declined");
    expect(second).toEqual(first);
  });
});

describe("ten minutes are the end of it", () => {
  it("at the callback, which parks nothing and hands out no value", async () => {
    const ines = await scene.signedIn("user_ines");
    const { attemptId, form } = await formFor(ines);

    scene.stack.clock.advance(601);
    const { response, returned } = await postCallback(form);
    const completed = await ines.complete({ attemptId, completion: guess() });

    expect(response.status).toBe(303);
    expect(returned).toEqual({ attemptId, completion: undefined });
    expect(await scene.attempt(ines, attemptId)).toMatchObject({
      status: "expired",
      problem: { code: "attempt_expired" },
    });
    expect(completed.status).toBe(410);
    expect((await problemIn(completed)).code).toBe("attempt_expired");
    const item = (await scene.tables.items("ATTEMPTS_TABLE")).find(({ id }) => id === attemptId);
    expect(item).toMatchObject({ status: "pending" });
    expect(item).not.toHaveProperty("answer");
  });

  it("at complete, which does not send the code any more", async () => {
    const ines = await scene.signedIn("user_ines");
    const { attemptId, code, returned } = await scene.goToMicrosoft(ines, victim);

    scene.stack.clock.advance(601);
    const completed = await ines.complete(returned);

    expect(completed.status).toBe(410);
    expect((await problemIn(completed)).code).toBe("attempt_expired");
    expect(await scene.attempt(ines, attemptId)).toMatchObject({ status: "expired" });
    expect(sent(code)).toBe(0);
  });

  it("and a code that came back in time but is older than Microsoft’s minute starts again", async () => {
    const ines = await scene.signedIn("user_ines");
    const { returned } = await scene.goToMicrosoft(ines, victim);

    scene.stack.clock.advance(120);
    const completed = await ines.complete(returned);

    expect(completed.status).toBe(403);
    expect((await problemIn(completed)).code).toBe("sign_in_required");
  });
});

describe("the callback believes nothing but the state", () => {
  it("takes an error for the answer, also beside a code, and never sends that code", async () => {
    const ines = await scene.signedIn("user_ines");
    const { attemptId, form, code } = await formFor(ines);

    const both = withFields(form, (fields) => fields.set("error", "access_denied"));
    const { returned } = await postCallback(both);
    if (!returned) expect.fail("the callback leads nowhere");
    const completed = await ines.complete(returned);

    expect(returned.attemptId).toBe(attemptId);
    expect((await problemIn(completed)).code).toBe("access_declined");
    expect(sent(code)).toBe(0);
  });

  it("leads a state that is unknown, or no state, to a page without a way on", async () => {
    const ines = await scene.signedIn("user_ines");
    const { form } = await formFor(ines);
    const states = [guess(), "", "short", `${guess()}x`, "../../evil", undefined];

    const answers = await Promise.all(
      states.map((state) =>
        postCallback(
          withFields(form, (fields) =>
            state === undefined ? fields.delete("state") : fields.set("state", state),
          ),
        ),
      ),
    );

    const pages = await Promise.all(answers.map(({ response }) => pageOf(response)));
    expect(new Set(pages).size).toBe(1);
  });

  it("brings the state of another person to that person’s attempt only", async () => {
    const ines = await scene.signedIn("user_ines");
    const leo = await scene.signedIn("user_leo");
    const hers = await formFor(ines);
    const his = await formFor(leo);

    const crossed = withFields(hers.form, (fields) =>
      fields.set("state", his.form.fields.get("state") ?? ""),
    );
    const { returned } = await postCallback(crossed);
    if (!returned) expect.fail("the callback leads nowhere");
    const stolen = await ines.complete(returned);

    expect(returned.attemptId).toBe(his.attemptId);
    expect((await problemIn(stolen)).code).toBe("session_mismatch");
    expect(await scene.attempt(ines, hers.attemptId)).toMatchObject({ status: "pending" });
    expect(sent(hers.code)).toBe(0);
  });

  it("cannot be given a code that was made for another attempt of the same person", async () => {
    const priya = await scene.signedIn("user_priya");
    const one = await formFor(priya);
    const other = await formFor(priya);

    const crossed = withFields(one.form, (fields) => fields.set("code", other.code));
    const { returned } = await postCallback(crossed);
    if (!returned) expect.fail("the callback leads nowhere");
    const completed = await priya.complete(returned);

    // Microsoft sees that the verifier is not the one of this code. RFC 7636 §4.6
    expect((await problemIn(completed)).code).toBe("sign_in_required");
    expect(await scene.list(priya)).toEqual([]);
  });

  it.for<[string, (fields: URLSearchParams) => void]>([
    ["a state that comes twice", (fields) => fields.append("state", fields.get("state") ?? "")],
    ["two states", (fields) => fields.append("state", guess())],
    ["a code that comes twice", (fields) => fields.append("code", "another")],
    ["an access token", (fields) => fields.set("access_token", "eyJhbGciOiJub25lIn0.e30.")],
    ["an ID token", (fields) => fields.set("id_token", "eyJhbGciOiJub25lIn0.e30.")],
    ["the issuer of somebody else", (fields) => fields.set("iss", "https://evil.example/v2.0")],
    ["neither code nor error", (fields) => fields.delete("code")],
    ["a code without end", (fields) => fields.set("code", "x".repeat(10_000))],
  ])("refuses %s, and the sign-in can still be finished", async ([, change]) => {
    const leo = await scene.signedIn("user_leo");
    const { attemptId, form, code } = await formFor(leo);

    const { response } = await postCallback(withFields(form, change));

    await pageOf(response);
    expect(await scene.attempt(leo, attemptId)).toMatchObject({ status: "pending" });
    expect(sent(code)).toBe(0);
    expect((await postCallback(form)).returned?.completion).toMatch(/^[\w-]{43}$/);
  });
});

describe("open sign-ins", () => {
  it("are ten per person within ten minutes; an eleventh breaks none of them", async () => {
    const priya = await scene.signedIn("user_priya");
    const [first] = await Promise.all(Array.from({ length: 10 }, () => priya.start()));
    const start = () => priya.call("POST", "/start", {});

    const eleventh = await start();
    const arrived = await signIn(first?.authorizationUrl ?? "", victim);
    if (!isArrival(arrived)) expect.fail("Microsoft kept the person");
    const { returned } = await postCallback(arrived);
    if (!returned) expect.fail("the callback leads nowhere");
    const completed = await priya.complete(returned);
    const twelfth = await start();
    scene.stack.clock.advance(600);
    const later = await start();

    expect(eleventh.status).toBe(429);
    expect((await problemIn(eleventh)).code).toBe("too_many_attempts");
    expect(eleventh.headers.get("retry-after")).toBe("600");
    expect(completed.status).toBe(200);
    expect(twelfth.status).toBe(429);
    expect(later.status).toBe(201);
  });

  it("share nothing: state, nonce and challenge differ, and the verifier stays with us", async () => {
    const ines = await scene.signedIn("user_ines");
    const urls = await Promise.all(
      Array.from({ length: 5 }, async () => new URL((await ines.start()).authorizationUrl)),
    );

    for (const name of ["state", "nonce", "code_challenge"]) {
      const values = urls.map(({ searchParams }) => searchParams.get(name) ?? "");
      expect(new Set(values).size).toBe(5);
      for (const value of values) expect(value).toMatch(/^[\w-]{43}$/);
    }
    for (const { searchParams } of urls) {
      expect(searchParams.get("response_mode")).toBe("form_post");
      expect(searchParams.get("response_type")).toBe("code");
      expect(searchParams.get("code_challenge_method")).toBe("S256");
      expect(searchParams.get("prompt")).toBe("select_account");
      expect(searchParams.has("code_verifier")).toBe(false);
    }
  });
});
