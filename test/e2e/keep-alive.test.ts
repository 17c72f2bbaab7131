import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { castellan, larkfield } from "../../infra/local/microsoft/directory.ts";
import {
  connectionIdOf,
  objectId,
  ownerKeyOf,
  tenantId,
  userId,
  workspaceId,
} from "../../shared/domain/ids.ts";
import { shardOf } from "../../shared/domain/keep-alive.ts";
import {
  type Connected,
  connectionView,
  openScene,
  refusedWith,
  type Scene,
  served,
} from "./scene.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
});
afterAll(() => scene?.close());
beforeEach(() => scene.newDay());
afterEach(async () => {
  for (const person of ["user_ines", "user_leo"]) {
    const product = await scene.signedIn(person);
    for (const { id } of await scene.list(product))
      await product.call("DELETE", `/connections/${id}`);
  }
});

const day = 24 * 3600;

const connected = async (personId: string, username: string): Promise<Connected> => {
  const product = await scene.signedIn(personId);
  return { product, username, connection: await scene.connect(product, { username }) };
};

const shown = async ({ product, connection }: Connected) => {
  const response = await product.call("GET", `/connections/${connection.id}`);
  return connectionView.parse(await response.json());
};

/** Days on which nobody uses anything, with or without what is done by the clock. */
const daysPass = async (days: number, keptAlive: boolean) => {
  for (let passed = 0; passed < days; passed += 2) {
    scene.stack.clock.advance(2 * day);
    if (keptAlive) await scene.stack.runSchedules();
  }
};

describe("a mailbox that nobody uses for a quarter of a year", () => {
  it("is kept alive", async () => {
    const mailbox = await connected("user_ines", "ben.okafor@larkfield.example");

    await daysPass(100, true);

    served(await scene.fetchToken(mailbox));
    const refreshes = scene.microsoft.report().calls["token.refresh_token"] ?? 0;
    // Every week or two, and the one just now.
    expect(refreshes).toBeGreaterThanOrEqual(100 / 16 - 1);
    expect(refreshes).toBeLessThanOrEqual(100 / 7 + 2);
  });

  it("is lost where nobody keeps it alive: Microsoft forgets it", async () => {
    const mailbox = await connected("user_ines", "ben.okafor@larkfield.example");
    const {
      keepAliveAt: _,
      keepAliveShard: __,
      ...forgotten
    } = await scene.tables.connection(mailbox.connection.id);
    await scene.tables.putConnection(forgotten);

    await daysPass(91, true);

    expect(refusedWith(await scene.fetchToken(mailbox))).toMatchObject({
      code: "reauthorization_required",
      actor: "user",
    });
  });

  it("that was stored before there was a keep-alive is in it from its next refresh on", async () => {
    const mailbox = await connected("user_ines", "ben.okafor@larkfield.example");
    const {
      keepAliveAt: _,
      keepAliveShard: __,
      ...old
    } = await scene.tables.connection(mailbox.connection.id);
    await scene.tables.putConnection(old);
    scene.stack.clock.advance(2 * day);
    served(await scene.fetchToken(mailbox));

    await daysPass(100, true);

    served(await scene.fetchToken(mailbox));
  });
});

describe("a mailbox that nobody has used for more than 400 days", () => {
  /** @param lastUsedAt days ago; `undefined` as it was before it was kept */
  const lastUsed = async (mailbox: Connected, daysAgo: number | undefined) => {
    const { lastUsedAt: _, ...item } = await scene.tables.connection(mailbox.connection.id);
    const now = Math.floor(scene.stack.clock.now().getTime() / 1000);
    await scene.tables.putConnection({
      ...item,
      ...(daysAgo !== undefined && { lastUsedAt: now - daysAgo * day }),
    });
  };

  it("ends when it would be kept alive, says why, and leaves nothing that opens it", async () => {
    const mailbox = await connected("user_ines", "ben.okafor@larkfield.example");
    await lastUsed(mailbox, 400);

    await daysPass(16, true);

    const { status, problem } = await shown(mailbox);
    expect(status).toBe("reauthorization_required");
    expect(problem).toMatchObject({ actor: "user", message: expect.stringContaining("400 days") });
    expect(scene.microsoft.report().calls["token.refresh_token"] ?? 0).toBe(0);
    expect(await scene.vault.names(mailbox.connection.id)).toEqual([]);
    expect(refusedWith(await scene.fetchToken(mailbox))).toMatchObject({
      code: "reauthorization_required",
      message: problem?.message,
    });
    await scene.connect(mailbox.product, { username: mailbox.username });
    served(await scene.fetchToken(mailbox));
  });

  it("is kept alive where it was not kept when it was used: that counts from now on", async () => {
    const mailbox = await connected("user_ines", "ben.okafor@larkfield.example");
    await lastUsed(mailbox, undefined);

    await daysPass(16, true);

    expect((await shown(mailbox)).status).toBe("connected");
    const { lastUsedAt } = await scene.tables.connection(mailbox.connection.id);
    const now = scene.stack.clock.now().getTime() / 1000;
    expect(Number(lastUsedAt)).toBeGreaterThan(now - 16 * day);
  });
});

it("a mailbox that is in use is not kept alive besides", async () => {
  const mailbox = await connected("user_leo", "juno.hale@outlook.example");
  for (let passed = 0; passed < 30; passed += 1) {
    scene.stack.clock.advance(day);
    served(await scene.fetchToken(mailbox));
    await scene.stack.runSchedules();
  }

  expect(scene.microsoft.report().calls["token.refresh_token"]).toBe(30);
});

it("whose account was disabled meanwhile is told so before its owner needs it, and is tried no more", async () => {
  const username = "ben.okafor@larkfield.example";
  const mailbox = await connected("user_ines", username);
  scene.microsoft.disableUser({ username, disabled: true });
  try {
    await daysPass(40, true);

    expect(await shown(mailbox)).toMatchObject({
      status: "reauthorization_required",
      problem: { actor: "tenant_admin" },
    });
    expect(scene.microsoft.report().calls["token.refresh_token"]).toBe(1);
  } finally {
    scene.microsoft.disableUser({ username, disabled: false });
  }
});

it("an organisation without approval is asked for every day or so, and its mailboxes return with the approval", async () => {
  const mailbox = await connected("user_leo", "tomas.rivera@castellan.example");
  scene.microsoft.withdrawTenantConsent({ tenantId: castellan.id });
  await daysPass(40, true);
  const withoutIt = await shown(mailbox);
  const asked = scene.microsoft.report().calls["token.refresh_token"] ?? 0;

  scene.microsoft.grantTenantConsent({ tenantId: castellan.id });
  await daysPass(3, true);

  expect(withoutIt.status).toBe("admin_approval_required");
  expect(asked).toBeGreaterThan(8);
  expect(asked).toBeLessThan(60);
  expect((await shown(mailbox)).status).toBe("connected");
});

describe("in an organisation that asks everybody to sign in again each week", () => {
  afterEach(() =>
    scene.microsoft.setTenantPolicy({
      tenantId: larkfield.id,
      policy: { signInFrequencySeconds: 0 },
    }),
  );

  it("a mailbox that nobody uses is not asked for again and again: its person and the operator are told how often, and it works after a new sign-in", async () => {
    scene.microsoft.setTenantPolicy({
      tenantId: larkfield.id,
      policy: { signInFrequencySeconds: 7 * day },
    });
    const mailbox = await connected("user_ines", "ben.okafor@larkfield.example");
    const logged = scene.stack.logs.length;

    await daysPass(30, true);

    expect(scene.microsoft.report().calls["token.refresh_token"]).toBe(1);
    const { status, problem } = await shown(mailbox);
    expect(status).toBe("reauthorization_required");
    const [, days] = /sign in again at least every (\d+) days/.exec(problem?.message ?? "") ?? [];
    expect(Number(days)).toBeGreaterThanOrEqual(8);
    expect(Number(days)).toBeLessThanOrEqual(16);
    expect(refusedWith(await scene.fetchToken(mailbox))).toMatchObject({
      code: "reauthorization_required",
      message: problem?.message,
    });
    const told = scene.stack.logs
      .slice(logged)
      .filter(({ line }) => line.includes('"failure":"sign_in_frequency"'));
    expect(told).toHaveLength(1);
    expect(JSON.parse(told[0]?.line ?? "")).toMatchObject({ tenantId: larkfield.id });

    await scene.connect(mailbox.product, { username: mailbox.username });
    served(await scene.fetchToken(mailbox));
  });
});

describe("many who were connected in the same minute and are used by nobody", () => {
  const people = 5000;

  it("are refreshed once each, and none of them again in the next run", async () => {
    const { connection, product } = await connected("user_ines", "ben.okafor@larkfield.example");
    const item = await scene.tables.connection(connection.id);
    const entry = String(item.vaultEntry);
    const payload = JSON.parse(await scene.vault.read(entry));
    const account = { tenantId: tenantId(payload.tenantId), objectId: objectId(payload.objectId) };
    const dueAt = new Date(scene.stack.clock.now().getTime() + 60_000).toISOString();
    const ids = new Set<string>();
    for (let index = 0; index < people; index += 1) {
      const owner = {
        userId: userId(`user_${index}`),
        workspaceId: workspaceId(product.workspaceId),
      };
      const id = connectionIdOf(owner, account);
      const vaultEntry = entry.replace(connection.id, id);
      await scene.vault.create(vaultEntry, JSON.stringify({ ...payload, connectionId: id }));
      await scene.tables.putConnection({
        ...item,
        id,
        userId: owner.userId,
        ownerKey: ownerKeyOf(owner),
        vaultEntry,
        keepAliveShard: shardOf(id),
        keepAliveAt: dueAt,
        accessTokenExpiresAt: 0,
      });
      ids.add(id);
    }
    scene.stack.clock.advance(3600);
    const calls = () => scene.microsoft.report().calls["token.refresh_token"] ?? 0;
    const before = calls();

    await scene.stack.runSchedules();

    expect(calls() - before).toBe(people);
    const now = scene.stack.clock.now().getTime() / 1000;
    const renewed = (await scene.tables.items("CONNECTIONS_TABLE")).filter(
      ({ id, status, accessTokenExpiresAt }) =>
        ids.has(String(id)) && status === "connected" && Number(accessTokenExpiresAt) > now,
    );
    expect(renewed).toHaveLength(people);
    scene.stack.clock.advance(3600);
    await scene.stack.runSchedules();
    expect(calls() - before).toBe(people);
  }, 240_000);
});
