import { describe, expect, it } from "vitest";
import { digestSeconds, heldSeconds, mailLimits } from "../../../shared/domain/consent-request.ts";
import {
  hashOf,
  type ProductUser,
  personalAccountsTenant,
  type TenantId,
  tenantId,
  userId,
  workspaceId,
} from "../../../shared/domain/ids.ts";
import type { MailAddress } from "../../../shared/domain/mail-address.ts";
import { succeed } from "../../../shared/domain/result.ts";
import { type Organisation, personAlone } from "../../../shared/domain/tenant-consent.ts";
import { allReadable } from "../../fakes/all-readable.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { addressOf, claimNames } from "../../fakes/http-event.ts";
import {
  account,
  alice,
  alicesConnection,
  grant,
  mallory,
  strangerAlice,
} from "../../fakes/samples.ts";
import {
  problemIn,
  type ServiceInMemory,
  type ServiceScript,
  serviceInMemory,
} from "../../fakes/service-in-memory.ts";

const log = captureLog();

const tenant: Organisation = { kind: "tenant", tenantId: account.tenantId };
const administrator = "it@north.example";

/** Somebody whom Microsoft keeps on its page. */
const blocked = async (script: ServiceScript = {}, user: ProductUser = alice) => {
  const service = serviceInMemory(script);
  const { attemptId } = await service.begin(user);
  const ask = (more: object = {}) => service.askAdministrator(user, { attemptId, ...more });
  return { service, attemptId, ask };
};

const answerOf = async (response: Promise<{ readonly body: string }>) =>
  JSON.parse((await response).body);

const tokenIn = (url: string) => new URL(url).pathname.split("/").at(-1) ?? "";

describe("asking", () => {
  it("gives the person a link to pass on, good for a week, and mails nobody", async () => {
    const { service, ask } = await blocked();

    const answer = await answerOf(ask());

    expect(answer).toMatchObject({
      status: "requested",
      approvalUrl: expect.stringMatching(/^https:\/\/api\.example\/admin-consent\/[\w-]{43}$/),
      expiresAt: new Date(service.clock.now().getTime() + 7 * 24 * 3600 * 1000).toISOString(),
      mail: { status: "none" },
    });
    expect(service.mails).toEqual([]);
    expect((await service.consents.find(tenant)).status).toBe("requested");
    const linked = await service.requests.findByLink(
      hashOf("approval_link", tokenIn(answer.approvalUrl)),
    );
    expect(linked).toMatchObject({
      isCurrent: true,
      request: { requester: { user: alice, email: "alice@north.example" } },
    });
  });

  it("says at which domain an administrator can be mailed", async () => {
    const { ask } = await blocked();

    expect(await answerOf(ask())).toMatchObject({ mailDomain: "north.example" });
    expect(await answerOf(ask({ adminEmail: administrator }))).toMatchObject({
      mailDomain: "north.example",
    });
  });

  it("says of no domain where the address of the person is of none that a tenant owns", async () => {
    const { ask } = await blocked({ tenantsByDomain: {} });

    expect(await answerOf(ask())).not.toHaveProperty("mailDomain");
  });

  it("says of no domain while Microsoft cannot be asked whose it is", async () => {
    const tenantsByDomain: Record<string, TenantId | "unavailable"> = {
      "north.example": account.tenantId,
    };
    const service = serviceInMemory({ tenantsByDomain });
    await service.connect(alice);
    await service.consents.record(tenant, { kind: "lost" }, service.clock.now());
    tenantsByDomain["north.example"] = "unavailable";

    const asked = service.askAdministrator(alice, { connectionId: alicesConnection });

    expect(await answerOf(asked)).not.toHaveProperty("mailDomain");
  });

  it("mails no administrator of the person's own organisation for a mailbox of another one, and offers none", async () => {
    const service = serviceInMemory({
      tenantsByDomain: {
        "north.example": tenantId("99999999-9999-4999-8999-999999999999"),
      },
    });
    await service.connect(alice);
    await service.consents.record(tenant, { kind: "lost" }, service.clock.now());
    const ask = (more: object = {}) =>
      service.askAdministrator(alice, { connectionId: alicesConnection, ...more });

    expect(problemIn(await ask({ adminEmail: administrator }))).toMatchObject({
      statusCode: 403,
      code: "mail_not_allowed",
    });
    expect(service.mails).toEqual([]);
    expect(await answerOf(ask())).not.toHaveProperty("mailDomain");
  });

  it("again shows the same link, and another one when it has run out", async () => {
    const { service, ask } = await blocked();
    const first = await answerOf(ask());

    service.clock.pass(600);
    expect((await answerOf(ask())).approvalUrl).toBe(first.approvalUrl);

    service.clock.pass(7 * 24 * 3600);
    const { attemptId } = await service.begin(alice);
    const later = await answerOf(service.askAdministrator(alice, { attemptId }));
    expect(later.approvalUrl).not.toBe(first.approvalUrl);
    const old = await service.requests.findByLink(
      hashOf("approval_link", tokenIn(first.approvalUrl)),
    );
    expect(old?.isCurrent).toBe(false);
  });

  it("again under another address names that one, in the mail, on the page and when it is approved", async () => {
    const { service, attemptId, ask } = await blocked({
      tenantsByDomain: { "north.example": account.tenantId, "south.example": account.tenantId },
    });
    const first = await answerOf(ask());
    const claims = {
      [claimNames.USER_CLAIM]: alice.userId,
      [claimNames.WORKSPACE_CLAIM]: alice.workspaceId,
      [claimNames.EMAIL_CLAIM]: "alice@south.example",
    };
    const body = { attemptId, adminEmail: "it@south.example" };

    const again = await answerOf(service.askAdministrator(alice, body, { claims }));

    expect(again.approvalUrl).toBe(first.approvalUrl);
    expect(service.mails[0]?.requester).toMatchObject({ email: "alice@south.example" });
    const page = await service.openLink(tokenIn(first.approvalUrl));
    expect(page.body).toContain("alice@south.example");
    expect(page.body).not.toContain("alice@north.example");
    const proof = { kind: "user_grant" } as const;
    await service.consents.record(tenant, { kind: "verified", proof }, service.clock.now());
    service.clock.pass(61);
    await service.resume();
    expect(service.notices.map(({ requester }) => requester.email)).toEqual([
      "alice@south.example",
    ]);
  });

  it("mails the administrator once, with who asks and the link", async () => {
    const { service, ask } = await blocked();

    const answer = await answerOf(ask({ adminEmail: administrator }));
    const repeated = await answerOf(ask({ adminEmail: administrator }));

    expect(answer.mail).toMatchObject({ status: "sent", to: administrator });
    expect(repeated).toEqual(answer);
    expect(service.mails).toHaveLength(1);
    expect(service.mails[0]).toMatchObject({
      to: administrator,
      requester: { email: "alice@north.example", name: "alice Example" },
      others: [],
      approvalUrl: new URL(answer.approvalUrl),
    });
    expect(service.steps.map(({ step }) => step)).toEqual(["requested", "mailed"]);
  });

  it("by several people in a day is one mail; the next day's names those who wait", async () => {
    const { service, ask } = await blocked();
    await ask({ adminEmail: administrator });
    service.clock.pass(60);
    const { attemptId } = await service.begin(mallory);

    const second = await answerOf(
      service.askAdministrator(mallory, { attemptId, adminEmail: administrator }),
    );

    expect(second.mail.status).toBe("joined");
    expect(service.mails).toHaveLength(1);

    service.clock.pass(digestSeconds);
    const third = await answerOf(
      service.askAdministrator(mallory, { attemptId, adminEmail: administrator }),
    );
    expect(third.mail.status).toBe("sent");
    expect(service.mails[1]?.others.map(({ email }) => email)).toEqual(["alice@north.example"]);
  });

  it("for a connection that lost its approval asks the connection's tenant", async () => {
    const service = serviceInMemory();
    await service.connect(alice);
    await service.consents.record(tenant, { kind: "lost" }, service.clock.now());

    const answer = await answerOf(
      service.askAdministrator(alice, { connectionId: alicesConnection }),
    );

    expect(answer).toMatchObject({ status: "requested", connectionId: alicesConnection });
    expect((await service.consents.find(tenant)).times).toHaveProperty("lost");
  });

  it("when the organisation has approved already needs no link", async () => {
    const { service, ask } = await blocked();
    await service.connect(mallory);

    expect(await answerOf(ask({ adminEmail: administrator }))).toEqual({ status: "verified" });
    expect(service.mails).toEqual([]);
  });

  it("after somebody said that an administrator approved says so, beside the link", async () => {
    const { service, ask } = await blocked();
    await service.consents.record(tenant, { kind: "reported" }, service.clock.now());

    expect(await answerOf(ask())).toMatchObject({
      status: "reported",
      approvalUrl: expect.any(String),
    });
  });

  describe("long after an approval that does not help", () => {
    const carl: ProductUser = { ...alice, userId: userId("carl") };
    const proof = { kind: "administrator", roles: ["a-role"] } as const;
    const inSpite = async () => {
      const { service, ask } = await blocked();
      await service.connect(mallory);
      service.clock.pass(601);
      const statusFor = async (user: ProductUser) =>
        JSON.parse((await service.approval(user)).body).status;
      return { service, ask, statusFor };
    };

    it("gives the person a link rather than sending them in circles", async () => {
      const { service, ask } = await blocked();
      await service.connect(mallory);
      service.clock.pass(599);
      expect((await answerOf(ask())).status).toBe("verified");
      service.clock.pass(2);

      expect(await answerOf(ask({ adminEmail: administrator }))).toMatchObject({
        status: "requested",
        approvalUrl: expect.any(String),
        mail: { status: "sent" },
      });
    });

    it("changes nothing for anybody else, however often one person does it", async () => {
      const { service, ask, statusFor } = await inSpite();

      for (let tries = 0; tries < 5; tries += 1) await ask();

      expect(await statusFor(alice)).toBe("requested");
      expect(await statusFor(mallory)).toBe("verified");
      expect((await service.consents.find(tenant)).status).toBe("verified");
      expect(JSON.parse((await service.start(mallory)).body)).not.toHaveProperty("adminApproval");
    });

    it("moves the organisation when three people do it within a day", async () => {
      const { service, ask } = await inSpite();
      await ask();
      for (const user of [mallory, carl]) {
        expect((await service.consents.find(tenant)).status).toBe("verified");
        const { attemptId } = await service.begin(user);
        await service.askAdministrator(user, { attemptId });
      }

      expect((await service.consents.find(tenant)).status).toBe("requested");
      expect(await service.requests.waiting(tenant, allReadable)).toHaveLength(3);
    });

    it("counts one account as one, through whichever connections", async () => {
      const { service } = await inSpite();
      const ids = new Map<ProductUser, string>();
      for (const user of [alice, mallory, carl]) {
        ids.set(user, JSON.parse((await service.connect(user)).body).id);
      }
      for (const [user, connectionId] of ids) {
        const { attemptId } = await service.begin(user, { connectionId });
        const answer = await answerOf(service.askAdministrator(user, { attemptId }));
        expect(answer.status).toBe("requested");
      }

      expect((await service.consents.find(tenant)).status).toBe("verified");
    });

    it("leads the administrator to the approval, and ends once they have proved it anew", async () => {
      const { service, ask, statusFor } = await inSpite();
      const { approvalUrl } = await answerOf(ask());
      const token = tokenIn(approvalUrl);
      expect((await service.openLink(token)).body).toContain("/v2.0/adminconsent?");
      // A mail about the first approval is none about this one.
      await service.resume();
      expect(service.notices).toEqual([]);

      const answer = await service.approvalAnswered({
        admin_consent: "True",
        tenant: account.tenantId,
        state: token,
      });
      expect(answer.statusCode).toBe(303);
      expect(await statusFor(alice)).toBe("requested");
      await service.consents.record(tenant, { kind: "verified", proof }, service.clock.now());

      expect(await statusFor(alice)).toBe("verified");
      service.clock.pass(60);
      await service.resume();
      expect(service.notices.map(({ requester }) => requester.user)).toEqual([alice]);
      expect((await service.openLink(token)).body).toContain("Already approved");
    });

    it("ends when somebody else of the organisation is let in", async () => {
      const { service, ask, statusFor } = await inSpite();
      await ask();
      expect(await statusFor(alice)).toBe("requested");

      await service.connect(carl);

      expect(await statusFor(alice)).toBe("verified");
      service.clock.pass(60);
      await service.resume();
      expect(service.notices.map(({ requester }) => requester.user)).toEqual([alice]);
    });

    it("goes on by the connection that is to be renewed, which still works", async () => {
      const service = serviceInMemory();
      await service.connect(alice);
      service.clock.pass(601);
      const { attemptId } = await service.begin(alice, { connectionId: alicesConnection });
      const { connectionId, approvalUrl } = await answerOf(
        service.askAdministrator(alice, { attemptId }),
      );

      const named = service.askAdministrator(alice, { connectionId, adminEmail: administrator });

      expect(await answerOf(named)).toMatchObject({
        status: "requested",
        approvalUrl,
        mail: { status: "sent" },
      });
    });

    it("is not answered for a request from before the approval, of which the person was not told yet", async () => {
      const { service, ask } = await blocked();
      const { approvalUrl } = await answerOf(ask());
      await service.connect(mallory);
      service.clock.pass(601);
      const { attemptId } = await service.begin(alice);

      const again = await answerOf(service.askAdministrator(alice, { attemptId }));

      expect(again.status).toBe("requested");
      expect(again.approvalUrl).not.toBe(approvalUrl);
    });

    it("ends with the person's own connection", async () => {
      const { service, ask, statusFor } = await inSpite();
      const { approvalUrl } = await answerOf(ask());

      await service.connect(alice);

      expect(await statusFor(alice)).toBe("verified");
      expect((await service.openLink(tokenIn(approvalUrl))).body).toContain("Already approved");
    });

    it("ends when the link has run out", async () => {
      const { service, ask, statusFor } = await inSpite();
      await ask();
      expect(await statusFor(alice)).toBe("requested");
      service.clock.pass(7 * 24 * 3600);

      expect(await statusFor(alice)).toBe("verified");
    });
  });

  it("from a mailbox that is to be renewed asks the tenant of that mailbox", async () => {
    const elsewhere = tenantId("99999999-9999-4999-8999-999999999999");
    const service = serviceInMemory({ tenantsByDomain: { "north.example": elsewhere } });
    await service.connect(alice);
    await service.consents.record(tenant, { kind: "lost" }, service.clock.now());
    const { attemptId } = await service.begin(alice, { connectionId: alicesConnection });

    const answer = await answerOf(service.askAdministrator(alice, { attemptId }));

    expect(answer).toMatchObject({ status: "requested", connectionId: alicesConnection });
    expect((await service.consents.find(tenant)).status).toBe("requested");
    const other: Organisation = { kind: "tenant", tenantId: elsewhere };
    expect((await service.consents.find(other)).status).toBe("unknown");
  });

  it("while an approval is being proved leaves nobody waiting for a mail", async () => {
    const { service, ask } = await blocked({
      intercept: async (name, call) => {
        const answer = await call();
        if (name === "requests.open") {
          const proof = { kind: "user_grant" } as const;
          await service.consents.record(tenant, { kind: "verified", proof }, service.clock.now());
        }
        return answer;
      },
    });

    expect(await answerOf(ask())).toEqual({ status: "verified" });
    expect(await service.requests.waiting(tenant, allReadable)).toEqual([]);
  });
});

describe("asking again, when the sign-in is forgotten", () => {
  /** Asks once; two hours later the table has removed the sign-in, as it removes all. */
  const hoursLater = async () => {
    let isForgotten = false;
    const opened = await blocked({
      intercept: async (name, call) =>
        isForgotten && name === "attempts.find" ? undefined : call(),
    });
    const first = await answerOf(opened.ask());
    isForgotten = true;
    opened.service.clock.pass(2 * 3600);
    return { ...opened, first };
  };

  it("mails the administrator the link that was given out for it", async () => {
    const { service, ask, first } = await hoursLater();

    const answer = await answerOf(ask({ adminEmail: administrator }));

    expect(answer).toMatchObject({
      status: "requested",
      approvalUrl: first.approvalUrl,
      mail: { status: "sent", to: administrator },
    });
    expect(service.mails[0]?.approvalUrl.href).toBe(first.approvalUrl);
  });

  it("learns that it was approved meanwhile, and takes no approval back", async () => {
    const { service, ask } = await hoursLater();
    const proof = { kind: "user_grant" } as const;
    await service.consents.record(tenant, { kind: "verified", proof }, service.clock.now());
    service.clock.pass(3600);
    await service.resume();

    expect(service.notices).toHaveLength(1);
    expect(await answerOf(ask({ adminEmail: administrator }))).toEqual({ status: "verified" });
    expect((await service.consents.find(tenant)).status).toBe("verified");
    expect(service.mails).toEqual([]);
  });

  it("says to connect again once the link has run out", async () => {
    const { service, ask } = await hoursLater();
    service.clock.pass(7 * 24 * 3600);

    const answer = await ask({ adminEmail: administrator });

    expect(problemIn(answer)).toMatchObject({ statusCode: 404, code: "attempt_unknown" });
    expect(JSON.parse(answer.body).detail).toContain("Please connect your mailbox again");
    expect(service.mails).toEqual([]);
  });

  it.for([
    ["a colleague", mallory],
    ["the same person in another workspace", strangerAlice],
  ] as const)("goes on with nobody else's: not for %s", async ([, user]) => {
    const { service, attemptId } = await hoursLater();
    const claims = {
      [claimNames.USER_CLAIM]: user.userId,
      [claimNames.WORKSPACE_CLAIM]: user.workspaceId,
      [claimNames.EMAIL_CLAIM]: addressOf(alice),
    };
    const body = { attemptId, adminEmail: administrator };

    const answer = await service.askAdministrator(user, body, { claims });

    expect(problemIn(answer)).toMatchObject({ statusCode: 404, code: "attempt_unknown" });
    expect(service.mails).toEqual([]);
    expect(await service.requests.waiting(tenant, allReadable)).toHaveLength(1);
  });
});

describe("a mail", () => {
  it("whose sending is unknown is said to be so, and never sent again", async () => {
    const { service, ask } = await blocked({ sendMail: async () => "unknown" });

    expect((await answerOf(ask({ adminEmail: administrator }))).mail.status).toBe("unknown");
    expect((await answerOf(ask({ adminEmail: administrator }))).mail.status).toBe("unknown");
    expect(service.mails).toHaveLength(1);
  });

  it("that is refused is said to be so, may be tried again, and is nothing for a colleague to join", async () => {
    let sent: "refused" | "sent" = "refused";
    const { service, ask } = await blocked({ sendMail: async () => sent });
    expect((await answerOf(ask({ adminEmail: administrator }))).mail.status).toBe("not_delivered");
    expect(service.steps.map(({ step }) => step)).toEqual(["requested"]);
    sent = "sent";

    const { attemptId } = await service.begin(mallory);
    const colleagues = await answerOf(
      service.askAdministrator(mallory, { attemptId, adminEmail: administrator }),
    );
    const again = await answerOf(ask({ adminEmail: administrator }));

    expect(colleagues.mail.status).toBe("sent");
    // The colleague's mail asks for both.
    expect(again.mail.status).toBe("joined");
    expect(service.mails).toHaveLength(2);
  });

  it("that is refused again and again is not tried more often than a recipient may be mailed", async () => {
    const { service, ask } = await blocked({ sendMail: async () => "refused" });
    for (let tries = 0; tries < mailLimits.recipient; tries += 1) {
      await ask({ adminEmail: administrator });
    }

    expect(problemIn(await ask({ adminEmail: administrator })).code).toBe("too_many_mails");
    expect(service.mails).toHaveLength(mailLimits.recipient);
  });

  it("that a crash interrupts is not sent again", async () => {
    const { service, ask } = await blocked({
      sendMail: async () => {
        throw new Error("the process died");
      },
    });
    await ask({ adminEmail: administrator });

    expect((await answerOf(ask({ adminEmail: administrator }))).mail.status).toBe("sending");
    service.clock.pass(digestSeconds);
    expect((await answerOf(ask({ adminEmail: administrator }))).mail.status).toBe("sending");
    expect(service.mails).toHaveLength(1);
  });

  it.for([
    ["goes on", async () => {}, "sending"],
    ["fails", () => Promise.reject(new Error("throttled")), "none"],
  ] as const)(
    "that a colleague has sent meanwhile is not sent by somebody so slow, who then %s",
    async ([, then, shown]) => {
      let isSlow = true;
      const { service, ask } = await blocked({
        intercept: async (name, call) => {
          if (!isSlow || name !== "requests.noteMail") return call();
          isSlow = false;
          service.clock.pass(heldSeconds);
          expect(await colleague("mallory")).toBe("sent");
          await then();
          return call();
        },
      });
      const colleague = async (name: string) => {
        const user = { ...alice, userId: userId(name) };
        const { attemptId } = await service.begin(user);
        const body = { attemptId, adminEmail: administrator };
        return (await answerOf(service.askAdministrator(user, body))).mail.status;
      };

      await ask({ adminEmail: administrator });

      expect(JSON.parse((await service.approval(alice)).body).mail.status).toBe(shown);
      expect(await colleague("carl")).toBe("joined");
      expect(service.mails.map(({ requester }) => requester.user.userId)).toEqual(["mallory"]);
    },
  );

  it.for(["requests.waiting", "ledger.claim", "requests.noteMail"])(
    "is not lost for the day by a passing fault before it is sent: %s",
    async (faulty) => {
      let isFaulty = true;
      const { service, ask } = await blocked({
        intercept: (name, call) =>
          isFaulty && name === faulty ? Promise.reject(new Error("throttled")) : call(),
      });

      expect((await ask({ adminEmail: administrator })).statusCode).toBe(500);
      expect(service.mails).toEqual([]);
      isFaulty = false;

      expect((await answerOf(ask({ adminEmail: administrator }))).mail.status).toBe("sent");
      expect(service.mails).toHaveLength(1);
    },
  );

  it("that is refused may be asked for by a colleague, also if that could not be noted", async () => {
    let sent: "refused" | "sent" = "refused";
    const { service, ask } = await blocked({
      sendMail: async () => sent,
      intercept: (name, call) =>
        name === "requests.noteMail" && sent === "refused" && service.mails.length > 0
          ? Promise.reject(new Error("throttled"))
          : call(),
    });
    expect((await ask({ adminEmail: administrator })).statusCode).toBe(500);
    sent = "sent";

    const { attemptId } = await service.begin(mallory);
    const body = { attemptId, adminEmail: administrator };

    expect((await answerOf(service.askAdministrator(mallory, body))).mail.status).toBe("sent");
  });

  it("to an address that bounced is not sent, and the person is told", async () => {
    const { service, ask } = await blocked();
    await service.ledger.suppress(administrator as MailAddress, "bounce", service.clock.now());

    expect((await answerOf(ask({ adminEmail: administrator }))).mail.status).toBe("not_delivered");
    expect(service.mails).toEqual([]);
  });

  it.for([
    "it@south.example",
    "it@mail.north.example",
    "it@northxexample.example",
    "IT <it@north.example>",
    '"it"@north.example',
    "it@north.example\nBcc: all@south.example",
    "it@north.example, ceo@north.example",
    "it @north.example",
    "@north.example",
    "it@north.example@south.example",
    "",
    `${"x".repeat(70)}@north.example`,
  ])("to %j is not sent", async (adminEmail) => {
    const { service, ask } = await blocked();

    const answer = problemIn(await ask({ adminEmail }));

    expect(["mail_not_allowed", "invalid_request"]).toContain(answer.code);
    expect(service.mails).toEqual([]);
  });

  it("to a plus address or in other letters is to the same administrator", async () => {
    const { service, ask } = await blocked();
    await ask({ adminEmail: administrator });
    const { attemptId } = await service.begin(mallory);

    const answer = await answerOf(
      service.askAdministrator(mallory, { attemptId, adminEmail: "IT+appse@North.example" }),
    );

    expect(answer.mail.status).toBe("joined");
    expect(service.mails).toHaveLength(1);
  });

  it.for([
    ["at a provider for everybody", "freemail.example"],
    ["under a domain that Microsoft names no tenant for", "south.example"],
  ])("is not sent for somebody %s, who still gets a link", async ([, domain]) => {
    const service = serviceInMemory({
      tenantsByDomain: { "freemail.example": account.tenantId },
    });
    const claims = {
      [claimNames.USER_CLAIM]: "alice",
      [claimNames.WORKSPACE_CLAIM]: "ws_north",
      [claimNames.EMAIL_CLAIM]: `alice@${domain}`,
    };
    const { attemptId } = await service.begin(alice);
    const ask = (more: object) =>
      service.askAdministrator(alice, { attemptId, ...more }, { claims });

    const refused = await ask({ adminEmail: `bob@${domain}` });

    expect(problemIn(refused)).toMatchObject({ statusCode: 403, code: "mail_not_allowed" });
    expect(JSON.parse(refused.body).detail).toContain("knows no organisation by your mail domain");
    expect((await answerOf(ask({}))).approvalUrl).toBeDefined();
    expect((await service.consents.find(personAlone(alice))).status).toBe("requested");
    expect((await service.consents.find(tenant)).status).toBe("unknown");
    expect(service.mails).toEqual([]);
  });

  it("is not sent while Microsoft cannot say whose domain it is, nor is a link made that would be lost: try again", async () => {
    const tenantsByDomain: Record<string, TenantId | "unavailable"> = {
      "north.example": "unavailable",
    };
    const { service, ask } = await blocked({ tenantsByDomain });

    const refused = await ask({ adminEmail: administrator });

    expect(problemIn(refused)).toEqual({
      statusCode: 503,
      code: "temporarily_unavailable",
      actor: "nobody",
    });
    expect(JSON.parse(refused.body).retryAfterSeconds).toBe(10);
    expect(problemIn(await ask()).code).toBe("temporarily_unavailable");
    for (const organisation of [tenant, personAlone(alice)]) {
      expect(await service.requests.waiting(organisation, allReadable)).toEqual([]);
    }
    expect((await service.consents.find(tenant)).status).toBe("unknown");
    expect(service.mails).toEqual([]);

    tenantsByDomain["north.example"] = account.tenantId;
    expect((await answerOf(ask({ adminEmail: administrator }))).mail.status).toBe("sent");
  });

  it("goes to no more administrators in a day than one person may ask, and the link stays", async () => {
    const { service, ask } = await blocked();
    for (let index = 0; index < mailLimits.user; index += 1) {
      expect((await ask({ adminEmail: `it${index}@north.example` })).statusCode).toBe(200);
    }

    const refused = await ask({ adminEmail: "one-more@north.example" });

    expect(problemIn(refused)).toMatchObject({ statusCode: 429, code: "too_many_mails" });
    expect(service.mails).toHaveLength(mailLimits.user);
    expect((await answerOf(ask())).approvalUrl).toBeDefined();
  });

  it("goes to no more administrators in a day than the service may mail, and the operator learns of it", async () => {
    const { service, ask } = await blocked();
    for (let index = 0; index < mailLimits.all; index += 1) {
      const to = `it@customer${index}.example` as MailAddress;
      const requester = {
        userId: userId(`user-${index}`),
        workspaceId: workspaceId(`ws_${index}`),
      };
      const recipientTenant = tenantId(`tenant-${index}`);
      const organisation = { kind: "tenant", tenantId: recipientTenant } as const;
      const mail = { to, requester, organisation, recipientTenant };
      await service.ledger.claim(mail, service.clock.now());
    }

    const refused = await ask({ adminEmail: administrator });

    expect(problemIn(refused)).toMatchObject({ statusCode: 429, code: "too_many_mails" });
    expect(service.mails).toEqual([]);
    const lines = log.lines().map((line) => JSON.parse(line));
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: "WARN",
        message: "approval not requested",
        failure: "mail_limit_of_all",
        workspaceId: alice.workspaceId,
      }),
    );
    expect((await answerOf(ask())).approvalUrl).toBeDefined();
  });

  it("names only people of the administrator's own mail domain", async () => {
    const consultant: ProductUser = {
      userId: userId("carl"),
      workspaceId: workspaceId("ws_south"),
    };
    const service = serviceInMemory({
      tenantsByDomain: { "north.example": account.tenantId, "south.example": account.tenantId },
    });
    const first = await service.begin(alice);
    await service.askAdministrator(alice, { attemptId: first.attemptId });
    const { attemptId } = await service.begin(consultant);

    await service.askAdministrator(consultant, { attemptId, adminEmail: "it@south.example" });

    expect(service.mails[0]?.others).toEqual([]);
  });

  it("names those of the same workspace only: a mail domain may be a university's", async () => {
    const { service } = await blocked();
    const colleague: ProductUser = { userId: userId("carl"), workspaceId: alice.workspaceId };
    const stranger: ProductUser = { userId: userId("dora"), workspaceId: workspaceId("ws_south") };
    for (const user of [colleague, stranger]) {
      const { attemptId } = await service.begin(user);
      const claims = {
        [claimNames.USER_CLAIM]: user.userId,
        [claimNames.WORKSPACE_CLAIM]: user.workspaceId,
        [claimNames.EMAIL_CLAIM]: `${user.userId}@north.example`,
      };
      await service.askAdministrator(user, { attemptId }, { claims });
    }
    const { attemptId } = await service.begin(alice);

    await service.askAdministrator(alice, { attemptId, adminEmail: "it@north.example" });

    expect(service.mails[0]?.others.map(({ user }) => user)).toEqual([colleague]);
  });
});

describe("refused, with nothing kept", () => {
  const expectNothingKept = async (service: ServiceInMemory) => {
    expect(await service.requests.waiting(tenant, allReadable)).toEqual([]);
    expect((await service.consents.find(tenant)).status).toBe("unknown");
  };

  it.for([
    ["of somebody else", mallory],
    ["of the same person in another workspace", strangerAlice],
  ] as const)("is a request for a sign-in %s", async ([, user]) => {
    const { service, attemptId } = await blocked();

    const answer = await service.askAdministrator(user, { attemptId });

    expect(problemIn(answer)).toMatchObject({ statusCode: 404, code: "attempt_unknown" });
    await expectNothingKept(service);
  });

  it("is one for a connection of somebody else", async () => {
    const service = serviceInMemory();
    await service.connect(alice);

    const answer = await service.askAdministrator(mallory, { connectionId: alicesConnection });

    expect(problemIn(answer)).toMatchObject({ statusCode: 404, code: "not_found" });
    expect(await service.requests.waiting(tenant, allReadable)).toEqual([]);
  });

  it.for(["connectionId", "attemptId"])(
    "is one for a personal account, which has no administrator: %s",
    async (by) => {
      const personal = { ...account, tenantId: personalAccountsTenant };
      const service = serviceInMemory({
        personalAccounts: "allowed",
        redeemCode: async () => succeed({ ...grant, account: personal, accountType: "personal" }),
      });
      const { id } = JSON.parse((await service.connect(alice)).body);

      const { attemptId } = await service.begin(alice, { connectionId: id });

      const what = by === "attemptId" ? { attemptId } : { connectionId: id };
      const answer = await service.askAdministrator(alice, what);

      expect(problemIn(answer).code).toBe("account_type_not_supported");
    },
  );

  it.for<readonly [string, unknown]>([
    ["nothing", {}],
    ["both", { attemptId: `att_${"a".repeat(43)}`, connectionId: alicesConnection }],
    ["more than is known", { connectionId: alicesConnection, message: "Hi!" }],
    ["an address that is none", { connectionId: alicesConnection, adminEmail: 5 }],
    ["no object", []],
  ])("is one with %s", async ([, body]) => {
    const service = serviceInMemory();

    expect(problemIn(await service.askAdministrator(alice, body)).code).toBe("invalid_request");
    await expectNothingKept(service);
  });

  it.for(["it", "it@", "it@north", "IT <it@north.example>", "", "a".repeat(1_000)])(
    "is one to what is no address: %s, and the person is told at the field",
    async (adminEmail) => {
      const { service, attemptId } = await blocked();

      const answer = await service.askAdministrator(alice, { attemptId, adminEmail });

      expect(problemIn(answer).code).toBe("invalid_request");
      expect(JSON.parse(answer.body ?? "")).toMatchObject({
        actor: "user",
        detail: expect.stringMatching(/^This is not an e-mail address that we can write to\./),
      });
      await expectNothingKept(service);
    },
  );

  it("is one from another site", async () => {
    const { service, attemptId } = await blocked();

    const answer = await service.askAdministrator(
      alice,
      { attemptId },
      { headers: { "content-type": "application/json", origin: "https://evil.example" } },
    );

    expect(problemIn(answer).code).toBe("invalid_request");
    await expectNothingKept(service);
  });

  it("is one by somebody without an address", async () => {
    const { service, attemptId } = await blocked();
    const claims = { [claimNames.USER_CLAIM]: "alice", [claimNames.WORKSPACE_CLAIM]: "ws_north" };

    const answer = await service.askAdministrator(alice, { attemptId }, { claims });

    expect(problemIn(answer).code).toBe("mail_not_allowed");
    await expectNothingKept(service);
  });
});

it("logs neither the link nor an address", async () => {
  const { service, ask } = await blocked();
  const { approvalUrl } = await answerOf(ask({ adminEmail: administrator }));

  const written = log.lines().join("");

  expect(written).toContain("approval requested");
  expect(written).not.toContain(tokenIn(approvalUrl));
  expect(written).not.toContain(administrator);
  expect(written).not.toContain(addressOf(alice));
  expect(service.mails).toHaveLength(1);
});

it("another tenant's approval is no help to this one", async () => {
  const { service, ask } = await blocked();
  const other: Organisation = {
    kind: "tenant",
    tenantId: tenantId("99999999-9999-4999-8999-999999999999"),
  };
  const proof = { kind: "user_grant" } as const;
  await service.consents.record(other, { kind: "verified", proof }, service.clock.now());

  expect((await answerOf(ask())).status).toBe("requested");
});
