import { describe, expect, it } from "vitest";
import { connectionIdOf, objectId } from "../../../shared/domain/ids.ts";
import { succeed } from "../../../shared/domain/result.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import {
  account,
  alice,
  alicesConnection,
  grant,
  mallory,
  strangerAlice,
} from "../../fakes/samples.ts";
import { problemIn, type ServiceScript, serviceInMemory } from "../../fakes/service-in-memory.ts";

const log = captureLog();

const connected = async (script: ServiceScript = {}) => {
  const service = serviceInMemory(script);
  await service.connect(alice);
  return service;
};

const servedIn = ({ connections }: ReturnType<typeof serviceInMemory>) =>
  connections.findForWorkspace(alicesConnection, alice.workspaceId, { consistent: true });

it("stops serving tokens and erases the refresh token", async () => {
  const service = await connected();

  const { statusCode, body } = await service.disconnect(alice, alicesConnection);

  expect(statusCode).toBe(204);
  expect(body).toBe("");
  expect(await servedIn(service)).toBeUndefined();
  expect(service.vault.entries.size).toBe(0);
});

it("may be repeated", async () => {
  const service = await connected();
  const first = await service.disconnect(alice, alicesConnection);

  const again = await service.disconnect(alice, alicesConnection);

  expect(first.statusCode).toBe(204);
  expect(again).toEqual(first);
});

it("may be asked for twice at the same time, by a caller that is no browser, too", async () => {
  const service = await connected();
  const twice = [service, service].map((each) =>
    each.disconnect(alice, alicesConnection, { headers: {} }),
  );

  const answers = await Promise.all(twice);

  expect(answers.map(({ statusCode }) => statusCode)).toEqual([204, 204]);
  expect(service.vault.entries.size).toBe(0);
});

it("leaves the other mailboxes of the same person as they were", async () => {
  const other = { ...account, objectId: objectId("00000000-0000-4000-8000-000000000001") };
  let granted = grant;
  const service = await connected({ redeemCode: async () => succeed(granted) });
  granted = { ...grant, account: other };
  await service.connect(alice);

  await service.disconnect(alice, alicesConnection);

  const { connections } = JSON.parse((await service.list(alice)).body);
  const left = [...service.vault.entries.values()].map(({ owner }) => owner.connectionId);
  expect(connections.map(({ id }: { id: string }) => id)).toEqual([connectionIdOf(alice, other)]);
  expect(left).toEqual([connectionIdOf(alice, other)]);
});

it("can be undone by connecting again, under the same id", async () => {
  const service = await connected();
  await service.disconnect(alice, alicesConnection);
  expect(await servedIn(service)).toBeUndefined();

  const { statusCode, body } = await service.connect(alice);

  expect(statusCode).toBe(200);
  expect(JSON.parse(body).id).toBe(alicesConnection);
  expect(service.vault.entries.size).toBe(1);
});

describe("is refused, and changes nothing:", () => {
  const expectUntouched = async (service: ReturnType<typeof serviceInMemory>) => {
    expect(await servedIn(service)).toBeDefined();
    expect(service.vault.entries.size).toBe(1);
  };

  it.for([
    ["a stranger", mallory],
    ["a namesake in another workspace", strangerAlice],
  ] as const)("%s, who sees what there is to see of any id", async ([, user]) => {
    const service = await connected();

    const answer = await service.disconnect(user, alicesConnection);
    const unknown = await service.disconnect(user, `conn_${"u".repeat(22)}`);

    expect(problemIn(answer)).toEqual({ statusCode: 404, code: "not_found", actor: "user" });
    expect(answer).toEqual(unknown);
    await expectUntouched(service);
  });

  it.for(["https://evil.example", "null", "http://app.example", "https://app.example."])(
    "a page of %s",
    async (origin) => {
      const service = await connected();

      const answer = await service.disconnect(alice, alicesConnection, { headers: { origin } });

      expect(problemIn(answer)).toEqual({
        statusCode: 400,
        code: "invalid_request",
        actor: "operator",
      });
      await expectUntouched(service);
    },
  );

  it.for([
    "",
    "conn_",
    "__proto__",
    "*",
    `${alicesConnection}x`,
    `${alicesConnection}\n`,
    `${alicesConnection},${alicesConnection}`,
    alicesConnection.toUpperCase(),
    alicesConnection.replace("_", "%5F"),
    `att_${"a".repeat(43)}`,
    `conn_${"a".repeat(5_000)}`,
  ])("the id %j", async (id) => {
    const service = await connected();

    expect(problemIn(await service.disconnect(alice, id)).code).toBe("not_found");
    await expectUntouched(service);
  });

  it("somebody after it was disconnected, who never owned it", async () => {
    const service = await connected();
    await service.disconnect(alice, alicesConnection);

    expect((await service.disconnect(mallory, alicesConnection)).statusCode).toBe(404);
  });
});

it("logs which connection, and whose workspace", async () => {
  const service = await connected();

  await service.disconnect(alice, alicesConnection);

  const line = JSON.parse(log.lines().at(-1) ?? "{}");
  expect(line).toMatchObject({
    message: "mailbox disconnected",
    connectionId: alicesConnection,
    workspaceId: alice.workspaceId,
  });
  expect(log.lines().at(-1)).not.toContain('"alice"');
});

it("logs it once, and each repetition as one, in case the first died before it could", async () => {
  const service = await connected();

  for (let times = 0; times < 3; times += 1) {
    expect((await service.disconnect(alice, alicesConnection)).statusCode).toBe(204);
    service.clock.pass(60);
  }

  const lines = log.lines().map((line) => JSON.parse(line));
  const ends = lines.filter(({ connectionId }) => connectionId === alicesConnection);
  const again = "mailbox was disconnected before";
  expect(ends.map(({ message }) => message).slice(-3)).toEqual([
    "mailbox disconnected",
    again,
    again,
  ]);
});
