import { createSecretKey, randomBytes } from "node:crypto";
import { inspect } from "node:util";
import {
  type AttributeValue,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { dynamoDbTokenVault } from "../../../../shared/adapters/dynamodb/token-vault.ts";
import {
  dynamoDbVaultEntries,
  dynamoDbVaultNames,
} from "../../../../shared/adapters/dynamodb/vault-entries.ts";
import { jweSealer } from "../../../../shared/adapters/jwe/sealer.ts";
import { connectionId, objectId, tenantId, workspaceId } from "../../../../shared/domain/ids.ts";
import { SealedTextRefused } from "../../../../shared/domain/sealer.ts";
import { Secret } from "../../../../shared/domain/secret.ts";
import type { TokenVault, VaultOwner } from "../../../../shared/domain/token-vault.ts";
import { engines } from "../../../engines/engines.ts";
import { allReadable } from "../../../fakes/all-readable.ts";
import { noon, sampleSealer, secondsAfter } from "../../../fakes/samples.ts";
import { createProductTables } from "./product-tables.ts";

const anna: VaultOwner = {
  connectionId: connectionId(`conn_${randomBytes(16).toString("base64url")}`),
  workspaceId: workspaceId("acme"),
  tenantId: tenantId("11111111-1111-4111-8111-111111111111"),
  objectId: objectId("22222222-2222-4222-8222-222222222222"),
};
const ben: VaultOwner = {
  ...anna,
  connectionId: connectionId(`conn_${randomBytes(16).toString("base64url")}`),
};

/** Of a stage whose keys nobody here has. */
const strangeSealer = jweSealer({
  current: async () => ({ id: "gone", key: createSecretKey(randomBytes(32)) }),
  byId: async () => undefined,
});

describe.for(Object.entries(engines))("the token vault in a table on %s", ([, start]) => {
  let engine: Awaited<ReturnType<typeof start>>;
  let client: DynamoDBClient;
  let table: string;
  let connectionsTable: string;
  let vault: TokenVault;
  let now = noon;
  beforeAll(async () => {
    engine = await start();
    client = new DynamoDBClient({
      endpoint: engine.origin,
      region: "eu-west-1",
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    });
    const tables = await createProductTables(engine.origin);
    table = tables.refreshTokens;
    connectionsTable = tables.connections;
    vault = dynamoDbTokenVault(client, table, sampleSealer, () => now);
  });
  afterAll(async () => {
    client.destroy();
    await engine.close();
  });

  const item = async (id: string) => {
    const { Item } = await client.send(
      new GetItemCommand({ TableName: table, Key: marshall({ id }), ConsistentRead: true }),
    );
    return Item && unmarshall(Item);
  };
  const write = (id: string, sealedRefreshToken: unknown) =>
    client.send(
      new UpdateItemCommand({
        TableName: table,
        Key: marshall({ id }),
        UpdateExpression: "SET sealedRefreshToken = :sealed",
        ExpressionAttributeValues: marshall({ ":sealed": sealedRefreshToken }),
      }),
    );

  it("reads what it stored, of any length", async () => {
    for (const token of ["token", "t".repeat(12 * 1024)]) {
      const entry = await vault.create(anna, new Secret(token));

      expect(await vault.read(entry, anna)).toEqual(new Secret(token));
    }
  });

  it("makes a new entry for every sign-in, without a token or a name of a person in the clear", async () => {
    const entry = await vault.create(anna, new Secret("planted-token"));

    expect(await vault.create(anna, new Secret("two"))).not.toBe(entry);
    expect(entry).toMatch(new RegExp(`^table:${anna.connectionId}/[0-9a-f-]{36}$`));
    expect(JSON.stringify(await item(entry))).not.toMatch(/planted|22222222|"acme/);
  });

  it("replaces a token", async () => {
    const entry = await vault.create(anna, new Secret("old"));

    await vault.replace(entry, anna, new Secret("new"));

    expect(await vault.read(entry, anna)).toEqual(new Secret("new"));
  });

  it("finds nothing in an entry that never was, erases at once and again, and brings none back", async () => {
    expect(await vault.read(`table:${anna.connectionId}/none`, anna)).toBeUndefined();
    const entry = await vault.create(anna, new Secret("token"));

    await vault.erase(entry);
    await vault.erase(entry);

    await expect(vault.replace(entry, anna, new Secret("new"))).rejects.toThrow();
    expect(await vault.read(entry, anna)).toBeUndefined();
  });

  it.for<readonly [string, VaultOwner]>([
    ["another connection", ben],
    ["another workspace", { ...anna, workspaceId: workspaceId("globex") }],
    ["another tenant", { ...anna, tenantId: tenantId("33333333-3333-4333-8333-333333333333") }],
    ["another account", { ...anna, objectId: objectId("33333333-3333-4333-8333-333333333333") }],
  ])("hands out nothing to %s", async ([, other]) => {
    const entry = await vault.create(anna, new Secret("planted-token"));

    const error = await vault.read(entry, other).catch((reason: unknown) => reason);

    expect(error).toBeInstanceOf(Error);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("planted");
  });

  it("refuses what was swapped between entries, cut, sealed for another purpose or under a key that is gone", async () => {
    const [annas, bens] = [
      await vault.create(anna, new Secret("anna's")),
      await vault.create(ben, new Secret("ben's")),
    ];
    const sealed = (await item(annas))?.sealedRefreshToken as string;
    const binding = { connectionId: anna.connectionId, workspaceId: anna.workspaceId };

    await write(bens, sealed);
    await expect(vault.read(bens, ben)).rejects.toBeInstanceOf(SealedTextRefused);
    for (const wrong of [
      sealed.slice(0, -4),
      sealed.slice(0, sealed.length / 2),
      await sampleSealer.seal(new Secret("{}"), { purpose: "access_token", ...binding }),
    ]) {
      await write(annas, wrong);
      await expect(vault.read(annas, anna)).rejects.toBeInstanceOf(SealedTextRefused);
    }
    await write(
      annas,
      await strangeSealer.seal(new Secret("{}"), { purpose: "refresh_token", ...binding }),
    );
    await expect(vault.read(annas, anna)).rejects.toThrow();
  });

  it("does not read an entry of a later layout, and does not replace it", async () => {
    const entry = await vault.create(anna, new Secret("token"));
    await client.send(
      new PutItemCommand({
        TableName: table,
        Item: marshall({ ...(await item(entry)), schemaVersion: 2 }),
      }),
    );

    await expect(vault.read(entry, anna)).rejects.toThrow();
    await expect(vault.replace(entry, anna, new Secret("new"))).rejects.toThrow();
    expect(await item(entry)).toMatchObject({ schemaVersion: 2 });
  });

  it("lists each entry in one part, with whose it was and when it was last written", async () => {
    now = secondsAfter(noon, 5);
    const made = [];
    for (let count = 0; count < 30; count += 1) {
      const owner = {
        ...anna,
        connectionId: connectionId(`conn_${randomBytes(16).toString("base64url")}`),
      };
      made.push({
        entry: await vault.create(owner, new Secret("token")),
        connectionId: owner.connectionId,
        writtenAt: now,
      });
    }
    const entries = dynamoDbVaultEntries(client, table);
    const listed = [];
    for (let index = 0; index < 24; index += 1) {
      for await (const each of entries.inPart({ index, of: 24 }, allReadable)) listed.push(each);
    }

    for (const each of made) {
      expect(listed.filter(({ entry }) => entry === each.entry)).toEqual([each]);
    }
    expect(new Set(listed.map(({ entry }) => entry)).size).toBe(listed.length);
  });

  it("lists entries of many pages, each once", async () => {
    const made: string[] = [];
    for (let count = 0; count < 8; count += 1) {
      // DynamoDB's page is 1 MB.
      made.push(await vault.create(ben, new Secret("t".repeat(200 * 1024))));
    }

    const listed: string[] = [];
    for await (const { entry } of dynamoDbVaultEntries(client, table).inPart(
      { index: 0, of: 1 },
      allReadable,
    )) {
      listed.push(entry);
    }

    expect(listed.filter((entry) => made.includes(entry)).toSorted()).toEqual(made.toSorted());
  });

  it("tells of entries that somebody has spoiled, and lists those behind them", async () => {
    const made: string[] = [];
    for (let count = 0; count < 6; count += 1) made.push(await vault.create(ben, new Secret("t")));
    const put = (id: string, fields: Record<string, AttributeValue>) =>
      client.send(new PutItemCommand({ TableName: table, Item: { id: { S: id }, ...fields } }));
    const spoiled = [...made.slice(0, 3), "nobodys"];
    const fields = [
      {},
      { writtenAt: { S: "yesterday" } },
      { writtenAt: { N: "12345678901234567890.5" } },
      { writtenAt: { N: "1795634330" } },
    ];
    for (const [index, id] of spoiled.entries()) await put(id, fields[index] ?? {});
    // Others list all there is.
    onTestFinished(async () => {
      for (const entry of spoiled) await vault.erase(entry);
    });
    const entries = dynamoDbVaultEntries(client, table);
    const listed: string[] = [];
    const unreadable: string[] = [];

    const part = entries.inPart({ index: 0, of: 1 }, ({ key }) => unreadable.push(key));
    for await (const { entry } of part) listed.push(entry);

    expect(unreadable.toSorted()).toEqual(spoiled.toSorted());
    expect(listed).toEqual(expect.arrayContaining(made.slice(3)));
    expect(listed.filter((entry) => spoiled.includes(entry))).toEqual([]);
  });

  it.for<readonly [string, Record<string, AttributeValue>]>([
    ["without a status", { vaultEntry: { S: "table:conn_spoiled/1" } }],
    ["without an entry", { status: { S: "connected" } }],
    ["with an entry of another type", { status: { S: "connected" }, vaultEntry: { N: "1" } }],
    ["with an entry that is none", { status: { S: "connected" }, vaultEntry: { S: "" } }],
    [
      "with a time of another type",
      {
        status: { S: "reauthorization_required" },
        vaultEntry: { S: "table:conn_spoiled/1" },
        forgottenAt: { S: "yesterday" },
      },
    ],
    [
      "with a time too large",
      {
        status: { S: "reauthorization_required" },
        vaultEntry: { S: "table:conn_spoiled/1" },
        forgottenAt: { N: "12345678901234567890.5" },
      },
    ],
  ])("may be named by a connection %s: it cannot be read", async ([, fields]) => {
    const id = "conn_spoiled";
    const names = dynamoDbVaultNames(client, connectionsTable);
    await client.send(
      new PutItemCommand({ TableName: connectionsTable, Item: { id: { S: id }, ...fields } }),
    );

    expect(await names.entryOf(connectionId(id))).toBe("unreadable");
  });

  it("asks consistently for what names an entry", async () => {
    const asked: unknown[] = [];
    const send = async ({ input }: { readonly input: unknown }) => {
      asked.push(input);
      return {};
    };
    const recording = { send } as unknown as DynamoDBClient;

    await dynamoDbVaultNames(recording, connectionsTable).entryOf(anna.connectionId);

    expect(asked).toEqual([expect.objectContaining({ ConsistentRead: true })]);
  });

  it("is named by connections, but not by those that are disconnected or gone", async () => {
    const names = dynamoDbVaultNames(client, connectionsTable);
    const put = (id: string, status: string, more = {}) =>
      client.send(
        new PutItemCommand({
          TableName: connectionsTable,
          Item: marshall({ id, status, vaultEntry: `table:${id}/1`, schemaVersion: 9, ...more }),
        }),
      );
    await put(anna.connectionId, "reauthorization_required");
    await put(ben.connectionId, "disconnected");
    await put("conn_ended", "reauthorization_required", { forgottenAt: 1811193530 });

    expect(await names.entryOf(anna.connectionId)).toEqual({
      entry: `table:${anna.connectionId}/1`,
      forgottenAt: undefined,
    });
    expect(await names.entryOf(connectionId("conn_ended"))).toEqual({
      entry: "table:conn_ended/1",
      forgottenAt: new Date(1811193530_000),
    });
    expect(await names.entryOf(ben.connectionId)).toBeUndefined();
    expect(await names.entryOf(connectionId("conn_nobody"))).toBeUndefined();
  });
});
