import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import type { ProductClient } from "../../infra/local/product-client.ts";
import {
  connectionIdOf,
  objectId,
  ownerKeyOf,
  tenantId,
  userId,
  workspaceId,
} from "../../shared/domain/ids.ts";
import { shardOf } from "../../shared/domain/keep-alive.ts";
import { type ConnectionView, openScene, refusedWith, type Scene, served } from "./scene.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
});
afterAll(() => scene?.close());
beforeEach(() => scene.newDay());

const hour = 3600;
const ben = { username: "ben.okafor@larkfield.example" };
const juno = { username: "juno.hale@outlook.example" };

const erasedPart = z.strictObject({
  ok: z.literal(true),
  erased: z.int(),
  next: z.optional(z.string()),
});

const personOf = ({ personId, workspaceId }: ProductClient) => ({ userId: personId, workspaceId });

const connected = async (personId: string, person: { readonly username: string }) => {
  const product = await scene.signedIn(personId);
  return { product, connection: await scene.connect(product, person) };
};

const itemText = async (id: string) => JSON.stringify(await scene.tables.connection(id));

/** An execution environment may remember a token for 30 seconds after it read the connection. */
const expectEnded = async (of: { product: ProductClient; connection: ConnectionView }) => {
  scene.stack.clock.advance(31);
  expect(refusedWith(await scene.fetchToken(of)).code).toBe("not_found");
  expect(await scene.vault.names(of.connection.id)).toEqual([]);
};

describe("when a person leaves", () => {
  it("workers get no token any more, nothing of them is kept, and their colleagues notice nothing", async () => {
    const ines = await connected("user_ines", ben);
    const colleague = await connected("user_tomas", ben);
    served(await scene.fetchToken(ines));

    expect(await scene.erase(personOf(ines.product))).toEqual({ ok: true, erased: 1 });

    await expectEnded(ines);
    expect(await scene.list(ines.product)).toEqual([]);
    const left = await itemText(ines.connection.id);
    for (const personal of [
      "user_ines",
      "Okafor",
      ben.username,
      ines.connection.account.tenantId,
    ]) {
      expect(left).not.toContain(personal);
    }
    served(await scene.fetchToken(colleague));
    expect(await scene.erase(personOf(colleague.product))).toEqual({ ok: true, erased: 1 });
  });

  it("a sign-in that they had begun connects nothing", async () => {
    const product = await scene.signedIn("user_ines");
    const { returned } = await scene.goToMicrosoft(product, ben);

    expect(await scene.erase(personOf(product))).toEqual({ ok: true, erased: 0 });

    const answer = await product.complete(returned);
    expect(answer.ok).toBe(false);
    expect(await scene.list(product)).toEqual([]);
  });

  it("the keep-alive renews nothing of theirs", async () => {
    const ines = await connected("user_ines", ben);
    await scene.erase(personOf(ines.product));
    const refreshes = () => scene.microsoft.report().calls["token.refresh_token"] ?? 0;
    const before = refreshes();

    for (let days = 0; days < 20; days += 2) {
      scene.stack.clock.advance(48 * hour);
      await scene.stack.runSchedules();
    }

    expect(refreshes()).toBe(before);
  });
});

describe("when a workspace is deleted", () => {
  const people = 60;

  /** As many people of the same workspace, each with a copy of one mailbox. */
  const multiply = async ({
    product,
    connection,
  }: {
    product: ProductClient;
    connection: ConnectionView;
  }) => {
    const item = await scene.tables.connection(connection.id);
    const entry = String(item.vaultEntry);
    const payload = JSON.parse(await scene.vault.read(entry));
    const account = { tenantId: tenantId(payload.tenantId), objectId: objectId(payload.objectId) };
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
      });
    }
  };

  it("all its connections end, no other, and the sweep finds nothing to wonder about", async () => {
    const ines = await connected("user_ines", ben);
    const stranger = await connected("user_leo", juno);
    await multiply(ines);
    expect(await scene.vault.names()).toHaveLength(people + 2);

    let erased = 0;
    let next: string | undefined;
    do {
      const answer = await scene.erase({
        workspaceId: ines.product.workspaceId,
        ...(next !== undefined && { startAt: next }),
      });
      const part = erasedPart.parse(answer);
      erased += part.erased;
      next = part.next;
    } while (next !== undefined);

    expect(erased).toBe(people + 1);
    await expectEnded(ines);
    expect(await scene.vault.names()).toEqual([expect.stringContaining(stranger.connection.id)]);
    for (let hours = 0; hours < 50; hours += 1) {
      scene.stack.clock.advance(hour);
      await scene.stack.runSchedules();
    }
    expect(scene.failuresLogged("sweep_refused")).toEqual([]);
    served(await scene.fetchToken(stranger));
    expect(await scene.erase({ workspaceId: ines.product.workspaceId })).toEqual({
      ok: true,
      erased: 0,
    });
  });
});

it.for<object>([
  {},
  { workspaceId: "" },
  { workspaceId: "ws_larkfield", userId: "" },
  { workspaceId: "ws_larkfield", startAt: "the beginning" },
  { workspaceId: "ws_larkfield", all: true },
])("the payload %j is refused, and everybody stays connected", async (payload) => {
  const ines = await connected("user_ines", ben);

  expect(await scene.erase(payload)).toMatchObject({
    ok: false,
    error: { code: "invalid_request", actor: "operator", retryable: false },
  });

  served(await scene.fetchToken(ines));
});
