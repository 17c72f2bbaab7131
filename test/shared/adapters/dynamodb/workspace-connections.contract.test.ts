import { randomUUID } from "node:crypto";
import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { marshall } from "@aws-sdk/util-dynamodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dynamoDbWorkspaceConnections } from "../../../../shared/adapters/dynamodb/workspace-connections.ts";
import { type ConnectionId, connectionId, workspaceId } from "../../../../shared/domain/ids.ts";
import type { WorkspaceItem } from "../../../../shared/domain/workspace-connections.ts";
import { engines } from "../../../engines/engines.ts";
import { createProductTables } from "./product-tables.ts";

describe.for(Object.entries(engines))("connections of a workspace on %s", ([, start]) => {
  let engine: Awaited<ReturnType<typeof start>>;
  let client: DynamoDBClient;
  let tableName: string;
  const acme = workspaceId("acme");
  const expected: WorkspaceItem[] = [];

  const store = (item: Readonly<Record<string, unknown>>) =>
    client.send(
      new PutItemCommand({
        TableName: tableName,
        // DynamoDB's page is 1 MB.
        Item: marshall({ schemaVersion: 1, sealedAccessToken: "t".repeat(100 * 1024), ...item }),
      }),
    );

  beforeAll(async () => {
    engine = await start();
    client = new DynamoDBClient({
      endpoint: engine.origin,
      region: "eu-west-1",
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    });
    tableName = (await createProductTables(engine.origin)).connections;
    for (let index = 0; index < 30; index += 1) {
      const id = connectionId(`conn_${randomUUID()}`);
      const live = {
        id,
        status: "reauthorization_required",
        userId: `user-${index}`,
        tenantId: "3b0f5c1e-7a42-4d89-9e15-c2f68ab01d37",
      };
      if (index % 3 === 0) await store({ ...live, workspaceId: "globex" });
      else if (index === 1) {
        await store({ ...live, workspaceId: acme, schemaVersion: 2, status: "of another kind" });
        expected.push({ kind: "later", id });
      } else if (index === 2) {
        await store({ id, workspaceId: acme, status: "disconnected", vaultEntry: "table:entry" });
        expected.push({ kind: "tombstone", id, vaultEntry: "table:entry" });
      } else {
        await store({ ...live, workspaceId: acme });
        const { userId, tenantId } = live;
        const owner = { userId, workspaceId: acme };
        expected.push({ kind: "connection", id, owner, tenantId } as WorkspaceItem);
      }
    }
  });
  afterAll(async () => {
    client.destroy();
    await engine.close();
  });

  const pagesFrom = async (workspace: string, from?: ConnectionId) => {
    const workspaces = dynamoDbWorkspaceConnections(client, tableName);
    const pages: (readonly WorkspaceItem[])[] = [];
    let after = from;
    do {
      const { items, next } = await workspaces.page(workspaceId(workspace), after);
      pages.push(items);
      after = next;
    } while (after !== undefined);
    return pages;
  };

  const byId = (items: readonly WorkspaceItem[]) =>
    items.toSorted((left, right) => left.id.localeCompare(right.id));

  it("are found page by page, each once, whatever has become of them", async () => {
    const pages = await pagesFrom(acme);

    expect(pages.length).toBeGreaterThanOrEqual(3);
    expect(byId(pages.flat())).toEqual(byId(expected));
  });

  it("go on after any of them, in the same order", async () => {
    const all = (await pagesFrom(acme)).flat();

    for (const place of [0, 7, all.length - 1]) {
      expect((await pagesFrom(acme, all[place]?.id)).flat()).toEqual(all.slice(place + 1));
    }
  });

  it("are none for a workspace that nobody knows", async () => {
    expect((await pagesFrom("nobody's")).flat()).toEqual([]);
  });
});
