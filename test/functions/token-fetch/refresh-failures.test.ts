import { describe, expect, it } from "vitest";
import { setbackOf, tokenFailureOf } from "../../../functions/token-fetch/refresh-failures.ts";
import type { StoredConnection } from "../../../shared/domain/connection.ts";
import type { MicrosoftFailure, MicrosoftFailureKind } from "../../../shared/domain/microsoft.ts";
import { fail, succeed } from "../../../shared/domain/result.ts";
import {
  account,
  alice,
  alicesConnection,
  microsoftFailure,
  noon,
  refreshedTokens,
  secondsAfter,
} from "../../fakes/samples.ts";
import { tokenFetchInMemory } from "../../fakes/token-fetch-in-memory.ts";

const connection: StoredConnection = {
  id: alicesConnection,
  owner: alice,
  account,
  status: "connected",
  scopes: [],
  createdAt: noon,
  lastRefreshedAt: noon,
  problem: undefined,
  pendingClaims: undefined,
  version: 3,
  sealedAccessToken: "sealed",
  accessTokenExpiresAt: noon,
  vaultEntry: "vault/1",
  refreshTokenStoredAt: noon,
  keepAliveAt: undefined,
  requestedScopes: [],
  signedInAt: undefined,
  lease: undefined,
  refreshNotBefore: undefined,
  pause: undefined,
  firstRefusedAt: undefined,
  forgottenAt: undefined,
  lastUsedAt: undefined,
};

interface Meaning {
  readonly status: StoredConnection["status"];
  readonly hasProblem: boolean;
  /** Seconds until Microsoft is asked again; `undefined` if it is never, or at once. */
  readonly pause: number | undefined;
  readonly code: string;
  readonly actor: string;
  readonly retryable: boolean;
}

const ended = {
  status: "reauthorization_required",
  hasProblem: true,
  pause: undefined,
  code: "reauthorization_required",
  retryable: false,
} as const;
const nobodysFault = { status: "connected", hasProblem: false, retryable: true } as const;
const ours = { ...nobodysFault, pause: 30, code: "misconfigured", actor: "operator" } as const;

const meanings: Record<MicrosoftFailureKind, Meaning> = {
  access_declined: { ...ended, actor: "user" },
  sign_in_required: { ...ended, actor: "user" },
  account_type_not_supported: { ...ended, actor: "user" },
  account_disabled: { ...ended, actor: "tenant_admin" },
  admin_approval_required: {
    status: "admin_approval_required",
    hasProblem: true,
    pause: 600,
    code: "admin_consent_required",
    actor: "tenant_admin",
    retryable: false,
  },
  tenant_blocked: {
    status: "connected",
    hasProblem: true,
    pause: 600,
    code: "tenant_blocked",
    actor: "tenant_admin",
    retryable: false,
  },
  throttled: { ...nobodysFault, pause: 30, code: "throttled", actor: "nobody" },
  temporarily_unavailable: {
    ...nobodysFault,
    pause: 5,
    code: "temporarily_unavailable",
    actor: "nobody",
  },
  app_credential_rejected: ours,
  app_refused: ours,
  misconfigured: ours,
};

/** Where the product's API has its own word for what a worker is told. */
const codesForTheOwner: Readonly<Record<string, string>> = {
  admin_consent_required: "admin_approval_required",
};

describe.for(Object.entries(meanings) as [MicrosoftFailureKind, Meaning][])(
  "%s",
  ([kind, { status, hasProblem, pause, code, actor, retryable }]) => {
    const failure = microsoftFailure(kind);
    const setback = setbackOf(failure, connection, noon);

    it("does to the connection what it should", () => {
      expect(setback).toEqual({
        status,
        problem: hasProblem
          ? { code: codesForTheOwner[code] ?? code, actor, message: failure.message }
          : undefined,
        pause:
          pause === undefined ? undefined : { code, actor, retryable, message: failure.message },
        refreshNotBefore: pause === undefined ? undefined : secondsAfter(noon, pause),
        firstRefusedAt: undefined,
        pendingClaims: undefined,
        forgottenAt:
          status === "reauthorization_required" ? secondsAfter(noon, 180 * 24 * 3600) : undefined,
      });
    });

    it("tells the worker who must act", () => {
      expect(tokenFailureOf(failure, setback)).toMatchObject({
        code,
        actor,
        retryable,
        message: failure.message,
        cause: { kind, evidence: failure.evidence },
      });
    });
  },
);

it.for([
  "throttled",
  "temporarily_unavailable",
  "app_credential_rejected",
  "admin_approval_required",
] as const)("%s waits as long as Microsoft says", (kind) => {
  const failure = microsoftFailure(kind, { retryAfterSeconds: 77 });

  expect(setbackOf(failure, connection, noon).refreshNotBefore).toEqual(secondsAfter(noon, 77));
  expect(tokenFailureOf(failure).retryAfterSeconds).toBe(77);
});

it("keeps the claims that Microsoft asks for, for the next sign-in", () => {
  const failure = microsoftFailure("sign_in_required", { claims: '{"access_token":{}}' });

  expect(setbackOf(failure, connection, noon).pendingClaims).toBe('{"access_token":{}}');
});

it("an outage changes nothing of what is known of a connection", () => {
  const known: StoredConnection = {
    ...connection,
    status: "admin_approval_required",
    problem: { code: "admin_consent_required", actor: "tenant_admin", message: "Approve, please." },
    firstRefusedAt: secondsAfter(noon, -60),
    pendingClaims: "{}",
  };

  const { refreshNotBefore, pause, ...setback } = setbackOf(
    microsoftFailure("temporarily_unavailable"),
    known,
    noon,
  );

  const { status, problem, firstRefusedAt, pendingClaims } = known;
  expect(setback).toEqual({ status, problem, firstRefusedAt, pendingClaims });
  expect(refreshNotBefore).toEqual(secondsAfter(noon, 5));
  expect(pause).toMatchObject({ code: "temporarily_unavailable", actor: "nobody" });
});

describe("a refusal without a known reason", () => {
  const uncertain = microsoftFailure("sign_in_required", { certain: false });

  const refusing = async () => {
    let answer: MicrosoftFailure | undefined = uncertain;
    const rig = tokenFetchInMemory({
      refresh: async () =>
        answer
          ? fail(answer)
          : succeed({
              ...refreshedTokens,
              accessTokenExpiresAt: secondsAfter(rig.clock.now(), 60),
            }),
    });
    await rig.connect({ expiresInSeconds: -1 });
    return {
      ...rig,
      fetch: () => rig.environment().fetch(60),
      answerWith: (next: MicrosoftFailure | undefined) => {
        answer = next;
      },
    };
  };

  it("is not believed the first time: nobody is told to reconnect", async () => {
    const { fetch, stored } = await refusing();

    const first = await fetch();

    expect(first).toMatchObject({
      failure: {
        code: "temporarily_unavailable",
        actor: "nobody",
        retryable: true,
        retryAfterSeconds: 120,
      },
    });
    expect(await stored()).toMatchObject({
      status: "connected",
      problem: undefined,
      firstRefusedAt: noon,
      refreshNotBefore: secondsAfter(noon, 120),
    });
  });

  it("is believed the second time, two minutes later", async () => {
    const { fetch, stored, clock, identity } = await refusing();
    await fetch();
    clock.pass(119);
    const tooEarly = await fetch();
    const askedBefore = identity.refreshed.length;
    clock.pass(1);

    const second = await fetch();

    expect(tooEarly).toMatchObject({ failure: { code: "temporarily_unavailable" } });
    expect(askedBefore).toBe(1);
    expect(second).toMatchObject({
      failure: { code: "reauthorization_required", actor: "user", retryable: false },
    });
    expect(await stored()).toMatchObject({ status: "reauthorization_required" });
    expect(identity.refreshed).toHaveLength(2);
  });

  it("that comes again before two minutes are over is not the second one", () => {
    const refused = { ...connection, firstRefusedAt: secondsAfter(noon, -119) };

    const setback = setbackOf(uncertain, refused, noon);

    expect(setback).toMatchObject({
      status: "connected",
      firstRefusedAt: refused.firstRefusedAt,
      refreshNotBefore: secondsAfter(noon, 120),
    });
    expect(tokenFailureOf(uncertain, setback).code).toBe("temporarily_unavailable");
  });

  it("is forgotten when a refresh succeeds in between", async () => {
    const { fetch, stored, clock, answerWith } = await refusing();
    await fetch();
    clock.pass(120);
    answerWith(undefined);
    await fetch();
    clock.pass(600);
    answerWith(uncertain);

    const later = await fetch();

    expect(later).toMatchObject({ failure: { code: "temporarily_unavailable" } });
    expect(await stored()).toMatchObject({ status: "connected" });
  });

  it("is not needed where the reason is known", async () => {
    const { fetch, stored, answerWith } = await refusing();
    answerWith(microsoftFailure("sign_in_required"));

    await fetch();

    expect(await stored()).toMatchObject({ status: "reauthorization_required" });
  });
});

it("what has ended is forgotten 180 days after it first did, and not at all when it waits for an administrator", () => {
  const forgottenAt = secondsAfter(noon, 24 * 3600);
  const ended: StoredConnection = {
    ...connection,
    status: "reauthorization_required",
    forgottenAt,
  };
  const after = (kind: MicrosoftFailureKind) => setbackOf(microsoftFailure(kind), ended, noon);

  expect(after("sign_in_required").forgottenAt).toEqual(forgottenAt);
  expect(after("temporarily_unavailable").forgottenAt).toEqual(forgottenAt);
  expect(after("admin_approval_required").forgottenAt).toBeUndefined();
});

it.for([
  "throttled",
  "temporarily_unavailable",
  "app_credential_rejected",
  "app_refused",
  "misconfigured",
] as const)("%s, however often, ends no connection", async (kind) => {
  let isDown = true;
  const rig = tokenFetchInMemory({
    refresh: async () =>
      isDown
        ? fail(microsoftFailure(kind))
        : succeed({
            ...refreshedTokens,
            accessTokenExpiresAt: secondsAfter(rig.clock.now(), 3600),
          }),
  });
  await rig.connect({ expiresInSeconds: -1 });

  for (let n = 0; n < 20; n += 1) {
    const fetched = await rig.environment().fetch();
    expect(fetched).toMatchObject({ failure: { retryable: true } });
    expect(await rig.stored()).toMatchObject({ status: "connected", problem: undefined });
    rig.clock.pass(31);
  }
  isDown = false;

  expect(await rig.environment().fetch()).toMatchObject({ value: { source: "refresh" } });
});

it.for([
  ["admin_approval_required", "admin_consent_required"],
  ["tenant_blocked", "tenant_blocked"],
] as const)("after %s, a connection works again by itself", async ([kind, code]) => {
  let isAllowed = false;
  const rig = tokenFetchInMemory({
    refresh: async () =>
      isAllowed
        ? succeed({
            ...refreshedTokens,
            accessTokenExpiresAt: secondsAfter(rig.clock.now(), 3600),
          })
        : fail(microsoftFailure(kind)),
  });
  await rig.connect({ expiresInSeconds: -1 });
  await rig.environment().fetch();
  const refused = await rig.environment().fetch();
  isAllowed = true;
  rig.clock.pass(600);

  const fetched = await rig.environment().fetch();

  expect(refused).toMatchObject({
    failure: { code, actor: "tenant_admin", retryAfterSeconds: 600 },
  });
  expect(fetched).toMatchObject({ value: { source: "refresh" } });
  expect(await rig.stored()).toMatchObject({ status: "connected", problem: undefined });
});
