import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { castellan } from "../../infra/local/microsoft/directory.ts";
import type { TokenAnswer } from "../../shared/worker/fetch-token.ts";
import {
  type Connected,
  connectionView,
  openScene,
  refusedWith,
  type Scene,
  served,
} from "./scene.ts";

/** Longer than any token of Microsoft's lives: 90 minutes. */
const longerThanAToken = 7200;
/** An execution environment remembers a token for 30 seconds. */
const longerThanMemory = 31;

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
});
afterAll(() => scene?.close());
beforeEach(() => scene.newDay());

const connected = async (personId: string, username: string): Promise<Connected> => {
  const product = await scene.signedIn(personId);
  return { product, username, connection: await scene.connect(product, { username }) };
};

const refreshes = () => scene.microsoft.report().calls["token.refresh_token"] ?? 0;

/** Until nothing but a refresh can help. */
const letTheTokenExpire = () => scene.stack.clock.advance(longerThanAToken);

const shown = async ({ product, connection }: Connected) => {
  const response = await product.call("GET", `/connections/${connection.id}`);
  return connectionView.parse(await response.json());
};

const vaultPayload = z.looseObject({ refreshToken: z.string() });

const entryOf = (item: Record<string, unknown>) => z.string().parse(item.vaultEntry);

const storedRefreshToken = async ({ connection }: Connected) => {
  const name = entryOf(await scene.tables.connection(connection.id));
  return vaultPayload.parse(JSON.parse(await scene.vault.read(name))).refreshToken;
};

describe("a worker gets a token", () => {
  it("for the mailbox it asked for, with all that a caller of Graph needs", async () => {
    const mailbox = await connected("user_ines", "ben.okafor@larkfield.example");

    const token = served(await scene.fetchToken(mailbox));

    expect(scene.microsoft.report().issued.accessTokens).toEqual([token.text]);
    expect(token).toMatchObject({
      graphBaseUrl: `${scene.stack.origins.microsoft}/graph/v1.0`,
      degraded: false,
    });
    expect(token.expiresAt.getTime()).toBeGreaterThan(scene.stack.clock.now().getTime() + 300_000);
    const me = await fetch(`${token.graphBaseUrl}/me`, {
      headers: { authorization: `Bearer ${token.text}` },
    });
    expect(await me.json()).toMatchObject({ userPrincipalName: mailbox.username });
  });

  it("again and again, without a call to Microsoft", async () => {
    const mailbox = await connected("user_ines", "ben.okafor@larkfield.example");

    const first = served(await scene.fetchToken(mailbox));
    const second = served(await scene.fetchToken(mailbox));
    scene.stack.clock.advance(longerThanMemory);
    const third = served(await scene.fetchToken(mailbox));

    expect([second.text, third.text]).toEqual([first.text, first.text]);
    expect(refreshes()).toBe(0);
  });

  it("that is new once the old one has run out, and nobody notices the refresh", async () => {
    const mailbox = await connected("user_ines", "juno.hale@outlook.example");
    const first = served(await scene.fetchToken(mailbox));

    letTheTokenExpire();
    const second = served(await scene.fetchToken(mailbox));
    const third = served(await scene.fetchToken(mailbox));

    expect(second.text).not.toBe(first.text);
    expect(second.degraded).toBe(false);
    expect(third.text).toBe(second.text);
    expect(refreshes()).toBe(1);
    const { status, lastRefreshedAt } = await shown(mailbox);
    expect(status).toBe("connected");
    expect(lastRefreshedAt > mailbox.connection.lastRefreshedAt).toBe(true);
  });

  it("that lives as long as its step needs it", async () => {
    const mailbox = await connected("user_ines", "ben.okafor@larkfield.example");
    const first = served(await scene.fetchToken(mailbox));
    const left = (first.expiresAt.getTime() - scene.stack.clock.now().getTime()) / 1000;
    scene.stack.clock.advance(Math.floor(left) - 1800);

    const short = served(await scene.fetchToken(mailbox, { minTtlSeconds: 0 }));
    const usual = served(await scene.fetchToken(mailbox));
    const long = served(await scene.fetchToken(mailbox, { minTtlSeconds: 3000 }));

    expect([short.text, usual.text]).toEqual([first.text, first.text]);
    expect(long.text).not.toBe(first.text);
    expect(long.expiresAt.getTime() - scene.stack.clock.now().getTime()).toBeGreaterThan(3_000_000);
    expect(refreshes()).toBe(1);
  });

  it("or is told that Microsoft issues none that live so long", async () => {
    const mailbox = await connected("user_ines", "ben.okafor@larkfield.example");
    scene.microsoft.alter({
      alteration: { set: { expires_in: 900 } },
      grantType: "refresh_token",
      times: "always",
    });
    letTheTokenExpire();

    const long = refusedWith(await scene.fetchToken(mailbox, { minTtlSeconds: 3000 }));
    const short = served(await scene.fetchToken(mailbox));

    expect(long).toMatchObject({ code: "invalid_request", actor: "operator", retryable: false });
    expect(short.degraded).toBe(false);
  });

  it("together with thirty others after one single refresh", async () => {
    const mailbox = await connected("user_tomas", "ben.okafor@larkfield.example");
    letTheTokenExpire();
    // So that many of them are there before the first one is served.
    scene.microsoft.fault({
      endpoint: "token",
      fault: { kind: "delayed", milliseconds: 800 },
      times: "always",
    });

    const answers = await Promise.all(Array.from({ length: 30 }, () => scene.fetchToken(mailbox)));

    expect(new Set(answers.map((answer) => served(answer).text)).size).toBe(1);
    expect(refreshes()).toBe(1);
  });

  it("from a refresh that brought no new refresh token, and the old one stays", async () => {
    const mailbox = await connected("user_tomas", "ben.okafor@larkfield.example");
    const before = await storedRefreshToken(mailbox);
    scene.microsoft.alter({
      alteration: { omit: ["refresh_token"] },
      grantType: "refresh_token",
      times: "always",
    });

    for (let day = 0; day < 3; day += 1) {
      scene.stack.clock.advance(100_000);
      served(await scene.fetchToken(mailbox));
    }

    expect(await storedRefreshToken(mailbox)).toBe(before);
  });

  it("and the refresh token in the vault is replaced only when it is older than a day", async () => {
    const mailbox = await connected("user_tomas", "clara.lindqvist@larkfield.example");
    const first = await storedRefreshToken(mailbox);

    letTheTokenExpire();
    served(await scene.fetchToken(mailbox));
    const sameDay = await storedRefreshToken(mailbox);
    scene.stack.clock.advance(86_400);
    served(await scene.fetchToken(mailbox));
    const nextDay = await storedRefreshToken(mailbox);
    letTheTokenExpire();
    served(await scene.fetchToken(mailbox));

    expect(sameDay).toBe(first);
    expect(nextDay).not.toBe(first);
    expect(scene.microsoft.report().issued.refreshTokens).toContain(nextDay);
    expect(await storedRefreshToken(mailbox)).toBe(nextDay);
    expect(await scene.vault.names(mailbox.connection.id)).toHaveLength(1);
  });

  it("although the vault does not take the new refresh token", async () => {
    const mailbox = await connected("user_tomas", "clara.lindqvist@larkfield.example");
    const first = await storedRefreshToken(mailbox);
    scene.stack.clock.advance(90_000);
    const denied = { code: "AccessDeniedException" };
    // As often as the SDK tries: where the clock was advanced, it takes the first refusal for a skewed clock.
    scene.stack.secretsManager.faults.refuse("PutSecretValue", denied, 3);

    const token = served(await scene.fetchToken(mailbox));
    const afterwards = await storedRefreshToken(mailbox);
    scene.stack.secretsManager.faults.clear();
    letTheTokenExpire();
    served(await scene.fetchToken(mailbox));

    expect(token.degraded).toBe(false);
    expect(afterwards).toBe(first);
    expect(await storedRefreshToken(mailbox)).not.toBe(first);
  });
});

describe("a request is refused", () => {
  const good = {
    connectionId: `conn_${"A".repeat(22)}`,
    workspaceId: "ws_larkfield",
    run: { workflowId: "newest-mail", runId: "run-1" },
  };

  it.for<[string, unknown]>([
    ["empty", {}],
    ["null", null],
    ["a list", [good]],
    ["text", "conn_AAAAAAAAAAAAAAAAAAAAAA"],
    ["without connection", { ...good, connectionId: undefined }],
    ["with the id of an attempt", { ...good, connectionId: `att_${"A".repeat(43)}` }],
    ["with an id that is too long", { ...good, connectionId: `conn_${"A".repeat(23)}` }],
    ["with a list for an id", { ...good, connectionId: [good.connectionId] }],
    ["with an operator for an id", { ...good, connectionId: { $ne: "" } }],
    ["without workspace", { ...good, workspaceId: undefined }],
    ["with an empty workspace", { ...good, workspaceId: "" }],
    ["with a workspace of a megabyte", { ...good, workspaceId: "x".repeat(1_000_000) }],
    ["without run", { ...good, run: undefined }],
    ["without the run’s workflow", { ...good, run: { runId: "run-1" } }],
    ["with a run that is free text", { ...good, run: { workflowId: "a b\nc", runId: "1" } }],
    ["with more in its run", { ...good, run: { ...good.run, token: "x" } }],
    ["with a member that nobody knows", { ...good, scope: "Mail.Read" }],
    ["with a negative lifetime", { ...good, minTtlSeconds: -1 }],
    ["with half a second of lifetime", { ...good, minTtlSeconds: 0.5 }],
    ["with a lifetime in words", { ...good, minTtlSeconds: "300" }],
    ["with a lifetime that no token has", { ...good, minTtlSeconds: 3001 }],
  ])("that is %s", async ([, payload]) => {
    const answer = await scene.invoke(JSON.stringify(payload));

    expect(answer).toEqual({
      ok: false,
      error: {
        code: "invalid_request",
        actor: "operator",
        retryable: false,
        message: expect.stringContaining("connectionId"),
        traceId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      },
    });
  });

  it("that has no payload at all", async () => {
    expect(await scene.invoke(undefined)).toMatchObject({ error: { code: "invalid_request" } });
  });

  it("that names a connection which nobody has", async () => {
    expect(await scene.invoke(JSON.stringify(good))).toMatchObject({
      ok: false,
      error: { code: "not_found", actor: "user", retryable: false },
    });
  });

  it("in the same words for a connection of another workspace, warm or cold", async () => {
    const mailbox = await connected("user_ines", "ben.okafor@larkfield.example");
    served(await scene.fetchToken(mailbox));
    const foreign = { workspaceId: "ws_juniper" };

    const warm = refusedWith(await scene.fetchToken(mailbox, foreign));
    letTheTokenExpire();
    const expired = refusedWith(await scene.fetchToken(mailbox, foreign));

    const { traceId: _, ...unknown } = refusedWith(
      await scene.fetchToken({
        ...mailbox,
        connection: { ...mailbox.connection, id: good.connectionId },
      }),
    );
    expect(unknown.code).toBe("not_found");
    expect(warm).toMatchObject(unknown);
    expect(expired).toMatchObject(unknown);
    expect(refreshes()).toBe(0);
  });

  it("once the mailbox is disconnected, half a minute later at most", async () => {
    const mailbox = await connected("user_leo", "ada.whitlock@larkfield.example");
    served(await scene.fetchToken(mailbox));

    await mailbox.product.call("DELETE", `/connections/${mailbox.connection.id}`);
    scene.stack.clock.advance(longerThanMemory);

    expect(refusedWith(await scene.fetchToken(mailbox))).toMatchObject({
      code: "not_found",
      retryable: false,
    });
    expect(refreshes()).toBe(0);
  });
});

describe("while Microsoft is unwell", () => {
  it("a token that is still good is served, and marked", async () => {
    const mailbox = await connected("user_ines", "ben.okafor@larkfield.example");
    const first = served(await scene.fetchToken(mailbox));
    const left = (first.expiresAt.getTime() - scene.stack.clock.now().getTime()) / 1000;
    scene.stack.clock.advance(Math.floor(left) - 200);
    scene.microsoft.fault({ endpoint: "token", fault: { kind: "unavailable" }, times: "always" });

    const enough = served(await scene.fetchToken(mailbox, { minTtlSeconds: 60 }));
    const tooLittle = refusedWith(await scene.fetchToken(mailbox, { minTtlSeconds: 300 }));

    expect(enough).toMatchObject({ text: first.text, degraded: true });
    expect(tooLittle).toMatchObject({
      code: "temporarily_unavailable",
      actor: "nobody",
      retryable: true,
    });
  });

  it.for<[string, Parameters<Scene["microsoft"]["fault"]>[0]["fault"]]>([
    ["down", { kind: "unavailable" }],
    ["behind a broken proxy", { kind: "bad_gateway" }],
    ["hanging up", { kind: "dropped" }],
    ["hanging up after it has answered", { kind: "dropped", afterProcessing: true }],
    ["talking nonsense", { kind: "garbled" }],
    ["answering nothing", { kind: "empty_object" }],
    ["answering megabytes", { kind: "huge", megabytes: 1 }],
  ])("that is %s, nobody has to act, and it passes by itself", async ([, fault]) => {
    const mailbox = await connected("user_ines", "ben.okafor@larkfield.example");
    letTheTokenExpire();
    scene.microsoft.fault({ endpoint: "token", fault });

    const during = refusedWith(await scene.fetchToken(mailbox));
    const status = await shown(mailbox);
    const rightAfter = refusedWith(await scene.fetchToken(mailbox));
    const asked = refreshes();
    scene.stack.clock.advance(60);
    const after = served(await scene.fetchToken(mailbox));

    for (const told of [during, rightAfter]) {
      expect(told).toMatchObject({
        code: "temporarily_unavailable",
        actor: "nobody",
        retryable: true,
      });
    }
    expect(status).toMatchObject({ status: "connected" });
    expect(status.problem).toBeUndefined();
    expect(asked).toBe(1);
    expect(after.degraded).toBe(false);
  });

  it("an answer that is for another account is not taken for the mailbox’s own", async () => {
    const mailbox = await connected("user_ines", "ben.okafor@larkfield.example");
    letTheTokenExpire();
    scene.microsoft.alter({
      alteration: { account: "ada.whitlock@larkfield.example" },
      grantType: "refresh_token",
    });

    const told = refusedWith(await scene.fetchToken(mailbox));

    expect(told).toMatchObject({ code: "temporarily_unavailable", retryable: true });
    expect(await shown(mailbox)).toMatchObject({ status: "connected" });
  });

  it("and throttles, it is left alone for as long as it says", async () => {
    const mailbox = await connected("user_ines", "ben.okafor@larkfield.example");
    const other = await connected("user_leo", "juno.hale@outlook.example");
    letTheTokenExpire();
    scene.microsoft.fault({ endpoint: "token", fault: { kind: "throttled", retryAfter: 120 } });

    const first = refusedWith(await scene.fetchToken(mailbox));
    scene.stack.clock.advance(100);
    const early = refusedWith(await scene.fetchToken(mailbox));
    const askedEarly = refreshes();
    const elsewhere = served(await scene.fetchToken(other));
    scene.stack.clock.advance(21);
    const late = served(await scene.fetchToken(mailbox));

    expect(first).toMatchObject({ code: "throttled", retryable: true, retryAfterSeconds: 120 });
    expect(early).toMatchObject({ retryable: true, actor: "nobody" });
    expect(early.retryable && early.retryAfterSeconds).toBeLessThanOrEqual(20);
    expect(askedEarly).toBe(1);
    expect(elsewhere.degraded).toBe(false);
    expect(late.degraded).toBe(false);
    expect(await shown(mailbox)).toMatchObject({ status: "connected" });
  });

  it("and refuses without a reason, it is believed only when it says so twice", async () => {
    const mailbox = await connected("user_ines", "clara.lindqvist@larkfield.example");
    letTheTokenExpire();
    scene.microsoft.fault({
      endpoint: "token",
      fault: { kind: "refused", error: "invalid_grant", codes: [] },
      times: "always",
    });

    const first = refusedWith(await scene.fetchToken(mailbox));
    const meanwhile = await shown(mailbox);
    scene.stack.clock.advance(125);
    const second = refusedWith(await scene.fetchToken(mailbox));

    expect(first).toMatchObject({ code: "temporarily_unavailable", retryable: true });
    expect(meanwhile.status).toBe("connected");
    expect(second).toMatchObject({ code: "reauthorization_required", retryable: false });
    expect((await shown(mailbox)).status).toBe("reauthorization_required");
  });
});

describe("somebody has to act", () => {
  it("the user, when the sessions were revoked; reconnecting heals it", async () => {
    const mailbox = await connected("user_priya", "ben.okafor@larkfield.example");
    letTheTokenExpire();
    scene.microsoft.revokeSessions({ username: mailbox.username });

    const told = refusedWith(await scene.fetchToken(mailbox));
    const again = refusedWith(await scene.fetchToken(mailbox));
    const asked = refreshes();
    const listed = await scene.list(mailbox.product);
    const healed = await scene.connect(
      mailbox.product,
      { username: mailbox.username },
      { connectionId: mailbox.connection.id },
    );
    const token = served(await scene.fetchToken(mailbox));

    for (const each of [told, again]) {
      expect(each).toMatchObject({
        code: "reauthorization_required",
        actor: "user",
        retryable: false,
      });
    }
    expect(asked).toBe(1);
    expect(listed).toMatchObject([
      {
        id: mailbox.connection.id,
        status: "reauthorization_required",
        problem: { code: "reauthorization_required", actor: "user", message: told.message },
      },
    ]);
    expect(healed).toMatchObject({ id: mailbox.connection.id, status: "connected" });
    expect(healed.problem).toBeUndefined();
    expect(token.degraded).toBe(false);
  });

  it("the administrator, when the consent was withdrawn; once it is back, nobody reconnects", async () => {
    const mailbox = await connected("user_priya", "ada.whitlock@larkfield.example");
    letTheTokenExpire();
    scene.microsoft.withdrawUserConsent({ username: mailbox.username });

    const told = refusedWith(await scene.fetchToken(mailbox));
    const meanwhile = await shown(mailbox);
    scene.microsoft.grantUserConsent({ username: mailbox.username });
    const paused = refusedWith(await scene.fetchToken(mailbox));
    scene.stack.clock.advance(601);
    const token = served(await scene.fetchToken(mailbox));

    for (const each of [told, paused]) {
      expect(each).toMatchObject({
        code: "admin_consent_required",
        actor: "tenant_admin",
        retryable: false,
      });
    }
    expect(meanwhile).toMatchObject({
      status: "admin_approval_required",
      problem: { code: "admin_approval_required", actor: "tenant_admin" },
    });
    expect(token.degraded).toBe(false);
    const healed = await shown(mailbox);
    expect(healed.status).toBe("connected");
    expect(healed.problem).toBeUndefined();
  });

  it("the administrator, when the account was disabled", async () => {
    const mailbox = await connected("user_priya", "clara.lindqvist@larkfield.example");
    letTheTokenExpire();
    scene.microsoft.disableUser({ username: mailbox.username, disabled: true });

    const told = refusedWith(await scene.fetchToken(mailbox));

    expect(told).toMatchObject({
      code: "reauthorization_required",
      actor: "tenant_admin",
      retryable: false,
    });
    expect(await shown(mailbox)).toMatchObject({ status: "reauthorization_required" });
  });

  it("the administrator, when a policy blocks the tenant, and it passes with the policy", async () => {
    const mailbox = await connected("user_leo", "uma.patel@castellan.example");
    letTheTokenExpire();
    scene.microsoft.setTenantPolicy({ tenantId: castellan.id, policy: { blocked: true } });

    const told = refusedWith(await scene.fetchToken(mailbox));
    const meanwhile = await shown(mailbox);
    scene.microsoft.setTenantPolicy({ tenantId: castellan.id, policy: { blocked: false } });
    scene.stack.clock.advance(601);
    const token = served(await scene.fetchToken(mailbox));

    expect(told).toMatchObject({ code: "tenant_blocked", actor: "tenant_admin" });
    expect(meanwhile.problem).toMatchObject({ code: "tenant_blocked", actor: "tenant_admin" });
    expect(token.degraded).toBe(false);
  });

  it("the user, when Conditional Access asks for more, and the next sign-in carries what it asked", async () => {
    const mailbox = await connected("user_leo", "sigrid.thorne@castellan.example");
    letTheTokenExpire();
    scene.microsoft.requireSecondFactorAgain({ tenantId: castellan.id });

    const told = refusedWith(await scene.fetchToken(mailbox));
    const { authorizationUrl, form, returned } = await scene.goToMicrosoft(
      mailbox.product,
      { username: mailbox.username },
      { connectionId: mailbox.connection.id },
    );
    const completed = await mailbox.product.complete(returned);
    served(await scene.fetchToken(mailbox));
    const next = await mailbox.product.start({ connectionId: mailbox.connection.id });

    expect(told).toMatchObject({ code: "reauthorization_required", actor: "user" });
    expect(JSON.parse(authorizationUrl.searchParams.get("claims") ?? "")).toHaveProperty(
      "access_token.capolids",
    );
    expect(form.pages).toContain("second-factor");
    expect(completed.status).toBe(200);
    expect(new URL(next.authorizationUrl).searchParams.has("claims")).toBe(false);
  });
});

describe("while a token is being renewed", () => {
  /** Microsoft takes its time over this refresh. */
  const slowRefresh = (mailbox: Connected) => {
    letTheTokenExpire();
    scene.microsoft.fault({
      endpoint: "token",
      fault: { kind: "delayed", milliseconds: 700 },
      grantType: "refresh_token",
    });
    return scene.fetchToken(mailbox);
  };

  it("a disconnect wins: no token, no secret, and the tombstone stays", async () => {
    const mailbox = await connected("user_tomas", "ada.whitlock@larkfield.example");
    const { id } = mailbox.connection;

    const renewing = slowRefresh(mailbox);
    await expect.poll(refreshes, { interval: 10 }).toBe(1);
    const disconnected = await mailbox.product.call("DELETE", `/connections/${id}`);
    const told = refusedWith(await renewing);

    expect(disconnected.status).toBe(204);
    expect(told.code).toBe("not_found");
    expect(await scene.tables.connection(id)).toMatchObject({ status: "disconnected" });
    expect(await scene.vault.names(id)).toEqual([]);
  });

  it("a new sign-in wins: a late refusal of the old one ends nothing", async () => {
    const mailbox = await connected("user_tomas", "ada.whitlock@larkfield.example");
    const { username } = mailbox;

    scene.microsoft.revokeSessions({ username });
    const renewing = slowRefresh(mailbox);
    await expect.poll(refreshes, { interval: 10 }).toBe(1);
    const again = await scene.connect(
      mailbox.product,
      { username },
      { connectionId: mailbox.connection.id },
    );
    const token = served(await renewing);

    expect(again.id).toBe(mailbox.connection.id);
    expect(token.text).toBe(scene.microsoft.report().issued.accessTokens.at(-1));
    expect(refreshes()).toBe(1);
    expect(await shown(mailbox)).toMatchObject({ status: "connected" });
    expect(await scene.vault.names(again.id)).toHaveLength(1);
  });
});

describe("the app’s own credential has expired", () => {
  let own: readonly string[];
  beforeAll(async () => {
    own = await scene.clientCredential.read();
  });
  afterEach(() => scene.clientCredential.write(own));

  it("which pages the operator, hurts no connection, and heals with a new one", async () => {
    const mailbox = await connected("user_ines", "ben.okafor@larkfield.example");
    letTheTokenExpire();
    scene.microsoft.setClientSecrets({ secrets: own.map((secret) => ({ secret, expired: true })) });

    const told = refusedWith(await scene.fetchToken(mailbox));
    const meanwhile = await shown(mailbox);
    await scene.clientCredential.write(["a-new-secret", ...own]);
    scene.microsoft.setClientSecrets({ secrets: [{ secret: "a-new-secret", expired: false }] });
    scene.stack.clock.advance(60);
    const token = served(await scene.fetchToken(mailbox));

    expect(told).toMatchObject({ code: "misconfigured", actor: "operator", retryable: true });
    expect(meanwhile.status).toBe("connected");
    expect(meanwhile.problem).toBeUndefined();
    expect(token.degraded).toBe(false);
    await expect
      .poll(() => scene.failuresLogged("app_credential_rejected").length)
      .toBeGreaterThan(0);
  });
});

describe("whoever can write to the tables or the vault gains nothing", () => {
  /** Nothing but a failure of ours: no token, and no hint of whose it would have been. */
  const isRefused = (answer: unknown, ...foreign: readonly string[]) => {
    expect(answer).toMatchObject({
      ok: false,
      error: { code: "temporarily_unavailable", actor: "operator", retryable: true },
    });
    for (const secret of foreign) expect(JSON.stringify(answer)).not.toContain(secret);
  };

  /** A stored token that does not open is replaced by a new one of its own owner's. */
  const isRenewed = (answer: TokenAnswer, ...before: readonly string[]) => {
    const { text } = served(answer);
    expect(before).not.toContain(text);
  };

  const fetchRaw = ({ connection }: Connected, workspaceId: string) =>
    scene.invoke(
      JSON.stringify({
        connectionId: connection.id,
        workspaceId,
        run: { workflowId: "newest-mail", runId: "run-1" },
      }),
    );

  /** A victim's mailbox and one of the attacker's own, in another workspace. */
  const twoMailboxes = async () => {
    const victim = await connected("user_ines", "ada.whitlock@larkfield.example");
    const attacker = await connected("user_leo", "theo.marsh@hotmail.example");
    return {
      victim,
      attacker,
      victimItem: await scene.tables.connection(victim.connection.id),
      attackerItem: await scene.tables.connection(attacker.connection.id),
      secrets: [...scene.microsoft.report().issued.accessTokens],
    };
  };

  it("by moving a sealed access token to another connection", async () => {
    const { victim, attacker, victimItem, attackerItem, secrets } = await twoMailboxes();

    await scene.tables.putConnection({
      ...attackerItem,
      sealedAccessToken: victimItem.sealedAccessToken,
    });

    isRenewed(await scene.fetchToken(attacker), ...secrets);
    await expect.poll(() => scene.failuresLogged("sealed_token_unreadable")).not.toEqual([]);
    served(await scene.fetchToken(victim));
  });

  it("by moving a connection to another workspace, before its token expires or after", async () => {
    const { victim, victimItem, secrets } = await twoMailboxes();

    await scene.tables.putConnection({ ...victimItem, workspaceId: "ws_juniper" });
    const fresh = await fetchRaw(victim, "ws_juniper");
    letTheTokenExpire();
    const expired = await fetchRaw(victim, "ws_juniper");

    isRefused(fresh, ...secrets);
    isRefused(expired, ...secrets);
    expect(refreshes()).toBe(0);
    await scene.tables.putConnection(victimItem);
  });

  it("by pointing a connection at another one’s refresh token", async () => {
    const { attacker, victimItem, attackerItem, secrets } = await twoMailboxes();
    letTheTokenExpire();

    await scene.tables.putConnection({ ...attackerItem, vaultEntry: victimItem.vaultEntry });

    isRefused(await fetchRaw(attacker, attacker.product.workspaceId), ...secrets);
    expect(refreshes()).toBe(0);
  });

  it("by swapping two refresh tokens in the vault", async () => {
    const { victim, attacker, victimItem, attackerItem, secrets } = await twoMailboxes();
    const [victimName, attackerName] = [entryOf(victimItem), entryOf(attackerItem)];
    const [victimValue, attackerValue] = [
      await scene.vault.read(victimName),
      await scene.vault.read(attackerName),
    ];
    letTheTokenExpire();

    await scene.vault.write(attackerName, victimValue);
    await scene.vault.write(victimName, attackerValue);

    isRefused(await fetchRaw(attacker, attacker.product.workspaceId), ...secrets);
    isRefused(await fetchRaw(victim, victim.product.workspaceId), ...secrets);
    expect(refreshes()).toBe(0);
    expect(await shown(victim)).toMatchObject({ status: "connected" });
  });

  it("by changing a sealed token, or putting a plain one in its place", async () => {
    const { victim, victimItem, secrets } = await twoMailboxes();
    const sealed = z.string().parse(victimItem.sealedAccessToken);
    const last = sealed.at(-2) === "A" ? "B" : "A";

    for (const forged of [`${sealed.slice(0, -2)}${last}${sealed.slice(-1)}`, "a-plain-token"]) {
      await scene.tables.putConnection({ ...victimItem, sealedAccessToken: forged });
      isRenewed(await scene.fetchToken(victim), ...secrets, forged);
      scene.stack.clock.advance(31); // longer than a token is remembered
    }
    expect(refreshes()).toBe(2);
  });

  it("by erasing a refresh token, which only makes its owner sign in again", async () => {
    const { victim, victimItem } = await twoMailboxes();
    letTheTokenExpire();

    await scene.tables.putConnection({
      ...victimItem,
      vaultEntry: `${entryOf(victimItem)}-gone`,
    });

    expect(refusedWith(await scene.fetchToken(victim))).toMatchObject({
      code: "temporarily_unavailable",
      actor: "nobody",
    });
    scene.stack.clock.advance(120);
    expect(refusedWith(await scene.fetchToken(victim))).toMatchObject({
      code: "reauthorization_required",
      actor: "user",
    });
    expect(refreshes()).toBe(0);
  });
});
