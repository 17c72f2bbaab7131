import { randomUUID } from "node:crypto";
import {
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type QueryCommandOutput,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { marshall } from "@aws-sdk/util-dynamodb";
import * as z from "zod/mini";
import {
  type ConnectedMailbox,
  type Connecting,
  type Connection,
  type Connections,
  endedKeptSeconds,
  type SignInRequirement,
  type StoredConnection,
} from "../../domain/connection.ts";
import {
  type ConnectionId,
  connectionId,
  isSameUser,
  objectId,
  ownerKeyOf,
  tenantId,
  userId,
  workspaceId,
} from "../../domain/ids.ts";
import { keepAliveAt, shardOf } from "../../domain/keep-alive.ts";
import { type Unreadable, UnreadableConnection } from "../../domain/unreadable-connection.ts";
import { unlessRefused } from "./conditional.ts";
import { fieldsOf } from "./fields.ts";
import { fromIso, fromSeconds, secondsOf } from "./instant.ts";
import { pauseItem, problemItem } from "./problem.ts";
import { queried } from "./query.ts";
import { unreadableConnection } from "./unreadable-connection.ts";

/** How long a tombstone tells a late writer that the connection is gone, then TTL removes it. */
const tombstoneKeptSeconds = 120 * 24 * 3600;

/**
 * How long TTL leaves a connection that is forgotten. Its refresh token is erased by what the item still says, and the
 * sweep takes a day.
 */
const forgottenKeptSeconds = 14 * 24 * 3600;

/** How often two sign-ins to one account may cross before this one lets the other stand. */
const connectTries = 3;

/** Layout of the item; an item of a later layout is not read by older code. */
const schemaVersion = 1;

/** There while a deployment is under way, or after it was taken back. */
export const laterItem = z.object({ schemaVersion: z.int().check(z.gt(schemaVersion)) });

const liveItem = z.object({
  schemaVersion: z.literal(schemaVersion),
  id: z.string(),
  version: z.int(),
  status: z.enum(["connected", "reauthorization_required", "admin_approval_required"]),
  workspaceId: z.string(),
  userId: z.string(),
  tenantId: z.string(),
  objectId: z.string(),
  displayName: z.string(),
  username: z.string(),
  scopes: z.array(z.string()),
  createdAt: fromIso,
  lastRefreshedAt: fromSeconds,
  sealedAccessToken: z._default(z.string(), ""),
  accessTokenExpiresAt: fromSeconds,
  vaultEntry: z.string(),
  refreshTokenStoredAt: fromSeconds,
  keepAliveShard: z.optional(z.string()),
  keepAliveAt: z.optional(fromIso),
  /** One text, since every fetch reads it. RFC 6749 §3.3 */
  requestedScopes: z.optional(z.string()),
  signedInAt: z.optional(fromSeconds),
  /** When a sign-in was required; a new one writes the whole item anew. */
  tokensDeletedAt: z.optional(fromSeconds),
  lastUsedAt: z.optional(fromSeconds),
  leaseOwner: z.optional(z.string()),
  leaseExpiresAt: z.optional(z.int()),
  refreshNotBefore: z.optional(fromSeconds),
  pause: z.optional(pauseItem),
  firstRefusedAt: z.optional(fromSeconds),
  forgottenAt: z.optional(fromSeconds),
  problem: z.optional(problemItem),
  pendingClaims: z.optional(z.string()),
  /** Which call wrote tokens or status last. */
  writtenBy: z.optional(z.string()),
});

const tombstoneItem = z.object({
  schemaVersion: z.literal(schemaVersion),
  status: z.literal("disconnected"),
  version: z.int(),
  ownerKey: z.string(),
  workspaceId: z.string(),
  vaultEntry: z.string(),
  disconnectedAt: fromSeconds,
});

type LiveItem = z.output<typeof liveItem>;

const connectionOf = (item: LiveItem): Connection => ({
  id: connectionId(item.id),
  owner: { userId: userId(item.userId), workspaceId: workspaceId(item.workspaceId) },
  account: {
    tenantId: tenantId(item.tenantId),
    objectId: objectId(item.objectId),
    displayName: item.displayName,
    username: item.username,
  },
  status: item.status,
  scopes: item.scopes,
  createdAt: item.createdAt,
  lastRefreshedAt: item.lastRefreshedAt,
  problem: item.problem,
  pendingClaims: item.pendingClaims,
});

const storedConnectionOf = (item: LiveItem): StoredConnection => ({
  ...connectionOf(item),
  version: item.version,
  sealedAccessToken: item.sealedAccessToken,
  accessTokenExpiresAt: item.accessTokenExpiresAt,
  vaultEntry: item.vaultEntry,
  refreshTokenStoredAt: item.refreshTokenStoredAt,
  keepAliveAt: item.keepAliveAt,
  requestedScopes: item.requestedScopes?.split(" "),
  signedInAt: item.signedInAt,
  lastUsedAt: item.lastUsedAt,
  lease:
    item.leaseOwner === undefined || item.leaseExpiresAt === undefined
      ? undefined
      : { owner: item.leaseOwner, expiresAt: new Date(item.leaseExpiresAt) },
  refreshNotBefore: item.refreshNotBefore,
  pause: item.pause,
  firstRefusedAt: item.firstRefusedAt,
  forgottenAt: item.forgottenAt,
});

/**
 * Connections in DynamoDB, one item each; a disconnected one leaves a tombstone under the same id. One that is forgotten
 * is treated as if TTL had removed it, which may take days.
 */
export const dynamoDbConnections = (
  client: DynamoDBClient,
  tableName: string,
  now: () => Date = () => new Date(),
): Connections => {
  const isForgotten = ({ forgottenAt }: LiveItem) =>
    forgottenAt !== undefined && forgottenAt <= now();

  const read = async (id: ConnectionId, consistent: boolean) => {
    const { Item } = await client.send(
      new GetItemCommand({
        TableName: tableName,
        Key: marshall({ id }),
        ConsistentRead: consistent,
      }),
    );
    if (!Item) return undefined;
    const item = fieldsOf(Item);
    const { data, error } =
      item.status === "disconnected" ? tombstoneItem.safeParse(item) : liveItem.safeParse(item);
    if (data) return data;
    throw laterItem.safeParse(item).success
      ? error
      : new UnreadableConnection(unreadableConnection(id, error));
  };

  const readLive = async (id: ConnectionId, consistent: boolean) => {
    const item = await read(id, consistent);
    return item && item.status !== "disconnected" && !isForgotten(item) ? item : undefined;
  };

  /** The SDK repeats a write whose answer was lost, and the repetition is refused although the first was done. */
  const isWrittenBy = async (id: ConnectionId, claim: string) =>
    (await readLive(id, true))?.writtenBy === claim;

  const itemOf = (mailbox: ConnectedMailbox, version: number, createdAt: Date) => ({
    schemaVersion,
    id: mailbox.id,
    version,
    status: "connected",
    ownerKey: ownerKeyOf(mailbox.owner),
    workspaceId: mailbox.owner.workspaceId,
    userId: mailbox.owner.userId,
    tenantId: mailbox.account.tenantId,
    objectId: mailbox.account.objectId,
    displayName: mailbox.account.displayName,
    username: mailbox.account.username,
    scopes: mailbox.scopes,
    requestedScopes: mailbox.requestedScopes.join(" "),
    createdAt: createdAt.toISOString(),
    lastRefreshedAt: secondsOf(mailbox.now),
    sealedAccessToken: mailbox.sealedAccessToken,
    accessTokenExpiresAt: secondsOf(mailbox.accessTokenExpiresAt),
    vaultEntry: mailbox.vaultEntry,
    refreshTokenStoredAt: secondsOf(mailbox.now),
    signedInAt: secondsOf(mailbox.now),
    lastUsedAt: secondsOf(mailbox.now),
    keepAliveShard: shardOf(mailbox.id),
    keepAliveAt: keepAliveAt(mailbox.id, mailbox.now).toISOString(),
  });

  /** @returns `undefined` when another write came between reading and writing. */
  const tryToConnect = async (mailbox: ConnectedMailbox): Promise<Connecting | undefined> => {
    const before = await read(mailbox.id, true);
    const isLive = before !== undefined && before.status !== "disconnected" && !isForgotten(before);
    if (before?.status === "disconnected") {
      // Within one second, the unit of both times, the sign-in counts as begun after the disconnect.
      const isOlder = secondsOf(mailbox.startedAt) < secondsOf(before.disconnectedAt);
      if (isOlder) return { kind: "disconnected_since" };
    }
    const item = itemOf(
      mailbox,
      (before?.version ?? 0) + 1,
      isLive ? before.createdAt : mailbox.now,
    );
    const written = await unlessRefused(
      client.send(
        new PutItemCommand({
          TableName: tableName,
          Item: marshall(item),
          ConditionExpression: "attribute_not_exists(id) OR version = :version",
          ExpressionAttributeValues: marshall({ ":version": before?.version ?? 0 }),
        }),
      ),
    );
    const connected = {
      kind: "connected",
      connection: connectionOf(liveItem.parse(item)),
      isReconnect: isLive,
      replacedVaultEntry: before?.vaultEntry,
    } as const;
    if (written) return connected;
    // A repeated write whose first answer was lost is refused; the vault entry tells whose it was.
    const stands = await read(mailbox.id, true);
    if (!stands) return undefined;
    if (stands.status === "disconnected") return undefined;
    if (stands.vaultEntry === mailbox.vaultEntry) return connected;
    // If more than one write came since the read, the first may have been ours, and whoever came after
    // it erases our vault entry: writing it again would name a secret that is gone.
    return stands.version > item.version ? superseded(mailbox, stands) : undefined;
  };

  /** The account is connected by a later sign-in, whose tokens stand. */
  const superseded = (mailbox: ConnectedMailbox, stands: LiveItem): Connecting => ({
    kind: "connected",
    connection: connectionOf(stands),
    isReconnect: true,
    replacedVaultEntry: mailbox.vaultEntry,
  });

  const disconnect: Connections["disconnect"] = async (
    id,
    owner,
    now,
    which = { evenForgotten: false },
  ) => {
    const before = await read(id, true);
    if (!before) return undefined;
    const owns =
      before.status === "disconnected"
        ? before.ownerKey === ownerKeyOf(owner)
        : before.userId === owner.userId && before.workspaceId === owner.workspaceId;
    if (!owns) return undefined;
    if (before.status === "disconnected") {
      // The client repeats a write whose answer is lost, and finds what it has written itself.
      const isNew = secondsOf(before.disconnectedAt) === secondsOf(now);
      return { vaultEntry: before.vaultEntry, isNew };
    }
    if (isForgotten(before) && !which.evenForgotten) return undefined;

    const buried = await unlessRefused(
      client.send(
        new PutItemCommand({
          TableName: tableName,
          // Without `createdAt` the tombstone is in no list: the index holds items that have it.
          Item: marshall({
            schemaVersion,
            id,
            version: before.version + 1,
            status: "disconnected",
            ownerKey: ownerKeyOf(owner),
            workspaceId: owner.workspaceId,
            vaultEntry: before.vaultEntry,
            disconnectedAt: secondsOf(now),
            deleteAt: secondsOf(now) + tombstoneKeptSeconds,
          }),
          ConditionExpression: "version = :version",
          ExpressionAttributeValues: marshall({ ":version": before.version }),
        }),
      ),
    );
    return buried
      ? { vaultEntry: before.vaultEntry, isNew: true }
      : disconnect(id, owner, now, which);
  };

  const requireSignIn = async (
    id: ConnectionId,
    { signedInBefore, problem, now }: SignInRequirement,
    claim: string,
  ): ReturnType<Connections["requireSignIn"]> => {
    const before = await read(id, true);
    if (!before || before.status === "disconnected") return undefined;
    const { vaultEntry, signedInAt, tokensDeletedAt, version } = before;
    if (signedInAt !== undefined && signedInAt >= signedInBefore) return undefined;
    // A repeated write whose first answer was lost is refused; the claim tells whose it was.
    if (tokensDeletedAt) return { vaultEntry, isNew: before.writtenBy === claim };
    const forgottenAt = before.forgottenAt
      ? secondsOf(before.forgottenAt)
      : secondsOf(now) + endedKeptSeconds;
    const written = await unlessRefused(
      client.send(
        new UpdateItemCommand({
          TableName: tableName,
          Key: marshall({ id }),
          UpdateExpression:
            "SET version = :next, #status = :ended, problem = :problem, tokensDeletedAt = :now, " +
            "accessTokenExpiresAt = :longAgo, forgottenAt = :forgottenAt, deleteAt = :deleteAt, " +
            "writtenBy = :claim " +
            "REMOVE sealedAccessToken, leaseOwner, leaseExpiresAt, refreshNotBefore, pause, " +
            "firstRefusedAt, keepAliveAt, keepAliveShard",
          ConditionExpression: "version = :version",
          ExpressionAttributeNames: { "#status": "status" },
          ExpressionAttributeValues: marshall({
            ":version": version,
            ":next": version + 1,
            ":ended": "reauthorization_required",
            ":problem": problem,
            ":now": secondsOf(now),
            ":longAgo": 0,
            ":forgottenAt": forgottenAt,
            ":deleteAt": forgottenAt + forgottenKeptSeconds,
            ":claim": claim,
          }),
        }),
      ),
    );
    return written
      ? { vaultEntry, isNew: true }
      : requireSignIn(id, { signedInBefore, problem, now }, claim);
  };

  return {
    async connect(mailbox) {
      for (let tries = 0; tries < connectTries; tries += 1) {
        const connected = await tryToConnect(mailbox);
        if (connected) return connected;
      }
      const stands = await readLive(mailbox.id, true);
      return stands ? superseded(mailbox, stands) : { kind: "disconnected_since" };
    },

    async findOwned(id, owner) {
      const item = await readLive(id, true);
      if (!item) return undefined;
      const connection = connectionOf(item);
      return isSameUser(connection.owner, owner) ? connection : undefined;
    },

    async listOwned(owner, { evenForgotten } = { evenForgotten: false }) {
      const connections: Connection[] = [];
      const unreadable: Unreadable[] = [];
      let leftOut = 0;
      const items = queried(client, {
        TableName: tableName,
        IndexName: "byOwner",
        KeyConditionExpression: "ownerKey = :owner",
        ExpressionAttributeValues: marshall({ ":owner": ownerKeyOf(owner) }),
      });
      for await (const item of items) {
        if (laterItem.safeParse(item).success) {
          leftOut += 1;
          continue;
        }
        const { data: live, error } = liveItem.safeParse(item);
        if (!live) unreadable.push(unreadableConnection(connectionId(String(item.id)), error));
        else if (evenForgotten || !isForgotten(live)) connections.push(connectionOf(live));
      }
      return { connections, leftOut, unreadable };
    },

    async hasAtLeast(count, owner, now) {
      let found = 0;
      let from: QueryCommandOutput["LastEvaluatedKey"];
      do {
        const page: QueryCommandOutput = await client.send(
          new QueryCommand({
            TableName: tableName,
            IndexName: "byOwner",
            KeyConditionExpression: "ownerKey = :owner",
            // DynamoDB counts what passes the filter, and ends a page by what it has read.
            FilterExpression: "attribute_not_exists(forgottenAt) OR forgottenAt > :now",
            ExpressionAttributeValues: marshall({
              ":owner": ownerKeyOf(owner),
              ":now": secondsOf(now),
            }),
            Select: "COUNT",
            Limit: count - found,
            ...(from && { ExclusiveStartKey: from }),
          }),
        );
        found += page.Count ?? 0;
        from = page.LastEvaluatedKey;
      } while (from && found < count);
      return found >= count;
    },

    disconnect,

    async findForWorkspace(id, workspace, { consistent }) {
      const item = await readLive(id, consistent);
      return item?.workspaceId === workspace ? storedConnectionOf(item) : undefined;
    },

    async acquireLease(id, version, lease, now) {
      const acquired = await unlessRefused(
        client.send(
          new UpdateItemCommand({
            TableName: tableName,
            Key: marshall({ id }),
            UpdateExpression: "SET leaseOwner = :owner, leaseExpiresAt = :expiresAt",
            // Our own lease counts as free: the answer to the first try may have been lost.
            ConditionExpression:
              "version = :version AND #status <> :disconnected AND " +
              "(attribute_not_exists(leaseOwner) OR leaseExpiresAt <= :now OR leaseOwner = :owner)",
            ExpressionAttributeNames: { "#status": "status" },
            ExpressionAttributeValues: marshall({
              ":owner": lease.owner,
              ":expiresAt": lease.expiresAt.getTime(),
              ":version": version,
              ":disconnected": "disconnected",
              ":now": now.getTime(),
            }),
          }),
        ),
      );
      return acquired !== undefined;
    },

    async saveRefreshed(id, held, tokens) {
      const claim = randomUUID();
      const saved = await unlessRefused(
        client.send(
          new UpdateItemCommand({
            TableName: tableName,
            Key: marshall({ id }),
            UpdateExpression:
              "SET version = :next, #status = :connected, sealedAccessToken = :token, " +
              "accessTokenExpiresAt = :expiresAt, scopes = :scopes, lastRefreshedAt = :now, " +
              "refreshTokenStoredAt = :storedAt, vaultEntry = :entry, writtenBy = :claim, " +
              // The same as before while the refresh token is, and then the index is not written.
              "keepAliveShard = :shard, keepAliveAt = :keepAliveAt" +
              `${tokens.lastUsedAt ? ", lastUsedAt = :lastUsedAt" : ""}` +
              `${tokens.problem ? ", problem = :problem" : ""} ` +
              "REMOVE leaseOwner, leaseExpiresAt, refreshNotBefore, pause, firstRefusedAt, " +
              `forgottenAt, deleteAt, pendingClaims${tokens.problem ? "" : ", problem"}`,
            ConditionExpression: "version = :version AND leaseOwner = :owner",
            ExpressionAttributeNames: { "#status": "status" },
            ExpressionAttributeValues: marshall({
              ":version": held.version,
              ":next": held.version + 1,
              ":owner": held.owner,
              ":connected": "connected",
              ":token": tokens.sealedAccessToken,
              ":expiresAt": secondsOf(tokens.accessTokenExpiresAt),
              ":scopes": tokens.scopes,
              ":now": secondsOf(tokens.now),
              ":storedAt": secondsOf(tokens.refreshTokenStoredAt),
              ":entry": tokens.vaultEntry,
              ":claim": claim,
              ":shard": shardOf(id),
              ":keepAliveAt": keepAliveAt(id, tokens.refreshTokenStoredAt).toISOString(),
              ...(tokens.lastUsedAt && { ":lastUsedAt": secondsOf(tokens.lastUsedAt) }),
              ...(tokens.problem && { ":problem": tokens.problem }),
            }),
          }),
        ),
      );
      return saved !== undefined || isWrittenBy(id, claim);
    },

    async recordSetback(id, held, setback) {
      const claim = randomUUID();
      const { status, problem, refreshNotBefore, pause, firstRefusedAt, pendingClaims } = setback;
      const forgottenAt = setback.forgottenAt && secondsOf(setback.forgottenAt);
      const isKept = setback.keepAliveAt !== undefined;
      const kept = {
        problem,
        pause,
        refreshNotBefore: refreshNotBefore && secondsOf(refreshNotBefore),
        firstRefusedAt: firstRefusedAt && secondsOf(firstRefusedAt),
        pendingClaims,
        lastUsedAt: setback.lastUsedAt && secondsOf(setback.lastUsedAt),
        keepAliveAt: setback.keepAliveAt?.toISOString(),
        keepAliveShard: isKept ? shardOf(id) : undefined,
        forgottenAt,
        deleteAt: forgottenAt && forgottenAt + forgottenKeptSeconds,
        writtenBy: claim,
      };
      const named = Object.entries(kept);
      const set = named.filter(([, value]) => value !== undefined);
      const removed = named.filter(([, value]) => value === undefined).map(([name]) => name);
      const recorded = await unlessRefused(
        client.send(
          new UpdateItemCommand({
            TableName: tableName,
            Key: marshall({ id }),
            UpdateExpression: [
              `SET ${["version = :next", "#status = :status", ...set.map(([name]) => `${name} = :${name}`)].join(", ")}`,
              `REMOVE ${["leaseOwner", "leaseExpiresAt", ...removed].join(", ")}`,
            ].join(" "),
            ConditionExpression: "version = :version AND leaseOwner = :owner",
            ExpressionAttributeNames: { "#status": "status" },
            ExpressionAttributeValues: marshall({
              ":version": held.version,
              ":next": held.version + 1,
              ":owner": held.owner,
              ":status": status,
              ...Object.fromEntries(set.map(([name, value]) => [`:${name}`, value])),
            }),
          }),
        ),
      );
      return recorded !== undefined || isWrittenBy(id, claim);
    },

    requireSignIn: (id, requirement) => requireSignIn(id, requirement, randomUUID()),
  };
};
