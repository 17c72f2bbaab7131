import { randomUUID } from "node:crypto";
import {
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dynamoDbConnections } from "../../../../shared/adapters/dynamodb/connections.ts";
import type {
  ConnectedMailbox,
  Connections,
  NewTokens,
  Setback,
} from "../../../../shared/domain/connection.ts";
import {
  type ConnectionId,
  connectionId,
  connectionIdOf,
  objectId,
  ownerKeyOf,
  type ProductUser,
  tenantId,
  userId,
  workspaceId,
} from "../../../../shared/domain/ids.ts";
import { keepAliveAt } from "../../../../shared/domain/keep-alive.ts";
import { requestedScopes } from "../../../../shared/domain/permissions.ts";
import { UnreadableConnection } from "../../../../shared/domain/unreadable-connection.ts";
import { engines } from "../../../engines/engines.ts";
import { memoryConnections } from "../../../fakes/memory-connections.ts";
import { type LossyClient, lossyClient } from "./lossy-client.ts";
import { createProductTables } from "./product-tables.ts";

const began = new Date("2026-11-20T09:00:00Z");
const at = (seconds: number) => new Date(began.getTime() + seconds * 1000);

const acme = workspaceId("acme");
const globex = workspaceId("globex");

const newOwner = (): ProductUser => ({ userId: userId(`user-${randomUUID()}`), workspaceId: acme });

const newMailbox = (changes: Partial<ConnectedMailbox> = {}): ConnectedMailbox => {
  const owner = changes.owner ?? newOwner();
  const account = changes.account ?? {
    tenantId: tenantId("11111111-1111-4111-8111-111111111111"),
    objectId: objectId(randomUUID()),
    displayName: "Anna Keller",
    username: "anna@contoso.example",
  };
  const id = connectionIdOf(owner, account);
  return {
    id,
    owner,
    account,
    vaultEntry: `vault/${id}/${randomUUID()}`,
    sealedAccessToken: "sealed-1",
    accessTokenExpiresAt: at(3600),
    scopes: ["User.Read", "Mail.Send"],
    requestedScopes,
    startedAt: changes.now ?? began,
    now: began,
    ...changes,
  };
};

/** What a later version of the service asks for. */
const laterScopes = [...requestedScopes, "Calendars.Read"];

/** A new sign-in to the same account. */
const again = (mailbox: ConnectedMailbox, seconds: number): ConnectedMailbox => ({
  ...mailbox,
  vaultEntry: `vault/${mailbox.id}/${randomUUID()}`,
  sealedAccessToken: `sealed-at-${seconds}`,
  accessTokenExpiresAt: at(seconds + 3600),
  requestedScopes: laterScopes,
  startedAt: at(seconds),
  now: at(seconds),
});

/** Where nothing keeps the mailbox from being connected. */
const connect = async (connections: Pick<Connections, "connect">, mailbox: ConnectedMailbox) => {
  const connecting = await connections.connect(mailbox);
  if (connecting.kind !== "connected") throw new Error(connecting.kind);
  return connecting;
};

/** By the clock of this machine, in whole seconds: the store compares with it. */
const fromNow = (seconds: number) => new Date(Math.floor(Date.now() / 1000 + seconds) * 1000);

const lease = (owner: string, expires = 115) => ({ owner, expiresAt: at(expires) });

const newTokens = (changes: Partial<NewTokens> = {}) => ({
  sealedAccessToken: "sealed-refreshed",
  accessTokenExpiresAt: at(7200),
  scopes: ["User.Read"],
  vaultEntry: "vault/refreshed",
  refreshTokenStoredAt: at(100),
  lastUsedAt: at(90),
  problem: undefined,
  now: at(100),
  ...changes,
});

const setback: Setback = {
  status: "reauthorization_required",
  problem: {
    code: "reauthorization_required",
    actor: "user",
    message: "Please reconnect the mailbox.",
  },
  refreshNotBefore: at(400),
  pause: { code: "throttled", actor: "nobody", message: "Microsoft is busy.", retryable: true },
  firstRefusedAt: at(100),
  forgottenAt: undefined,
  lastUsedAt: at(95),
  pendingClaims: '{"access_token":{}}',
  keepAliveAt: undefined,
};

const signInRequired = {
  code: "reauthorization_required",
  actor: "user",
  message: "For your safety: please reconnect the mailbox.",
} as const;

const twenty = <Value>(make: (index: number) => Promise<Value>) =>
  Promise.all(Array.from({ length: 20 }, (_, index) => make(index)));

const contract = (open: () => Connections) => {
  const connected = async (changes: Partial<ConnectedMailbox> = {}) => {
    const connections = open();
    const mailbox = newMailbox(changes);
    const { connection } = await connect(connections, mailbox);
    const read = () => connections.findForWorkspace(mailbox.id, acme, { consistent: true });
    const version = (await read())?.version ?? 0;
    return { connections, mailbox, id: mailbox.id, connection, read, version };
  };

  /** A connection under somebody's lease. */
  const leased = async (owner = "refresh-1") => {
    const before = await connected();
    const { connections, id, version } = before;
    await connections.acquireLease(id, version, lease(owner), at(100));
    return { ...before, held: { owner, version } };
  };

  describe("connect", () => {
    it("creates the connection and replaces nothing", async () => {
      const connections = open();
      const mailbox = newMailbox();

      const { connection, replacedVaultEntry } = await connect(connections, mailbox);

      expect(connection).toEqual({
        id: mailbox.id,
        owner: mailbox.owner,
        account: mailbox.account,
        status: "connected",
        scopes: mailbox.scopes,
        createdAt: began,
        lastRefreshedAt: began,
        problem: undefined,
        pendingClaims: undefined,
      });
      expect(replacedVaultEntry).toBeUndefined();
      expect(
        await connections.findForWorkspace(mailbox.id, acme, { consistent: true }),
      ).toMatchObject({
        ...connection,
        vaultEntry: mailbox.vaultEntry,
        sealedAccessToken: "sealed-1",
        accessTokenExpiresAt: at(3600),
        refreshTokenStoredAt: began,
        lease: undefined,
        refreshNotBefore: undefined,
        pause: undefined,
        firstRefusedAt: undefined,
        forgottenAt: undefined,
        lastUsedAt: began,
      });
    });

    it("renews one: same id and day of creation, new tokens, names and scopes, a later version", async () => {
      const { connections, mailbox, read, version } = await connected();
      const renamed = { ...mailbox.account, displayName: "Anna Meyer" };

      const { connection, replacedVaultEntry } = await connect(connections, {
        ...again(mailbox, 60),
        account: renamed,
        scopes: ["Mail.Send"],
      });

      expect(replacedVaultEntry).toBe(mailbox.vaultEntry);
      expect(connection).toMatchObject({
        id: mailbox.id,
        createdAt: began,
        lastRefreshedAt: at(60),
        account: renamed,
        scopes: ["Mail.Send"],
      });
      const stored = await read();
      expect(stored).toMatchObject({ ...connection, sealedAccessToken: "sealed-at-60" });
      expect(stored?.version).toBeGreaterThan(version);
    });

    it("ends whatever was wrong, and a lease that is still held", async () => {
      const { connections, mailbox, id, version, held, read } = await leased();
      await connections.recordSetback(id, held, setback);
      const failed = { owner: "refresh-2", version: version + 1 };
      await connections.acquireLease(id, failed.version, lease(failed.owner), at(110));

      await connections.connect(again(mailbox, 120));

      expect(await read()).toMatchObject({
        status: "connected",
        problem: undefined,
        pendingClaims: undefined,
        keepAliveAt: keepAliveAt(mailbox.id, at(120)),
        requestedScopes: laterScopes,
        signedInAt: at(120),
        refreshNotBefore: undefined,
        pause: undefined,
        firstRefusedAt: undefined,
        forgottenAt: undefined,
        lastUsedAt: at(120),
        lease: undefined,
      });
      expect(await connections.saveRefreshed(id, failed, newTokens())).toBe(false);
      expect(await connections.recordSetback(id, failed, setback)).toBe(false);
      expect((await read())?.sealedAccessToken).toBe("sealed-at-120");
    });

    it("begins a new life after a disconnect, and names the entry of the old one", async () => {
      const { connections, mailbox, id, held } = await leased();
      await connections.disconnect(id, mailbox.owner, at(110));

      const { connection, replacedVaultEntry } = await connect(connections, again(mailbox, 120));

      expect(connection).toMatchObject({ id, createdAt: at(120), status: "connected" });
      expect(replacedVaultEntry).toBe(mailbox.vaultEntry);
      expect(await connections.saveRefreshed(id, held, newTokens())).toBe(false);
    });

    it("does not bring back what was disconnected after the sign-in was begun", async () => {
      const { connections, mailbox, id } = await connected();
      await connections.disconnect(id, mailbox.owner, at(110));
      const begunBefore = { ...again(mailbox, 120), startedAt: at(109) };

      expect(await connections.connect(begunBefore)).toEqual({ kind: "disconnected_since" });

      expect(await connections.findOwned(id, mailbox.owner)).toBeUndefined();
      const begunAfter = { ...again(mailbox, 130), startedAt: at(110) };
      expect(await connections.connect(begunAfter)).toMatchObject({ kind: "connected" });
    });

    it("tells a renewal from a first sign-in, also after a disconnect", async () => {
      const connections = open();
      const mailbox = newMailbox();

      const first = await connect(connections, mailbox);
      const renewal = await connect(connections, again(mailbox, 60));
      await connections.disconnect(mailbox.id, mailbox.owner, at(110));
      const afterwards = await connect(connections, again(mailbox, 120));

      expect([first, renewal, afterwards].map(({ isReconnect }) => isReconnect)).toEqual([
        false,
        true,
        false,
      ]);
    });

    it("of two sign-ins at once, the later one replaces the entry of the earlier one", async () => {
      const connections = open();
      const mailbox = newMailbox();
      const [one, two] = [again(mailbox, 1), again(mailbox, 1)];

      const outcomes = await Promise.all([connect(connections, one), connect(connections, two)]);

      const stored = await connections.findForWorkspace(mailbox.id, acme, { consistent: true });
      const replaced = outcomes.map(({ replacedVaultEntry }) => replacedVaultEntry);
      const lost = stored?.vaultEntry === one.vaultEntry ? two.vaultEntry : one.vaultEntry;
      expect([one.vaultEntry, two.vaultEntry]).toContain(stored?.vaultEntry);
      expect(replaced.filter((entry) => entry !== undefined)).toEqual([lost]);
    });

    it("keeps tokens of 12 KB", async () => {
      const { read } = await connected({ sealedAccessToken: "t".repeat(12 * 1024) });

      expect((await read())?.sealedAccessToken).toHaveLength(12 * 1024);
    });

    it("keeps connections of two people to one account apart", async () => {
      const { mailbox, connections } = await connected();
      const other = newMailbox({ account: mailbox.account });

      await connections.connect(other);

      expect(other.id).not.toBe(mailbox.id);
      expect((await connections.findOwned(mailbox.id, mailbox.owner))?.owner).toEqual(
        mailbox.owner,
      );
    });
  });

  describe("finding", () => {
    it("shows an owner their own connection and nobody else's", async () => {
      const { connections, connection, id, mailbox } = await connected();
      const { owner } = mailbox;

      expect(await connections.findOwned(id, owner)).toEqual(connection);
      expect(await connections.findOwned(id, newOwner())).toBeUndefined();
      expect(await connections.findOwned(id, { ...owner, workspaceId: globex })).toBeUndefined();
      expect(await connections.findOwned(newMailbox().id, owner)).toBeUndefined();
    });

    it("shows unknown, foreign and disconnected alike to a workspace", async () => {
      const { connections, id, mailbox } = await connected();

      for (const consistent of [true, false]) {
        expect(await connections.findForWorkspace(id, globex, { consistent })).toBeUndefined();
        expect(await connections.findForWorkspace(newMailbox().id, acme, { consistent })).toBe(
          undefined,
        );
      }
      await connections.disconnect(id, mailbox.owner, at(1));
      expect(await connections.findForWorkspace(id, acme, { consistent: true })).toBeUndefined();
      expect(await connections.findOwned(id, mailbox.owner)).toBeUndefined();
    });

    it("lists the owner's connections, oldest first, without tokens", async () => {
      const connections = open();
      const owner = newOwner();
      const mailboxes = [30, 10, 20].map((seconds) => newMailbox({ owner, now: at(seconds) }));
      for (const mailbox of mailboxes) await connections.connect(mailbox);
      await connections.connect(newMailbox());
      await connections.connect(newMailbox({ owner: { ...owner, workspaceId: globex } }));

      const { connections: listed } = await connections.listOwned(owner);

      expect(listed.map(({ createdAt }) => createdAt)).toEqual([at(10), at(20), at(30)]);
      expect(listed[0]).toEqual(
        await connections.findOwned(mailboxes[1]?.id ?? newMailbox().id, owner),
      );
      expect(JSON.stringify(listed)).not.toContain("sealed");
    });

    it("lists more than fit into one page, each once", async () => {
      const connections = open();
      const owner = newOwner();
      const sealedAccessToken = "t".repeat(100 * 1024); // DynamoDB's page is 1 MB
      const mailboxes = await twenty(async (index) => {
        const mailbox = newMailbox({ owner, sealedAccessToken, now: at(index) });
        await connections.connect(mailbox);
        return mailbox;
      });

      const { connections: listed } = await connections.listOwned(owner);

      expect(listed.map(({ id }) => id)).toEqual(mailboxes.map(({ id }) => id));
    });

    it("lists nothing for somebody without connections, and none that was disconnected", async () => {
      const { connections, id, mailbox } = await connected();
      await connections.disconnect(id, mailbox.owner, at(1));

      const none = { connections: [], leftOut: 0, unreadable: [] };
      expect(await connections.listOwned(mailbox.owner)).toEqual(none);
      expect(await connections.listOwned(newOwner())).toEqual(none);
    });
  });

  describe("hasAtLeast", () => {
    it("counts what an owner has that is not disconnected, and nobody else's", async () => {
      const connections = open();
      const owner = newOwner();
      const account = (count: number) => ({
        ...newMailbox().account,
        objectId: objectId(`00000000-0000-4000-8000-00000000000${count}`),
      });
      const [first, ...others] = [1, 2, 3].map((count) =>
        newMailbox({ owner, account: account(count) }),
      );
      for (const mailbox of [first, ...others]) if (mailbox) await connect(connections, mailbox);
      await connect(connections, newMailbox());

      expect(await connections.hasAtLeast(3, owner, at(1))).toBe(true);
      expect(await connections.hasAtLeast(4, owner, at(1))).toBe(false);
      if (first) await connections.disconnect(first.id, owner, at(1));
      expect(await connections.hasAtLeast(2, owner, at(1))).toBe(true);
      expect(await connections.hasAtLeast(3, owner, at(1))).toBe(false);
    });

    it("counts over pages, of items that fill them", async () => {
      const connections = open();
      const owner = newOwner();
      const sealedAccessToken = "t".repeat(300 * 1024); // DynamoDB's page is 1 MB
      for (let count = 0; count < 5; count += 1) {
        await connect(connections, newMailbox({ owner, sealedAccessToken }));
      }

      expect(await connections.hasAtLeast(5, owner, at(1))).toBe(true);
      expect(await connections.hasAtLeast(6, owner, at(1))).toBe(false);
    });
  });

  describe("disconnect", () => {
    it("names the entry to erase, as often as it is asked", async () => {
      const { connections, id, mailbox } = await connected();
      const { owner, vaultEntry } = mailbox;

      const first = { vaultEntry, isNew: true };
      expect(await connections.disconnect(id, owner, at(1))).toEqual(first);
      expect(await connections.disconnect(id, owner, at(2))).toEqual({ ...first, isNew: false });
    });

    it("is the owner's alone, of a connection and of what is left of it", async () => {
      const { connections, id, mailbox, read } = await connected();
      const elsewhere = { ...mailbox.owner, workspaceId: globex };

      expect(await connections.disconnect(id, newOwner(), at(1))).toBeUndefined();
      expect(await connections.disconnect(id, elsewhere, at(1))).toBeUndefined();
      expect(await connections.disconnect(newMailbox().id, mailbox.owner, at(1))).toBeUndefined();
      expect(await read()).toBeDefined();

      await connections.disconnect(id, mailbox.owner, at(2));
      expect(await connections.disconnect(id, newOwner(), at(3))).toBeUndefined();
    });

    it("wins over a refresh that is under way", async () => {
      const { connections, id, mailbox, held, read, version } = await leased();
      await connections.disconnect(id, mailbox.owner, at(101));

      expect(await connections.saveRefreshed(id, held, newTokens())).toBe(false);
      expect(await connections.recordSetback(id, held, setback)).toBe(false);
      for (const seen of [version, version + 1]) {
        expect(await connections.acquireLease(id, seen, lease("late", 300), at(200))).toBe(false);
      }
      expect(await read()).toBeUndefined();
    });

    it("gives twenty callers at once the same answer", async () => {
      const { connections, id, mailbox } = await connected();

      const answers = await twenty(() => connections.disconnect(id, mailbox.owner, at(1)));

      expect(new Set(answers.map((answer) => answer?.vaultEntry))).toEqual(
        new Set([mailbox.vaultEntry]),
      );
    });
  });

  describe("acquireLease", () => {
    it("goes to one of twenty", async () => {
      const { connections, id, version, read } = await connected();

      const outcomes = await twenty((index) =>
        connections.acquireLease(id, version, lease(`refresh-${index}`), at(100)),
      );

      const winners = outcomes.flatMap((won, index) => (won ? [`refresh-${index}`] : []));
      expect(winners).toHaveLength(1);
      expect((await read())?.lease).toEqual(lease(winners[0] ?? ""));
    });

    it("is refused until the lease that is held has expired", async () => {
      const { connections, id, version } = await leased();
      const acquire = (now: Date) =>
        connections.acquireLease(id, version, lease("refresh-2", 200), now);

      expect(await acquire(new Date(at(115).getTime() - 1))).toBe(false);
      expect(await acquire(at(115))).toBe(true);
    });

    it("is given again to whoever holds it", async () => {
      const { connections, id, version } = await leased();

      expect(await connections.acquireLease(id, version, lease("refresh-1"), at(101))).toBe(true);
    });

    it("is for the version that was read, and changes nothing else", async () => {
      const { connections, id, version, read } = await connected();
      const before = await read();

      for (const other of [version - 1, version + 1]) {
        expect(await connections.acquireLease(id, other, lease("refresh-1"), at(100))).toBe(false);
      }
      expect(await connections.acquireLease(id, version, lease("refresh-1"), at(100))).toBe(true);

      expect(await read()).toEqual({ ...before, lease: lease("refresh-1") });
    });

    it("is refused for a connection that never was, and makes none", async () => {
      const connections = open();
      const { id } = newMailbox();

      for (const version of [0, 1]) {
        expect(await connections.acquireLease(id, version, lease("refresh-1"), at(1))).toBe(false);
      }

      expect(await connections.findForWorkspace(id, acme, { consistent: true })).toBeUndefined();
    });
  });

  describe("saveRefreshed", () => {
    it("stores the tokens, ends the lease and whatever was wrong", async () => {
      const first = await leased();
      const { connections, id, read, version } = first;
      await connections.recordSetback(id, first.held, setback);
      const held = { owner: "refresh-2", version: version + 1 };
      await connections.acquireLease(id, held.version, lease(held.owner), at(101));

      expect(await connections.saveRefreshed(id, held, newTokens())).toBe(true);

      expect(await read()).toMatchObject({
        version: version + 2,
        status: "connected",
        sealedAccessToken: "sealed-refreshed",
        accessTokenExpiresAt: at(7200),
        scopes: ["User.Read"],
        refreshTokenStoredAt: at(100),
        lastRefreshedAt: at(100),
        createdAt: began,
        vaultEntry: "vault/refreshed",
        lease: undefined,
        problem: undefined,
        pendingClaims: undefined,
        keepAliveAt: keepAliveAt(id, at(100)),
        requestedScopes,
        signedInAt: began,
        refreshNotBefore: undefined,
        pause: undefined,
        firstRefusedAt: undefined,
        forgottenAt: undefined,
        lastUsedAt: at(90),
      });
      const next = lease("refresh-3");
      expect(await connections.acquireLease(id, version + 2, next, at(102))).toBe(true);
    });

    it("writes nothing without the lease, or for another version", async () => {
      const { connections, id, held, read } = await leased();
      const before = await read();

      for (const other of [
        { ...held, owner: "somebody else" },
        { ...held, version: held.version + 1 },
        { ...held, version: held.version - 1 },
      ]) {
        expect(await connections.saveRefreshed(id, other, newTokens())).toBe(false);
        expect(await connections.recordSetback(id, other, setback)).toBe(false);
      }

      expect(await read()).toEqual(before);
    });

    it("writes nothing after the lease went to somebody else", async () => {
      const { connections, id, held, read, version } = await leased();
      await connections.acquireLease(id, version, lease("refresh-2", 300), at(200));

      expect(await connections.saveRefreshed(id, held, newTokens())).toBe(false);
      expect(await connections.recordSetback(id, held, setback)).toBe(false);

      expect((await read())?.lease?.owner).toBe("refresh-2");
    });

    it("happens once, however often it is tried at once", async () => {
      const { connections, id, held, read, version } = await leased();

      const outcomes = await twenty((index) =>
        connections.saveRefreshed(id, held, newTokens({ sealedAccessToken: `sealed-${index}` })),
      );

      const winners = outcomes.flatMap((won, index) => (won ? [`sealed-${index}`] : []));
      expect(winners).toHaveLength(1);
      expect(await read()).toMatchObject({ version: version + 1, sealedAccessToken: winners[0] });
    });

    it("never overwrites a newer version, whatever runs at once", async () => {
      const { connections, id, held, read, mailbox } = await leased();

      const [saved, , setBack] = await Promise.all([
        connections.saveRefreshed(id, held, newTokens()),
        connections.connect(again(mailbox, 120)),
        connections.recordSetback(id, held, setback),
      ]);

      expect([saved, setBack].filter(Boolean).length).toBeLessThan(2);
      expect(await read()).toMatchObject({
        status: "connected",
        sealedAccessToken: "sealed-at-120",
        problem: undefined,
      });
    });
  });

  describe("recordSetback", () => {
    it("stores what the refusal means, keeps the tokens and ends the lease", async () => {
      const { connections, id, held, read, version } = await leased();

      expect(await connections.recordSetback(id, held, setback)).toBe(true);

      expect(await read()).toMatchObject({
        ...setback,
        version: version + 1,
        sealedAccessToken: "sealed-1",
        accessTokenExpiresAt: at(3600),
        lastRefreshedAt: began,
        lease: undefined,
      });
    });

    it("clears what the refusal does not name", async () => {
      const { connections, id, held, read, version } = await leased();
      await connections.recordSetback(id, held, setback);
      const second = { owner: "refresh-2", version: version + 1 };
      await connections.acquireLease(id, second.version, lease(second.owner), at(101));
      const nothing: Setback = {
        status: "connected",
        problem: undefined,
        refreshNotBefore: undefined,
        pause: undefined,
        firstRefusedAt: undefined,
        forgottenAt: undefined,
        lastUsedAt: undefined,
        pendingClaims: undefined,
        keepAliveAt: undefined,
      };

      await connections.recordSetback(id, second, nothing);

      expect(await read()).toMatchObject({ ...nothing, version: version + 2, lease: undefined });
    });

    it("keeps what has ended until it is forgotten", async () => {
      const { connections, id, held, mailbox, read } = await leased();
      const forgottenAt = fromNow(3600);

      await connections.recordSetback(id, held, { ...setback, forgottenAt });

      expect(await read()).toMatchObject({ status: "reauthorization_required", forgottenAt });
      expect(await connections.findOwned(id, mailbox.owner)).toMatchObject({ id });
      expect((await connections.listOwned(mailbox.owner)).connections).toHaveLength(1);
    });

    it("shows the owner the problem", async () => {
      const { connections, id, held, mailbox } = await leased();
      await connections.recordSetback(id, held, setback);

      const { status, problem, pendingClaims } = setback;
      const shown = { status, problem, pendingClaims };
      expect(await connections.findOwned(id, mailbox.owner)).toMatchObject(shown);
      expect((await connections.listOwned(mailbox.owner)).connections).toEqual([
        expect.objectContaining(shown),
      ]);
    });
  });

  describe("requireSignIn", () => {
    const required = { signedInBefore: at(50), problem: signInRequired, now: at(200) };

    it("deletes the access token, says why, and leaves the person and the day of the first sign-in", async () => {
      const { connections, id, mailbox, connection, read, version } = await leased();

      expect(await connections.requireSignIn(id, required)).toEqual({
        vaultEntry: mailbox.vaultEntry,
        isNew: true,
      });

      expect(await read()).toMatchObject({
        ...connection,
        status: "reauthorization_required",
        problem: signInRequired,
        version: version + 1,
        sealedAccessToken: "",
        accessTokenExpiresAt: new Date(0),
        lease: undefined,
        keepAliveAt: undefined,
        refreshNotBefore: undefined,
        forgottenAt: at(200 + 180 * 24 * 3600),
      });
    });

    it("is not undone by a refresh that is under way", async () => {
      const { connections, id, held, read, version } = await leased();
      await connections.requireSignIn(id, required);

      expect(await connections.saveRefreshed(id, held, newTokens())).toBe(false);
      expect(await connections.recordSetback(id, held, setback)).toBe(false);
      expect(await connections.acquireLease(id, version, lease("refresh-2"), at(300))).toBe(false);
      expect(await read()).toMatchObject({ sealedAccessToken: "", problem: signInRequired });
    });

    it("wins over a refresh that is stored at the same moment", async () => {
      const { connections, id, held, read } = await leased();

      await Promise.all([
        connections.saveRefreshed(id, held, newTokens()),
        connections.requireSignIn(id, required),
      ]);

      expect(await read()).toMatchObject({ sealedAccessToken: "", problem: signInRequired });
    });

    it.for<readonly [string, Partial<Setback>]>([
      ["has ended", { forgottenAt: fromNow(3600) }],
      ["is forgotten", { forgottenAt: fromNow(-3600) }],
      ["waits for an administrator", { status: "admin_approval_required" }],
      ["has a pause", { status: "connected", pause: { ...signInRequired, retryable: true } }],
    ])("ends one that $0, too", async ([, changes]) => {
      const { connections, id, held, mailbox } = await leased();
      await connections.recordSetback(id, held, { ...setback, ...changes });

      const { vaultEntry } = mailbox;
      expect(await connections.requireSignIn(id, required)).toEqual({ vaultEntry, isNew: true });
      expect(await connections.requireSignIn(id, required)).toEqual({ vaultEntry, isNew: false });
    });

    it("keeps what Microsoft asks the next sign-in for, and the day on which it is forgotten", async () => {
      const { connections, id, held, read } = await leased();
      const forgottenAt = fromNow(3600);
      await connections.recordSetback(id, held, { ...setback, forgottenAt });

      await connections.requireSignIn(id, required);

      const { pendingClaims } = setback;
      expect(await read()).toMatchObject({
        pendingClaims,
        forgottenAt,
        pause: undefined,
        firstRefusedAt: undefined,
      });
    });

    it("of twenty callers is done by one", async () => {
      const { connections, id, mailbox } = await leased();

      const answers = await twenty(() => connections.requireSignIn(id, required));

      expect(answers.filter((answer) => answer?.isNew)).toHaveLength(1);
      expect(new Set(answers.map((answer) => answer?.vaultEntry))).toEqual(
        new Set([mailbox.vaultEntry]),
      );
    });

    it("leaves whoever has signed in at that time or later", async () => {
      const { connections, id, mailbox, read } = await leased();
      await connect(connections, again(mailbox, 50));

      expect(await connections.requireSignIn(id, required)).toBeUndefined();

      expect(await read()).toMatchObject({
        status: "connected",
        sealedAccessToken: "sealed-at-50",
      });
    });

    it("finds nothing to end where somebody has disconnected, or never was", async () => {
      const { connections, id, mailbox } = await leased();
      await connections.disconnect(id, mailbox.owner, at(1));

      expect(await connections.requireSignIn(id, required)).toBeUndefined();
      expect(await connections.requireSignIn(newMailbox().id, required)).toBeUndefined();
      expect(await connections.disconnect(id, mailbox.owner, at(300))).toEqual({
        vaultEntry: mailbox.vaultEntry,
        isNew: false,
      });
    });

    it("is over with a new sign-in, which keeps the id", async () => {
      const { connections, id, mailbox, read, version } = await leased();
      await connections.requireSignIn(id, required);

      const connecting = await connect(connections, again(mailbox, 600));

      expect(connecting).toMatchObject({
        connection: { id, status: "connected", createdAt: began, problem: undefined },
        isReconnect: true,
        replacedVaultEntry: mailbox.vaultEntry,
      });
      expect(await read()).toMatchObject({
        version: version + 2,
        sealedAccessToken: "sealed-at-600",
        accessTokenExpiresAt: at(600 + 3600),
        forgottenAt: undefined,
      });
      expect(await connections.requireSignIn(id, required)).toBeUndefined();
    });

    it("may be undone by the owner's own disconnect", async () => {
      const { connections, id, mailbox, read } = await leased();
      await connections.requireSignIn(id, required);

      expect(await connections.disconnect(id, mailbox.owner, at(300))).toEqual({
        vaultEntry: mailbox.vaultEntry,
        isNew: true,
      });
      expect(await read()).toBeUndefined();
    });
  });

  describe("a connection that is forgotten", () => {
    const forgotten = async () => {
      const before = await leased();
      const { connections, id, held } = before;
      await connections.recordSetback(id, held, { ...setback, forgottenAt: fromNow(-1) });
      return before;
    };

    it("is nowhere, whether it was removed or not", async () => {
      const { connections, id, mailbox, read } = await forgotten();

      expect(await read()).toBeUndefined();
      expect(await connections.findOwned(id, mailbox.owner)).toBeUndefined();
      expect(await connections.listOwned(mailbox.owner)).toEqual({
        connections: [],
        leftOut: 0,
        unreadable: [],
      });
      expect(await connections.disconnect(id, mailbox.owner, at(200))).toBeUndefined();
      expect(await connections.hasAtLeast(1, mailbox.owner, new Date())).toBe(false);
    });

    it("is still erased when its owner leaves, for which it is found", async () => {
      const { connections, id, mailbox } = await forgotten();

      const found = await connections.listOwned(mailbox.owner, { evenForgotten: true });
      expect(found.connections).toMatchObject([{ id }]);
      const erasing = connections.disconnect(id, mailbox.owner, at(200), { evenForgotten: true });
      expect(await erasing).toEqual({ vaultEntry: mailbox.vaultEntry, isNew: true });
      const left = await connections.listOwned(mailbox.owner, { evenForgotten: true });
      expect(left.connections).toEqual([]);
    });

    it("is connected anew by a sign-in, which replaces what is left of it", async () => {
      const { connections, id, mailbox, version, read } = await forgotten();

      const connecting = await connect(connections, again(mailbox, 600));

      expect(connecting).toMatchObject({
        connection: { id, createdAt: at(600), problem: undefined },
        isReconnect: false,
        replacedVaultEntry: mailbox.vaultEntry,
      });
      expect(await read()).toMatchObject({
        version: version + 2,
        status: "connected",
        forgottenAt: undefined,
      });
    });
  });

  describe("a connection that has ended is not forgotten any more", () => {
    const ended = async () => {
      const before = await leased();
      const { connections, id, held, version } = before;
      await connections.recordSetback(id, held, { ...setback, forgottenAt: fromNow(3600) });
      const next = { owner: "refresh-2", version: version + 1 };
      await connections.acquireLease(id, next.version, lease(next.owner), at(101));
      return { ...before, next };
    };

    it.for<readonly [string, (of: Awaited<ReturnType<typeof ended>>) => Promise<unknown>]>([
      [
        "after a new sign-in",
        ({ connections, mailbox }) => connect(connections, again(mailbox, 600)),
      ],
      [
        "after a refresh",
        ({ connections, id, next }) => connections.saveRefreshed(id, next, newTokens()),
      ],
      [
        "when it waits for its administrator",
        ({ connections, id, next }) =>
          connections.recordSetback(id, next, { ...setback, status: "admin_approval_required" }),
      ],
    ])("%s", async ([, revive]) => {
      const connection = await ended();

      await revive(connection);

      expect((await connection.read())?.forgottenAt).toBeUndefined();
    });
  });
};

describe("connections in memory", () => {
  contract(() => memoryConnections(() => new Date()));
});

describe.for(Object.entries(engines))("connections on %s", ([, start]) => {
  let engine: Awaited<ReturnType<typeof start>>;
  let tableName: string;
  const clients: LossyClient[] = [];
  beforeAll(async () => {
    engine = await start();
    tableName = (await createProductTables(engine.origin)).connections;
  });
  afterAll(async () => {
    for (const { client } of clients) client.destroy();
    await engine.close();
  });

  /** A client for each test, so that what one loses is not lost by another. */
  const openLossy = () => {
    const lossy = lossyClient(engine.origin);
    clients.push(lossy);
    return { ...lossy, connections: dynamoDbConnections(lossy.client, tableName) };
  };

  let shared: Connections | undefined;
  contract(() => {
    shared ??= openLossy().connections;
    return shared;
  });

  const rawItem = async ({ client }: Pick<LossyClient, "client">, id: string) => {
    const { Item = {} } = await client.send(
      new GetItemCommand({ TableName: tableName, Key: marshall({ id }), ConsistentRead: true }),
    );
    return unmarshall(Item);
  };

  const leasedLossy = async () => {
    const lossy = openLossy();
    const mailbox = newMailbox();
    await lossy.connections.connect(mailbox);
    const held = { owner: "refresh-1", version: 1 };
    await lossy.connections.acquireLease(mailbox.id, 1, lease(held.owner), at(100));
    return { ...lossy, mailbox, id: mailbox.id, held };
  };

  describe("when an answer is lost", () => {
    it.for([1, 2])("connect knows its own work after %i of them", async (times) => {
      const { connections, loseAnswer } = openLossy();
      const mailbox = newMailbox();
      for (let lost = 0; lost < times; lost += 1) loseAnswer("PutItemCommand");

      const { connection, replacedVaultEntry } = await connect(connections, mailbox);

      expect(replacedVaultEntry).toBeUndefined();
      expect(await connections.findOwned(mailbox.id, mailbox.owner)).toEqual(connection);
    });

    it("a renewal knows its own work, and still names the entry that it replaced", async () => {
      const { connections, loseAnswer } = openLossy();
      const mailbox = newMailbox();
      await connections.connect(mailbox);
      loseAnswer("PutItemCommand");

      const { replacedVaultEntry } = await connect(connections, again(mailbox, 60));

      expect(replacedVaultEntry).toBe(mailbox.vaultEntry);
    });

    it("disconnect names the entry", async () => {
      const { connections, mailbox, id, loseAnswer } = await leasedLossy();
      loseAnswer("PutItemCommand");

      expect(await connections.disconnect(id, mailbox.owner, at(1))).toEqual({
        vaultEntry: mailbox.vaultEntry,
        isNew: true,
      });
    });

    it("acquireLease knows its own lease", async () => {
      const { connections, loseAnswer } = openLossy();
      const mailbox = newMailbox();
      await connections.connect(mailbox);
      loseAnswer("UpdateItemCommand");

      expect(await connections.acquireLease(mailbox.id, 1, lease("refresh-1"), at(100))).toBe(true);
    });

    it("saveRefreshed knows its own work", async () => {
      const { connections, id, held, loseAnswer } = await leasedLossy();
      loseAnswer("UpdateItemCommand");

      expect(await connections.saveRefreshed(id, held, newTokens())).toBe(true);
    });

    it("recordSetback knows its own work", async () => {
      const { connections, id, held, loseAnswer } = await leasedLossy();
      loseAnswer("UpdateItemCommand");

      expect(await connections.recordSetback(id, held, setback)).toBe(true);
    });

    it("requireSignIn knows its own work, and names the entry", async () => {
      const { connections, mailbox, id, loseAnswer } = await leasedLossy();
      const required = { signedInBefore: at(50), problem: signInRequired, now: at(200) };
      loseAnswer("UpdateItemCommand");

      expect(await connections.requireSignIn(id, required)).toEqual({
        vaultEntry: mailbox.vaultEntry,
        isNew: true,
      });
    });

    it("a write is not taken for another one's", async () => {
      const { connections, id, held, loseAnswer } = await leasedLossy();
      const other = openLossy();
      await other.connections.saveRefreshed(id, held, newTokens());
      loseAnswer("UpdateItemCommand");

      expect(await connections.saveRefreshed(id, held, newTokens())).toBe(false);
    });

    it("of every try, it goes up: nobody is told what is not known", async () => {
      const { connections, id, held, loseAllAnswers } = await leasedLossy();
      loseAllAnswers("UpdateItemCommand");

      await expect(connections.saveRefreshed(id, held, newTokens())).rejects.toThrow();
    });
  });

  it.for<{
    readonly what: string;
    readonly act: (connections: Connections, mailbox: ConnectedMailbox) => Promise<unknown>;
    readonly outcome: (lost: ConnectedMailbox) => unknown;
  }>([
    {
      what: "renewed",
      act: (connections, mailbox) => connections.connect(again(mailbox, 61)),
      outcome: ({ vaultEntry }) => ({
        kind: "connected",
        connection: { lastRefreshedAt: at(61) },
        replacedVaultEntry: vaultEntry,
      }),
    },
    {
      what: "disconnected",
      act: (connections, mailbox) => connections.disconnect(mailbox.id, mailbox.owner, at(61)),
      outcome: () => ({ kind: "disconnected_since" }),
    },
  ])(
    "lets a sign-in go that was $what before it knew its own work: its entry is erased",
    async ({ act, outcome }) => {
      const { connections, mailbox, id, loseAnswer, overtake } = await leasedLossy();
      const lost = again(mailbox, 60);
      const other = openLossy().connections;
      loseAnswer("PutItemCommand");
      overtake("PutItemCommand", async () => {
        overtake("PutItemCommand", () => act(other, lost)); // before the SDK repeats it
      });

      expect(await connections.connect(lost)).toMatchObject(outcome(lost) as object);

      const stored = await other.findForWorkspace(id, acme, { consistent: true });
      expect(stored?.vaultEntry).not.toBe(lost.vaultEntry);
    },
  );

  it("disconnects the newer sign-in that comes in between, and names its entry", async () => {
    const { connections, mailbox, id, overtake } = await leasedLossy();
    const newer = again(mailbox, 60);
    overtake("PutItemCommand", () => openLossy().connections.connect(newer));

    expect(await connections.disconnect(id, mailbox.owner, at(61))).toEqual({
      vaultEntry: newer.vaultEntry,
      isNew: true,
    });

    expect(await connections.findOwned(id, mailbox.owner)).toBeUndefined();
  });

  it("connects after a disconnect that comes in between", async () => {
    const { connections, mailbox, id, overtake } = await leasedLossy();
    overtake("PutItemCommand", () => openLossy().connections.disconnect(id, mailbox.owner, at(59)));

    const { connection } = await connect(connections, again(mailbox, 60));

    expect(connection.createdAt).toEqual(at(60));
    expect(await connections.findOwned(id, mailbox.owner)).toEqual(connection);
  });

  describe("a connection that has ended", () => {
    const forgottenAt = fromNow(180 * 24 * 3600);

    const ended = async () => {
      const before = await leasedLossy();
      const { connections, id, held } = before;
      await connections.recordSetback(id, held, { ...setback, forgottenAt });
      const next = { owner: "refresh-2", version: held.version + 1 };
      await connections.acquireLease(id, next.version, lease(next.owner), at(101));
      return { ...before, next };
    };

    it("is removed by TTL two weeks after it is forgotten", async () => {
      const { id, ...lossy } = await ended();

      expect(await rawItem(lossy, id)).toMatchObject({
        forgottenAt: forgottenAt.getTime() / 1000,
        deleteAt: forgottenAt.getTime() / 1000 + 14 * 24 * 3600,
      });
    });

    it.for<readonly [string, (of: Awaited<ReturnType<typeof ended>>) => Promise<unknown>]>([
      ["a new sign-in", ({ connections, mailbox }) => connections.connect(again(mailbox, 600))],
      [
        "a refresh",
        ({ connections, id, next }) => connections.saveRefreshed(id, next, newTokens()),
      ],
      [
        "a refusal that ends nothing",
        ({ connections, id, next }) =>
          connections.recordSetback(id, next, { ...setback, status: "admin_approval_required" }),
      ],
    ])("has no date of its removal any more after %s", async ([, revive]) => {
      const { id, ...lossy } = await ended();

      await revive({ id, ...lossy });

      const item = await rawItem(lossy, id);
      expect(item).not.toHaveProperty("deleteAt");
      expect(item).not.toHaveProperty("forgottenAt");
    });
  });

  describe("a tombstone", () => {
    it("holds nothing personal and nothing sealed, and is removed by TTL after 120 days", async () => {
      const { connections, mailbox, id, held, ...lossy } = await leasedLossy();
      await connections.recordSetback(id, held, setback);
      await connections.disconnect(id, mailbox.owner, at(200));
      await connections.disconnect(id, mailbox.owner, at(9_999)); // keeps it no longer

      const item = await rawItem(lossy, id);
      const text = JSON.stringify(item);
      const { tenantId, objectId, displayName, username } = mailbox.account;
      for (const personal of [tenantId, objectId, displayName, username, mailbox.owner.userId]) {
        expect(text).not.toContain(personal);
      }
      expect(text).not.toMatch(/sealed|contoso|claims|access_token|@/);
      expect(Object.keys(item).sort()).toEqual([
        "deleteAt",
        "disconnectedAt",
        "id",
        "ownerKey",
        "schemaVersion",
        "status",
        "vaultEntry",
        "version",
        "workspaceId",
      ]);
      expect(item.deleteAt).toBe(at(200).getTime() / 1000 + 120 * 24 * 3600);
    });

    it("is in no list, not even as an item of the index", async () => {
      const { client, connections, mailbox, id } = await leasedLossy();
      await connections.disconnect(id, mailbox.owner, at(1));

      const { Items } = await client.send(
        new QueryCommand({
          TableName: tableName,
          IndexName: "byOwner",
          KeyConditionExpression: "ownerKey = :owner",
          ExpressionAttributeValues: marshall({ ":owner": ownerKeyOf(mailbox.owner) }),
        }),
      );
      expect(Items).toEqual([]);
    });

    it("that is replaced by a new sign-in leaves no date of its removal behind", async () => {
      const { connections, mailbox, id, ...lossy } = await leasedLossy();
      await connections.disconnect(id, mailbox.owner, at(1));

      await connections.connect(again(mailbox, 60));

      expect(await rawItem(lossy, id)).not.toHaveProperty("deleteAt");
    });
  });

  it("does not have the person's id in the key of the index", async () => {
    const { mailbox, id, ...lossy } = await leasedLossy();

    const { ownerKey } = await rawItem(lossy, id);

    expect(ownerKey).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(ownerKey).not.toContain(mailbox.owner.userId);
  });

  /** All that read an item before they serve or change it. */
  const callsOf = (
    connections: Connections,
    mailbox: ConnectedMailbox,
    id: ConnectionId,
  ): readonly (() => Promise<unknown>)[] => {
    const required = { signedInBefore: at(50), problem: signInRequired, now: at(60) };
    return [
      () => connections.findOwned(id, mailbox.owner),
      () => connections.findForWorkspace(id, acme, { consistent: true }),
      () => connections.connect(again(mailbox, 60)),
      () => connections.disconnect(id, mailbox.owner, at(60)),
      () => connections.requireSignIn(id, required),
    ];
  };

  it.for(["connected", "disconnected"])(
    "does not read or overwrite an item of a later layout that is %s",
    async (status) => {
      const { client, connections, mailbox, id } = await leasedLossy();
      if (status === "disconnected") await connections.disconnect(id, mailbox.owner, at(1));
      await client.send(
        new UpdateItemCommand({
          TableName: tableName,
          Key: marshall({ id }),
          UpdateExpression: "SET schemaVersion = :later",
          ExpressionAttributeValues: marshall({ ":later": 2 }),
        }),
      );

      for (const call of callsOf(connections, mailbox, id)) {
        // Nobody is to mend it.
        await expect(call()).rejects.not.toBeInstanceOf(UnreadableConnection);
      }
    },
  );

  it("holds nothing sealed once a sign-in is required, is in no queue, and is removed by TTL two weeks after it is forgotten", async () => {
    const { connections, id, ...lossy } = await leasedLossy();

    await connections.requireSignIn(id, {
      signedInBefore: at(50),
      problem: signInRequired,
      now: at(200),
    });

    const item = await rawItem(lossy, id);
    expect(Object.keys(item).join()).not.toMatch(/sealed|keepAlive|lease/i);
    expect(item).toMatchObject({
      tokensDeletedAt: at(200).getTime() / 1000,
      deleteAt: at(200).getTime() / 1000 + (180 + 14) * 24 * 3600,
    });
  });

  it("lists the others beside an item of a later layout, and counts that one", async () => {
    const { client, connections, mailbox, id } = await leasedLossy();
    const { connection: other } = await connect(connections, {
      ...again(mailbox, 60),
      id: connectionId(`conn_${randomUUID()}`),
    });
    await client.send(
      new UpdateItemCommand({
        TableName: tableName,
        Key: marshall({ id }),
        UpdateExpression: "SET schemaVersion = :later",
        ExpressionAttributeValues: marshall({ ":later": 2 }),
      }),
    );

    expect(await connections.listOwned(mailbox.owner)).toEqual({
      connections: [expect.objectContaining({ id: other.id })],
      leftOut: 1,
      unreadable: [],
    });
  });

  it("lists the others beside an item that somebody has spoiled, and names that one", async () => {
    const { client, connections, mailbox, id, ...lossy } = await leasedLossy();
    const { connection: other } = await connect(connections, {
      ...again(mailbox, 60),
      id: connectionId(`conn_${randomUUID()}`),
    });
    const { vaultEntry: _, ...item } = await rawItem({ client, ...lossy }, id);
    const spoiled = { ...item, version: "one" };
    await client.send(new PutItemCommand({ TableName: tableName, Item: marshall(spoiled) }));

    for (const evenForgotten of [false, true]) {
      expect(await connections.listOwned(mailbox.owner, { evenForgotten })).toEqual({
        connections: [expect.objectContaining({ id: other.id })],
        leftOut: 0,
        unreadable: [{ id, fields: ["version", "vaultEntry"] }],
      });
    }
  });

  it.for(["connected", "disconnected"])(
    "says of an item that is %s and lacks something what it lacks, and does not overwrite it",
    async (status) => {
      const { client, connections, mailbox, id, ...lossy } = await leasedLossy();
      if (status === "disconnected") await connections.disconnect(id, mailbox.owner, at(1));
      const { vaultEntry: _, ...item } = await rawItem({ client, ...lossy }, id);
      await client.send(new PutItemCommand({ TableName: tableName, Item: marshall(item) }));

      const unreadable = new UnreadableConnection({ id, fields: ["vaultEntry"] });
      for (const call of callsOf(connections, mailbox, id)) {
        await expect(call()).rejects.toEqual(unreadable);
      }
      expect(await rawItem({ client, ...lossy }, id)).toEqual(item);
    },
  );
});
