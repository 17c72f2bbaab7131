import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ben, type SimulatedApp, startSimulatedApp } from "./simulated-app.ts";

let folder: string;
let app: SimulatedApp;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "simulator-"));
  app = await startSimulatedApp({ folder });
});
afterEach(async () => {
  await app.close();
  await rm(folder, { recursive: true });
});

const restart = async () => {
  await app.close();
  app = await startSimulatedApp({ folder });
};

it("who was revoked stays revoked after a restart, and who has signed in since stays signed in", async () => {
  const before = await app.tokensFor(ben);
  app.control.revokeSessions({ username: ben });
  const since = await app.tokensFor(ben);

  await restart();

  const refused = await app.refusalOf(app.refresh(before.refresh_token));
  expect(refused.error_codes).toEqual([50173]);
  expect((await app.refresh(since.refresh_token)).status).toBe(200);
});

it("access tokens that are over are not kept", async () => {
  const { access_token } = await app.tokensFor(ben);
  const kept = () => readFile(join(folder, "granted.json"), "utf8");
  expect(await kept()).toContain(access_token);

  app.clock.advance(24 * 3600);
  await app.tokensFor(ben);

  expect(await kept()).not.toContain(access_token);
});
