import { describe, expect, it } from "vitest";
import type { Refusal } from "../../../shared/domain/attempt.ts";
import {
  attemptId,
  objectId,
  personalAccountsTenant,
  tenantId,
} from "../../../shared/domain/ids.ts";
import type { Grant, MicrosoftFailureKind } from "../../../shared/domain/microsoft.ts";
import { fail, succeed } from "../../../shared/domain/result.ts";
import { Secret } from "../../../shared/domain/secret.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import {
  alice,
  alicesConnection,
  grant,
  microsoftFailure,
  noon,
  sampleSealer,
  secondsAfter,
} from "../../fakes/samples.ts";
import {
  broughtBack,
  problemIn,
  type ServiceInMemory,
  type ServiceScript,
  serviceInMemory,
} from "../../fakes/service-in-memory.ts";

captureLog();

const granting = (changes: Partial<Grant>): ServiceScript => ({
  redeemCode: async () => succeed({ ...grant, ...changes }),
});

const expectNothingStored = async ({ vault, connections }: ServiceInMemory) => {
  expect(vault.entries.size).toBe(0);
  expect((await connections.listOwned(alice)).connections).toEqual([]);
};

describe("a mailbox that is connected", () => {
  it("can be read by its workspace: both tokens are stored, each in its place", async () => {
    const service = serviceInMemory();

    await service.connect(alice);

    const stored = await service.connections.findForWorkspace(alicesConnection, alice.workspaceId, {
      consistent: true,
    });
    const opened = await sampleSealer.open(stored?.sealedAccessToken ?? "", {
      purpose: "access_token",
      connectionId: alicesConnection,
      workspaceId: alice.workspaceId,
    });
    const { tenantId, objectId } = grant.account;
    expect(opened).toEqual(grant.accessToken);
    expect(stored).toMatchObject({
      owner: alice,
      account: grant.account,
      accessTokenExpiresAt: grant.accessTokenExpiresAt,
      scopes: grant.scopes,
      createdAt: noon,
    });
    expect(service.vault.entries.get(stored?.vaultEntry ?? "")).toEqual({
      owner: { connectionId: alicesConnection, workspaceId: alice.workspaceId, tenantId, objectId },
      token: grant.refreshToken,
    });
    expect(service.mailboxes.probed).toEqual([grant.accessToken]);
  });

  it("is opened first, then its secret is stored, then the item that names it", async () => {
    const calls: string[] = [];
    const service = serviceInMemory({
      intercept: (name, call) => {
        calls.push(name);
        return call();
      },
    });

    await service.connect(alice);

    const steps = calls.slice(calls.indexOf("attempts.take"));
    expect(steps.filter((name) => !/sealer\./i.test(name))).toEqual([
      "attempts.take",
      "identity.redeemCode",
      "mailboxes.probe",
      "vault.create",
      "connections.connect",
      "attempts.end",
      "consents.find",
      "consents.record",
    ]);
  });

  it("is the same connection when it is connected twice, from two tabs", async () => {
    const service = serviceInMemory();
    const tabs = [await service.begin(alice), await service.begin(alice)];

    const answers = await Promise.all(
      tabs.map(async ({ state }) => service.complete(alice, await service.comeBack(state))),
    );

    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    expect((await service.connections.listOwned(alice)).connections).toHaveLength(1);
    expect(service.vault.entries.size).toBe(1);
  });
});

describe("a mailbox that is connected again", () => {
  const reconnecting = async (next: Partial<Grant> = {}) => {
    let granted: Grant = grant;
    const service = serviceInMemory({ redeemCode: async () => succeed(granted) });
    await service.connect(alice);
    const [before] = service.vault.entries.keys();
    service.clock.pass(3600);
    granted = { ...grant, refreshToken: new Secret("refresh-token-9"), ...next };
    return { service, before: before ?? "" };
  };

  it("keeps its id and its day of creation, and its old secret is erased", async () => {
    const { service, before } = await reconnecting();

    const { body } = await service.connect(alice, { connectionId: alicesConnection });

    expect(JSON.parse(body)).toMatchObject({
      id: alicesConnection,
      status: "connected",
      createdAt: noon.toISOString(),
      lastRefreshedAt: secondsAfter(noon, 3600).toISOString(),
    });
    const stored = await service.connections.findForWorkspace(alicesConnection, alice.workspaceId, {
      consistent: true,
    });
    expect([...service.vault.entries.keys()]).toEqual([stored?.vaultEntry]);
    expect(service.vault.entries.has(before)).toBe(false);
    expect(service.vault.entries.get(stored?.vaultEntry ?? "")?.token.reveal()).toBe(
      "refresh-token-9",
    );
  });

  it("redeems the code where the person was sent: in the tenant of the account", async () => {
    const { service } = await reconnecting();

    await service.connect(alice, { connectionId: alicesConnection });

    expect(service.identity.redeemed.map(({ authority }) => authority)).toEqual([
      "organizations",
      grant.account.tenantId,
    ]);
  });

  it("is redeemed and kept with the permissions that its sign-in asked for, whatever is asked for by now", async () => {
    const scopes = ["openid", "offline_access", "Mail.Send"];
    const service = serviceInMemory({
      ...granting({ scopes: ["Mail.Send"] }),
      intercept: (name, call) =>
        call().then((answer) => {
          // Begun by an earlier version of the service.
          const isAttempt = name === "attempts.take" && typeof answer === "object";
          return isAttempt ? { ...answer, requestedScopes: scopes } : answer;
        }),
    });

    expect((await service.connect(alice)).statusCode).toBe(200);

    expect(service.identity.redeemed.map((each) => each.scopes)).toEqual([scopes]);
    const stored = await service.connections.findForWorkspace(alicesConnection, alice.workspaceId, {
      consistent: true,
    });
    expect(stored).toMatchObject({ requestedScopes: scopes, scopes: ["Mail.Send"] });
    // An approval of those says nothing of today's.
    const { tenantId } = grant.account;
    const { status } = await service.consents.find({ kind: "tenant", tenantId });
    expect(status).toBe("unknown");
  });

  it("is connected although its old secret cannot be erased", async () => {
    const service = serviceInMemory({
      intercept: async (name, call) => {
        if (name === "vault.erase") throw new Error("no answer");
        return call();
      },
    });
    await service.connect(alice);

    const answer = await service.connect(alice, { connectionId: alicesConnection });

    expect(answer.statusCode).toBe(200);
  });

  it.for([
    ["person", { objectId: objectId("00000000-0000-4000-8000-000000000001") }],
    ["tenant", { tenantId: tenantId("00000000-0000-4000-8000-000000000002") }],
  ] as const)("refuses the account of another %s and changes nothing", async ([, other]) => {
    const { service, before } = await reconnecting({
      account: { ...grant.account, ...other },
    });

    const answer = await service.connect(alice, { connectionId: alicesConnection });

    expect(problemIn(answer)).toEqual({
      statusCode: 409,
      code: "account_mismatch",
      actor: "user",
    });
    expect([...service.vault.entries.keys()]).toEqual([before]);
    expect((await service.connections.listOwned(alice)).connections).toEqual([
      expect.objectContaining({ id: alicesConnection, lastRefreshedAt: noon }),
    ]);
  });

  it("takes the account although its e-mail address and name have changed", async () => {
    const { service } = await reconnecting({
      account: { ...grant.account, username: "a.married@north.example", displayName: "Alice M." },
    });

    const { body } = await service.connect(alice, { connectionId: alicesConnection });

    expect(JSON.parse(body)).toMatchObject({
      id: alicesConnection,
      account: { username: "a.married@north.example" },
    });
  });

  it("does not take another account for it that has its e-mail address now", async () => {
    const { service } = await reconnecting({
      account: { ...grant.account, objectId: objectId("00000000-0000-4000-8000-000000000003") },
    });

    const answer = await service.connect(alice, { connectionId: alicesConnection });

    expect(problemIn(answer).code).toBe("account_mismatch");
  });
});

describe("an account that cannot be the one", () => {
  it.for<readonly [string, Partial<Grant>, number, string]>([
    ["a guest", { accountType: "guest" }, 403, "account_type_not_supported"],
    [
      "a personal account",
      {
        accountType: "personal",
        account: { ...grant.account, tenantId: personalAccountsTenant },
      },
      403,
      "account_type_not_supported",
    ],
    ["no right to send", { scopes: ["User.Read", "Mail.ReadWrite"] }, 403, "permissions_missing"],
    ["no rights", { scopes: [] }, 403, "permissions_missing"],
    ["only OpenID rights", { scopes: ["openid", "profile"] }, 403, "permissions_missing"],
  ])("%s is refused, and its mailbox is not opened", async ([, changes, statusCode, code]) => {
    const service = serviceInMemory(granting(changes));

    const answer = await service.connect(alice);

    expect(problemIn(answer)).toEqual({ statusCode, code, actor: "user" });
    expect(service.mailboxes.probed).toEqual([]);
    await expectNothingStored(service);
  });

  it("a personal account is welcome where the stage says so", async () => {
    const account = { ...grant.account, tenantId: personalAccountsTenant };
    const service = serviceInMemory({
      ...granting({ accountType: "personal", account }),
      personalAccounts: "allowed",
    });

    expect((await service.connect(alice)).statusCode).toBe(200);
  });

  it("a guest is refused there, too", async () => {
    const service = serviceInMemory({
      ...granting({ accountType: "guest" }),
      personalAccounts: "allowed",
    });

    expect(problemIn(await service.connect(alice)).code).toBe("account_type_not_supported");
  });

  it.for([
    ["mailbox_not_available", 403, "mailbox_not_available", "user"],
    ["mailbox_access_denied", 403, "mailbox_not_available", "tenant_admin"],
    ["mailbox_unreachable", 503, "temporarily_unavailable", "nobody"],
  ] as const)("%s: %i %s, to be put right by %s", async ([kind, statusCode, code, actor]) => {
    const service = serviceInMemory({ probe: async () => fail({ kind }) });

    const answer = await service.connect(alice);

    expect(problemIn(answer)).toEqual({ statusCode, code, actor });
    await expectNothingStored(service);
  });
});

describe("Microsoft does not answer the code with tokens", () => {
  const answers: Record<MicrosoftFailureKind, readonly [number, string, string]> = {
    access_declined: [403, "access_declined", "user"],
    admin_approval_required: [403, "admin_approval_required", "tenant_admin"],
    sign_in_required: [403, "sign_in_required", "user"],
    account_type_not_supported: [403, "account_type_not_supported", "user"],
    account_disabled: [403, "account_disabled", "tenant_admin"],
    tenant_blocked: [403, "tenant_blocked", "tenant_admin"],
    throttled: [503, "throttled", "nobody"],
    temporarily_unavailable: [503, "temporarily_unavailable", "nobody"],
    app_credential_rejected: [503, "misconfigured", "operator"],
    app_refused: [503, "misconfigured", "operator"],
    misconfigured: [503, "misconfigured", "operator"],
  };

  it.for(Object.entries(answers) as [MicrosoftFailureKind, (typeof answers)["throttled"]][])(
    "%s",
    async ([kind, [statusCode, code, actor]]) => {
      const service = serviceInMemory({ redeemCode: async () => fail(microsoftFailure(kind)) });

      const answer = await service.connect(alice);

      expect(problemIn(answer)).toEqual({ statusCode, code, actor });
      expect(service.identity.redeemed).toHaveLength(1);
      await expectNothingStored(service);
    },
  );

  it("says how long to wait, in the body and in the header", async () => {
    const throttled = microsoftFailure("throttled", { retryAfterSeconds: 17 });
    const service = serviceInMemory({ redeemCode: async () => fail(throttled) });

    const { headers, body } = await service.connect(alice);

    expect(headers["retry-after"]).toBe("17");
    expect(JSON.parse(body)).toMatchObject({ retryAfterSeconds: 17 });
  });

  it.for(["access_token", "refresh_token", "expiry"] as const)(
    "an answer without its %s is no connection",
    async (missing) => {
      const service = serviceInMemory({
        redeemCode: async () => fail({ kind: "grant_incomplete", missing }),
      });

      const answer = await service.connect(alice);

      expect(problemIn(answer)).toEqual({
        statusCode: 502,
        code: "microsoft_answer_incomplete",
        actor: "nobody",
      });
      await expectNothingStored(service);
    },
  );

  it("an ID token that is not what it says is no connection", async () => {
    const service = serviceInMemory({
      redeemCode: async () => fail({ kind: "id_token_rejected", check: "nonce" }),
    });

    const answer = await service.connect(alice);

    expect(problemIn(answer)).toEqual({
      statusCode: 502,
      code: "id_token_rejected",
      actor: "operator",
    });
    await expectNothingStored(service);
  });
});

describe("Microsoft sends the browser back with a refusal", () => {
  const refusals: readonly (readonly [string, Readonly<Record<string, string>>, string, string])[] =
    [
      [
        "the person declined",
        { error: "access_denied", error_description: "AADSTS65004: User declined to consent." },
        "access_declined",
        "user",
      ],
      [
        "the person turned back, perhaps at the page that asks for an administrator",
        { error: "access_denied", error_subcode: "cancel" },
        "admin_approval_required",
        "tenant_admin",
      ],
      [
        "an administrator must approve",
        { error: "access_denied", error_description: "AADSTS90094: needs an admin." },
        "admin_approval_required",
        "tenant_admin",
      ],
      ["Microsoft is unwell", { error: "server_error" }, "temporarily_unavailable", "nobody"],
      ["our request is wrong", { error: "invalid_request" }, "misconfigured", "operator"],
      ["no known reason", { error: "a_new_error" }, "temporarily_unavailable", "nobody"],
    ];

  it.for(refusals)("%s", async ([, fields, code, actor]) => {
    const service = serviceInMemory();
    const { state } = await service.begin(alice);
    const brought = broughtBack(await service.callback({ state, ...fields }));

    const answer = await service.complete(alice, brought);

    expect(problemIn(answer)).toMatchObject({ code, actor });
    expect(service.identity.redeemed).toEqual([]);
    await expectNothingStored(service);
    const asked = JSON.parse((await service.attempt(alice, brought.attemptId)).body);
    expect(asked).toMatchObject({ status: "failed", problem: { code, actor } });
  });

  it("never repeats what Microsoft wrote", async () => {
    const service = serviceInMemory();
    const { state } = await service.begin(alice);
    const brought = broughtBack(
      await service.callback({
        state,
        error: "access_denied",
        error_description: "AADSTS65004: <b>Call 555-0100</b> to unlock your account.",
      }),
    );

    const answer = await service.complete(alice, brought);

    const view = await service.attempts.find(attemptId(brought.attemptId));
    expect(problemIn(answer).code).toBe("access_declined");
    expect(answer.body).not.toContain("555");
    expect(JSON.stringify(view)).not.toContain("555");
  });

  it("keeps of it what Microsoft's support asks for", async () => {
    const seen: Refusal[] = [];
    const service = serviceInMemory({
      meaningOf: (refusal) => {
        seen.push(refusal);
        return microsoftFailure("access_declined");
      },
    });
    const { state } = await service.begin(alice);
    const brought = broughtBack(
      await service.callback({
        state,
        error: "access_denied",
        error_subcode: "cancel",
        error_description:
          "AADSTS65004: declined. Trace ID: 0d5c0000-0000-4000-8000-000000000001 Correlation ID: 0d5c0000-0000-4000-8000-000000000002",
      }),
    );

    await service.complete(alice, brought);

    expect(seen).toEqual([
      {
        error: "access_denied",
        errorSubcode: "cancel",
        errorCodes: [65004],
        traceId: "0d5c0000-0000-4000-8000-000000000001",
        correlationId: "0d5c0000-0000-4000-8000-000000000002",
      },
    ]);
  });
});

describe("a mailbox that its owner disconnects while signing in to it", () => {
  const disconnectedMeanwhile = async () => {
    const service = serviceInMemory();
    await service.connect(alice);
    service.clock.pass(60);
    const { state } = await service.begin(alice);
    service.clock.pass(1);
    await service.disconnect(alice, alicesConnection);
    return { service, state };
  };

  it("stays disconnected, and nothing of the sign-in is kept", async () => {
    const { service, state } = await disconnectedMeanwhile();

    const answer = await service.complete(alice, await service.comeBack(state));

    expect(problemIn(answer)).toEqual({
      statusCode: 409,
      code: "disconnected_since",
      actor: "user",
    });
    await expectNothingStored(service);
  });

  it("is connected by a sign-in that is begun afterwards", async () => {
    const { service } = await disconnectedMeanwhile();
    service.clock.pass(1);

    expect((await service.connect(alice)).statusCode).toBe(200);
  });
});

it("a permission that was asked for and not granted is missing, also one that is no longer asked for", async () => {
  const service = serviceInMemory(
    granting({ scopes: ["User.Read", "Mail.ReadWrite", "Mail.Send"] }),
  );
  const { state, attemptId: id } = await service.begin(alice);
  const brought = await service.comeBack(state);
  const take = service.ports.attempts.take;
  service.ports.attempts.take = async (...request) => {
    const taken = await take(...request);
    return taken && { ...taken, requestedScopes: [...taken.requestedScopes, "Calendars.Read"] };
  };

  const answer = await service.complete(alice, brought);

  expect(id).toBe(brought.attemptId);
  expect(problemIn(answer).code).toBe("permissions_missing");
});
