import { describe, expect, it } from "vitest";
import { objectId } from "../../../shared/domain/ids.ts";
import { succeed } from "../../../shared/domain/result.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import {
  account,
  alice,
  alicesConnection,
  grant,
  mallory,
  noon,
  secondsAfter,
  strangerAlice,
} from "../../fakes/samples.ts";
import { problemIn, serviceInMemory } from "../../fakes/service-in-memory.ts";

const log = captureLog();

it("shows a person their connections, oldest first", async () => {
  let next = account;
  const service = serviceInMemory({
    redeemCode: async () => succeed({ ...grant, account: next }),
  });
  await service.connect(alice);
  service.clock.pass(60);
  next = { ...account, objectId: objectId("00000000-0000-4000-8000-000000000001") };
  await service.connect(alice);

  const { connections } = JSON.parse((await service.list(alice)).body);

  expect(connections).toHaveLength(2);
  expect(connections.map(({ createdAt }: { createdAt: string }) => createdAt)).toEqual([
    noon.toISOString(),
    secondsAfter(noon, 60).toISOString(),
  ]);
  expect(connections[0].id).toBe(alicesConnection);
});

/** A list with one mailbox, which is not all there is. */
const expectIncomplete = async (rest: object) => {
  const service = serviceInMemory({
    intercept: async (name, call) =>
      name === "connections.listOwned" ? { ...Object(await call()), ...rest } : call(),
  });
  await service.connect(alice);

  const { statusCode, body } = await service.list(alice);

  expect(statusCode).toBe(200);
  expect(JSON.parse(body)).toMatchObject({
    incomplete: true,
    connections: [{ status: "connected" }],
  });
};

it("says that the list is not all there is, when a newer deployment has written some of it", async () => {
  await expectIncomplete({ leftOut: 1 });
  expect(log.lines().filter((line) => line.includes("later_layout"))).toHaveLength(1);
});

it("shows the others beside one that cannot be read, says that there is more, and tells the operator", async () => {
  const unreadable = [{ id: "conn_spoiled", fields: ["createdAt"] }];
  await expectIncomplete({ unreadable });
  const lines = log.lines().filter((line) => line.includes("connection_unreadable"));
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: "ERROR", connectionId: "conn_spoiled", unreadableFields: ["createdAt"] },
  ]);
});

it("shows one as it is shown in the list", async () => {
  const service = serviceInMemory();
  await service.connect(alice);

  const one = JSON.parse((await service.connection(alice, alicesConnection)).body);

  const { connections } = JSON.parse((await service.list(alice)).body);
  expect(connections).toEqual([one]);
});

it("says what is wrong with it and who must act, and keeps Microsoft's claims to itself", async () => {
  const service = serviceInMemory();
  await service.connect(alice);
  const held = { owner: "refresh-1", version: 1 };
  const lease = { owner: held.owner, expiresAt: secondsAfter(noon, 15) };
  await service.connections.acquireLease(alicesConnection, 1, lease, noon);
  const problem = {
    code: "reauthorization_required",
    actor: "user",
    message: "Please reconnect the mailbox.",
  } as const;
  await service.connections.recordSetback(alicesConnection, held, {
    status: "reauthorization_required",
    problem,
    refreshNotBefore: undefined,
    pause: undefined,
    firstRefusedAt: undefined,
    forgottenAt: undefined,
    lastUsedAt: undefined,
    pendingClaims: '{"access_token":{}}',
    keepAliveAt: undefined,
  });

  const { body } = await service.connection(alice, alicesConnection);

  expect(JSON.parse(body)).toMatchObject({ status: "reauthorization_required", problem });
  expect(body).not.toContain("access_token");
});

it("never shows a token, sealed or not, nor the name of a secret, nor the object id", async () => {
  const service = serviceInMemory();
  await service.connect(alice);
  const [entry] = service.vault.entries.keys();

  const answers = [await service.list(alice), await service.connection(alice, alicesConnection)];

  for (const { body } of answers) {
    expect(body).toContain(alicesConnection);
    expect(body).not.toMatch(/token-1|eyJ|sealed|vault/);
    expect(body).not.toContain(entry ?? "?");
    expect(body).not.toContain(account.objectId);
  }
});

describe.for([
  ["a stranger", mallory],
  ["a namesake in another workspace", strangerAlice],
] as const)("%s", ([, user]) => {
  it("sees nothing of it", async () => {
    const service = serviceInMemory();
    await service.connect(alice);

    const answer = await service.connection(user, alicesConnection);
    const unknown = await service.connection(user, `conn_${"u".repeat(22)}`);

    expect(JSON.parse((await service.list(user)).body)).toEqual({ connections: [] });
    expect(problemIn(answer)).toEqual({ statusCode: 404, code: "not_found", actor: "user" });
    expect(answer).toEqual(unknown);
  });
});

it("does not show what was disconnected", async () => {
  const service = serviceInMemory();
  await service.connect(alice);
  await service.disconnect(alice, alicesConnection);

  expect(JSON.parse((await service.list(alice)).body)).toEqual({ connections: [] });
  expect((await service.connection(alice, alicesConnection)).statusCode).toBe(404);
});

it.for(["", "conn_", `conn_${"a".repeat(23)}`, "conn_../../../../../../a", "__proto__"])(
  "finds nothing of the name %j, and does not look",
  async (id) => {
    const calls: string[] = [];
    const service = serviceInMemory({
      intercept: (name, call) => {
        calls.push(name);
        return call();
      },
    });

    expect(problemIn(await service.connection(alice, id)).statusCode).toBe(404);
    expect(calls).toEqual([]);
  },
);

it("says that our side failed, and not how", async () => {
  const service = serviceInMemory({
    intercept: async () => {
      throw new Error("alice's item cannot be read");
    },
  });

  const answer = await service.list(alice);

  expect(problemIn(answer)).toMatchObject({ statusCode: 500, code: "internal_error" });
  expect(answer.body).not.toContain("alice");
});
