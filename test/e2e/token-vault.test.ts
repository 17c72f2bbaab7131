import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openScene, refusedWith, type Scene, served } from "./scene.ts";

const hour = 3600;
const ben = { username: "ben.okafor@larkfield.example" };

/** Each hour one part of the vaults has its turn; a day takes them all. */
const sweepsPass = async ({ stack }: Scene, hours: number) => {
  for (let passed = 0; passed < hours; passed += 1) {
    stack.clock.advance(hour);
    await stack.runSchedules();
  }
};

const entriesIn = async (scene: Scene) => ({
  secrets: await scene.vault.names(),
  items: (await scene.tables.items("REFRESH_TOKENS_TABLE")).map(({ id }) => String(id)),
});

const writes = ({ stack }: Scene) => {
  const { CreateSecret = 0, PutSecretValue = 0, DeleteSecret = 0 } = stack.secretsManager.calls();
  return CreateSecret + PutSecretValue + DeleteSecret;
};

describe("refresh tokens in the table", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await openScene({ tokenVault: "table" });
  });
  afterAll(() => scene?.close());

  it("serve a connection all its life, and Secrets Manager is never written", async () => {
    const product = await scene.signedIn("user_ines");
    const before = writes(scene);

    const connection = await scene.connect(product, ben);
    const [entry = ""] = (await entriesIn(scene)).items;
    expect(entry).toContain(connection.id);
    for (let passed = 0; passed < 3; passed += 1) {
      scene.stack.clock.advance(25 * hour);
      served(await scene.fetchToken({ product, connection }));
    }
    expect((await entriesIn(scene)).items).toEqual([entry]);

    const again = await scene.connect(product, ben);
    const [renewed, ...others] = (await entriesIn(scene)).items;
    expect(again.id).toBe(connection.id);
    expect(others).toEqual([]);
    expect(renewed).not.toBe(entry);

    await product.call("DELETE", `/connections/${connection.id}`);
    expect(await entriesIn(scene)).toEqual({ secrets: [], items: [] });
    expect(writes(scene)).toBe(before);
  });

  it("that are lost and restored serve again by themselves, who was told to reconnect and who is not used among them", async () => {
    const product = await scene.signedIn("user_ines");
    const used = { product, connection: await scene.connect(product, ben) };
    const unused = {
      product,
      connection: await scene.connect(product, { username: "ada.whitlock@larkfield.example" }),
    };
    const lost = await scene.tables.items("REFRESH_TOKENS_TABLE");
    for (const { id } of lost) await scene.tables.remove("REFRESH_TOKENS_TABLE", { id });
    scene.stack.clock.advance(14 * 24 * hour);
    const first = refusedWith(await scene.fetchToken(used));
    scene.stack.clock.advance(120);
    const second = refusedWith(await scene.fetchToken(used));
    for (let day = 0; day < 5; day += 1) {
      scene.stack.clock.advance(24 * hour);
      await scene.stack.runSchedules();
    }
    const statuses = async () => (await scene.list(product)).map(({ status }) => status);
    const toldMeanwhile = await statuses();

    for (const item of lost) await scene.tables.put("REFRESH_TOKENS_TABLE", item);
    scene.stack.clock.advance(hour);
    served(await scene.fetchToken(used));
    for (let day = 0; day < 2; day += 1) {
      scene.stack.clock.advance(24 * hour);
      await scene.stack.runSchedules();
    }

    expect(first).toMatchObject({ code: "temporarily_unavailable", retryable: true });
    expect(second).toMatchObject({ code: "reauthorization_required", actor: "user" });
    expect(toldMeanwhile).toEqual(["reauthorization_required", "reauthorization_required"]);
    expect(await statuses()).toEqual(["connected", "connected"]);
    expect(scene.microsoft.report().calls["token.refresh_token"]).toBeGreaterThan(0);
    for (const { connection } of [used, unused])
      await product.call("DELETE", `/connections/${connection.id}`);
  });
});

describe("a connection that has ended", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await openScene({ tokenVault: "table" });
  });
  afterAll(() => scene?.close());
  const day = 24 * hour;

  it("is shown for half a year, then forgotten and its refresh token erased, before TTL removes it and after", async () => {
    const product = await scene.signedIn("user_ines");
    const connection = await scene.connect(product, ben);
    scene.microsoft.revokeSessions({ username: ben.username });
    scene.stack.clock.advance(2 * hour);
    refusedWith(await scene.fetchToken({ product, connection }));
    scene.stack.clock.advance(180 * day - hour);
    const lastShown = await scene.list(product);
    scene.stack.clock.advance(hour);

    const seen = async () => ({
      listed: await scene.list(product),
      shown: (await product.call("GET", `/connections/${connection.id}`)).status,
      disconnected: (await product.call("DELETE", `/connections/${connection.id}`)).status,
      told: refusedWith(await scene.fetchToken({ product, connection })).code,
    });
    const nothing = { listed: [], shown: 404, disconnected: 404, told: "not_found" };
    expect(lastShown).toMatchObject([{ status: "reauthorization_required" }]);
    expect(await seen()).toEqual(nothing);
    expect((await entriesIn(scene)).items).toHaveLength(1);

    await sweepsPass(scene, 49);
    expect((await entriesIn(scene)).items).toEqual([]);
    const { deleteAt } = await scene.tables.connection(connection.id);
    expect(Number(deleteAt)).toBeGreaterThan(scene.stack.clock.now().getTime() / 1000);
    await scene.tables.remove("CONNECTIONS_TABLE", { id: connection.id });

    expect(await seen()).toEqual(nothing);
    expect((await scene.connect(product, ben)).id).toBe(connection.id);
    served(await scene.fetchToken({ product, connection }));
  });
});

describe("a stage that changes its vault", () => {
  let folder: string;
  let scene: Scene;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vaults-"));
    scene = await openScene({ folder, tokenVault: "secrets-manager" });
  });
  afterAll(async () => {
    await scene?.close();
    await rm(folder, { recursive: true });
  });

  const deployedWith = async (tokenVault: "secrets-manager" | "table") => {
    await scene.close();
    scene = await openScene({ folder, tokenVault });
    return scene.signedIn("user_ines");
  };

  it("moves each token at its next refresh, to the table and back, and sweeps what a crash has left", async () => {
    let product = await scene.signedIn("user_ines");
    const connection = await scene.connect(product, ben);
    expect((await entriesIn(scene)).items).toEqual([]);

    product = await deployedWith("table");
    served(await scene.fetchToken({ product, connection }));
    expect((await entriesIn(scene)).secrets).toHaveLength(1);
    scene.stack.clock.advance(2 * hour);
    served(await scene.fetchToken({ product, connection }));
    expect(await entriesIn(scene)).toEqual({
      secrets: [],
      items: [expect.stringContaining(connection.id)],
    });

    product = await deployedWith("secrets-manager");
    scene.stack.clock.advance(2 * hour);
    served(await scene.fetchToken({ product, connection }));
    const { secrets, items } = await entriesIn(scene);
    expect(items).toEqual([]);
    expect(secrets).toEqual([expect.stringContaining(connection.id)]);

    // As a crash leaves it: an entry that was stored and never named.
    const [kept = ""] = secrets;
    const left = kept.replace(/[^/]+$/, "00000000-0000-4000-8000-000000000000");
    await scene.vault.create(left, await scene.vault.read(kept));
    await sweepsPass(scene, 23);
    expect((await entriesIn(scene)).secrets).toHaveLength(2); // none of them is a day old
    await sweepsPass(scene, 26);
    expect((await entriesIn(scene)).secrets).toEqual([kept]);
    served(await scene.fetchToken({ product, connection }));
  });
});
