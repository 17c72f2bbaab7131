import { randomUUID } from "node:crypto";
import {
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import type { EraseConnectionsPorts } from "../../../functions/erase-connections/erase-connections.ts";
import {
  type EraseConnectionsAnswer,
  eraseConnectionsHandler,
} from "../../../functions/erase-connections/handler.ts";
import { sweepVault } from "../../../functions/sweep-vault/sweep-vault.ts";
import { startDynamoDb } from "../../../infra/local/dynamodb/start-dynamodb.ts";
import { dynamoDbAllConnections } from "../../../shared/adapters/dynamodb/all-connections.ts";
import { dynamoDbAttempts } from "../../../shared/adapters/dynamodb/authorization-attempts.ts";
import { dynamoDbConnections } from "../../../shared/adapters/dynamodb/connections.ts";
import { dynamoDbConsentRequests } from "../../../shared/adapters/dynamodb/consent-requests.ts";
import { dynamoDbMailLedger } from "../../../shared/adapters/dynamodb/mail-ledger.ts";
import { dynamoDbTenantConsents } from "../../../shared/adapters/dynamodb/tenant-consents.ts";
import { dynamoDbVaultNames } from "../../../shared/adapters/dynamodb/vault-entries.ts";
import {
  attemptIdOf,
  type ConnectionId,
  connectionId,
  connectionIdOf,
  hashOf,
  objectId,
  ownerKeyOf,
  type ProductUser,
  tenantId,
  userId,
  workspaceId,
} from "../../../shared/domain/ids.ts";
import { type MailAddress, mailAddress } from "../../../shared/domain/mail-address.ts";
import { requestedScopes } from "../../../shared/domain/permissions.ts";
import { type Organisation, personAlone } from "../../../shared/domain/tenant-consent.ts";
import type { TokenVaultKind } from "../../../shared/domain/token-vaults.ts";
import { vaultErasers } from "../../../shared/domain/token-vaults.ts";
import { recordTurnedAway } from "../../../shared/domain/turned-away.ts";
import { logDisconnected, logUnreadable } from "../../../shared/logger.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { lambdaContext } from "../../fakes/http-event.ts";
import { type Intercept, intercepted } from "../../fakes/intercepted.ts";
import { memoryVault } from "../../fakes/memory-vault.ts";
import { account, grant, noon, secondsAfter } from "../../fakes/samples.ts";
import { createProductTables } from "../../shared/adapters/dynamodb/product-tables.ts";

const log = captureLog();

let engine: Awaited<ReturnType<typeof startDynamoDb>>;
let client: DynamoDBClient;
let tables: Awaited<ReturnType<typeof createProductTables>>;
beforeAll(async () => {
  engine = await startDynamoDb();
  client = new DynamoDBClient({
    endpoint: engine.origin,
    region: "eu-west-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  tables = await createProductTables(engine.origin);
});
afterAll(async () => {
  client.destroy();
  await engine.close();
});

/** A workspace that no other test knows. */
const newWorkspace = () => workspaceId(`ws_${randomUUID()}`);
const newPerson = (workspace = newWorkspace()): ProductUser => ({
  userId: userId(`user-${randomUUID()}`),
  workspaceId: workspace,
});

const addressOf = (text: string): MailAddress => {
  const address = mailAddress(text);
  if (!address) throw new Error("not an address");
  return address;
};

interface Script {
  readonly intercept?: Intercept;
  /** How long each pause between two pages takes on the clock. */
  readonly pauseSeconds?: number;
}

const rig = ({ intercept = (_, call) => call(), pauseSeconds = 0 }: Script = {}) => {
  const clock = fakeClock();
  const vaults = { "secrets-manager": memoryVault(), table: memoryVault("table") };
  const connections = dynamoDbConnections(client, tables.connections);
  const attempts = dynamoDbAttempts(client, tables.attempts);
  const approval = { clientId: "client", scopeSet: "scopes" };
  const requests = dynamoDbConsentRequests(client, tables.tenantConsents, approval);
  const consents = dynamoDbTenantConsents(client, tables.tenantConsents, approval);
  let pauses = 0;
  const ports: EraseConnectionsPorts = {
    attempts: intercepted("attempts", attempts, intercept),
    connections: intercepted("connections", connections, intercept),
    all: intercepted("all", dynamoDbAllConnections(client, tables.connections), intercept),
    requests: intercepted("requests", requests, intercept),
    consents: intercepted("consents", consents, intercept),
    vault: intercepted("vault", vaultErasers(vaults), intercept),
    noteDisconnected: logDisconnected,
    noteUnreadable: logUnreadable,
    pause: async () => {
      pauses += 1;
      clock.pass(pauseSeconds);
    },
    now: clock.now,
  };
  const handler = eraseConnectionsHandler(ports);

  const connect = async (
    owner: ProductUser,
    {
      kind = "secrets-manager" as TokenVaultKind,
      sealedAccessToken = "sealed",
      mailbox = { ...account, objectId: objectId(randomUUID()) },
    } = {},
  ): Promise<ConnectionId> => {
    const id = connectionIdOf(owner, mailbox);
    const vaultOwner = { connectionId: id, workspaceId: owner.workspaceId, ...mailbox };
    await connections.connect({
      id,
      owner,
      account: mailbox,
      vaultEntry: await vaults[kind].create(vaultOwner, grant.refreshToken),
      sealedAccessToken,
      accessTokenExpiresAt: secondsAfter(noon, 3600),
      scopes: grant.scopes,
      requestedScopes,
      startedAt: clock.now(),
      now: clock.now(),
    });
    return id;
  };

  return {
    clock,
    vaults,
    attempts,
    connections,
    requests,
    consents,
    ledger: dynamoDbMailLedger(client, tables.tenantConsents),
    connect,
    pauses: () => pauses,
    erase: (payload: unknown, remainingSeconds = 50): Promise<EraseConnectionsAnswer> =>
      handler(payload, {
        ...lambdaContext,
        getRemainingTimeInMillis: () => remainingSeconds * 1000,
      }),
    isServed: async (id: ConnectionId, workspace: ProductUser["workspaceId"]) =>
      (await connections.findForWorkspace(id, workspace, { consistent: true })) !== undefined,
    entries: () =>
      [vaults["secrets-manager"], vaults.table].flatMap(({ entries }) => [...entries.keys()]),

    begin: async (user: ProductUser) => {
      const id = attemptIdOf(randomUUID());
      await attempts.begin({
        id,
        user,
        authority: "organizations",
        requestedScopes,
        returnTo: "connections",
        reconnect: undefined,
        forOrganization: false,
        sealedSecrets: "sealed",
        createdAt: clock.now(),
        expiresAt: secondsAfter(clock.now(), 600),
      });
      return id;
    },

    ask: async (
      organisation: Organisation,
      user: ProductUser,
      email = addressOf("somebody@north.example"),
    ) => {
      await requests.open({
        organisation,
        requester: { user, email, name: "Some Body", workspaceName: undefined },
        returnTo: "connections",
        tokenHash: hashOf("approval_link", randomUUID()),
        sealedToken: "sealed",
        createdAt: clock.now(),
        expiresAt: secondsAfter(clock.now(), 7 * 24 * 3600),
      });
    },
  };
};

/** Calls until there is no next one. @returns every answer */
const eraseAll = async (
  { erase }: Pick<ReturnType<typeof rig>, "erase">,
  workspace: string,
  remainingSeconds?: number,
) => {
  const answers: Extract<EraseConnectionsAnswer, { ok: true }>[] = [];
  let startAt: string | undefined;
  do {
    const answer = await erase(
      { workspaceId: workspace, ...(startAt !== undefined && { startAt }) },
      remainingSeconds,
    );
    if (!answer.ok) expect.fail(answer.error.message);
    answers.push(answer);
    startAt = answer.next;
  } while (startAt !== undefined);
  return answers;
};

const total = (answers: readonly { readonly erased: number }[]) =>
  answers.reduce((sum, { erased }) => sum + erased, 0);

const change = (id: ConnectionId, fields: Readonly<Record<string, string | number | boolean>>) =>
  client.send(
    new UpdateItemCommand({
      TableName: tables.connections,
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

const storedText = z.object({
  id: z.pipe(z.string(), z.transform(connectionId)),
  workspaceId: z.string(),
  userId: z.string(),
  status: z.string(),
  version: z.number(),
  vaultEntry: z.string(),
  sealedAccessToken: z.string(),
});
const stored = async (id: ConnectionId) => {
  const { Item = {} } = await client.send(
    new GetItemCommand({ TableName: tables.connections, Key: marshall({ id }) }),
  );
  return storedText.parse(unmarshall(Item));
};

/** As a later version of the code would have written it. */
const makeLater = (id: ConnectionId) => change(id, { schemaVersion: 2 });

describe("of a person", () => {
  it("ends every connection in that workspace, and erases its refresh token in whichever vault it is", async () => {
    const service = rig();
    const { connect, erase, isServed, entries } = service;
    const person = newPerson();
    const ids = [
      await connect(person),
      await connect(person, { kind: "table" }),
      await connect(person),
    ];

    expect(await erase({ ...person })).toEqual({ ok: true, erased: 3 });

    for (const id of ids) expect(await isServed(id, person.workspaceId)).toBe(false);
    expect(entries()).toEqual([]);
  });

  it("leaves colleagues and the same person elsewhere as they were", async () => {
    const { connect, erase, isServed, entries } = rig();
    const person = newPerson();
    const colleague = newPerson(person.workspaceId);
    const elsewhere = { ...person, workspaceId: newWorkspace() };
    await connect(person);
    const kept = [await connect(colleague), await connect(elsewhere)] as const;

    await erase({ ...person });

    expect(await isServed(kept[0], colleague.workspaceId)).toBe(true);
    expect(await isServed(kept[1], elsewhere.workspaceId)).toBe(true);
    expect(entries()).toHaveLength(2);
  });

  it.for<readonly [string, (person: ProductUser) => object]>([
    ["the person's", (person) => ({ ...person })],
    ["the workspace's", (person) => ({ workspaceId: person.workspaceId })],
  ])("ends one that is forgotten and still lies there, at %s end", async ([, payload]) => {
    const { connect, erase, entries } = rig();
    const person = newPerson();
    const id = await connect(person);
    await change(id, { status: "reauthorization_required", forgottenAt: 1 });

    let answer = await erase(payload(person));
    let erased = answer.ok ? answer.erased : 0;
    while (answer.ok && answer.next !== undefined) {
      answer = await erase({ ...payload(person), startAt: answer.next });
      if (answer.ok) erased += answer.erased;
    }

    expect(erased).toBe(1);
    expect(entries()).toEqual([]);
  });

  it("leaves a tombstone, as the owner's own disconnect does: no later write brings it back", async () => {
    const { connect, connections, erase } = rig();
    const person = newPerson();
    const id = await connect(person);
    const lease = { owner: "refresh", expiresAt: secondsAfter(noon, 20) };
    await connections.acquireLease(id, 1, lease, noon);

    await erase({ ...person });

    const tokens = {
      sealedAccessToken: "late",
      accessTokenExpiresAt: secondsAfter(noon, 3600),
      scopes: [],
      vaultEntry: "late",
      refreshTokenStoredAt: noon,
      lastUsedAt: noon,
      problem: undefined,
      now: noon,
    };
    expect(await connections.saveRefreshed(id, { owner: "refresh", version: 1 }, tokens)).toBe(
      false,
    );
    expect(await connections.disconnect(id, person, noon)).toBeDefined();
  });

  it("may be repeated, and is nothing for somebody who has none", async () => {
    const { connect, erase } = rig();
    const person = newPerson();
    await connect(person);
    await erase({ ...person });

    expect(await erase({ ...person })).toEqual({ ok: true, erased: 0 });
    expect(await erase({ ...newPerson() })).toEqual({ ok: true, erased: 0 });
  });

  it("forgets sign-ins that are under way, so that none of them is completed", async () => {
    const { begin, attempts, erase, clock } = rig();
    const person = newPerson();
    const colleague = newPerson(person.workspaceId);
    const pending = await begin(person);
    const returned = await begin(person);
    const kept = await begin(colleague);
    const completion = hashOf("completion", "value");
    await attempts.park(returned, { kind: "code", sealedCode: "c" }, completion, clock.now());

    await erase({ ...person });

    expect(await attempts.find(pending)).toBeUndefined();
    expect(await attempts.take(returned, person, completion, clock.now())).toBeUndefined();
    expect(await attempts.find(kept)).toMatchObject({ status: "pending" });
  });

  it("forgets what they asked of the organisations whose mailboxes they have, or for themselves", async () => {
    const { ask, connect, requests, erase } = rig();
    const person = newPerson();
    const colleague = newPerson(person.workspaceId);
    const tenant = { kind: "tenant", tenantId: account.tenantId } as const;
    const alone = personAlone(person);
    await connect(person);
    await ask(tenant, person);
    await ask(tenant, colleague);
    await ask(alone, person);

    await erase({ ...person });

    expect(await requests.find(tenant, person)).toBeUndefined();
    expect(await requests.find(alone, person)).toBeUndefined();
    expect(await requests.find(tenant, colleague)).toBeDefined();
  });

  it("leaves nothing that names them among approvals, requests and mails, but hashes, of which each has its end", async () => {
    const { ask, connect, consents, ledger, clock, erase } = rig();
    const person = newPerson();
    const email = addressOf(`${randomUUID()}@north.example`);
    const tenant = { kind: "tenant", tenantId: tenantId(randomUUID()) } as const;
    const mailbox = { ...account, tenantId: tenant.tenantId, objectId: objectId(randomUUID()) };
    await connect(person, { mailbox });
    for (const organisation of [tenant, personAlone(person)]) {
      await consents.record(
        organisation,
        { kind: "verified", proof: { kind: "user_grant" } },
        clock.now(),
      );
      await ask(organisation, person, email);
      await recordTurnedAway(
        { organisation, user: person, email, objectId: mailbox.objectId },
        true,
        await consents.find(organisation),
        { consents, noteStep: () => {}, now: clock.now },
      );
      await ledger.claim(
        { to: email, requester: person, organisation, recipientTenant: tenant.tenantId },
        clock.now(),
      );
    }
    await ledger.suppress(email, "bounce", clock.now());

    await erase({ ...person });

    const { Items = [] } = await client.send(new ScanCommand({ TableName: tables.tenantConsents }));
    const items = Items.map((item) => unmarshall(item));
    const about = (...texts: readonly string[]) =>
      items.filter((item) => texts.some((text) => JSON.stringify(item).includes(text)));
    expect(about(person.userId, person.workspaceId, email, mailbox.objectId)).toEqual([]);
    const lasting = about(
      ownerKeyOf(person),
      hashOf("person", person.userId),
      hashOf("mailbox", email),
    ).map(({ pk, sk, deleteAt }) => ({
      what: sk.startsWith("tally/") ? sk : pk.split("/")[0],
      seconds: deleteAt - clock.now().getTime() / 1000,
    }));
    expect(lasting).not.toEqual([]);
    for (const { what, seconds } of lasting) {
      expect(["count", "recipient", "tally/turnedAway"]).toContain(what);
      expect(seconds).toBeLessThanOrEqual(90 * 24 * 3600);
    }
  });

  it("says how many it could not read, which stay", async () => {
    const { connect, erase } = rig();
    const person = newPerson();
    await connect(person);
    await makeLater(await connect(person));

    expect(await erase({ ...person })).toEqual({ ok: true, erased: 1, leftOut: 1 });
  });

  it("goes on where a call ended that ran out of time", async () => {
    let calls = 0;
    const service = rig({
      intercept: async (name, call) => {
        if (name === "connections.disconnect") {
          calls += 1;
          service.clock.pass(20);
        }
        return call();
      },
    });
    const person = newPerson();
    for (let count = 0; count < 5; count += 1) await service.connect(person);

    expect(await service.erase({ ...person })).toMatchObject({
      ok: false,
      error: { code: "temporarily_unavailable", actor: "nobody", retryable: true },
    });
    const first = calls;
    expect(await service.erase({ ...person })).toMatchObject({ ok: false });
    expect(await service.erase({ ...person })).toEqual({ ok: true, erased: 1 });

    expect(first).toBe(2);
    expect(calls).toBe(5);
    expect(service.entries()).toEqual([]);
  });
});

describe("of a workspace", () => {
  it("ends also a connection that waits for its administrator", async () => {
    const service = rig();
    const person = newPerson();
    await change(await service.connect(person), { status: "admin_approval_required" });

    expect(total(await eraseAll(service, person.workspaceId))).toBe(1);
    expect(service.entries()).toEqual([]);
  });

  it("ends all connections of all its people, and none of another workspace", async () => {
    const service = rig();
    const workspace = newWorkspace();
    const people = Array.from({ length: 12 }, () => newPerson(workspace));
    const stranger = newPerson();
    const ids = await Promise.all(
      people.map((person, index) =>
        service.connect(person, { kind: index % 2 ? "table" : "secrets-manager" }),
      ),
    );
    const kept = await service.connect(stranger);

    const answers = await eraseAll(service, workspace);

    expect(total(answers)).toBe(12);
    for (const id of ids) expect(await service.isServed(id, workspace)).toBe(false);
    expect(await service.isServed(kept, stranger.workspaceId)).toBe(true);
    expect(service.entries()).toHaveLength(1);
    expect(await eraseAll(service, workspace)).toEqual([{ ok: true, erased: 0 }]);
  });

  it("reads a table of many pages, and rests between them", async () => {
    const service = rig();
    const workspace = newWorkspace();
    const sealedAccessToken = "t".repeat(150 * 1024); // DynamoDB's page is 1 MB
    for (let count = 0; count < 20; count += 1) {
      const owner = newPerson(count % 2 ? workspace : newWorkspace());
      await service.connect(owner, { sealedAccessToken });
    }

    const answers = await eraseAll(service, workspace);

    expect(answers).toEqual([{ ok: true, erased: 10 }]);
    expect(service.pauses()).toBeGreaterThanOrEqual(2);
    expect(service.entries()).toHaveLength(10);
  });

  it("stops in time, in the middle of a page as well, and is complete once there is no next place", async () => {
    const service = rig({
      intercept: async (name, call) => {
        if (name === "connections.disconnect") service.clock.pass(12);
        return call();
      },
    });
    const workspace = newWorkspace();
    for (let count = 0; count < 8; count += 1) await service.connect(newPerson(workspace));

    const answers = await eraseAll(service, workspace, 50);

    expect(answers.length).toBeGreaterThanOrEqual(3);
    for (const { erased } of answers) expect(erased).toBeLessThanOrEqual(3);
    expect(total(answers)).toBe(8);
    expect(service.entries()).toEqual([]);
    const told = log.lines().flatMap((line) => JSON.parse(line).erasure?.isComplete ?? []);
    expect(told).toEqual(answers.map(({ next }) => next === undefined));
  });

  it("stops in time where the workspace has nothing for pages on end", async () => {
    const service = rig({ pauseSeconds: 31 });
    for (let count = 0; count < 20; count += 1) {
      await service.connect(newPerson(), { sealedAccessToken: "t".repeat(150 * 1024) });
    }

    const answers = await eraseAll(service, newWorkspace(), 50);

    expect(answers.length).toBeGreaterThan(1);
    expect(total(answers)).toBe(0);
  });

  it("names a place that is of no use to anything else, and goes on from one that is gone", async () => {
    const service = rig();
    const workspace = newWorkspace();
    const person = newPerson(workspace);
    await service.connect(person);
    const gone = connectionIdOf(newPerson(), account);

    const onwards = await service.erase({ workspaceId: workspace, startAt: gone });
    await eraseAll(service, workspace);

    expect(onwards).toMatchObject({ ok: true });
    expect(service.entries()).toEqual([]);
  });

  it("counts what a later version of the code has written, and leaves it", async () => {
    const service = rig();
    const workspace = newWorkspace();
    await service.connect(newPerson(workspace));
    await makeLater(await service.connect(newPerson(workspace)));

    expect(await eraseAll(service, workspace)).toEqual([{ ok: true, erased: 1, leftOut: 1 }]);
    expect(service.entries()).toHaveLength(1);
  });

  it("forgets open sign-ins and requests of those whose connections it ends", async () => {
    const service = rig();
    const person = newPerson();
    const tenant = { kind: "tenant", tenantId: account.tenantId } as const;
    await service.connect(person);
    await service.ask(tenant, person);
    const attempt = await service.begin(person);

    await eraseAll(service, person.workspaceId);

    expect(await service.requests.find(tenant, person)).toBeUndefined();
    expect(await service.attempts.find(attempt)).toBeUndefined();
  });

  it("counts something that is no connection, leaves it, and says so to the operator", async () => {
    const service = rig();
    const workspace = newWorkspace();
    const id = await service.connect(newPerson(workspace));
    await client.send(
      new PutItemCommand({
        TableName: tables.connections,
        Item: marshall({ id, workspaceId: workspace, schemaVersion: 1, status: "connected" }),
      }),
    );

    expect(await service.erase({ workspaceId: workspace })).toEqual({
      ok: true,
      erased: 0,
      unreadable: 1,
    });
    expect(log.lines().map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({
        failure: "connection_unreadable",
        connectionId: id,
        unreadableFields: ["userId", "tenantId"],
      }),
    );
  });
});

describe("a failure in the middle", () => {
  const outage = () => {
    const state = { isOver: false, brokenCall: "" };
    const intercept: Intercept = async (name, call) => {
      if (!state.isOver && name === state.brokenCall) throw new Error("throttled");
      return call();
    };
    return { state, intercept };
  };

  it.for([
    "attempts.eraseOpen",
    "requests.erase",
    "consents.forget",
    "all.page",
    "connections.disconnect",
    "vault.erase",
  ])("of %s is answered as one that may be repeated, and a repeat finishes", async (call) => {
    const { state, intercept } = outage();
    const service = rig({ intercept });
    const workspace = newWorkspace();
    for (let count = 0; count < 4; count += 1) await service.connect(newPerson(workspace));
    state.brokenCall = call;

    const failed = await service.erase({ workspaceId: workspace });
    state.isOver = true;
    const answers = await eraseAll(service, workspace);

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
    expect(total(answers)).toBe(call === "vault.erase" ? 3 : 4);
    expect(service.entries()).toEqual([]);
  });

  it("of the vault leaves one token of a workspace behind, however often it is tried, which the sweep takes", async () => {
    const { state, intercept } = outage();
    const service = rig({ intercept });
    const workspace = newWorkspace();
    const ids: ConnectionId[] = [];
    for (let count = 0; count < 30; count += 1)
      ids.push(await service.connect(newPerson(workspace)));
    state.brokenCall = "vault.erase";

    for (let tries = 0; tries < 12; tries += 1) await service.erase({ workspaceId: workspace });

    const served = await Promise.all(ids.map((id) => service.isServed(id, workspace)));
    expect(served.filter((is) => !is)).toHaveLength(1);
    const { entries, erase } = service.vaults["secrets-manager"];
    const swept = await sweepVault({
      vaults: [
        {
          async *inPart() {
            for (const [entry, { owner }] of [...entries]) {
              yield {
                entry,
                connectionId: owner.connectionId,
                writtenAt: secondsAfter(noon, -90_000),
              };
            }
          },
        },
      ],
      connections: dynamoDbVaultNames(client, tables.connections),
      erase,
      now: service.clock.now,
      report: () => {},
    });
    expect(swept).toEqual({ seen: 30, erased: 1, left: 0, refused: false });
  });

  it("of the vault leaves one token of a person behind, which is not served, and a repeat ends the others", async () => {
    const { state, intercept } = outage();
    const service = rig({ intercept });
    const person = newPerson();
    const ids = [await service.connect(person), await service.connect(person)];
    state.brokenCall = "vault.erase";

    const failed = await service.erase({ ...person });
    state.isOver = true;
    const repeated = await service.erase({ ...person });

    expect(failed).toMatchObject({ ok: false, error: { retryable: true } });
    expect(repeated).toEqual({ ok: true, erased: 1 });
    for (const id of ids) expect(await service.isServed(id, person.workspaceId)).toBe(false);
    expect(service.entries()).toHaveLength(1);
    // The place of the tombstone in the table is found by looking through the workspace.
    await eraseAll(service, person.workspaceId);
    expect(service.entries()).toEqual([]);
  });
});

describe("a payload that is wrong is refused, and nothing is done:", () => {
  let service: ReturnType<typeof rig>;
  const calls: string[] = [];
  beforeEach(() => {
    calls.length = 0;
    service = rig({
      intercept: async (name, call) => {
        calls.push(name);
        return call();
      },
    });
  });

  it.for<readonly [string, unknown]>([
    ["nothing", undefined],
    ["null", null],
    ["a text", "ws_north"],
    ["a list", ["ws_north"]],
    ["no workspace", {}],
    ["a person without a workspace", { userId: "alice" }],
    ["an empty workspace", { workspaceId: "" }],
    ["an empty person, which is not everybody", { workspaceId: "ws_north", userId: "" }],
    ["a person that is null", { workspaceId: "ws_north", userId: null }],
    ["a number", { workspaceId: 7 }],
    ["a list of workspaces", { workspaceId: ["ws_north"] }],
    ["too long a workspace", { workspaceId: "w".repeat(257) }],
    ["something else besides", { workspaceId: "ws_north", everybody: true }],
    ["a misspelt person", { workspaceId: "ws_north", userID: "alice" }],
    ["a person and a place", { ...newPerson(), startAt: `conn_${"a".repeat(22)}` }],
    ["a place that is none", { workspaceId: "ws_north", startAt: "1" }],
    ["a place with more behind it", { workspaceId: "w", startAt: `conn_${"a".repeat(22)}\n` }],
    ["a key as a place", { workspaceId: "w", startAt: { id: `conn_${"a".repeat(22)}` } }],
  ])("%s", async ([, payload]) => {
    expect(await service.erase(payload)).toEqual({
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

describe.for<readonly [string, (person: ProductUser) => object]>([
  ["a person", (person) => ({ ...person })],
  ["a workspace", ({ workspaceId }) => ({ workspaceId })],
])("of what cannot be read, of %s,", ([, payloadOf]) => {
  it.for([
    ["its owner is no text", "userId", 7],
    ["its state is none", "status", "gone"],
    ["its version is no number", "version", "one"],
    ["its vault entry is no text", "vaultEntry", true],
    ["its sealed token is no text", "sealedAccessToken", 7],
  ] as const)(
    "one is named and left, and keeps no other: %s; it is erased when it is mended",
    async ([, field, value]) => {
      const { connect, erase, isServed, entries } = rig();
      const person = newPerson();
      const { workspaceId } = person;
      const ids = [await connect(person), await connect(person), await connect(person)] as const;
      const [spoiled] = ids.toSorted();
      const others = ids.filter((id) => id !== spoiled);
      const before = await stored(spoiled ?? ids[0]);
      await change(before.id, { [field]: value });

      expect(await erase(payloadOf(person))).toEqual({ ok: true, erased: 2, unreadable: 1 });

      for (const id of others) expect(await isServed(id, workspaceId)).toBe(false);
      expect(entries()).toEqual([before.vaultEntry]);
      const lines = log.lines().map((line) => JSON.parse(line));
      expect(lines.filter(({ level }) => level === "ERROR")).toMatchObject([
        {
          message: "connection cannot be read",
          failure: "connection_unreadable",
          actor: "operator",
          connectionId: spoiled,
          unreadableFields: [field],
        },
      ]);
      expect(lines.at(-1)).toMatchObject({ erasure: { erased: 2, unreadable: 1 } });
      await change(before.id, { [field]: before[field] ?? "" });
      expect(await erase(payloadOf(person))).toEqual({ ok: true, erased: 1 });
      expect(entries()).toEqual([]);
    },
  );
});

it("counts for every workspace what does not say any more of which it is", async () => {
  const service = rig();
  const id = await service.connect(newPerson());
  const { workspaceId } = await stored(id);
  await change(id, { workspaceId: 7 });

  expect(await eraseAll(service, newWorkspace())).toEqual([{ ok: true, erased: 0, unreadable: 1 }]);
  await change(id, { workspaceId });
  expect(await eraseAll(service, newWorkspace())).toEqual([{ ok: true, erased: 0 }]);
});

describe("the log", () => {
  const logged = () => log.lines().map((line) => JSON.parse(line));
  const disconnected = () => logged().filter(({ message }) => message === "mailbox disconnected");

  it.for<readonly [string, (person: ProductUser) => object]>([
    ["a person", (person) => ({ ...person })],
    ["a workspace", ({ workspaceId }) => ({ workspaceId })],
  ])("of %s says which connections ended, how many, and nobody's name", async ([, payload]) => {
    const { connect, erase } = rig();
    const person = newPerson();
    const { workspaceId } = person;
    const ids = [await connect(person), await connect(person)];

    await erase(payload(person));

    expect(logged().at(-1)).toMatchObject({
      level: "INFO",
      message: "connections erased",
      workspaceId,
      erasure: { erased: 2, leftOut: 0, unreadable: 0, isComplete: true },
    });
    expect(disconnected()).toHaveLength(2);
    for (const connectionId of ids) {
      expect(disconnected()).toContainEqual(expect.objectContaining({ connectionId, workspaceId }));
    }
    for (const name of [person.userId, account.username, account.displayName]) {
      expect(log.lines().join("")).not.toContain(name);
    }
  });

  it("tells of a connection once, also where its token is erased by a repeat", async () => {
    let isBroken = true;
    const service = rig({
      intercept: async (name, call) => {
        if (isBroken && name === "vault.erase") throw new Error("throttled");
        return call();
      },
    });
    const person = newPerson();
    const connectionId = await service.connect(person);

    await service.erase({ workspaceId: person.workspaceId });
    isBroken = false;
    await eraseAll(service, person.workspaceId);

    expect(service.entries()).toEqual([]);
    expect(disconnected()).toEqual([expect.objectContaining({ connectionId })]);
  });
});
