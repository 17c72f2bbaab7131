import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { attemptLifetimeSeconds, attemptsPerUser } from "../../../shared/domain/attempt.ts";
import { connectionsPerOwner } from "../../../shared/domain/connection.ts";
import {
  attemptIdOf,
  connectionIdOf,
  objectId,
  personalAccountsTenant,
  tenantId,
} from "../../../shared/domain/ids.ts";
import { requestedScopes } from "../../../shared/domain/permissions.ts";
import { fail, succeed } from "../../../shared/domain/result.ts";
import type { Organisation } from "../../../shared/domain/tenant-consent.ts";
import { badJsonRequests } from "../../fakes/bad-json-requests.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { jsonRequest, type SampleRequest, send } from "../../fakes/http-event.ts";
import { hurriedLimits } from "../../fakes/hurried-limits.ts";
import { neverSettles } from "../../fakes/intercepted.ts";
import {
  account,
  alice,
  alicesConnection,
  grant,
  mallory,
  microsoftFailure,
  noon,
  secondsAfter,
  strangerAlice,
} from "../../fakes/samples.ts";
import { broughtBack, problemIn, serviceInMemory } from "../../fakes/service-in-memory.ts";

const log = captureLog();

describe("a sign-in that starts", () => {
  it("names the attempt, the address and the end, and nothing else", async () => {
    const { start } = serviceInMemory();

    const { statusCode, headers, body } = await start(alice);

    const { attemptId, authorizationUrl, expiresAt, ...more } = JSON.parse(body);
    expect(statusCode).toBe(201);
    expect(headers["content-type"]).toBe("application/json");
    expect(attemptId).toMatch(/^att_[\w-]{43}$/);
    expect(new URL(authorizationUrl).origin).toBe("https://login.microsoftonline.com");
    expect(expiresAt).toBe(secondsAfter(noon, 600).toISOString());
    expect(more).toEqual({});
  });

  it("has a state of 256 random bits, of which only the hash is kept", async () => {
    const service = serviceInMemory();

    const begun = await Promise.all([service.begin(alice), service.begin(alice)]);

    for (const { state, attemptId } of begun) {
      expect(Buffer.from(state, "base64url")).toHaveLength(32);
      expect(attemptId).toBe(attemptIdOf(state));
      expect(JSON.stringify(await service.attempts.find(attemptIdOf(state)))).not.toContain(state);
    }
    const secrets = begun.flatMap(({ parameters, state }) => [
      state,
      parameters.get("nonce"),
      parameters.get("code_challenge"),
    ]);
    expect(new Set(secrets).size).toBe(6);
  });

  it("asks for the code in a form, with PKCE, for the least permissions", async () => {
    const { begin } = serviceInMemory();

    const { parameters } = await begin(alice);

    expect(Object.fromEntries(parameters)).toMatchObject({
      response_type: "code",
      response_mode: "form_post",
      code_challenge_method: "S256",
      prompt: "select_account",
      scope: "openid profile email offline_access User.Read Mail.ReadWrite Mail.Send",
    });
  });

  it.for(["organizations", "common"] as const)("signs in at %s", async (firstAuthority) => {
    const { start } = serviceInMemory({ firstAuthority });

    const { authorizationUrl } = JSON.parse((await start(alice)).body);

    expect(new URL(authorizationUrl).pathname).toBe(`/${firstAuthority}/oauth2/v2.0/authorize`);
  });

  it("takes a hint instead of the account picker", async () => {
    const { begin } = serviceInMemory();

    const { parameters } = await begin(alice, { loginHint: "alice@north.example" });

    expect(parameters.get("login_hint")).toBe("alice@north.example");
    expect(parameters.has("prompt")).toBe(false);
  });

  it.for([
    [{}, "connections"],
    [{ returnTo: "connections" }, "connections"],
    [{ returnTo: "setup" }, "setup"],
  ] as const)("of %j returns to %s", async ([body, returnTo]) => {
    const service = serviceInMemory();

    const { state } = await service.begin(alice, body);

    const view = await service.attempts.find(attemptIdOf(state));
    expect(view).toMatchObject({ user: alice, returnTo, status: "pending" });
  });

  it("takes a body that the gateway hands over in base64", async () => {
    const service = serviceInMemory();
    const { headers = {}, body = "" } = jsonRequest({ returnTo: "setup" });

    const { statusCode } = await send(service.handlers.start, {
      route: "POST /start",
      user: alice,
      headers: { ...headers, "content-type": "Application/JSON; charset=utf-8" },
      body: Buffer.from(body).toString("base64"),
      isBase64Encoded: true,
    });

    expect(statusCode).toBe(201);
  });

  it("by a caller that is no browser needs no origin", async () => {
    const service = serviceInMemory();

    const { statusCode } = await send(service.handlers.start, {
      route: "POST /start",
      user: alice,
      headers: { "content-type": "application/json" },
      body: "{}",
    });

    expect(statusCode).toBe(201);
  });

  it("logs neither the state nor the address", async () => {
    const { begin } = serviceInMemory();

    const { state, attemptId, parameters } = await begin(alice, {
      loginHint: "alice@north.example",
    });

    const written = log.lines().join("");
    expect(written).toContain("sign-in started");
    for (const secret of [
      state,
      attemptId,
      parameters.get("nonce") ?? "?",
      parameters.get("code_challenge") ?? "?",
      "alice@north.example",
      "alice",
    ]) {
      expect(written).not.toContain(secret);
    }
  });
});

describe("a sign-in to a mailbox that was connected", () => {
  it("goes to its tenant, with its account, without the picker", async () => {
    const { connect, begin, start } = serviceInMemory();
    await connect(alice);

    const { parameters } = await begin(alice, {
      connectionId: alicesConnection,
      loginHint: "somebody-else@north.example",
    });
    const { authorizationUrl } = JSON.parse(
      (await start(alice, { connectionId: alicesConnection })).body,
    );

    expect(parameters.get("login_hint")).toBe(account.username);
    expect(parameters.has("prompt")).toBe(false);
    expect(new URL(authorizationUrl).pathname).toBe(`/${account.tenantId}/oauth2/v2.0/authorize`);
  });

  it("of a personal account goes where personal accounts sign in", async () => {
    const personal = {
      ...account,
      tenantId: tenantId("9188040d-6c67-4c5b-b112-36a304b66dad"),
    };
    const { connect, start } = serviceInMemory({
      personalAccounts: "allowed",
      redeemCode: async () => succeed({ ...grant, account: personal, accountType: "personal" }),
    });
    await connect(alice);

    const { authorizationUrl } = JSON.parse(
      (await start(alice, { connectionId: connectionIdOf(alice, personal) })).body,
    );

    expect(new URL(authorizationUrl).pathname).toBe("/consumers/oauth2/v2.0/authorize");
  });

  it("carries what Microsoft asked for when it refused", async () => {
    const claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';
    const service = serviceInMemory();
    await service.connect(alice);
    const held = { owner: "refresh-1", version: 1 };
    const lease = { owner: held.owner, expiresAt: secondsAfter(noon, 15) };
    await service.connections.acquireLease(alicesConnection, 1, lease, noon);
    await service.connections.recordSetback(alicesConnection, held, {
      status: "reauthorization_required",
      problem: { code: "reauthorization_required", actor: "user", message: "Again, please." },
      refreshNotBefore: undefined,
      pause: undefined,
      firstRefusedAt: undefined,
      forgottenAt: undefined,
      lastUsedAt: undefined,
      pendingClaims: claims,
      keepAliveAt: undefined,
    });

    const { parameters } = await service.begin(alice, { connectionId: alicesConnection });

    expect(parameters.get("claims")).toBe(claims);
  });

  it.for([
    ["a stranger's", mallory],
    ["another workspace's", strangerAlice],
  ] as const)("that is %s is not found, and nothing begins", async ([, user]) => {
    const calls: string[] = [];
    const { connect, start } = serviceInMemory({
      intercept: (name, call) => {
        calls.push(name);
        return call();
      },
    });
    await connect(alice);
    calls.length = 0;

    const answer = await start(user, { connectionId: alicesConnection });

    expect(problemIn(answer)).toEqual({ statusCode: 404, code: "not_found", actor: "user" });
    expect(calls).toEqual(["connections.findOwned"]);
  });

  it("is logged as one, and another one is not", async () => {
    const { connect, start } = serviceInMemory();
    await connect(alice);

    await start(alice, { connectionId: alicesConnection });

    const started = log.lines().flatMap((line) => {
      const { message, reconnected } = JSON.parse(line);
      return message === "sign-in started" ? [reconnected] : [];
    });
    expect(started).toEqual([false, true]);
  });

  it("that was disconnected is not found", async () => {
    const { connect, disconnect, start } = serviceInMemory();
    await connect(alice);
    await disconnect(alice, alicesConnection);

    const answer = await start(alice, { connectionId: alicesConnection });

    expect(problemIn(answer).code).toBe("not_found");
  });
});

it("sends no more codes to Microsoft within ten minutes than a person may begin sign-ins, and lets eight mailboxes be connected", async () => {
  const service = serviceInMemory({
    redeemCode: async () =>
      succeed({ ...grant, account: { ...account, objectId: objectId(randomUUID()) } }),
  });
  for (let mailbox = 0; mailbox < 8; mailbox += 1) {
    expect((await service.connect(alice)).statusCode).toBe(200);
  }
  for (let tries = 0; tries < 20; tries += 1) {
    const { statusCode, body } = await service.start(alice);
    if (statusCode !== 201) continue;
    const state = new URL(JSON.parse(body).authorizationUrl).searchParams.get("state") ?? "";
    await service.complete(alice, await service.comeBack(state, "not a code of Microsoft's"));
  }

  expect(service.identity.redeemed).toHaveLength(attemptsPerUser);
});

describe(`with ${connectionsPerOwner} mailboxes`, () => {
  const full = async () => {
    const service = serviceInMemory({
      redeemCode: async () =>
        succeed({ ...grant, account: { ...account, objectId: objectId(randomUUID()) } }),
    });
    for (let count = 0; count < connectionsPerOwner; count += 1) {
      expect((await service.connect(alice)).statusCode).toBe(200);
      service.clock.pass(attemptLifetimeSeconds / attemptsPerUser);
    }
    service.clock.pass(attemptLifetimeSeconds);
    const { connections } = JSON.parse((await service.list(alice)).body);
    return { service, id: String(connections[0].id) };
  };

  it("a person can connect no other one, and is told what to do", async () => {
    const { service } = await full();

    const answer = await service.start(alice);

    expect(problemIn(answer)).toEqual({
      statusCode: 409,
      code: "too_many_connections",
      actor: "user",
    });
    expect(JSON.parse(answer.body).detail).toContain("100 mailboxes");
    expect(log.lines().at(-1)).toContain('"failure":"too_many_connections"');
  });

  it("they can reconnect each, and connect another one when one is disconnected", async () => {
    const { service, id } = await full();

    expect((await service.start(alice, { connectionId: id })).statusCode).toBe(201);
    await service.disconnect(alice, id);
    expect((await service.start(alice)).statusCode).toBe(201);
  });

  it("they stand in nobody else's way, nor in their own in another workspace", async () => {
    const { service } = await full();

    expect((await service.start(mallory)).statusCode).toBe(201);
    expect((await service.start(strangerAlice)).statusCode).toBe(201);
  });
});

describe(`${attemptsPerUser} sign-ins within ten minutes`, () => {
  const full = async () => {
    const service = serviceInMemory({
      redeemCode: async () => fail(microsoftFailure("throttled")),
    });
    const begun = [];
    for (let n = 0; n < attemptsPerUser; n += 1) begun.push(await service.begin(alice));
    return { service, begun, first: begun[0] ?? { state: "", attemptId: "" } };
  };

  it("are the most that one person may begin", async () => {
    const { service } = await full();

    const answer = await service.start(alice);

    expect(problemIn(answer)).toEqual({
      statusCode: 429,
      code: "too_many_attempts",
      actor: "user",
    });
    expect(answer.headers["retry-after"]).toBe("600");
  });

  it("do not stand in anybody else's way", async () => {
    const { service } = await full();

    expect((await service.start(mallory)).statusCode).toBe(201);
    expect((await service.start(strangerAlice)).statusCode).toBe(201);
  });

  it("stay open when another one is refused", async () => {
    const { service, begun } = await full();
    await service.start(alice);

    for (const { state } of begun) {
      expect((await service.comeBack(state)).completion).not.toBe("");
    }
  });

  it("are fewer once Microsoft has said no to one", async () => {
    const { service, first } = await full();
    const refused = await service.callback({ state: first.state, error: "access_denied" });
    await service.complete(alice, broughtBack(refused));

    expect((await service.start(alice)).statusCode).toBe(201);
    expect((await service.start(alice)).statusCode).toBe(429);
  });

  it("are as many when the code of one was sent to Microsoft, until it would have expired", async () => {
    const { service, first } = await full();
    await service.complete(alice, await service.comeBack(first.state));

    expect((await service.start(alice)).statusCode).toBe(429);
    service.clock.pass(attemptLifetimeSeconds);
    expect((await service.start(alice)).statusCode).toBe(201);
  });

  it.for([
    [599, 429],
    [600, 201],
    [601, 201],
  ] as const)("have expired after %i seconds: %i", async ([seconds, statusCode]) => {
    const { service } = await full();
    service.clock.pass(seconds);

    expect((await service.start(alice)).statusCode).toBe(statusCode);
  });
});

describe("is refused", () => {
  const post = (request: Partial<SampleRequest>, service = serviceInMemory()) =>
    send(service.handlers.start, { route: "POST /start", user: alice, ...request });

  it.for(badJsonRequests({}))("%s", async ([, request]) => {
    const begun: string[] = [];
    const service = serviceInMemory({
      intercept: (name, call) => {
        begun.push(name);
        return call();
      },
    });

    const answer = await post(request, service);

    expect(problemIn(answer)).toEqual({
      statusCode: 400,
      code: "invalid_request",
      actor: "operator",
    });
    expect(begun).toEqual([]);
  });

  it.for<readonly [string, unknown]>([
    ["an unknown return page", { returnTo: "elsewhere" }],
    ["a URL for a return page", { returnTo: "https://evil.example/" }],
    ["a URL of ours for a return page", { returnTo: "https://app.example/connections" }],
    ["an empty return page", { returnTo: "" }],
    ["a prototype for a return page", { returnTo: "__proto__" }],
    ["a constructor for a return page", { returnTo: "constructor" }],
    ["a method for a return page", { returnTo: "toString" }],
    ["a long return page", { returnTo: "a".repeat(33) }],
    ["a list of return pages", { returnTo: ["connections"] }],
    ["null for a return page", { returnTo: null }],
    ["an empty hint", { loginHint: "" }],
    ["a long hint", { loginHint: "a".repeat(513) }],
    ["a hint of two lines", { loginHint: "a@b.example\r\nX: y" }],
    ["a number for a hint", { loginHint: 7 }],
    ["an empty connection", { connectionId: "" }],
    ["an attempt for a connection", { connectionId: `att_${"a".repeat(43)}` }],
    ["a path for a connection", { connectionId: "conn_../../../../../../a" }],
    ["a connection with a line after it", { connectionId: `conn_${"a".repeat(22)}\n` }],
    ["an object for a connection", { connectionId: { $ne: "" } }],
  ])("%s", async ([, body]) => {
    const answer = await post(jsonRequest(body));

    expect(problemIn(answer)).toMatchObject({ statusCode: 400, code: "invalid_request" });
  });

  it("a prototype as a key", async () => {
    const answer = await post({
      ...jsonRequest({}),
      body: '{"__proto__":{"returnTo":"setup"}}',
    });

    expect(problemIn(answer).statusCode).toBe(400);
  });

  it.for([{}, { sub: "alice" }, { org: "ws_north" }, { sub: "", org: "ws_north" }])(
    "claims that do not say who it is: %j",
    async (claims) => {
      const answer = await post({
        claims: claims as Record<string, string>,
        ...jsonRequest({}),
      });

      expect(problemIn(answer)).toEqual({
        statusCode: 500,
        code: "internal_error",
        actor: "operator",
      });
    },
  );

  it("when the table cannot be written: no address is given", async () => {
    const service = serviceInMemory({
      intercept: async (name, call) => {
        if (name === "attempts.begin") throw new Error("throttled: alice");
        return call();
      },
    });

    const answer = await service.start(alice);

    expect(problemIn(answer)).toMatchObject({ statusCode: 500, code: "internal_error" });
    expect(answer.body).not.toMatch(/microsoft|throttled/i);
    expect(log.lines().join("")).not.toContain("throttled: alice");
  });
});

describe("a person whose organisation", () => {
  const tenant: Organisation = { kind: "tenant", tenantId: account.tenantId };

  it.for(["blocked", "requested", "lost"] as const)(
    "is known as %s is told before being sent into a dead end, and may go all the same",
    async (kind) => {
      const service = serviceInMemory();
      const event = kind === "blocked" ? { kind, certain: true } : { kind };
      await service.consents.record(tenant, event, service.clock.now());

      const started = JSON.parse((await service.start(alice)).body);

      expect(started.adminApproval).toEqual({ status: kind });
      expect(new URL(started.authorizationUrl).pathname).toContain("/authorize");
    },
  );

  it.for([
    ["is not known", []],
    ["is said to have approved", [{ kind: "reported" }]],
    ["has approved", [{ kind: "verified", proof: { kind: "user_grant" } }]],
  ] as const)("%s is told nothing", async ([, events]) => {
    const service = serviceInMemory();
    for (const event of events) await service.consents.record(tenant, event, service.clock.now());

    const { statusCode, body } = await service.start(alice);

    expect(statusCode).toBe(201);
    expect(JSON.parse(body)).not.toHaveProperty("adminApproval");
  });

  it("is another one than a neighbour's is told nothing", async () => {
    const service = serviceInMemory();
    await service.consents.record(tenant, { kind: "requested" }, service.clock.now());

    const { statusCode, body } = await service.start(strangerAlice);

    expect(statusCode).toBe(201);
    expect(JSON.parse(body)).not.toHaveProperty("adminApproval");
  });

  it.for<readonly [string, () => Promise<never>]>([
    ["cannot", () => Promise.reject(new Error("throttled"))],
    ["takes too long to", neverSettles],
  ])(
    "%s be looked at is told nothing, and signs in all the same, as often as ever",
    async ([, look]) => {
      hurriedLimits();
      const service = serviceInMemory({
        intercept: (name, call) => (name === "consents.find" ? look() : call()),
      });
      await service.consents.record(tenant, { kind: "requested" }, service.clock.now());

      for (let count = 0; count < attemptsPerUser; count += 1) {
        const answer = await service.start(alice);
        expect(answer.statusCode).toBe(201);
        expect(JSON.parse(answer.body)).not.toHaveProperty("adminApproval");
      }

      expect(service.reported).toEqual(
        Array.from({ length: attemptsPerUser }, () => "approval_not_read"),
      );
    },
  );

  it("lost its approval is told when reconnecting", async () => {
    const service = serviceInMemory();
    await service.connect(alice);
    await service.consents.record(tenant, { kind: "lost" }, service.clock.now());

    const { body } = await service.start(alice, { connectionId: alicesConnection });

    expect(JSON.parse(body).adminApproval).toEqual({ status: "lost" });
  });
});

describe("an administrator who approves for the whole organisation", () => {
  it("goes to Microsoft's page for that first, with all permissions and never at `common`", async () => {
    const service = serviceInMemory({ firstAuthority: "common" });

    const { parameters, state } = await service.begin(alice, { forOrganization: true });
    const started = JSON.parse((await service.start(alice, { forOrganization: true })).body);

    const url = new URL(started.authorizationUrl);
    expect(`${url.origin}${url.pathname}`).toBe(
      "https://login.microsoftonline.com/organizations/v2.0/adminconsent",
    );
    expect([...parameters.keys()].sort()).toEqual(["client_id", "redirect_uri", "scope", "state"]);
    expect(parameters.get("redirect_uri")).toBe("https://api.example/admin-consent-callback");
    expect(parameters.get("scope")).toBe(requestedScopes.join(" "));
    expect(Buffer.from(state, "base64url")).toHaveLength(32);
    expect(started).not.toHaveProperty("adminApproval");
  });

  it("does so in the tenant of the connection that is to be renewed", async () => {
    const service = serviceInMemory();
    await service.connect(alice);

    const { body } = await service.start(alice, {
      connectionId: alicesConnection,
      forOrganization: true,
    });

    expect(new URL(JSON.parse(body).authorizationUrl).pathname).toBe(
      `/${account.tenantId}/v2.0/adminconsent`,
    );
  });

  it("is refused for a personal account, whose approval page is a dead end", async () => {
    const personal = { ...account, tenantId: personalAccountsTenant };
    const service = serviceInMemory({
      personalAccounts: "allowed",
      redeemCode: async () => succeed({ ...grant, account: personal, accountType: "personal" }),
    });
    const { id } = JSON.parse((await service.connect(alice)).body);

    const answer = await service.start(alice, { connectionId: id, forOrganization: true });

    expect(problemIn(answer).code).toBe("account_type_not_supported");
    // No place is taken by it; the sign-in that connected has one.
    for (let tries = 1; tries < attemptsPerUser; tries += 1) {
      expect((await service.start(alice, { connectionId: id })).statusCode).toBe(201);
    }
  });
});
