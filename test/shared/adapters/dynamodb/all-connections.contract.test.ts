import { randomUUID } from "node:crypto";
import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { marshall, NumberValueImpl as NumberValue } from "@aws-sdk/util-dynamodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dynamoDbAllConnections } from "../../../../shared/adapters/dynamodb/all-connections.ts";
import type { FoundItem, Whose } from "../../../../shared/domain/all-connections.ts";
import {
  type ConnectionId,
  connectionId,
  tenantId,
  userId,
  workspaceId,
} from "../../../../shared/domain/ids.ts";
import { engines } from "../../../engines/engines.ts";
import { createProductTables } from "./product-tables.ts";

describe.for(Object.entries(engines))("all connections on %s", ([, start]) => {
  let engine: Awaited<ReturnType<typeof start>>;
  let client: DynamoDBClient;
  let tableName: string;
  const acme = workspaceId("acme");
  const globex = workspaceId("globex");
  const contoso = tenantId("3b0f5c1e-7a42-4d89-9e15-c2f68ab01d37");
  const fabrikam = tenantId("5d7e2a90-4c18-4b6f-8a33-e1b9c7d40f52");
  const stored: (FoundItem & { readonly in: Whose })[] = [];

  const store = async (found: FoundItem, whose: Whose, item: Readonly<Record<string, unknown>>) => {
    await client.send(
      new PutItemCommand({
        TableName: tableName,
        // DynamoDB's page is 1 MB.
        Item: marshall({
          id: found.id,
          schemaVersion: 1,
          sealedAccessToken: "t".repeat(100 * 1024),
          ...whose,
          ...item,
        }),
      }),
    );
    stored.push({ ...found, in: whose });
  };

  beforeAll(async () => {
    engine = await start();
    client = new DynamoDBClient({
      endpoint: engine.origin,
      region: "eu-west-1",
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    });
    tableName = (await createProductTables(engine.origin)).connections;
    const statuses = ["connected", "reauthorization_required", "admin_approval_required"];
    for (let index = 0; index < 30; index += 1) {
      const id = connectionId(`conn_${randomUUID()}`);
      const inWorkspace = { workspaceId: index % 3 === 0 ? globex : acme };
      const whose = { ...inWorkspace, tenantId: index % 5 === 0 ? fabrikam : contoso };
      if (index === 1) {
        await store({ kind: "later", id }, whose, {
          schemaVersion: 2,
          status: "of another kind",
        });
      } else if (index === 2) {
        const vaultEntry = "table:entry";
        await store({ kind: "tombstone", id, vaultEntry }, inWorkspace, {
          status: "disconnected",
          vaultEntry,
          disconnectedAt: 1_800_000_000,
        });
      } else if (index === 8) {
        await store({ kind: "unreadable", id, fields: ["userId"] }, whose, {
          status: "connected",
          userId: 8,
        });
      } else if (index === 11) {
        await store({ kind: "unreadable", id, fields: ["vaultEntry"] }, inWorkspace, {
          status: "disconnected",
          disconnectedAt: 1_800_000_000,
        });
      } else if (index === 16) {
        await store({ kind: "unreadable", id, fields: ["signedInAt"] }, whose, {
          status: "connected",
          userId: "user-16",
          signedInAt: NumberValue.from("9007199254740993.5"),
        });
      } else if (index === 17) {
        // A connection that only calls itself disconnected.
        await store({ kind: "unreadable", id, fields: ["disconnectedAt"] }, whose, {
          status: "disconnected",
          userId: "user-17",
          vaultEntry: "table:entry",
        });
      } else if (index === 13) {
        await store({ kind: "unreadable", id, fields: ["status", "tenantId"] }, inWorkspace, {
          userId: "user-13",
        });
      } else if (index === 14) {
        await store(
          { kind: "unreadable", id, fields: ["workspaceId"] },
          { tenantId: contoso },
          {
            status: "connected",
            userId: "user-14",
            workspaceId: 14,
          },
        );
      } else {
        const owner = { ...inWorkspace, userId: userId(`user-${index}`) };
        const signedIn = { kind: "connection", id, owner, tenantId: whose.tenantId } as const;
        const user = { status: statuses[index % statuses.length], userId: owner.userId };
        if (index === 4) {
          await store({ ...signedIn, signedInAt: undefined, hasTokens: true }, whose, user);
        } else if (index === 7) {
          await store(
            { ...signedIn, signedInAt: new Date(1_800_000_000_000), hasTokens: false },
            whose,
            { ...user, signedInAt: 1_800_000_000, tokensDeletedAt: 1_800_000_001 },
          );
        } else {
          await store(
            { ...signedIn, signedInAt: new Date(1_800_000_000_000), hasTokens: true },
            whose,
            { ...user, signedInAt: 1_800_000_000 },
          );
        }
      }
    }
  });
  afterAll(async () => {
    client.destroy();
    await engine.close();
  });

  const pagesFrom = async (whose: Whose, from?: ConnectionId) => {
    const all = dynamoDbAllConnections(client, tableName);
    const pages: (readonly FoundItem[])[] = [];
    let after = from;
    do {
      const { items, next } = await all.page(whose, after);
      pages.push(items);
      after = next;
    } while (after !== undefined);
    return pages;
  };

  /** What does not say whose it is belongs to everybody. */
  const isMeant = (meant: string | undefined, stored: string | undefined) =>
    meant === undefined || stored === undefined || stored === meant;
  const isTombstone = (item: FoundItem) =>
    item.kind === "tombstone" || (item.kind === "unreadable" && item.fields[0] === "vaultEntry");

  const byId = (items: readonly FoundItem[]) =>
    items.toSorted((left, right) => left.id.localeCompare(right.id));

  it.for<readonly [string, Whose]>([
    ["a workspace", { workspaceId: acme }],
    ["a tenant", { tenantId: fabrikam }],
    ["a tenant, which no tombstone names", { tenantId: contoso }],
    ["a tenant in a workspace", { workspaceId: globex, tenantId: contoso }],
    ["everybody", {}],
  ])("of %s are found page by page, each once, whatever their status", async ([, whose]) => {
    const pages = await pagesFrom(whose);

    const expected = stored
      .filter((item) => isMeant(whose.workspaceId, item.in.workspaceId))
      .filter(
        (item) =>
          whose.tenantId === undefined ||
          (isMeant(whose.tenantId, item.in.tenantId) && !isTombstone(item)),
      )
      .map(({ in: _, ...found }) => found);
    expect(expected.length).toBeGreaterThan(2);
    expect(pages.length).toBeGreaterThanOrEqual(3);
    expect(byId(pages.flat())).toEqual(byId(expected));
  });

  it("go on after any of them, in the same order", async () => {
    const all = (await pagesFrom({ workspaceId: acme })).flat();

    for (const place of [0, 7, all.length - 1]) {
      expect((await pagesFrom({ workspaceId: acme }, all[place]?.id)).flat()).toEqual(
        all.slice(place + 1),
      );
    }
  });

  it("are none for a workspace that nobody knows, but for what does not say whose it is", async () => {
    const pages = await pagesFrom({ workspaceId: workspaceId("nobody's") });

    expect(pages.flat()).toMatchObject([{ kind: "unreadable", fields: ["workspaceId"] }]);
  });
});
