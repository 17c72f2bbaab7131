import { randomUUID } from "node:crypto";
import {
  type AttributeValue,
  DeleteItemCommand,
  DynamoDBClient,
  ScanCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { keepAlive } from "../../../../functions/keep-alive/keep-alive.ts";
import { dynamoDbConnections } from "../../../../shared/adapters/dynamodb/connections.ts";
import { dynamoDbKeepAliveQueue } from "../../../../shared/adapters/dynamodb/keep-alive-queue.ts";
import type { Connections, StoredConnection } from "../../../../shared/domain/connection.ts";
import {
  connectionIdOf,
  objectId,
  type ProductUser,
  userId,
  workspaceId,
} from "../../../../shared/domain/ids.ts";
import {
  keepAliveAt,
  keepAliveShards,
  type QueuedConnection,
} from "../../../../shared/domain/keep-alive.ts";
import { requestedScopes } from "../../../../shared/domain/permissions.ts";
import type { Unreadable } from "../../../../shared/domain/unreadable-connection.ts";
import { engines } from "../../../engines/engines.ts";
import { account, noon, secondsAfter } from "../../../fakes/samples.ts";
import { createProductTables } from "./product-tables.ts";

const day = 24 * 3600;

describe.for(Object.entries(engines))(
  "the queue of connections that nobody uses, on %s",
  ([, start]) => {
    let engine: Awaited<ReturnType<typeof start>>;
    let client: DynamoDBClient;
    let tableName: string;
    let connections: Connections;
    let queue: ReturnType<typeof dynamoDbKeepAliveQueue>;
    let unreadable: Unreadable[];
    beforeAll(async () => {
      engine = await start();
      client = new DynamoDBClient({
        endpoint: engine.origin,
        region: "eu-west-1",
        credentials: { accessKeyId: "local", secretAccessKey: "local" },
      });
      tableName = (await createProductTables(engine.origin)).connections;
      connections = dynamoDbConnections(client, tableName);
      queue = dynamoDbKeepAliveQueue(client, tableName);
    });
    beforeEach(async () => {
      unreadable = [];
      const { Items = [] } = await client.send(new ScanCommand({ TableName: tableName }));
      for (const { id } of Items) {
        if (id) await client.send(new DeleteItemCommand({ TableName: tableName, Key: { id } }));
      }
    });
    afterAll(async () => {
      client.destroy();
      await engine.close();
    });

    const connect = async (now = noon) => {
      const owner: ProductUser = {
        userId: userId(`user-${randomUUID()}`),
        workspaceId: workspaceId(`ws-${randomUUID()}`),
      };
      const mailbox = { ...account, objectId: objectId(randomUUID()) };
      const id = connectionIdOf(owner, mailbox);
      await connections.connect({
        id,
        owner,
        account: mailbox,
        vaultEntry: `entry-${id}`,
        sealedAccessToken: "sealed",
        accessTokenExpiresAt: secondsAfter(now, 3600),
        scopes: [],
        requestedScopes,
        startedAt: now,
        now,
      });
      const read = async (): Promise<StoredConnection> => {
        const stored = await connections.findForWorkspace(id, owner.workspaceId, {
          consistent: true,
        });
        if (!stored) throw new Error("not connected");
        return stored;
      };
      const held = async (now: Date) => {
        const { version } = await read();
        const lease = { owner: randomUUID(), expiresAt: secondsAfter(now, 15) };
        if (!(await connections.acquireLease(id, version, lease, now))) throw new Error("held");
        return { owner: lease.owner, version };
      };
      return { id, owner, read, held };
    };

    const listed = async (list: (shard: string) => AsyncIterable<QueuedConnection>) => {
      const found: QueuedConnection[] = [];
      for (const shard of keepAliveShards) for await (const each of list(shard)) found.push(each);
      return found;
    };
    const all = (from = queue) =>
      listed((shard) => from.all(shard, (connection) => unreadable.push(connection)));
    const due = (days: number) =>
      listed((shard) => queue.due(shard, secondsAfter(noon, days * day)));

    it("has a connection from its first sign-in on, which is due in a week or two", async () => {
      const { id, owner } = await connect();

      expect(await due(6.9)).toEqual([]);
      expect(await due(14)).toEqual([
        {
          id,
          workspaceId: owner.workspaceId,
          tenantId: account.tenantId,
          keepAliveAt: keepAliveAt(id, noon),
          refreshTokenStoredAt: noon,
        },
      ]);
    });

    it("puts it back by a new refresh token, and by nothing else", async () => {
      const { id, held } = await connect();
      const refreshed = async (storedAt: Date, now: Date) =>
        connections.saveRefreshed(id, await held(now), {
          sealedAccessToken: "sealed-again",
          accessTokenExpiresAt: secondsAfter(now, 3600),
          scopes: [],
          vaultEntry: "vault/entry",
          refreshTokenStoredAt: storedAt,
          lastUsedAt: undefined,
          problem: undefined,
          now,
        });

      await refreshed(noon, secondsAfter(noon, 3600));
      const [before] = await due(14);
      await refreshed(secondsAfter(noon, 5 * day), secondsAfter(noon, 5 * day));

      expect(before?.keepAliveAt).toEqual(keepAliveAt(id, noon));
      expect(await due(11.9)).toEqual([]);
      expect((await due(19)).map((each) => each.keepAliveAt)).toEqual([
        keepAliveAt(id, secondsAfter(noon, 5 * day)),
      ]);
    });

    it("is left by who has ended, and entered again by a new sign-in", async () => {
      const { id, owner, held, read } = await connect();
      await connections.recordSetback(id, await held(noon), {
        status: "reauthorization_required",
        problem: undefined,
        refreshNotBefore: undefined,
        pause: undefined,
        firstRefusedAt: undefined,
        forgottenAt: undefined,
        lastUsedAt: undefined,
        pendingClaims: undefined,
        keepAliveAt: undefined,
      });
      expect(await due(90)).toEqual([]);

      const stored = await read();
      await connections.connect({
        ...stored,
        vaultEntry: "entry-2",
        requestedScopes,
        startedAt: secondsAfter(noon, day),
        now: secondsAfter(noon, day),
      });
      expect(await due(15)).toHaveLength(1);

      await connections.disconnect(id, owner, secondsAfter(noon, 2 * day));
      expect(await due(90)).toEqual([]);
    });

    it("lists those who are due longest first", async () => {
      for (let days = 0; days < 12; days += 1) await connect(secondsAfter(noon, days * day));

      for (const shard of keepAliveShards) {
        const times: number[] = [];
        for await (const each of queue.due(shard, secondsAfter(noon, 60 * day))) {
          times.push(each.keepAliveAt.getTime());
        }
        expect(times).toEqual(times.toSorted((one, other) => one - other));
      }
      expect(await all()).toHaveLength(12);
    });

    it("finds all of more than one page", async () => {
      await Promise.all(Array.from({ length: 40 }, () => connect()));
      const { send } = client;
      let queries = 0;
      const paged = new Proxy(client, {
        get: (target, name) =>
          name === "send"
            ? (command: { input: Record<string, unknown> }) => {
                if ("KeyConditionExpression" in command.input) {
                  queries += 1;
                  command.input.Limit = 2;
                }
                return (send as (command: unknown) => unknown).call(target, command);
              }
            : Reflect.get(target, name),
      });

      expect(await all(dynamoDbKeepAliveQueue(paged, tableName))).toHaveLength(40);
      expect(queries).toBeGreaterThan(20);
    });

    const update = (id: string, expression: string, values: Record<string, AttributeValue>) =>
      client.send(
        new UpdateItemCommand({
          TableName: tableName,
          Key: { id: { S: id } },
          UpdateExpression: expression,
          ExpressionAttributeValues: values,
        }),
      );
    const spoil = (id: string) =>
      update(id, "SET refreshTokenStoredAt = :text", { ":text": { S: "yesterday" } });
    const idsOf = (found: readonly { readonly id: string }[]) =>
      found.map(({ id }) => id).toSorted();

    it("goes on with those behind an item that somebody has spoiled, and tells of it once, among all", async () => {
      const people = await Promise.all(Array.from({ length: 40 }, () => connect()));
      const ids = people.map(({ id }) => id);
      const spoiled = ids.filter((_, index) => index % 3 === 0);
      await Promise.all(spoiled.map(spoil));
      const readable = ids.filter((id) => !spoiled.includes(id)).toSorted();

      expect(idsOf(await due(30))).toEqual(readable);
      expect(unreadable).toEqual([]);
      expect(idsOf(await all())).toEqual(readable);
      expect(idsOf(unreadable)).toEqual(spoiled.toSorted());
      expect(unreadable[0]?.fields).toEqual(["refreshTokenStoredAt"]);
    });

    it("leaves an item of a later layout that it cannot read to those that can", async () => {
      const { id } = await connect();
      await connect();
      await spoil(id);
      await update(id, "SET schemaVersion = :later", { ":later": { N: "2" } });

      expect(await due(30)).toHaveLength(1);
      expect(await all()).toHaveLength(1);
      expect(unreadable).toEqual([]);
    });

    it("loses nobody who was connected in the same minute, although a run serves few of them", async () => {
      const people = await Promise.all(Array.from({ length: 300 }, () => connect()));
      const byId = new Map(people.map((each) => [each.id, each]));
      const perRun = 20;
      let now = noon;
      let oldest = 0;
      let mostInARun = 0;
      for (; now < secondsAfter(noon, 40 * day); now = secondsAfter(now, 6 * 3600)) {
        let served = 0;
        const run = await keepAlive({
          queue,
          now: () => now,
          report: (error) => expect.fail(String(error)),
          noteUnreadable: ({ id }) => expect.fail(id),
          refresh: async ({ id, refreshTokenStoredAt }) => {
            if (served >= perRun)
              return { ok: false, error: { code: "misconfigured", actor: "operator" } };
            served += 1;
            oldest = Math.max(oldest, now.getTime() - refreshTokenStoredAt.getTime());
            await connections.saveRefreshed(
              id,
              (await byId.get(id)?.held(now)) ?? { owner: "", version: 0 },
              {
                sealedAccessToken: "sealed-again",
                accessTokenExpiresAt: secondsAfter(now, 3600),
                scopes: [],
                vaultEntry: "vault/entry",
                refreshTokenStoredAt: now,
                lastUsedAt: undefined,
                problem: undefined,
                now,
              },
            );
            return { ok: true, degraded: false };
          },
        });
        mostInARun = Math.max(mostInARun, run.kept);
        expect(run.ages.slice(2)).toEqual([0, 0, 0, 0]);
      }

      expect(oldest / 1000 / day).toBeLessThan(16);
      expect(mostInARun).toBeLessThanOrEqual(perRun);
    });
  },
);
