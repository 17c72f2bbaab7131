import { randomUUID } from "node:crypto";
import { PutItemCommand, ScanCommand } from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dynamoDbAttempts } from "../../../../shared/adapters/dynamodb/authorization-attempts.ts";
import {
  type AuthorizationAttempts,
  attemptLifetimeSeconds,
  attemptsPerUser,
  type NewAttempt,
  type ParkedAnswer,
} from "../../../../shared/domain/attempt.ts";
import {
  attemptIdOf,
  connectionId,
  hashOf,
  objectId,
  type ProductUser,
  tenantId,
  userId,
  workspaceId,
} from "../../../../shared/domain/ids.ts";
import type { Problem } from "../../../../shared/domain/problem.ts";
import { engines } from "../../../engines/engines.ts";
import { memoryAttempts } from "../../../fakes/memory-attempts.ts";
import { type LossyClient, lossyClient } from "./lossy-client.ts";
import { createProductTables } from "./product-tables.ts";

const began = new Date("2026-11-20T09:00:00Z");
const at = (seconds: number) => new Date(began.getTime() + seconds * 1000);

const newUser = (): ProductUser => ({
  userId: userId(`user-${randomUUID()}`),
  workspaceId: workspaceId("acme"),
});

const newAttempt = (changes: Partial<NewAttempt> = {}): NewAttempt => ({
  id: attemptIdOf(randomUUID()),
  user: newUser(),
  authority: "organizations",
  requestedScopes: ["openid", "Mail.Send"],
  returnTo: "connections",
  reconnect: undefined,
  forOrganization: false,
  sealedSecrets: "sealed-secrets",
  createdAt: began,
  expiresAt: at(attemptLifetimeSeconds),
  ...changes,
});

const code: ParkedAnswer = { kind: "code", sealedCode: "sealed-code" };
const refusal: ParkedAnswer = {
  kind: "refusal",
  refusal: { error: "access_denied", errorCodes: [] },
};
const newHash = () => hashOf("completion", randomUUID());

const mismatch: Problem = {
  code: "session_mismatch",
  actor: "user",
  message: "This sign-in was started by someone else.",
};

const connected = { status: "completed", connectionId: connectionId("conn_a") } as const;

const twenty = <Value>(make: (index: number) => Promise<Value>) =>
  Promise.all(Array.from({ length: 20 }, (_, index) => make(index)));

const contract = (open: () => AuthorizationAttempts) => {
  /** An attempt that Microsoft answered. */
  const returned = async (changes: Partial<NewAttempt> = {}, answer: ParkedAnswer = code) => {
    const attempts = open();
    const attempt = newAttempt(changes);
    const completionHash = newHash();
    await attempts.begin(attempt);
    await attempts.park(attempt.id, answer, completionHash, at(1));
    return { attempts, attempt, completionHash };
  };

  /** An attempt that its user is completing. */
  const taken = async (changes: Partial<NewAttempt> = {}) => {
    const before = await returned(changes);
    const { attempts, attempt, completionHash } = before;
    await attempts.take(attempt.id, attempt.user, completionHash, at(2));
    return before;
  };

  describe("eraseOpen", () => {
    it("forgets what counts at any stage, and neither what ended with a refusal nor other people's", async () => {
      const attempts = open();
      const user = newUser();
      const completionHash = newHash();
      const of = (owner = user) => newAttempt({ user: owner });
      const [pending, parked, completing, completed, refused] = [of(), of(), of(), of(), of()];
      const elsewhere = of({ ...user, workspaceId: workspaceId("globex") });
      for (const each of [pending, parked, completing, completed, refused, elsewhere]) {
        await attempts.begin(each);
      }
      for (const { id } of [parked, completing, completed]) {
        await attempts.park(id, code, completionHash, at(1));
      }
      await attempts.park(refused.id, refusal, completionHash, at(1));
      for (const { id } of [completing, completed, refused]) {
        await attempts.take(id, user, completionHash, at(2));
      }
      await attempts.end(completed.id, connected);
      await attempts.end(refused.id, { status: "failed", problem: mismatch });

      await attempts.eraseOpen(user);
      await attempts.eraseOpen(user);

      for (const { id } of [completing, parked, pending, completed]) {
        expect(await attempts.find(id)).toBeUndefined();
      }
      expect(await attempts.take(parked.id, user, completionHash, at(3))).toBeUndefined();
      await attempts.end(completing.id, connected);
      expect(await attempts.find(completing.id)).toBeUndefined();
      expect(await attempts.find(refused.id)).toMatchObject({ status: "failed" });
      expect(await attempts.find(elsewhere.id)).toMatchObject({ status: "pending" });
    });

    it("lets the person begin as many as before", async () => {
      const attempts = open();
      const user = newUser();
      const beginAll = async () => {
        for (let begun = 0; begun < attemptsPerUser; begun += 1) {
          expect(await attempts.begin(newAttempt({ user }))).toBe(true);
        }
      };
      await beginAll();

      await attempts.eraseOpen(user);

      await beginAll();
    });
  });

  describe("begin", () => {
    it("remembers the attempt", async () => {
      const attempts = open();
      const attempt = newAttempt();

      expect(await attempts.begin(attempt)).toBe(true);

      expect(await attempts.find(attempt.id)).toEqual({
        id: attempt.id,
        user: attempt.user,
        status: "pending",
        returnTo: "connections",
        forOrganization: false,
        reconnect: undefined,
        expiresAt: attempt.expiresAt,
        takenAt: undefined,
        connectionId: undefined,
        problem: undefined,
        completionHash: undefined,
        answeredLate: false,
      });
    });

    it("remembers what kind of sign-in it is", async () => {
      const attempts = open();
      const reconnect = {
        connectionId: connectionId("conn_a"),
        account: {
          tenantId: tenantId("11111111-1111-4111-8111-111111111111"),
          objectId: objectId("22222222-2222-4222-8222-222222222222"),
        },
      };
      const attempt = newAttempt({ forOrganization: true, reconnect });

      await attempts.begin(attempt);

      expect(await attempts.find(attempt.id)).toMatchObject({
        forOrganization: true,
        reconnect,
      });
    });

    it("lets a person begin so many, and remembers no more", async () => {
      const attempts = open();
      const user = newUser();
      for (let open = 0; open < attemptsPerUser; open += 1) {
        expect(await attempts.begin(newAttempt({ user }))).toBe(true);
      }
      const tooMany = newAttempt({ user });

      expect(await attempts.begin(tooMany)).toBe(false);

      expect(await attempts.find(tooMany.id)).toBeUndefined();
    });

    it("counts each person in each workspace apart", async () => {
      const attempts = open();
      const user = newUser();
      for (let open = 0; open < attemptsPerUser; open += 1) {
        await attempts.begin(newAttempt({ user }));
      }

      const elsewhere = { ...user, workspaceId: workspaceId("globex") };
      expect(await attempts.begin(newAttempt({ user: elsewhere }))).toBe(true);
      expect(await attempts.begin(newAttempt())).toBe(true);
    });

    it("counts right when a person begins twenty at once", async () => {
      const attempts = open();
      const user = newUser();

      const outcomes = await twenty(() => attempts.begin(newAttempt({ user })));

      expect(outcomes.filter(Boolean)).toHaveLength(attemptsPerUser);
    });

    it("counts an attempt until the second in which it expires", async () => {
      const attempts = open();
      const user = newUser();
      for (let open = 0; open < attemptsPerUser; open += 1) {
        await attempts.begin(newAttempt({ user }));
      }
      const begin = (seconds: number) =>
        attempts.begin(newAttempt({ user, createdAt: at(seconds), expiresAt: at(seconds + 600) }));

      expect(await begin(attemptLifetimeSeconds - 1)).toBe(false);
      expect(await begin(attemptLifetimeSeconds)).toBe(true);
    });

    /** One that was answered so, and taken. */
    const takenWith = async (
      attempts: AuthorizationAttempts,
      user: ProductUser,
      answer: ParkedAnswer,
    ) => {
      const one = newAttempt({ user });
      const hash = newHash();
      await attempts.begin(one);
      await attempts.park(one.id, answer, hash, at(1));
      await attempts.take(one.id, user, hash, at(2));
      return one;
    };

    const beginMany = async (attempts: AuthorizationAttempts, user: ProductUser, seconds = 0) => {
      const times = { createdAt: at(seconds), expiresAt: at(seconds + attemptLifetimeSeconds) };
      const outcomes = await twenty(() => attempts.begin(newAttempt({ user, ...times })));
      return outcomes.filter(Boolean).length;
    };

    it.for([connected, { status: "failed", problem: mismatch } as const])(
      "counts an attempt whose code was taken until it would have expired, although it has $status",
      async (outcome) => {
        const attempts = open();
        const user = newUser();
        const one = await takenWith(attempts, user, code);
        await attempts.end(one.id, outcome);

        expect(await beginMany(attempts, user)).toBe(attemptsPerUser - 1);
        expect(await beginMany(attempts, user, attemptLifetimeSeconds)).toBe(attemptsPerUser);
      },
    );

    it("counts no attempt that ended without a code for Microsoft", async () => {
      const attempts = open();
      const user = newUser();
      const refused = await takenWith(attempts, user, refusal);
      await attempts.end(refused.id, { status: "failed", problem: mismatch });
      const destroyed = newAttempt({ user });
      await attempts.begin(destroyed);
      await attempts.park(destroyed.id, code, "hash", at(1));
      await attempts.destroy(destroyed.id, "hash", mismatch);

      expect(await beginMany(attempts, user)).toBe(attemptsPerUser);
    });
  });

  describe("narrow", () => {
    const tenant = tenantId("33333333-3333-4333-8333-333333333333");

    it("sends a sign-in for an organisation on to its tenant, as often as it is asked", async () => {
      const attempts = open();
      const attempt = newAttempt({ forOrganization: true });
      await attempts.begin(attempt);

      for (const seconds of [1, 2]) {
        expect(await attempts.narrow(attempt.id, tenant, at(seconds))).toEqual({
          sealedSecrets: attempt.sealedSecrets,
        });
      }

      const completionHash = newHash();
      await attempts.park(attempt.id, code, completionHash, at(3));
      expect(await attempts.take(attempt.id, attempt.user, completionHash, at(4))).toMatchObject({
        authority: tenant,
        approvedOnTheWay: true,
      });
    });

    it("leaves every other sign-in alone", async () => {
      const attempts = open();
      const single = newAttempt();
      const late = newAttempt({ forOrganization: true });
      const { attempts: others, attempt: answered } = await returned({ forOrganization: true });
      await attempts.begin(single);
      await attempts.begin(late);

      expect(await attempts.narrow(single.id, tenant, at(1))).toBeUndefined();
      expect(await attempts.narrow(late.id, tenant, at(attemptLifetimeSeconds))).toBeUndefined();
      expect(await others.narrow(answered.id, tenant, at(2))).toBeUndefined();
      expect(await attempts.narrow(newAttempt().id, tenant, at(1))).toBeUndefined();
    });
  });

  describe("park", () => {
    it("says where to return to, and remembers the completion", async () => {
      const attempts = open();
      const attempt = newAttempt({ returnTo: "settings" });
      await attempts.begin(attempt);

      expect(await attempts.park(attempt.id, code, "the-hash", at(1))).toEqual({
        returnTo: "settings",
      });

      expect(await attempts.find(attempt.id)).toMatchObject({
        status: "returned",
        completionHash: "the-hash",
      });
    });

    it("happens once, however many callbacks come at once", async () => {
      const attempts = open();
      const attempt = newAttempt();
      await attempts.begin(attempt);
      const hashes = Array.from({ length: 20 }, newHash);

      const outcomes = await twenty((index) =>
        attempts.park(attempt.id, code, hashes[index] ?? "", at(1)),
      );

      const winners = hashes.filter((_, index) => outcomes[index]);
      expect(winners).toHaveLength(1);
      expect((await attempts.find(attempt.id))?.completionHash).toBe(winners[0]);
    });

    it("that comes too late is known to have come, and nothing else", async () => {
      const attempts = open();
      const attempt = newAttempt();
      await attempts.begin(attempt);
      const before = await attempts.find(attempt.id);

      await attempts.noteLateAnswer(attempt.id);

      expect(await attempts.find(attempt.id)).toEqual({ ...before, answeredLate: true });
    });

    it("that comes again is not late, and of an attempt that nobody began is not remembered", async () => {
      const { attempts, attempt } = await returned();
      const unknown = attemptIdOf("nobody began this");

      await attempts.noteLateAnswer(attempt.id);
      await attempts.noteLateAnswer(unknown);

      expect((await attempts.find(attempt.id))?.answeredLate).toBe(false);
      expect(await attempts.find(unknown)).toBeUndefined();
    });

    it("never replaces an answer", async () => {
      const { attempts, attempt, completionHash } = await returned();
      const other: ParkedAnswer = { kind: "code", sealedCode: "injected" };

      expect(await attempts.park(attempt.id, other, newHash(), at(2))).toBeUndefined();

      const took = await attempts.take(attempt.id, attempt.user, completionHash, at(3));
      expect(took?.answer).toEqual(code);
    });

    it("says nothing of an attempt that was never begun, or is being completed, or has ended", async () => {
      const { attempts, attempt } = await taken();
      const park = (id: NewAttempt["id"]) => attempts.park(id, code, newHash(), at(3));

      expect(await park(attemptIdOf("never begun"))).toBeUndefined();
      expect(await park(attempt.id)).toBeUndefined();
      await attempts.end(attempt.id, connected);
      expect(await park(attempt.id)).toBeUndefined();
      expect(await attempts.find(attemptIdOf("never begun"))).toBeUndefined();
    });

    it("is possible until the second in which the attempt expires", async () => {
      const attempts = open();
      const [late, inTime] = [newAttempt(), newAttempt()];
      await Promise.all([attempts.begin(late), attempts.begin(inTime)]);

      const atTheEnd = at(attemptLifetimeSeconds);
      const justBefore = at(attemptLifetimeSeconds - 1);
      expect(await attempts.park(late.id, code, newHash(), atTheEnd)).toBeUndefined();
      expect(await attempts.park(inTime.id, code, newHash(), justBefore)).toBeDefined();
      expect((await attempts.find(late.id))?.status).toBe("pending");
    });
  });

  describe("take", () => {
    it("hands out all that completing needs", async () => {
      const { attempts, attempt, completionHash } = await returned({
        authority: tenantId("11111111-1111-4111-8111-111111111111"),
        reconnect: {
          connectionId: connectionId("conn_a"),
          account: {
            tenantId: tenantId("11111111-1111-4111-8111-111111111111"),
            objectId: objectId("22222222-2222-4222-8222-222222222222"),
          },
        },
      });

      const took = await attempts.take(attempt.id, attempt.user, completionHash, at(2));

      expect(took).toMatchObject({ ...attempt, answer: code });
      expect(await attempts.find(attempt.id)).toMatchObject({
        status: "completing",
        takenAt: at(2),
      });
    });

    it.for<readonly [string, ParkedAnswer]>([
      ["a refusal", refusal],
      [
        "a refusal with all its evidence",
        {
          kind: "refusal",
          refusal: {
            error: "access_denied",
            suberror: "consent_required",
            errorSubcode: "cancel",
            errorCodes: [65004, 90094],
            traceId: "11111111-2222-3333-4444-555555555555",
            correlationId: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
          },
        },
      ],
      ["a code of 12 KB", { kind: "code", sealedCode: "c".repeat(12 * 1024) }],
    ])("hands out %s as it was parked", async ([, answer]) => {
      const { attempts, attempt, completionHash } = await returned({}, answer);

      const took = await attempts.take(attempt.id, attempt.user, completionHash, at(2));

      expect(took?.answer).toEqual(answer);
    });

    it("happens once, however many ask at once", async () => {
      const { attempts, attempt, completionHash } = await returned();

      const outcomes = await twenty(() =>
        attempts.take(attempt.id, attempt.user, completionHash, at(2)),
      );

      expect(outcomes.filter(Boolean)).toHaveLength(1);
      expect(await attempts.take(attempt.id, attempt.user, completionHash, at(3))).toBeUndefined();
    });

    it("is for its own user, workspace and completion only, and a wrong try spoils nothing", async () => {
      const { attempts, attempt, completionHash } = await returned();
      const { id, user } = attempt;
      const mallory = { ...user, userId: userId("mallory") };
      const elsewhere = { ...user, workspaceId: workspaceId("globex") };

      expect(await attempts.take(id, mallory, completionHash, at(2))).toBeUndefined();
      expect(await attempts.take(id, elsewhere, completionHash, at(2))).toBeUndefined();
      expect(await attempts.take(id, user, newHash(), at(2))).toBeUndefined();
      expect(await attempts.take(attemptIdOf("other"), user, completionHash, at(2))).toBe(
        undefined,
      );

      expect(await attempts.take(id, user, completionHash, at(2))).toBeDefined();
    });

    it("has nothing to hand out before Microsoft answered", async () => {
      const attempts = open();
      const attempt = newAttempt();
      await attempts.begin(attempt);

      expect(await attempts.take(attempt.id, attempt.user, newHash(), at(1))).toBeUndefined();
      expect((await attempts.find(attempt.id))?.status).toBe("pending");
    });

    it("is possible until the second in which the attempt expires", async () => {
      const late = await returned();
      const inTime = await returned();
      const take = ({ attempts, attempt, completionHash }: typeof late, now: Date) =>
        attempts.take(attempt.id, attempt.user, completionHash, now);

      expect(await take(late, at(attemptLifetimeSeconds))).toBeUndefined();
      expect(await take(inTime, at(attemptLifetimeSeconds - 1))).toBeDefined();
    });
  });

  describe("destroy", () => {
    it("ends a parked attempt with a problem, and its answer is never handed out", async () => {
      const { attempts, attempt, completionHash } = await returned();

      expect(await attempts.destroy(attempt.id, completionHash, mismatch)).toBe(true);

      expect(await attempts.find(attempt.id)).toMatchObject({
        status: "failed",
        problem: mismatch,
      });
      expect(await attempts.take(attempt.id, attempt.user, completionHash, at(2))).toBeUndefined();
    });

    it("needs the completion, and an attempt that is parked", async () => {
      const parked = await returned();
      const completing = await taken();
      const pending = newAttempt();
      await parked.attempts.begin(pending);

      expect(await parked.attempts.destroy(parked.attempt.id, newHash(), mismatch)).toBe(false);
      expect(await parked.attempts.destroy(pending.id, newHash(), mismatch)).toBe(false);
      expect(await parked.attempts.destroy(attemptIdOf("none"), newHash(), mismatch)).toBe(false);
      const { attempts, attempt, completionHash } = completing;
      expect(await attempts.destroy(attempt.id, completionHash, mismatch)).toBe(false);

      expect((await attempts.find(attempt.id))?.status).toBe("completing");
      expect((await parked.attempts.find(parked.attempt.id))?.status).toBe("returned");
      expect(await attempts.find(attemptIdOf("none"))).toBeUndefined();
    });

    it("happens once, and never beside a take", async () => {
      const { attempts, attempt, completionHash } = await returned();

      const outcomes = await twenty<unknown>((index) =>
        index % 2 === 0
          ? attempts.destroy(attempt.id, completionHash, mismatch)
          : attempts.take(attempt.id, attempt.user, completionHash, at(2)),
      );

      expect(outcomes.filter(Boolean)).toHaveLength(1);
    });
  });

  describe("end", () => {
    it("records the connection", async () => {
      const { attempts, attempt } = await taken();

      await attempts.end(attempt.id, connected);

      expect(await attempts.find(attempt.id)).toMatchObject({
        status: "completed",
        connectionId: "conn_a",
        problem: undefined,
      });
    });

    it("records the problem", async () => {
      const { attempts, attempt } = await taken();

      await attempts.end(attempt.id, { status: "failed", problem: mismatch });

      expect(await attempts.find(attempt.id)).toMatchObject({
        status: "failed",
        problem: mismatch,
        connectionId: undefined,
      });
    });

    it("says nothing of an attempt that has ended, and changes nothing", async () => {
      const { attempts, attempt } = await taken();
      await attempts.end(attempt.id, connected);

      await attempts.end(attempt.id, { status: "failed", problem: mismatch });

      expect(await attempts.find(attempt.id)).toMatchObject({
        status: "completed",
        problem: undefined,
      });
    });

    it("ends nothing that was not taken", async () => {
      const { attempts, attempt } = await returned();

      await attempts.end(attempt.id, connected);
      await attempts.end(attemptIdOf("none"), connected);

      expect((await attempts.find(attempt.id))?.status).toBe("returned");
      expect(await attempts.find(attemptIdOf("none"))).toBeUndefined();
    });
  });

  it("finds an attempt long after it expired, and none that never was", async () => {
    const attempts = open();
    const attempt = newAttempt({ createdAt: at(-86_400), expiresAt: at(-85_800) });
    await attempts.begin(attempt);

    expect((await attempts.find(attempt.id))?.expiresAt).toEqual(at(-85_800));
    expect(await attempts.find(attemptIdOf("none"))).toBeUndefined();
  });
};

describe("attempts in memory", () => {
  contract(() => memoryAttempts());
});

describe.for(Object.entries(engines))("attempts on %s", ([, start]) => {
  let engine: Awaited<ReturnType<typeof start>>;
  let tableName: string;
  const clients: LossyClient[] = [];
  beforeAll(async () => {
    engine = await start();
    tableName = (await createProductTables(engine.origin)).attempts;
  });
  afterAll(async () => {
    for (const { client } of clients) client.destroy();
    await engine.close();
  });

  /** A client for each test, so that what one loses is not lost by another. */
  const openLossy = () => {
    const lossy = lossyClient(engine.origin);
    clients.push(lossy);
    return { ...lossy, attempts: dynamoDbAttempts(lossy.client, tableName) };
  };

  let shared: AuthorizationAttempts | undefined;
  contract(() => {
    shared ??= openLossy().attempts;
    return shared;
  });

  const itemsOf = async ({ client }: Pick<LossyClient, "client">, user: ProductUser) => {
    const { Items = [] } = await client.send(
      new ScanCommand({ TableName: tableName, ConsistentRead: true }),
    );
    const items = Items.map((item) => unmarshall(item));
    const attempts = items.filter((item) => item.userId === user.userId);
    const ids = new Set(attempts.map(({ id }) => id));
    return { attempts, slots: items.filter((item) => ids.has(item.attemptId)) };
  };

  describe("when an answer is lost", () => {
    it("begin takes one slot", async () => {
      const { attempts, loseAnswer } = openLossy();
      const user = newUser();
      const attempt = newAttempt({ user });
      loseAnswer("PutItemCommand");
      loseAnswer("PutItemCommand");

      expect(await attempts.begin(attempt)).toBe(true);

      const outcomes = await twenty(() => attempts.begin(newAttempt({ user })));
      expect(outcomes.filter(Boolean)).toHaveLength(attemptsPerUser - 1);
    });

    it("park knows its own work", async () => {
      const { attempts, loseAnswer } = openLossy();
      const attempt = newAttempt();
      await attempts.begin(attempt);
      loseAnswer("UpdateItemCommand");

      expect(await attempts.park(attempt.id, code, newHash(), at(1))).toEqual({
        returnTo: "connections",
      });
    });

    it("take knows its own work", async () => {
      const { attempts, loseAnswer } = openLossy();
      const attempt = newAttempt();
      const hash = newHash();
      await attempts.begin(attempt);
      await attempts.park(attempt.id, code, hash, at(1));
      loseAnswer("UpdateItemCommand");

      expect(await attempts.take(attempt.id, attempt.user, hash, at(2))).toMatchObject({
        answer: code,
        sealedSecrets: "sealed-secrets",
      });
    });

    it("of two takes one gets the answer, whichever loses its own", async () => {
      const [first, second] = [openLossy(), openLossy()];
      const attempt = newAttempt();
      const hash = newHash();
      await first.attempts.begin(attempt);
      await first.attempts.park(attempt.id, code, hash, at(1));
      first.loseAnswer("UpdateItemCommand");
      second.loseAnswer("UpdateItemCommand");

      const outcomes = await Promise.all(
        [first, second].map(({ attempts }) => attempts.take(attempt.id, attempt.user, hash, at(2))),
      );

      expect(outcomes.filter(Boolean)).toHaveLength(1);
    });

    it("destroy knows its own work, and frees the slot", async () => {
      const lossy = openLossy();
      const attempt = newAttempt();
      const hash = newHash();
      await lossy.attempts.begin(attempt);
      await lossy.attempts.park(attempt.id, code, hash, at(1));
      lossy.loseAnswer("UpdateItemCommand");

      expect(await lossy.attempts.destroy(attempt.id, hash, mismatch)).toBe(true);

      expect((await itemsOf(lossy, attempt.user)).slots).toEqual([]);
    });

    it("end knows what was answered, and frees the slot of a refusal", async () => {
      const lossy = openLossy();
      const attempt = newAttempt();
      const hash = newHash();
      await lossy.attempts.begin(attempt);
      await lossy.attempts.park(attempt.id, refusal, hash, at(1));
      await lossy.attempts.take(attempt.id, attempt.user, hash, at(2));
      lossy.loseAnswer("UpdateItemCommand");
      lossy.loseAnswer("DeleteItemCommand");

      await lossy.attempts.end(attempt.id, { status: "failed", problem: mismatch });

      expect((await lossy.attempts.find(attempt.id))?.status).toBe("failed");
      expect((await itemsOf(lossy, attempt.user)).slots).toEqual([]);
    });

    it("of every try, it goes up: nobody is told what is not known", async () => {
      const { attempts, loseAllAnswers, sent } = openLossy();
      const attempt = newAttempt();
      await attempts.begin(attempt);
      loseAllAnswers("UpdateItemCommand");

      await expect(attempts.park(attempt.id, code, newHash(), at(1))).rejects.toThrow();

      expect(sent.filter((name) => name === "UpdateItemCommand")).toHaveLength(3);
    });
  });

  it("frees no slot that has gone to a later attempt", async () => {
    const lossy = openLossy();
    const user = newUser();
    const hash = newHash();
    const early = newAttempt({ user });
    await lossy.attempts.begin(early);
    await lossy.attempts.park(early.id, refusal, hash, at(1));
    await lossy.attempts.take(early.id, user, hash, at(2));
    const later = newAttempt({ user, createdAt: at(600), expiresAt: at(1200) });
    await lossy.attempts.begin(later); // takes the slot of the expired one

    await lossy.attempts.end(early.id, { status: "failed", problem: mismatch });

    expect((await itemsOf(lossy, user)).slots).toEqual([
      expect.objectContaining({ attemptId: later.id }),
    ]);
  });

  it("keeps nothing sealed after the end, and lets TTL remove the outcome an hour after expiry", async () => {
    const lossy = openLossy();
    const attempt = newAttempt();
    const hash = newHash();
    await lossy.attempts.begin(attempt);
    const [slot] = (await itemsOf(lossy, attempt.user)).slots;
    await lossy.attempts.park(attempt.id, code, hash, at(1));
    await lossy.attempts.take(attempt.id, attempt.user, hash, at(2));
    await lossy.attempts.end(attempt.id, connected);

    const [item] = (await itemsOf(lossy, attempt.user)).attempts;
    const expiresAt = attempt.expiresAt.getTime() / 1000;
    expect(JSON.stringify(item)).not.toContain("sealed-");
    expect(item?.deleteAt).toBe(expiresAt + 3600);
    expect(slot?.deleteAt).toBe(expiresAt);
  });

  it("keeps nothing sealed of an attempt that somebody else brought back", async () => {
    const lossy = openLossy();
    const attempt = newAttempt();
    const hash = newHash();
    await lossy.attempts.begin(attempt);
    await lossy.attempts.park(attempt.id, code, hash, at(1));
    await lossy.attempts.destroy(attempt.id, hash, mismatch);

    const { attempts } = await itemsOf(lossy, attempt.user);
    expect(JSON.stringify(attempts)).not.toContain("sealed-");
  });

  it("throws for an item that it does not understand", async () => {
    const { attempts, client } = openLossy();
    const id = attemptIdOf(randomUUID());
    await client.send(
      new PutItemCommand({ TableName: tableName, Item: marshall({ id, status: "paused" }) }),
    );

    await expect(attempts.find(id)).rejects.toThrow();
  });
});
