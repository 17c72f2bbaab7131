import { beforeEach, describe, expect, it } from "vitest";
import { type Admit, circuitBreaker } from "../../../functions/token-fetch/circuit-breaker.ts";
import type { Circuits } from "../../../shared/domain/circuit.ts";
import type { StoredConnection } from "../../../shared/domain/connection.ts";
import {
  connectionId,
  personalAccountsTenant,
  type TenantId,
  tenantId,
} from "../../../shared/domain/ids.ts";
import type { MicrosoftFailure } from "../../../shared/domain/microsoft.ts";
import { type FakeClock, fakeClock } from "../../fakes/fake-clock.ts";
import { memoryCircuits } from "../../fakes/memory-circuits.ts";
import { account, alice, microsoftFailure, noon } from "../../fakes/samples.ts";

const elsewhere = tenantId("9c1f4a7e-2b63-4d58-8e90-1a2b3c4d5e6f");

let clock: FakeClock;
let circuits: Circuits;
let reads: number;
let writes: number;
let opened: string[];
let random: number;
let environments: readonly [Admit, Admit];
beforeEach(() => {
  clock = fakeClock();
  const memory = memoryCircuits();
  reads = 0;
  writes = 0;
  opened = [];
  random = 0;
  circuits = {
    find: (scope) => {
      reads += 1;
      return memory.find(scope);
    },
    write: (...values) => {
      writes += 1;
      return memory.write(...values);
    },
  };
  const environment = () =>
    circuitBreaker({
      circuits,
      onOpened: (scope, fault) => opened.push(`${scope.kind} ${fault}`),
      now: clock.now,
      random: () => random,
    });
  environments = [environment(), environment()];
});

const connectionOf = (number: number, tenant: TenantId = account.tenantId): StoredConnection => ({
  id: connectionId(`conn_${number}`),
  owner: alice,
  account: { ...account, tenantId: tenant },
  status: "connected",
  scopes: [],
  createdAt: noon,
  lastRefreshedAt: noon,
  problem: undefined,
  pendingClaims: undefined,
  version: 1,
  sealedAccessToken: "sealed",
  accessTokenExpiresAt: noon,
  vaultEntry: `entry_${number}`,
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
});

/** A connection asks, in the first environment, and this comes of it if it may. */
const meets = async (connection: StoredConnection, failure: MicrosoftFailure | undefined) => {
  const { stop, tell } = await environments[0](connection);
  if (!stop) await tell(failure);
  return stop;
};
const stopOf = async (connection: StoredConnection) => (await environments[1](connection)).stop;

const outage = microsoftFailure("temporarily_unavailable");

describe("throttling of one person", () => {
  it("rests everybody of that tenant, in every environment, and nobody of another", async () => {
    await meets(connectionOf(1), microsoftFailure("throttled", { retryAfterSeconds: 120 }));

    expect(await stopOf(connectionOf(2))).toMatchObject({
      kind: "throttled",
      actor: "nobody",
      retryable: true,
      retryAfterSeconds: 120,
    });
    expect(await stopOf(connectionOf(3, elsewhere))).toBeUndefined();
    expect(opened).toEqual(["tenant throttled"]);
    clock.pass(120);
    expect(await stopOf(connectionOf(2))).toBeUndefined();
  });

  it("rests no other private mailbox: they share nothing but the tenant's name", async () => {
    const mine = connectionOf(1, personalAccountsTenant);
    await meets(mine, microsoftFailure("throttled", { retryAfterSeconds: 120 }));

    expect(await stopOf(connectionOf(2, personalAccountsTenant))).toBeUndefined();
  });

  it("is not lifted by an answer to somebody who asked before it", async () => {
    await meets(connectionOf(1), outage);
    const { tell } = await environments[0](connectionOf(2));
    await meets(connectionOf(3), microsoftFailure("throttled", { retryAfterSeconds: 120 }));

    await tell(undefined);

    expect(await stopOf(connectionOf(4))).toMatchObject({ retryAfterSeconds: 120 });
  });

  it("is followed by others at different times, never too early", async () => {
    await meets(connectionOf(1), microsoftFailure("throttled", { retryAfterSeconds: 60 }));
    random = 1;

    expect((await stopOf(connectionOf(2)))?.retryAfterSeconds).toBe(65);
  });
});

describe("an outage that several connections of a tenant meet", () => {
  const threeMeetIt = async () => {
    for (const number of [1, 2, 3]) await meets(connectionOf(number), outage);
  };

  it("rests that tenant, and nobody of another", async () => {
    await threeMeetIt();

    expect(await stopOf(connectionOf(4))).toMatchObject({
      kind: "temporarily_unavailable",
      retryable: true,
      retryAfterSeconds: 15,
    });
    expect(await stopOf(connectionOf(5, elsewhere))).toBeUndefined();
  });

  it("lets one try when the rest is over; the others wait for what comes of it", async () => {
    await threeMeetIt();
    clock.pass(15);

    const stops = await Promise.all([4, 5, 6, 7, 8].map((number) => stopOf(connectionOf(number))));

    expect(stops.filter((stop) => !stop)).toHaveLength(1);
  });

  it("is over for all when the one who tried gets an answer, be it a refusal of its own", async () => {
    for (const answer of [undefined, microsoftFailure("sign_in_required")]) {
      await threeMeetIt();
      clock.pass(15);

      await meets(connectionOf(4), answer);

      const stops = await Promise.all([5, 6, 7].map((number) => stopOf(connectionOf(number))));
      expect(stops).toEqual([undefined, undefined, undefined]);
    }
  });

  it("goes on, for longer, when the one who tried meets it again", async () => {
    await threeMeetIt();
    clock.pass(15);

    await meets(connectionOf(4), outage);

    expect((await stopOf(connectionOf(5)))?.retryAfterSeconds).toBe(30);
  });
});

describe("trouble that is not the tenant's", () => {
  const locked = microsoftFailure("temporarily_unavailable", { accountAlone: true });

  it.for([
    { whose: "locked accounts", failure: locked, tenantId: account.tenantId },
    { whose: "private mailboxes", failure: outage, tenantId: personalAccountsTenant },
  ])("rests nobody, however many $whose meet it", async ({ failure, tenantId }) => {
    for (const number of [1, 2, 3, 4]) await meets(connectionOf(number, tenantId), failure);

    expect(await stopOf(connectionOf(5, tenantId))).toBeUndefined();
    expect(opened).toEqual([]);
  });

  it("ends a rest, since Microsoft did answer", async () => {
    await meets(connectionOf(1), microsoftFailure("throttled", { retryAfterSeconds: 10 }));
    clock.pass(10);

    await meets(connectionOf(2), locked);

    const stops = await Promise.all([3, 4].map((number) => stopOf(connectionOf(number))));
    expect(stops).toEqual([undefined, undefined]);
  });
});

describe("a refusal of the app's own credential", () => {
  const rejected = microsoftFailure("app_credential_rejected");

  it("rests everybody for half a minute, and the operator is who must act", async () => {
    await meets(connectionOf(1), rejected);

    expect(await stopOf(connectionOf(2, elsewhere))).toMatchObject({
      kind: "app_credential_rejected",
      actor: "operator",
      retryAfterSeconds: 30,
    });
    expect(opened).toEqual(["app_credential app_credential_rejected"]);
  });

  it("is tried by one each half minute, and over for all when it works", async () => {
    await meets(connectionOf(1), rejected);
    clock.pass(30);
    await meets(connectionOf(2), rejected);
    expect(await stopOf(connectionOf(3))).toBeDefined();
    clock.pass(30);

    await meets(connectionOf(4, elsewhere), undefined);

    expect(await stopOf(connectionOf(5))).toBeUndefined();
    expect(await stopOf(connectionOf(6))).toBeUndefined();
  });

  it("is not tried by one whose tenant rests: another tries it", async () => {
    await meets(connectionOf(1), microsoftFailure("throttled", { retryAfterSeconds: 600 }));
    await meets(connectionOf(2, elsewhere), rejected);
    clock.pass(30);

    expect(await stopOf(connectionOf(1))).toMatchObject({ kind: "throttled" });
    expect(await stopOf(connectionOf(3, elsewhere))).toBeUndefined();
  });
});

describe("a refusal of the app that may be one tenant's", () => {
  const refused = microsoftFailure("app_refused");

  it("never rests another tenant, however many of its connections meet it", async () => {
    for (const number of [1, 2, 3, 4]) await meets(connectionOf(number), refused);

    expect(await stopOf(connectionOf(5))).toMatchObject({ retryAfterSeconds: 15 });
    expect(await stopOf(connectionOf(6, elsewhere))).toBeUndefined();
    expect(opened).toEqual(["tenant temporarily_unavailable"]);
  });

  it("does not end a rest of the app's credential, since nobody knows what it was about", async () => {
    await meets(connectionOf(1), microsoftFailure("app_credential_rejected"));
    clock.pass(30);

    await meets(connectionOf(2), refused);

    expect(await stopOf(connectionOf(3, elsewhere))).toMatchObject({
      kind: "app_credential_rejected",
    });
  });
});

it("costs a healthy refresh two reads and no write, whatever once was", async () => {
  await meets(connectionOf(1), microsoftFailure("throttled", { retryAfterSeconds: 10 }));
  clock.pass(10);
  await meets(connectionOf(1), undefined);
  [reads, writes] = [0, 0];

  await meets(connectionOf(1), undefined);
  await meets(connectionOf(2), microsoftFailure("sign_in_required"));

  expect({ reads, writes }).toEqual({ reads: 4, writes: 0 });
});

it("gives up when others keep writing first: it only guides", async () => {
  circuits.write = async () => {
    writes += 1;
    return false;
  };

  await meets(connectionOf(1), microsoftFailure("throttled", { retryAfterSeconds: 10 }));

  expect(writes).toBeLessThan(10);
  expect(opened).toEqual([]);
});
