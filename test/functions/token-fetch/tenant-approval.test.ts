import { beforeEach, describe, expect, it } from "vitest";
import { tenantApproval } from "../../../functions/token-fetch/tenant-approval.ts";
import type { StoredConnection } from "../../../shared/domain/connection.ts";
import {
  connectionId,
  objectId,
  personalAccountsTenant,
  type TenantId,
} from "../../../shared/domain/ids.ts";
import type { ApprovalStep, ConsentStatus } from "../../../shared/domain/tenant-consent.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { memoryTenantConsents } from "../../fakes/memory-tenant-consents.ts";
import { account, alice, noon } from "../../fakes/samples.ts";

const tenant = { kind: "tenant", tenantId: account.tenantId } as const;

let clock: ReturnType<typeof fakeClock>;
let consents: ReturnType<typeof memoryTenantConsents>;
let approval: ReturnType<typeof tenantApproval>;
let steps: ApprovalStep["step"][];
let lostBy: string[];
beforeEach(() => {
  clock = fakeClock();
  consents = memoryTenantConsents();
  steps = [];
  lostBy = [];
  approval = tenantApproval({
    consents,
    noteStep: ({ step }) => steps.push(step),
    onLost: ({ id }) => lostBy.push(id),
    now: clock.now,
  });
});

const connectionOf = (
  number: number,
  tenantId: TenantId = account.tenantId,
  changes: Partial<StoredConnection> = {},
): StoredConnection => ({
  id: connectionId(`conn_${number}`),
  owner: alice,
  account: { ...account, tenantId, objectId: objectId(`account-${number}`) },
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
  ...changes,
});

const verified = async () => {
  await consents.record(tenant, { kind: "verified", proof: { kind: "user_grant" } }, clock.now());
};
const verifiedLongAgo = async () => {
  await verified();
  clock.pass(600);
};
const status = async (): Promise<ConsentStatus> => (await consents.find(tenant)).status;

it("is lost when two accounts of a tenant say so, and somebody is told once, however many follow", async () => {
  await verifiedLongAgo();

  await approval.lost(connectionOf(1));
  expect(await status()).toBe("verified");
  for (const number of [2, 3, 4, 5]) await approval.lost(connectionOf(number));

  expect(await status()).toBe("lost");
  expect(lostBy).toEqual(["conn_2"]);
  expect(steps).toEqual(["lost"]);
});

it("is told by accounts that are named by hashes", async () => {
  const counted: unknown[] = [];
  const { count } = consents;
  consents.count = (...values) => {
    counted.push(values);
    return count(...values);
  };

  await approval.lost(connectionOf(1));

  expect(counted).toHaveLength(1);
  expect(JSON.stringify(counted)).not.toContain(connectionOf(1).account.objectId);
});

it("is not lost because one connection says so again and again", async () => {
  await verifiedLongAgo();

  for (let time = 0; time < 5; time += 1) await approval.lost(connectionOf(1));

  expect(await status()).toBe("verified");
  expect(lostBy).toEqual([]);
});

it("is not lost because one account says so, through however many connections", async () => {
  await verifiedLongAgo();

  for (const number of [1, 2, 3]) {
    await approval.lost(connectionOf(number, account.tenantId, { account }));
  }

  expect(await status()).toBe("verified");
  expect(lostBy).toEqual([]);
});

it("is not lost because two connections say so at different times", async () => {
  await verifiedLongAgo();

  await approval.lost(connectionOf(1));
  clock.pass(600);
  await approval.lost(connectionOf(2));

  expect(await status()).toBe("verified");
});

it("is not lost while Microsoft still applies it, whoever is refused, nor by who was refused before that", async () => {
  await approval.lost(connectionOf(1));
  await verified();

  clock.pass(20);
  await approval.lost(connectionOf(2));
  expect(await status()).toBe("verified");
  await approval.lost(connectionOf(3));
  clock.pass(579);
  await approval.lost(connectionOf(4));
  expect(await status()).toBe("verified");

  clock.pass(1);
  await approval.lost(connectionOf(5));
  expect(await status()).toBe("verified");
  await approval.lost(connectionOf(6));
  expect(await status()).toBe("lost");
  expect(lostBy).toEqual(["conn_6"]);
});

it("was there, whether or not we saw it given, when connections that worked lose it", async () => {
  await approval.lost(connectionOf(1));
  await approval.lost(connectionOf(2));

  expect(await status()).toBe("lost");
});

it("is nothing that private mailboxes have", async () => {
  await approval.lost(connectionOf(1, personalAccountsTenant));
  await approval.lost(connectionOf(2, personalAccountsTenant));
  await approval.returned(connectionOf(1, personalAccountsTenant));

  const personal = { kind: "tenant", tenantId: personalAccountsTenant } as const;
  expect((await consents.find(personal)).status).toBe("unknown");
  expect(lostBy).toEqual([]);
});

it("is back when a connection that was refused for the want of it is renewed", async () => {
  await approval.lost(connectionOf(1));
  await approval.lost(connectionOf(2));

  await approval.returned(connectionOf(1));

  expect(await consents.find(tenant)).toMatchObject({
    status: "verified",
    proof: { kind: "user_grant" },
  });
  expect(steps).toEqual(["lost", "verified"]);
});

describe("a connection that is renewed after a policy stopped it", () => {
  const asked = async () => {
    await consents.record(tenant, { kind: "blocked", certain: true }, clock.now());
    await consents.record(tenant, { kind: "requested" }, clock.now());
  };

  it("tells nothing of an approval that nobody has lost", async () => {
    await asked();

    await approval.returned(connectionOf(1));

    expect(await status()).toBe("requested");
  });

  it("tells that one is back which was switched off with it, also when somebody has asked since", async () => {
    await approval.lost(connectionOf(1));
    await approval.lost(connectionOf(2));
    await asked();

    await approval.returned(connectionOf(1));

    expect(await status()).toBe("verified");
  });
});

it("tells that the approval is back if it was refused for that, whether or not others had lost it", async () => {
  await consents.record(tenant, { kind: "blocked", certain: true }, clock.now());

  await approval.returned(connectionOf(1, account.tenantId, { status: "admin_approval_required" }));

  expect(await status()).toBe("verified");
});

it("can be lost again after it came back, and is told again", async () => {
  for (let time = 0; time < 2; time += 1) {
    await approval.lost(connectionOf(1));
    await approval.lost(connectionOf(2));
    await approval.returned(connectionOf(1));
    clock.pass(3600);
  }

  expect(lostBy).toHaveLength(2);
});
