import { expect, it } from "vitest";
import { leaseFirst } from "../../../functions/token-fetch/lease-first.ts";
import type { RefreshUnderLease } from "../../../functions/token-fetch/refresh-connection.ts";
import { timeBudget } from "../../../functions/token-fetch/time-budget.ts";
import type { Lease } from "../../../shared/domain/connection.ts";
import { TookTooLong } from "../../../shared/domain/in-time.ts";
import { requestedScopes } from "../../../shared/domain/permissions.ts";
import { memoryConnections } from "../../fakes/memory-connections.ts";
import { account, alice, alicesConnection, noon, secondsAfter } from "../../fakes/samples.ts";

const expired = async () => {
  const connections = memoryConnections();
  await connections.connect({
    id: alicesConnection,
    owner: alice,
    account,
    vaultEntry: "entry",
    sealedAccessToken: "sealed",
    accessTokenExpiresAt: noon,
    scopes: [],
    requestedScopes,
    startedAt: noon,
    now: noon,
  });
  const stored = await connections.findForWorkspace(alicesConnection, alice.workspaceId, {
    consistent: true,
  });
  if (!stored) throw new Error("not connected");
  const handedOver: Lease[] = [];
  let owners = 0;
  const refresh: RefreshUnderLease = async (_connection, _deadline, lease) => {
    handedOver.push(lease);
    return { kind: "overtaken" };
  };
  let loads = 0;
  const environment = () =>
    leaseFirst({
      connections,
      load: async () => {
        loads += 1;
        return refresh;
      },
      now: () => noon,
      leaseOwner: () => {
        owners += 1;
        return `owner-${owners}`;
      },
    });
  return { stored, environment, handedOver, loads: () => loads };
};

const deadline = secondsAfter(noon, 25);

it.for([
  ["waits for the outcome when the table does not answer in time", new TookTooLong(), "elsewhere"],
  ["goes up with an outage of the table", new Error("no table"), "no table"],
] as const)("%s, and loads nothing", async ([, error, expected]) => {
  const { stored, loads } = await expired();
  const refresh = leaseFirst({
    connections: { acquireLease: () => Promise.reject(error) },
    load: () => Promise.reject(new Error("loaded")),
    now: () => noon,
    leaseOwner: () => "owner",
  });

  const outcome = await refresh(stored, deadline, "use").then(
    ({ kind }) => kind,
    ({ message }: Error) => message,
  );

  expect(outcome).toBe(expected);
  expect(loads()).toBe(0);
});

it("loads the refresh path in one environment of all that meet an expired token", async () => {
  const { stored, environment, loads } = await expired();

  const outcomes = await Promise.all(
    Array.from({ length: 20 }, () => environment()(stored, deadline, "use")),
  );

  expect(loads()).toBe(1);
  expect(outcomes.filter(({ kind }) => kind === "elsewhere")).toHaveLength(19);
});

it("hands its lease over to the refresh, which needs no second one", async () => {
  const { stored, environment, handedOver } = await expired();

  await environment()(stored, deadline, "use");

  expect(handedOver).toEqual([
    { owner: "owner-1", expiresAt: secondsAfter(noon, timeBudget.lease) },
  ]);
});

it("loads nothing for a version that somebody else has replaced", async () => {
  const { stored, environment, loads } = await expired();

  const outcome = await environment()({ ...stored, version: stored.version - 1 }, deadline, "use");

  expect(outcome).toEqual({ kind: "elsewhere" });
  expect(loads()).toBe(0);
});
