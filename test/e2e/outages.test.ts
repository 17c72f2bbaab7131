import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
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

const [ben, ada] = ["ben.okafor@larkfield.example", "ada.whitlock@larkfield.example"] as const;

/** A mailbox whose token has long run out. */
const expired = async (
  ...mailboxes: readonly (readonly [personId: string, username: string])[]
) => {
  const connected: Connected[] = [];
  for (const [personId, username] of mailboxes) {
    const product = await scene.signedIn(personId);
    connected.push({ product, username, connection: await scene.connect(product, { username }) });
  }
  scene.stack.clock.advance(7200);
  return connected;
};

const asked = () => scene.microsoft.report().calls["token.refresh_token"] ?? 0;

const statusOf = async ({ product, connection }: Connected) => {
  const response = await product.call("GET", `/connections/${connection.id}`);
  return connectionView.parse(await response.json()).status;
};

/** The longest rest, and what it is spread by. */
const untilAllIsTriedAgain = 300 + 5;

it("Microsoft is out of order for ten minutes: it is not run down, nobody has to act, and all goes on", async () => {
  const mailboxes = await expired(
    ["user_ines", ben],
    ["user_ines", ada],
    ["user_tomas", ben],
    ["user_tomas", ada],
  );
  scene.microsoft.fault({
    endpoint: "token",
    fault: { kind: "unavailable" },
    times: "always",
    grantType: "refresh_token",
  });

  const told = [];
  for (let minute = 0; minute < 10; minute += 0.5) {
    const answers = await Promise.all(mailboxes.map((mailbox) => scene.fetchToken(mailbox)));
    told.push(...answers.map(refusedWith));
    scene.stack.clock.advance(30);
  }
  const askedDuringIt = asked();
  scene.microsoft.heal();
  scene.stack.clock.advance(untilAllIsTriedAgain);
  for (const mailbox of mailboxes) served(await scene.fetchToken(mailbox));

  for (const failure of told) {
    expect(failure).toMatchObject({
      code: "temporarily_unavailable",
      actor: "nobody",
      retryable: true,
    });
  }
  // Eighty fetches; four asked before it was known, and then one each time the rest was over.
  expect(askedDuringIt).toBeLessThanOrEqual(mailboxes.length + 7);
  expect(await Promise.all(mailboxes.map(statusOf))).toEqual(mailboxes.map(() => "connected"));
});

it("one organisation is throttled: all of it waits as long as Microsoft says, and nobody else waits", async () => {
  const [first, colleague, elsewhere, personal] = await expired(
    ["user_ines", ben],
    ["user_tomas", ada],
    ["user_leo", "tomas.rivera@castellan.example"],
    ["user_leo", "juno.hale@outlook.example"],
  );
  if (!first || !colleague || !elsewhere || !personal) expect.fail("not connected");
  scene.microsoft.fault({ endpoint: "token", fault: { kind: "throttled", retryAfter: 120 } });

  const told = refusedWith(await scene.fetchToken(first));
  scene.stack.clock.advance(60);
  const colleagueTold = refusedWith(await scene.fetchToken(colleague));
  const askedEarly = asked();
  served(await scene.fetchToken(elsewhere));
  served(await scene.fetchToken(personal));
  scene.stack.clock.advance(66);
  served(await scene.fetchToken(colleague));
  served(await scene.fetchToken(first));

  expect(told).toMatchObject({ code: "throttled", retryAfterSeconds: 120 });
  expect(colleagueTold).toMatchObject({ code: "throttled", actor: "nobody", retryable: true });
  expect(colleagueTold.retryable && colleagueTold.retryAfterSeconds).toBeGreaterThanOrEqual(59);
  expect(colleagueTold.retryable && colleagueTold.retryAfterSeconds).toBeLessThanOrEqual(66);
  expect(askedEarly).toBe(1);
});

it("one private mailbox is throttled: no other private mailbox waits for it", async () => {
  const [first, other] = await expired(
    ["user_leo", "juno.hale@outlook.example"],
    ["user_leo", "theo.marsh@hotmail.example"],
  );
  if (!first || !other) expect.fail("not connected");
  scene.microsoft.fault({ endpoint: "token", fault: { kind: "throttled", retryAfter: 600 } });

  const told = refusedWith(await scene.fetchToken(first));

  expect(told).toMatchObject({ code: "throttled", retryAfterSeconds: 600 });
  served(await scene.fetchToken(other));
});

it("the app's credential is refused: one asks each half minute for all, and all goes on when it is repaired", async () => {
  const own = await scene.clientCredential.read();
  try {
    const mailboxes = await expired(
      ["user_ines", ben],
      ["user_tomas", ada],
      ["user_leo", "tomas.rivera@castellan.example"],
    );
    scene.microsoft.setClientSecrets({
      secrets: own.map((secret) => ({ secret, expired: true })),
    });
    const before = scene.microsoft.report().calls["token.refresh_token"] ?? 0;
    for (const mailbox of mailboxes) {
      expect(refusedWith(await scene.fetchToken(mailbox))).toMatchObject({
        code: "misconfigured",
        actor: "operator",
        retryable: true,
      });
    }
    // The first one tries every secret; the others are told what came of it.
    const triedByOne = asked() - before;
    expect(triedByOne).toBeLessThanOrEqual(2 * own.length);
    scene.microsoft.setClientSecrets({
      secrets: own.map((secret) => ({ secret, expired: false })),
    });
    scene.stack.clock.advance(66);

    for (const mailbox of mailboxes) served(await scene.fetchToken(mailbox));
  } finally {
    scene.microsoft.setClientSecrets({
      secrets: own.map((secret) => ({ secret, expired: false })),
    });
  }
});
