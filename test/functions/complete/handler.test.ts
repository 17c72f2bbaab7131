import { describe, expect, it } from "vitest";
import { fail } from "../../../shared/domain/result.ts";
import { Secret } from "../../../shared/domain/secret.ts";
import { badJsonRequests } from "../../fakes/bad-json-requests.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { jsonRequest, type SampleRequest, send } from "../../fakes/http-event.ts";
import { account, alice, alicesConnection, grant, microsoftFailure } from "../../fakes/samples.ts";
import {
  broughtBack,
  problemIn,
  type ServiceScript,
  serviceInMemory,
} from "../../fakes/service-in-memory.ts";

const log = captureLog();

const attemptId = `att_${"a".repeat(43)}`;
const completion = "c".repeat(43);

const post = (
  request: Partial<SampleRequest>,
  service: ReturnType<typeof serviceInMemory> = serviceInMemory(),
) => send(service.handlers.complete, { route: "POST /complete", user: alice, ...request });

it("answers the connection as the product sees it, and nothing else", async () => {
  const { connect } = serviceInMemory();

  const { statusCode, headers, body } = await connect(alice);

  expect(statusCode).toBe(200);
  expect(headers["content-type"]).toBe("application/json");
  expect(JSON.parse(body)).toEqual({
    id: expect.stringMatching(/^conn_[\w-]{22}$/),
    status: "connected",
    account: {
      displayName: account.displayName,
      username: account.username,
      tenantId: account.tenantId,
    },
    scopes: grant.scopes,
    createdAt: "2026-03-01T12:00:00.000Z",
    lastRefreshedAt: "2026-03-01T12:00:00.000Z",
  });
});

it("takes a body that the gateway hands over in base64", async () => {
  const { body = "", headers = {} } = jsonRequest({ attemptId, completion });

  const answer = await post({
    headers,
    body: Buffer.from(body).toString("base64"),
    isBase64Encoded: true,
  });

  expect(problemIn(answer)).toMatchObject({ statusCode: 404, code: "attempt_unknown" });
});

describe("is refused before anything is read:", () => {
  const valid = { attemptId, completion };

  it.for([
    ...badJsonRequests(valid),
    ...Object.entries<unknown>({
      "no fields": {},
      "no completion": { attemptId },
      "no attempt": { completion },
      "an empty completion": { ...valid, completion: "" },
      "a short completion": { ...valid, completion: completion.slice(1) },
      "a long completion": { ...valid, completion: `${completion}c` },
      "a completion with a line after it": { ...valid, completion: `${completion}\n` },
      "a completion in another alphabet": { ...valid, completion: `${completion.slice(1)}+` },
      "no completion but null": { ...valid, completion: null },
      "a completion as a list": { ...valid, completion: [completion] },
      "a completion as a condition": { ...valid, completion: { $ne: "" } },
      "an attempt without its prefix": { ...valid, attemptId: attemptId.slice(4) },
      "a connection for an attempt": { ...valid, attemptId: `conn_${"a".repeat(22)}` },
      "a number for an attempt": { ...valid, attemptId: 7 },
    }).map(([what, body]) => [what, jsonRequest(body)] as const),
    [
      "a prototype",
      { ...jsonRequest({}), body: `{"__proto__":${JSON.stringify(valid)}}` },
    ] as const,
  ])("%s", async ([, request]) => {
    const calls: string[] = [];
    const service = serviceInMemory({
      intercept: (name, call) => {
        calls.push(name);
        return call();
      },
    });

    const answer = await post(request, service);

    expect(problemIn(answer)).toEqual({
      statusCode: 400,
      code: "invalid_request",
      actor: "operator",
    });
    expect(calls).toEqual([]);
  });

  it("claims that do not say who it is", async () => {
    const answer = await post({ claims: { sub: "alice" }, ...jsonRequest(valid) });

    expect(problemIn(answer)).toMatchObject({ statusCode: 500, code: "internal_error" });
  });
});

describe("the log", () => {
  const connected = async (script: ServiceScript) => {
    const service = serviceInMemory(script);
    const { state } = await service.begin(alice);
    const brought = await service.comeBack(state, "0.AXkAsecret-code");
    await service.complete(alice, brought);
    return {
      secrets: [
        state,
        brought.attemptId,
        brought.completion,
        "secret-code",
        ...service.identity.redeemed.flatMap(({ codeVerifier, nonce }) => [
          codeVerifier.reveal(),
          nonce.reveal(),
        ]),
        "access-token-1",
        "refresh-token-1",
        account.username,
        account.displayName,
      ],
      written: log.lines().join(""),
    };
  };

  it("of a connection says which one", async () => {
    const { written, secrets } = await connected({});

    expect(written).toContain("mailbox connected");
    expect(written).toContain(account.tenantId);
    expect(secrets.filter((secret) => written.includes(secret))).toEqual([]);
  });

  it("of a completion that is repeated says so, and which connection it was", async () => {
    const service = serviceInMemory();
    const brought = await service.comeBack((await service.begin(alice)).state);

    for (let times = 0; times < 2; times += 1) await service.complete(alice, brought);

    expect(JSON.parse(log.lines().at(-1) ?? "")).toMatchObject({
      level: "INFO",
      message: "mailbox was connected before",
      workspaceId: alice.workspaceId,
      connectionId: alicesConnection,
    });
  });

  it("of a refusal says what Microsoft's support needs", async () => {
    const evidence = {
      error: "invalid_grant",
      errorCodes: [50057],
      traceId: "0d5c0000-0000-4000-8000-000000000001",
    };
    const refusal = microsoftFailure("account_disabled", { evidence });
    const { written, secrets } = await connected({ redeemCode: async () => fail(refusal) });

    expect(written).toContain('"failure":"account_disabled"');
    expect(written).toContain("50057");
    expect(written).toContain(evidence.traceId);
    expect(secrets.filter((secret) => written.includes(secret))).toEqual([]);
  });

  it.for([
    { check: "signature", failure: "id_token_rejected" },
    { check: "aud", failure: "id_token_rejected" },
    { check: "iss", failure: "id_token_rejected" },
    // Whoever signs in can write another one into the address that leads to Microsoft.
    { check: "nonce", failure: "id_token_nonce_mismatch" },
  ])(
    "of an ID token says that it failed the check of its $check, as $failure",
    async ({ check, failure }) => {
      const { written } = await connected({
        redeemCode: async () => fail({ kind: "id_token_rejected", check }),
      });

      expect(written).toContain(`"check":"${check}"`);
      expect(written).toContain(`"failure":"${failure}"`);
    },
  );

  const failures = () => log.lines().flatMap((line) => JSON.parse(line).failure ?? []);

  it("of a refusal that somebody writes into the address of the callback is counted by no alarm, repeated or not", async () => {
    const service = serviceInMemory();
    const { state } = await service.begin(alice);
    const refused = await service.callback({ state, error: "invalid_request" });

    for (let tries = 0; tries < 3; tries += 1) await service.complete(alice, broughtBack(refused));

    expect(failures()).toEqual(["redirect_refused", "failed_before", "failed_before"]);
  });

  it.for<readonly [string, ServiceScript]>([
    [
      "id_token_rejected",
      { redeemCode: async () => fail({ kind: "id_token_rejected", check: "signature" }) },
    ],
    ...(["misconfigured", "app_credential_rejected", "app_refused"] as const).map(
      (kind) => [kind, { redeemCode: async () => fail(microsoftFailure(kind)) }] as const,
    ),
  ])("of %s is counted once, however often its end is asked for", async ([failure, script]) => {
    const service = serviceInMemory(script);
    const brought = await service.comeBack((await service.begin(alice)).state);

    for (let tries = 0; tries < 3; tries += 1) await service.complete(alice, brought);

    expect(failures()).toEqual([failure, "failed_before", "failed_before"]);
    expect(log.lines().at(-1)).toContain('"endedAs":');
  });

  it("of a surprise says where, and not what", async () => {
    const { written, secrets } = await connected({
      redeemCode: async ({ code }) => {
        throw new Error(`cannot send ${code.reveal()} for alice@north.example`);
      },
    });

    expect(written).toContain('"failure":"internal_error"');
    expect(written).toContain("frames");
    expect(written).not.toContain("cannot send");
    expect(secrets.filter((secret) => written.includes(secret))).toEqual([]);
  });

  it("does not show a secret that is thrown", async () => {
    const { written } = await connected({
      redeemCode: async () => {
        throw new Secret("thrown-secret");
      },
    });

    expect(written).toContain("request failed");
    expect(written).not.toContain("thrown-secret");
  });
});
