import { describe, expect, it } from "vitest";
import {
  failuresPerRun,
  mailsPerRun,
  organisationsPerRun,
  resumeWaiting,
} from "../../../functions/resume-waiting/resume-waiting.ts";
import type {
  ConsentRequest,
  ConsentRequests,
  Mailer,
  NewConsentRequest,
} from "../../../shared/domain/consent-request.ts";
import { tenantId, userId, workspaceId } from "../../../shared/domain/ids.ts";
import { type MailAddress, mailAddress } from "../../../shared/domain/mail-address.ts";
import { type Organisation, organisationKey } from "../../../shared/domain/tenant-consent.ts";
import { UnreadableItem } from "../../../shared/domain/unreadable-item.ts";
import { allReadable } from "../../fakes/all-readable.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { type Intercept, intercepted, neverSettles } from "../../fakes/intercepted.ts";
import { memoryConsentRequests } from "../../fakes/memory-consent-requests.ts";
import { memoryMailLedger } from "../../fakes/memory-mail-ledger.ts";
import { memoryTenantConsents } from "../../fakes/memory-tenant-consents.ts";
import { secondsAfter } from "../../fakes/samples.ts";

const addressOf = (name: string): MailAddress => {
  const address = mailAddress(`${name}@north.example`);
  if (!address) throw new Error("not an address");
  return address;
};

const organisationOf = (index: number): Organisation => ({
  kind: "tenant",
  tenantId: tenantId(`3b0f5c1e-7a42-4d89-9e15-${String(index).padStart(12, "0")}`),
});
const north = organisationOf(1);
const south = organisationOf(2);

interface Script {
  readonly intercept?: Intercept;
  readonly send?: (to: MailAddress) => ReturnType<Mailer["send"]>;
}

/** People who wait, and the function that tells them. */
const scene = ({ intercept = (_, call) => call(), send = async () => "sent" }: Script = {}) => {
  const clock = fakeClock();
  const consents = memoryTenantConsents();
  const stored = memoryConsentRequests();
  const spoiled = new Set<string>();
  const requests: ConsentRequests = {
    ...stored,
    waiting: async (organisation, onUnreadable) => {
      const waiting = await stored.waiting(organisation, allReadable);
      const isSpoiled = ({ tokenHash }: ConsentRequest) => spoiled.has(tokenHash);
      for (const { tokenHash } of waiting.filter(isSpoiled)) {
        onUnreadable?.(new UnreadableItem(tokenHash));
      }
      return waiting.filter((request) => !isSpoiled(request));
    },
  };
  const ledger = memoryMailLedger();
  const mails: string[] = [];
  const resumed: string[] = [];
  const reported: string[] = [];
  const mailer = {
    send: async (to: MailAddress) => {
      mails.push(to);
      return send(to);
    },
  };
  const taken = intercepted("mailer", mailer, intercept);

  return {
    clock,
    consents,
    requests,
    spoiled,
    ledger,
    mails,
    resumed,
    reported,
    asks: (name: string, organisation: Organisation = north) => {
      const createdAt = clock.now();
      const request: NewConsentRequest = {
        organisation,
        requester: {
          user: { userId: userId(name), workspaceId: workspaceId("ws_north") },
          email: addressOf(name),
          name,
          workspaceName: undefined,
        },
        returnTo: "connections",
        tokenHash: `hash of ${name}`,
        sealedToken: "sealed",
        createdAt,
        expiresAt: secondsAfter(createdAt, 7 * 24 * 3600),
      };
      clock.pass(1);
      return requests.open(request);
    },
    isVerified: async (organisation: Organisation = north) => {
      const proof = { kind: "user_grant" } as const;
      await consents.record(organisation, { kind: "verified", proof }, clock.now());
    },
    run: () =>
      resumeWaiting({
        consents: intercepted("consents", consents, intercept),
        requests: intercepted("requests", requests, intercept),
        ledger: intercepted("ledger", ledger, intercept),
        sendMail: ({ requester }) => taken.send(requester.email),
        pause: async () => {},
        now: clock.now,
        onResumed: (organisation, people) => resumed.push(`${organisation} ${people}`),
        report: (error) => reported.push(error instanceof Error ? error.message : "unknown"),
      }),
    due: async () =>
      (await consents.noticesDue(100, allReadable)).map(({ organisation }) =>
        organisationKey(organisation),
      ),
  };
};

const settled = async (script: Script = {}, names = ["ann", "ben", "cleo"]) => {
  const it = scene(script);
  for (const name of names) await it.asks(name);
  await it.isVerified();
  it.clock.pass(60);
  return it;
};

describe("an organisation that has approved", () => {
  it("has everybody told who waits, oldest first, and is then done", async () => {
    const { run, mails, resumed, reported, due } = await settled();

    await run();
    await run();

    expect(mails).toEqual(["ann@north.example", "ben@north.example", "cleo@north.example"]);
    expect(resumed).toEqual([`${organisationKey(north)} 3`]);
    expect(reported).toEqual([]);
    expect(await due()).toEqual([]);
  });

  it("is given a minute, so that the link works when it is followed", async () => {
    const { asks, isVerified, clock, run, mails } = scene();
    await asks("ann");
    await isVerified();

    clock.pass(59);
    await run();
    expect(mails).toEqual([]);

    clock.pass(1);
    await run();
    expect(mails).toEqual(["ann@north.example"]);
  });

  it("has those told, too, whose link has expired", async () => {
    const { asks, isVerified, clock, run, mails } = scene();
    await asks("ann");
    clock.pass(8 * 24 * 3600);
    await isVerified();
    clock.pass(60);

    await run();

    expect(mails).toEqual(["ann@north.example"]);
  });

  it("has nobody told who was told already, or whose address takes no mail", async () => {
    const { requests, ledger, asks, clock, run, mails, resumed, due } = await settled();
    await requests.claimNotice(await asks("ann"), clock.now());
    await ledger.suppress(addressOf("ben"), "bounce", clock.now());

    await run();

    expect(mails).toEqual(["cleo@north.example"]);
    expect(resumed).toEqual([`${organisationKey(north)} 1`]);
    expect(await due()).toEqual([]);
  });

  it("tells those again who asked again after an approval that was lost", async () => {
    const { asks, isVerified, consents, clock, run, mails } = await settled({}, ["ann"]);
    await run();

    await consents.record(north, { kind: "lost" }, clock.now());
    await asks("ann");
    await isVerified();
    clock.pass(60);
    await run();

    expect(mails).toEqual(["ann@north.example", "ann@north.example"]);
  });

  it("has nobody told before, and nobody of another organisation", async () => {
    const { asks, run, mails } = await settled({}, ["ann"]);
    await asks("sue", south);

    await run();

    expect(mails).toEqual(["ann@north.example"]);
  });
});

describe("two runs at once", () => {
  it("tell everybody once", async () => {
    const { run, mails, resumed, due } = await settled();

    await Promise.all([run(), run(), run()]);

    expect(mails.toSorted()).toEqual([
      "ann@north.example",
      "ben@north.example",
      "cleo@north.example",
    ]);
    expect(resumed.map((line) => Number(line.split(" ").at(-1)))).toSatisfy(
      (people: number[]) => people.reduce((sum, each) => sum + each, 0) === 3,
    );
    expect(await due()).toEqual([]);
  });
});

describe("one run", () => {
  it("sends so many mails and leaves the others to the next", async () => {
    const names = Array.from({ length: mailsPerRun + 2 }, (_, index) => `person${index}`);
    const { run, mails, due } = await settled({}, names);

    await run();
    expect(mails).toHaveLength(mailsPerRun);
    expect(await due()).toEqual([organisationKey(north)]);

    await run();
    expect(mails).toEqual(names.map((name) => `${name}@north.example`));
    expect(await due()).toEqual([]);
  });

  it("looks at so many organisations and leaves the others to the next", async () => {
    const { asks, isVerified, clock, run, mails } = scene();
    for (let index = 0; index <= organisationsPerRun; index += 1) {
      await asks(`person${index}`, organisationOf(index));
      await isVerified(organisationOf(index));
    }
    clock.pass(60);

    await run();
    expect(mails).toHaveLength(organisationsPerRun);

    await run();
    expect(mails).toHaveLength(organisationsPerRun + 1);
  });

  it("ends in time when mails are slow, in the middle of an organisation", async () => {
    const { run, mails, clock, due } = await settled({
      send: async () => {
        clock.pass(30);
        return "sent";
      },
    });

    await run();
    expect(mails).toHaveLength(2);
    expect(await due()).toEqual([organisationKey(north)]);

    await run();
    expect(mails).toHaveLength(3);
    expect(await due()).toEqual([]);
  });

  it("ends when mail after mail fails on our side, since each costs somebody theirs", async () => {
    const names = ["ann", "ben", "cleo", "dan", "eve"];
    const send = async () => {
      throw new Error("a mistake of ours");
    };
    const { run, mails, resumed, due } = await settled({ send }, names);

    await run();

    expect(mails).toHaveLength(failuresPerRun);
    expect(resumed).toEqual([]);
    expect(await due()).toEqual([organisationKey(north)]);
  });

  it("goes on past people to whom no mail can be delivered, a few in each run", async () => {
    const names = ["ann", "ben", "cleo", "dan", "eve"];
    const { run, mails, due } = await settled(
      { send: async (to) => (/^(ann|ben|cleo|dan)/.test(to) ? "undeliverable" : "sent") },
      names,
    );

    await run();
    expect(mails).toHaveLength(failuresPerRun);
    await run();

    expect(mails).toEqual(names.map((name) => `${name}@north.example`));
    expect(await due()).toEqual([]);
  });

  it("ends at the first mail that the service does not take, and costs nobody theirs", async () => {
    let isPaused = true;
    const { run, mails, resumed, due } = await settled({
      send: async () => (isPaused ? "refused" : "sent"),
    });

    for (let minute = 0; minute < 10; minute += 1) await run();
    expect(mails).toEqual(Array.from({ length: 10 }, () => "ann@north.example"));
    expect(resumed).toEqual([]);

    isPaused = false;
    await run();
    expect(mails.slice(10)).toEqual([
      "ann@north.example",
      "ben@north.example",
      "cleo@north.example",
    ]);
    expect(await due()).toEqual([]);
  });
});

describe("a request that somebody has spoiled", () => {
  it("keeps nobody else from being told, is reported in each run, and is served once it is mended", async () => {
    const { run, mails, reported, spoiled, due } = await settled();
    spoiled.add("hash of ann");

    await run();
    await run();
    expect(mails).toEqual(["ben@north.example", "cleo@north.example"]);
    expect(reported).toEqual(["an item cannot be read", "an item cannot be read"]);
    expect(await due()).toEqual([organisationKey(north)]);

    spoiled.clear();
    await run();
    expect(mails.slice(2)).toEqual(["ann@north.example"]);
    expect(await due()).toEqual([]);
  });

  it("keeps no organisation from its turn, also when there is one in each of many", async () => {
    const { asks, isVerified, clock, run, mails, spoiled } = scene();
    for (let index = 0; index < 3 * organisationsPerRun; index += 1) {
      const { tokenHash } = await asks(`person${index}`, organisationOf(index));
      spoiled.add(tokenHash);
      await isVerified(organisationOf(index));
    }
    const last = organisationOf(3 * organisationsPerRun);
    await asks("ann", last);
    await isVerified(last);
    clock.pass(60);

    await run();

    expect(mails).toEqual(["ann@north.example"]);
  });
});

describe("a mail", () => {
  it("that can have no address, or whose fate is not known, keeps nobody else from being told", async () => {
    const { run, mails, resumed, due } = await settled({
      send: async (to) => (to.startsWith("ann") ? "undeliverable" : "unknown"),
    });

    await run();
    await run();

    expect(mails).toHaveLength(3);
    expect(resumed).toEqual([`${organisationKey(north)} 2`]);
    expect(await due()).toEqual([]);
  });
});

describe.for([
  "consents.noticesDue",
  "requests.waiting",
  "ledger.isSuppressed",
  "requests.claimNotice",
  "mailer.send",
  "consents.noticesDone",
])("when a call of %s", (name) => {
  const first = (fault: Intercept): Intercept =>
    // The first call of its name, and only that one.
    (() => {
      let isOver = false;
      return (called, call) => {
        if (called !== name || isOver) return call();
        isOver = true;
        return fault(called, call);
      };
    })();
  const atMostOnce = (mails: readonly string[]) =>
    expect([...new Set(mails)].toSorted()).toEqual(mails.toSorted());
  const mayLose = name === "requests.claimNotice" || name === "mailer.send";

  it("fails, the next run tells everybody who was not told", async () => {
    const intercept = first(async () => {
      throw new Error("throttled");
    });
    const { run, mails, due, reported } = await settled({ intercept });

    await run().catch((error: Error) => reported.push(error.message));
    await run();

    atMostOnce(mails);
    expect(reported).toEqual(["throttled"]);
    expect(mails).toHaveLength(name === "mailer.send" ? 2 : 3);
    expect(await due()).toEqual([]);
  });

  it("is done and its answer lost, nobody is told twice and the others are told", async () => {
    const intercept = first(async (_, call) => {
      await call();
      throw new Error("no answer");
    });
    const { run, mails, due, reported } = await settled({ intercept });

    await run().catch((error: Error) => reported.push(error.message));
    await run();

    atMostOnce(mails);
    expect(reported).toEqual(["no answer"]);
    expect(mails.length).toBeGreaterThanOrEqual(mayLose ? 2 : 3);
    expect(await due()).toEqual([]);
  });

  it.for([
    ["before", false],
    ["after", true],
  ] as const)(
    "is where the process dies, %s it, nobody is told twice and the others are told",
    async ([, isDone]) => {
      let die = () => {};
      const dead = new Promise<void>((resolve) => {
        die = resolve;
      });
      const intercept = first(async (_, call) => {
        if (isDone) await call();
        die();
        return neverSettles();
      });
      const { run, mails, due } = await settled({ intercept });

      void run();
      await dead;
      await run();

      atMostOnce(mails);
      expect(mails.length).toBeGreaterThanOrEqual(mayLose ? 2 : 3);
      expect(await due()).toEqual([]);
    },
  );
});
