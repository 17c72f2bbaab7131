import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { openScene, refusedWith, type Scene, served } from "./scene.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
});
afterAll(() => scene?.close());
beforeEach(() => scene.newDay());

const ben = { username: "ben.okafor@larkfield.example" };
const juno = { username: "juno.hale@outlook.example" };

const connected = async (personId: string, person: { readonly username: string }) => {
  const product = await scene.signedIn(personId);
  return { product, connection: await scene.connect(product, person) };
};

const now = () => scene.stack.clock.now().toISOString();

it("of an organisation whose tokens are bad, no fetch gets one until its people reconnect, under the same id", async () => {
  const ines = await connected("user_ines", ben);
  const leo = await connected("user_leo", juno);
  const { id, account } = ines.connection;
  served(await scene.fetchToken(ines));
  scene.stack.clock.advance(5);
  const bad = { tenantId: account.tenantId, connectedBefore: now() };

  expect(await scene.requireSignIn({ ...bad, dryRun: true })).toEqual({
    ok: true,
    required: 1,
    dryRun: true,
  });
  expect(await scene.requireSignIn(bad)).toEqual({ ok: true, required: 1 });

  // An execution environment may remember a token for 30 seconds after it read the connection.
  scene.stack.clock.advance(31);
  const message =
    "For your safety the permission to read this mailbox was deleted. Please reconnect the mailbox.";
  const refusal = { code: "reauthorization_required", actor: "user", message };
  expect(refusedWith(await scene.fetchToken(ines))).toMatchObject({ ...refusal, retryable: false });
  expect(await scene.list(ines.product)).toEqual([
    expect.objectContaining({ id, status: "reauthorization_required", problem: refusal }),
  ]);
  expect(await scene.vault.names(id)).toEqual([]);
  expect(JSON.stringify(await scene.tables.connection(id))).not.toContain("eyJ");
  served(await scene.fetchToken(leo));

  const again = await scene.connect(ines.product, ben, { connectionId: id });

  expect(again).toMatchObject({ id, status: "connected", account });
  expect(again).not.toHaveProperty("problem");
  served(await scene.fetchToken(ines));
  expect(await scene.requireSignIn(bad)).toEqual({ ok: true, required: 0 });
  served(await scene.fetchToken(ines));
});

it("the keep-alive and the sweep leave it alone", async () => {
  const ines = await connected("user_ines", ben);
  scene.stack.clock.advance(5);
  await scene.requireSignIn({ everybody: true, connectedBefore: now() });
  const refreshes = () => scene.microsoft.report().calls["token.refresh_token"] ?? 0;
  const before = refreshes();

  for (let days = 0; days < 20; days += 2) {
    scene.stack.clock.advance(48 * 3600);
    await scene.stack.runSchedules();
  }

  expect(refreshes()).toBe(before);
  expect(scene.failuresLogged("internal_error")).toEqual([]);
  expect(scene.failuresLogged("refresh_token_lost")).toEqual([]);
  expect(await scene.list(ines.product)).toMatchObject([{ status: "reauthorization_required" }]);
});

it.for<object>([
  {},
  { workspaceId: "ws_larkfield" },
  { connectedBefore: "2026-11-30T00:00:00Z" },
  { everybody: true, connectedBefore: "yesterday" },
  { everybody: true, connectedBefore: "2999-01-01T00:00:00Z" },
])("the payload %j is refused, and everybody stays connected", async (payload) => {
  const ines = await connected("user_ines", ben);

  expect(await scene.requireSignIn(payload)).toMatchObject({
    ok: false,
    error: { code: "invalid_request", actor: "operator", retryable: false },
  });

  served(await scene.fetchToken(ines));
});
