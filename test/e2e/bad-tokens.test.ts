import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import type { AlterationOrder } from "../../infra/local/microsoft/faults.ts";
import {
  type Connected,
  connectionView,
  openScene,
  refusedWith,
  type Scene,
  served,
} from "./scene.ts";

/** Longer than any token of Microsoft's lives: 90 minutes. */
const longerThanAToken = 7200;
/** An execution environment remembers a token for 30 seconds. */
const longerThanMemory = 31;

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
});
afterAll(() => scene?.close());
beforeEach(() => scene.newDay());

const connected = async (): Promise<Connected> => {
  const username = "ben.okafor@larkfield.example";
  const product = await scene.signedIn("user_ines");
  return { product, username, connection: await scene.connect(product, { username }) };
};

const refreshes = () => scene.microsoft.report().calls["token.refresh_token"] ?? 0;

describe("a refresh whose answer has", () => {
  it.for<[string, AlterationOrder["alteration"]]>([
    ["no lifetime", { omit: ["expires_in"] }],
    ["no lifetime left", { set: { expires_in: 0 } }],
    ["a lifetime in words", { set: { expires_in: "soon" } }],
    ["a lifetime of days, which no access token has", { set: { expires_in: 1_000_000 } }],
  ])("%s is not stored, and ends no connection", async ([, alteration]) => {
    const mailbox = await connected();
    const { product, connection } = mailbox;
    const before = await scene.tables.connection(connection.id);
    scene.stack.clock.advance(longerThanAToken);
    scene.microsoft.alter({ alteration, grantType: "refresh_token" });

    const told = refusedWith(await scene.fetchToken(mailbox));
    const after = await scene.tables.connection(connection.id);
    scene.stack.clock.advance(60);

    expect(told).toMatchObject({
      code: "temporarily_unavailable",
      actor: "nobody",
      retryable: true,
    });
    expect(after.sealedAccessToken).toBe(before.sealedAccessToken);
    const shown = await product.call("GET", `/connections/${connection.id}`);
    expect(connectionView.parse(await shown.json()).status).toBe("connected");
    expect(served(await scene.fetchToken(mailbox)).degraded).toBe(false);
  });
});

describe("a stored token that", () => {
  const underUnknownKey = (sealed: string) => {
    const [header = "", ...parts] = sealed.split(".");
    const named = z.looseObject({ kid: z.string() });
    const { kid: _, ...rest } = named.parse(
      JSON.parse(Buffer.from(header, "base64url").toString()),
    );
    const renamed = Buffer.from(JSON.stringify({ ...rest, kid: "unknown" })).toString("base64url");
    return [renamed, ...parts].join(".");
  };

  it.for<[string, (sealed: string) => string]>([
    ["is cut short", (sealed) => sealed.slice(0, sealed.length / 2)],
    ["names a key that nobody has", underUnknownKey],
    ["is none", () => ""],
  ])("%s is replaced by a new one, asked for once", async ([, spoil]) => {
    const mailbox = await connected();
    const item = await scene.tables.connection(mailbox.connection.id);
    const spoiled = spoil(z.string().parse(item.sealedAccessToken));

    await scene.tables.putConnection({ ...item, sealedAccessToken: spoiled });
    const first = served(await scene.fetchToken(mailbox));
    scene.stack.clock.advance(longerThanMemory);
    const second = served(await scene.fetchToken(mailbox));

    expect(second.text).toBe(first.text);
    expect(refreshes()).toBe(1);
    await expect.poll(() => scene.failuresLogged("sealed_token_unreadable")).not.toEqual([]);
  });
});

it("a connection of a later version of this service is refused, and left as it is", async () => {
  const mailbox = await connected();
  const item = await scene.tables.connection(mailbox.connection.id);
  const later = { ...item, schemaVersion: 99 };
  scene.stack.clock.advance(longerThanAToken);
  await scene.tables.putConnection(later);

  const told = refusedWith(await scene.fetchToken(mailbox));

  expect(told).toMatchObject({
    code: "temporarily_unavailable",
    actor: "operator",
    retryable: true,
  });
  expect(await scene.tables.connection(mailbox.connection.id)).toEqual(later);
});
