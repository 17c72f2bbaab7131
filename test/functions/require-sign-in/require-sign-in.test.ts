import { randomUUID } from "node:crypto";
import { DynamoDBClient, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { marshall } from "@aws-sdk/util-dynamodb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type RequireSignInAnswer,
  requireSignInHandler,
} from "../../../functions/require-sign-in/handler.ts";
import type { RequireSignInsPorts } from "../../../functions/require-sign-in/require-sign-ins.ts";
import { startDynamoDb } from "../../../infra/local/dynamodb/start-dynamodb.ts";
import { dynamoDbAllConnections } from "../../../shared/adapters/dynamodb/all-connections.ts";
import { dynamoDbConnections } from "../../../shared/adapters/dynamodb/connections.ts";
import {
  type ConnectionId,
  connectionIdOf,
  objectId,
  type ProductUser,
  type TenantId,
  tenantId,
  userId,
  workspaceId,
} from "../../../shared/domain/ids.ts";
import { requestedScopes } from "../../../shared/domain/permissions.ts";
import { type TokenVaultKind, vaultErasers } from "../../../shared/domain/token-vaults.ts";
import { logSignInRequired, logUnreadable } from "../../../shared/logger.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { lambdaContext } from "../../fakes/http-event.ts";
import { type Intercept, intercepted, neverSettles } from "../../fakes/intercepted.ts";
import { memoryVault } from "../../fakes/memory-vault.ts";
import { account, grant, noon, secondsAfter } from "../../fakes/samples.ts";
import { createProductTables } from "../../shared/adapters/dynamodb/product-tables.ts";

const log = captureLog();

let engine: Awaited<ReturnType<typeof startDynamoDb>>;
let client: DynamoDBClient;
let tableName: string;
// One for each test: a call may be about everybody.
beforeEach(async () => {
  engine = await startDynamoDb();
  client = new DynamoDBClient({
    endpoint: engine.origin,
    region: "eu-west-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  tableName = (await createProductTables(engine.origin)).connections;
});
afterEach(async () => {
  client.destroy();
  await engine.close();
});

const newWorkspace = () => workspaceId(`ws_${randomUUID()}`);
const newTenant = () => tenantId(randomUUID());
const newPerson = (workspace = newWorkspace()): ProductUser => ({
  userId: userId(`user-${randomUUID()}`),
  workspaceId: workspace,
});

const rig = ({ intercept = (_, call) => call() }: { readonly intercept?: Intercept } = {}) => {
  const clock = fakeClock();
  const vaults = { "secrets-manager": memoryVault(), table: memoryVault("table") };
  const connections = dynamoDbConnections(client, tableName, clock.now);
  const ports: RequireSignInsPorts = {
    connections: intercepted("connections", connections, intercept),
    all: intercepted("all", dynamoDbAllConnections(client, tableName), intercept),
    vault: intercepted("vault", vaultErasers(vaults), intercept),
    noteEnded: logSignInRequired,
    noteUnreadable: logUnreadable,
    pause: async () => {},
    now: clock.now,
  };
  const handler = requireSignInHandler(ports);

  /** At the time of the clock; again, if the person has an account already. */
  const connect = async ({
    owner = newPerson(),
    tenant = account.tenantId,
    object = objectId(randomUUID()),
    kind = "secrets-manager",
  }: {
    readonly owner?: ProductUser;
    readonly tenant?: TenantId;
    readonly object?: ReturnType<typeof objectId>;
    readonly kind?: TokenVaultKind;
  } = {}) => {
    const mailbox = { ...account, tenantId: tenant, objectId: object };
    const id = connectionIdOf(owner, mailbox);
    const vaultOwner = { connectionId: id, workspaceId: owner.workspaceId, ...mailbox };
    await connections.connect({
      id,
      owner,
      account: mailbox,
      vaultEntry: await vaults[kind].create(vaultOwner, grant.refreshToken),
      sealedAccessToken: "sealed",
      accessTokenExpiresAt: secondsAfter(clock.now(), 3600),
      scopes: grant.scopes,
      requestedScopes,
      startedAt: clock.now(),
      now: clock.now(),
    });
    return { id, owner, object };
  };

  const stored = (id: ConnectionId, { workspaceId }: ProductUser) =>
    connections.findForWorkspace(id, workspaceId, { consistent: true });

  return {
    clock,
    connections,
    connect,
    stored,
    require: (payload: unknown, remainingSeconds = 50): Promise<RequireSignInAnswer> =>
      handler(payload, {
        ...lambdaContext,
        getRemainingTimeInMillis: () => remainingSeconds * 1000,
      }),
    isServed: async ({ id, owner }: { readonly id: ConnectionId; readonly owner: ProductUser }) =>
      (await stored(id, owner))?.status === "connected",
    entries: () =>
      [vaults["secrets-manager"], vaults.table].flatMap(({ entries }) => [...entries.keys()]),
  };
};

type Rig = ReturnType<typeof rig>;

const change = (id: ConnectionId, fields: Readonly<Record<string, string | number | boolean>>) =>
  client.send(
    new UpdateItemCommand({
      TableName: tableName,
      Key: marshall({ id }),
      UpdateExpression: `SET ${Object.keys(fields)
        .map((name) => `#${name} = :${name}`)
        .join(", ")}`,
      ExpressionAttributeNames: Object.fromEntries(
        Object.keys(fields).map((name) => [`#${name}`, name]),
      ),
      ExpressionAttributeValues: marshall(
        Object.fromEntries(Object.entries(fields).map(([name, value]) => [`:${name}`, value])),
      ),
    }),
  );

/** A second after everything that was connected at noon. */
const connectedBefore = secondsAfter(noon, 1).toISOString();

const everybody = { everybody: true };

/** Calls until there is no next one. @returns every answer */
const requireAll = async (service: Rig, payload: object, remainingSeconds?: number) => {
  const answers: Extract<RequireSignInAnswer, { ok: true }>[] = [];
  let startAt: string | undefined;
  do {
    const answer = await service.require(
      { connectedBefore, ...payload, ...(startAt !== undefined && { startAt }) },
      remainingSeconds,
    );
    if (!answer.ok) expect.fail(answer.error.message);
    answers.push(answer);
    startAt = answer.next;
  } while (startAt !== undefined);
  return answers;
};

const total = (answers: readonly { readonly required: number }[]) =>
  answers.reduce((sum, { required }) => sum + required, 0);

describe("of everybody who was connected before a time", () => {
  it("the tokens are deleted, in whichever vault they are, and their people are told what to do", async () => {
    const service = rig();
    const [one, ...others] = [
      await service.connect(),
      await service.connect({ kind: "table" }),
      await service.connect({ tenant: newTenant() }),
    ] as const;
    service.clock.pass(60);

    expect(await requireAll(service, everybody)).toEqual([{ ok: true, required: 3 }]);

    for (const each of [one, ...others]) expect(await service.isServed(each)).toBe(false);
    expect(service.entries()).toEqual([]);
    expect(await service.connections.findOwned(one.id, one.owner)).toMatchObject({
      status: "reauthorization_required",
      problem: {
        code: "reauthorization_required",
        actor: "user",
        message:
          "For your safety the permission to read this mailbox was deleted. Please reconnect the mailbox.",
      },
    });
  });

  it("nobody is meant who has signed in since, be it between two calls", async () => {
    const service = rig();
    const person = await service.connect();
    service.clock.pass(60);
    const later = await service.connect();
    await requireAll(service, everybody);
    expect(await service.isServed(later)).toBe(true);

    await service.connect(person);

    expect(await requireAll(service, everybody)).toEqual([{ ok: true, required: 0 }]);
    expect(await service.isServed(person)).toBe(true);
    expect(service.entries()).toHaveLength(2);
  });

  it("a reconnect keeps the id", async () => {
    const service = rig();
    const before = await service.connect();
    service.clock.pass(60);
    await requireAll(service, everybody);

    const after = await service.connect(before);

    expect(after.id).toBe(before.id);
    expect(await service.connections.findOwned(after.id, after.owner)).toMatchObject({
      status: "connected",
      createdAt: noon,
      problem: undefined,
    });
  });

  it.for([
    ["had ended, and are forgotten", { status: "reauthorization_required", forgottenAt: 1 }],
    ["wait for their administrator", { status: "admin_approval_required" }],
  ] as const)(
    "also those are meant that %s: their refresh tokens may still be good",
    async ([, fields]) => {
      const service = rig();
      const { id } = await service.connect();
      await change(id, fields);
      service.clock.pass(60);

      await requireAll(service, everybody);

      expect(service.entries()).toEqual([]);
    },
  );

  it("one whose owner has taken it away stays away", async () => {
    const service = rig();
    const { id, owner } = await service.connect();
    await service.connections.disconnect(id, owner, service.clock.now());
    service.clock.pass(60);

    expect(await requireAll(service, everybody)).toEqual([{ ok: true, required: 0 }]);
    expect(await service.connections.findOwned(id, owner)).toBeUndefined();
  });

  it("what a later version of the code has written is counted, and left", async () => {
    const service = rig();
    await service.connect();
    const { id } = await service.connect();
    await change(id, { schemaVersion: 2 });
    service.clock.pass(60);

    expect(await requireAll(service, everybody)).toEqual([{ ok: true, required: 1, leftOut: 1 }]);
    expect(service.entries()).toHaveLength(1);
  });

  it.for([
    ["a page of the table shows", "tenantId"],
    ["only the whole item shows", "sealedAccessToken"],
  ] as const)(
    "what cannot be read, as %s, is named and counted, and keeps nobody else",
    async ([, field]) => {
      const service = rig();
      const others = [await service.connect(), await service.connect(), await service.connect()];
      const { id } = await service.connect();
      await change(id, { [field]: true });
      service.clock.pass(60);

      const answers = await requireAll(service, everybody);

      expect(answers).toEqual([{ ok: true, required: 3, unreadable: 1 }]);
      for (const each of others) expect(await service.isServed(each)).toBe(false);
      expect(service.entries()).toHaveLength(1);
      const lines = log.lines().map((line) => JSON.parse(line));
      expect(lines.filter(({ level }) => level === "ERROR")).toMatchObject([
        { failure: "connection_unreadable", connectionId: id, unreadableFields: [field] },
      ]);
      expect(lines.at(-1)).toMatchObject({ requiredSignIns: { required: 3, unreadable: 1 } });
    },
  );

  it("of one tenant or workspace, also what does not say any more whose it is is counted", async () => {
    const service = rig();
    const { id } = await service.connect();
    await change(id, { tenantId: true });
    service.clock.pass(60);

    const ofAnother = { tenantId: newTenant() };
    expect(await requireAll(service, ofAnother)).toEqual([
      { ok: true, required: 0, unreadable: 1 },
    ]);
  });
});

it.for<readonly [string, (of: { workspaceId: string; tenantId: string }) => object, number]>([
  ["a workspace", ({ workspaceId }) => ({ workspaceId }), 2],
  ["a tenant", ({ tenantId }) => ({ tenantId }), 2],
  ["a tenant, in whatever case", ({ tenantId }) => ({ tenantId: tenantId.toUpperCase() }), 2],
  ["a tenant in a workspace", (both) => both, 1],
])("of %s nobody else is meant", async ([, payloadOf, meant]) => {
  const service = rig();
  const workspace = newWorkspace();
  const tenant = newTenant();
  const both = await service.connect({ owner: newPerson(workspace), tenant });
  await service.connect({ owner: newPerson(workspace) });
  await service.connect({ tenant });
  const stranger = await service.connect();
  service.clock.pass(60);

  const answers = await requireAll(
    service,
    payloadOf({ workspaceId: workspace, tenantId: tenant }),
  );

  expect(total(answers)).toBe(meant);
  expect(await service.isServed(both)).toBe(false);
  expect(await service.isServed(stranger)).toBe(true);
  expect(service.entries()).toHaveLength(4 - meant);
});

it("a dry run says how many are meant and changes nothing; afterwards it says none", async () => {
  const service = rig();
  const one = await service.connect();
  await service.connect();
  service.clock.pass(60);
  await service.connect();

  expect(await requireAll(service, { ...everybody, dryRun: true })).toEqual([
    { ok: true, required: 2, dryRun: true },
  ]);
  expect(await service.isServed(one)).toBe(true);
  expect(service.entries()).toHaveLength(3);
  await requireAll(service, everybody);
  expect(await requireAll(service, { ...everybody, dryRun: true })).toEqual([
    { ok: true, required: 0, dryRun: true },
  ]);
});

it("a call stops in time, and the next one goes on where it stopped", async () => {
  const service = rig({
    intercept: async (name, call) => {
      if (name === "connections.requireSignIn") service.clock.pass(12);
      return call();
    },
  });
  for (let count = 0; count < 8; count += 1) await service.connect();
  service.clock.pass(60);

  const answers = await requireAll(service, everybody, 50);

  expect(answers.length).toBeGreaterThanOrEqual(3);
  for (const { required } of answers) expect(required).toBeLessThanOrEqual(3);
  expect(total(answers)).toBe(8);
  expect(service.entries()).toEqual([]);
  const told = log.lines().flatMap((line) => JSON.parse(line).requiredSignIns?.isComplete ?? []);
  expect(told).toEqual(answers.map(({ next }) => next === undefined));
});

describe("a failure in the middle", () => {
  const connectFour = async (service: Rig) => {
    for (let count = 0; count < 4; count += 1) await service.connect();
    service.clock.pass(60);
  };

  it.for(["all.page", "connections.requireSignIn", "vault.erase"])(
    "of %s is answered as one that may be repeated, and a repeat finishes",
    async (brokenCall) => {
      let isOver = false;
      const service = rig({
        intercept: async (name, call) => {
          if (!isOver && name === brokenCall) throw new Error("throttled");
          return call();
        },
      });
      await connectFour(service);

      const failed = await service.require({ ...everybody, connectedBefore });
      isOver = true;
      const answers = await requireAll(service, everybody);

      expect(failed).toEqual({
        ok: false,
        error: {
          code: "temporarily_unavailable",
          actor: "operator",
          retryable: true,
          message: expect.stringMatching(/^Something went wrong on our side/),
          traceId: lambdaContext.awsRequestId,
        },
      });
      expect(log.lines().join("")).toContain('"failure":"internal_error"');
      expect(total(answers)).toBe(brokenCall === "vault.erase" ? 3 : 4);
      expect(service.entries()).toEqual([]);
    },
  );

  it("by a process that dies between the item and the vault leaves a token that is not served, and a repeat erases it", async () => {
    const dies = Promise.withResolvers<void>();
    let isAlive = true;
    const service = rig({
      intercept: (name, call) => {
        if (!isAlive || name !== "vault.erase") return call();
        isAlive = false;
        dies.resolve();
        return neverSettles();
      },
    });
    const one = await service.connect();
    service.clock.pass(60);

    void service.require({ ...everybody, connectedBefore });
    await dies.promise;

    expect(await service.isServed(one)).toBe(false);
    expect(service.entries()).toHaveLength(1);
    expect(await requireAll(service, everybody)).toEqual([{ ok: true, required: 0 }]);
    expect(service.entries()).toEqual([]);
  });
});

describe("a payload that is wrong is refused, and nothing is done:", () => {
  it.for<readonly [string, unknown]>([
    ["nothing", undefined],
    ["a text", connectedBefore],
    ["no time", everybody],
    ["a workspace without a time", { workspaceId: "ws_north" }],
    ["a day", { ...everybody, connectedBefore: "2026-03-01" }],
    ["a time somewhere", { ...everybody, connectedBefore: "2026-03-01T12:00:00+01:00" }],
    ["a time that is none", { ...everybody, connectedBefore: "2026-02-30T12:00:00Z" }],
    ["a number", { ...everybody, connectedBefore: 1_772_366_400 }],
    ["a time to come", { ...everybody, connectedBefore: secondsAfter(noon, 61).toISOString() }],
    ["an empty workspace, which is not everybody", { connectedBefore, workspaceId: "" }],
    ["a workspace that is null", { connectedBefore, workspaceId: null }],
    ["a tenant that is no GUID", { connectedBefore, tenantId: "contoso.example" }],
    ["a misspelt tenant", { connectedBefore, tenantID: account.tenantId }],
    ["nobody, which is not everybody", { connectedBefore }],
    ["nobody in so many words", { connectedBefore, everybody: false }],
    ["everybody and a tenant", { ...everybody, connectedBefore, tenantId: account.tenantId }],
    ["everybody in a text", { connectedBefore, everybody: "true" }],
    ["a dry run in words", { ...everybody, connectedBefore, dryRun: "true" }],
    ["a place that is none", { ...everybody, connectedBefore, startAt: "1" }],
  ])("%s", async ([, payload]) => {
    const calls: string[] = [];
    const service = rig({
      intercept: async (name, call) => {
        calls.push(name);
        return call();
      },
    });
    await service.connect();
    service.clock.pass(60);

    expect(await service.require(payload)).toEqual({
      ok: false,
      error: {
        code: "invalid_request",
        actor: "operator",
        retryable: false,
        message: expect.stringMatching(/^The payload must be .*[.]$/),
        traceId: lambdaContext.awsRequestId,
      },
    });
    expect(calls).toEqual([]);
  });
});

it("logs each connection once, how many, and nobody's name", async () => {
  const service = rig();
  const tenant = newTenant();
  const { id, owner } = await service.connect({ tenant });
  service.clock.pass(60);

  await requireAll(service, { tenantId: tenant });
  await requireAll(service, { tenantId: tenant });

  const lines = log.lines().map((line) => JSON.parse(line));
  const { workspaceId } = owner;
  expect(lines).toMatchObject([
    {
      level: "INFO",
      message: "sign-in required by the operator",
      connectionId: id,
      workspaceId,
      tenantId: tenant,
    },
    {
      message: "sign-ins required",
      tenantId: tenant,
      requiredSignIns: {
        required: 1,
        leftOut: 0,
        unreadable: 0,
        isComplete: true,
        isDryRun: false,
        connectedBefore,
      },
    },
    { message: "sign-ins required", requiredSignIns: { required: 0 } },
  ]);
  for (const name of [owner.userId, account.username, account.displayName]) {
    expect(log.lines().join("")).not.toContain(name);
  }
});
