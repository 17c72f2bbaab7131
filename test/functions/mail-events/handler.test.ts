import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mailEventsHandler } from "../../../functions/mail-events/handler.ts";
import type {
  ConsentRequest,
  MailLedger,
  Requester,
} from "../../../shared/domain/consent-request.ts";
import { tenantId } from "../../../shared/domain/ids.ts";
import { type MailAddress, mailAddress } from "../../../shared/domain/mail-address.ts";
import { fail } from "../../../shared/domain/result.ts";
import type { Organisation } from "../../../shared/domain/tenant-consent.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { lambdaContext } from "../../fakes/http-event.ts";
import { type Intercept, intercepted } from "../../fakes/intercepted.ts";
import { memoryConsentRequests } from "../../fakes/memory-consent-requests.ts";
import { memoryMailLedger } from "../../fakes/memory-mail-ledger.ts";
import { requestMail, waitingPeople } from "../../fakes/sample-mails.ts";
import { account, noon, secondsAfter } from "../../fakes/samples.ts";

const log = captureLog();
const loggedLines = () => log.lines().map((line) => JSON.parse(line));

const addressOf = (text: string): MailAddress => {
  const address = mailAddress(text);
  if (!address) throw new Error("not an address");
  return address;
};
const administrator = addressOf("it@larkfield.example");
const otherAdministrator = addressOf("boss@larkfield.example");

const organisation: Organisation = { kind: "tenant", tenantId: account.tenantId };
const elsewhere: Organisation = {
  kind: "tenant",
  tenantId: tenantId("8c1d2e3f-0a4b-4c5d-8e6f-7a8b9c0d1e2f"),
};
const later = secondsAfter(noon, 90);
const reference = "qk3vZ1mXo0u6W4yF8r2sT9aB5cD7eG-hJ_LnPpRtVxY";

const [ben] = waitingPeople;
if (!ben) throw new Error("nobody waits");
const { requester: ines } = requestMail;

const mailed = async (ledger: MailLedger, mail: Parameters<MailLedger["claim"]>[0]) => {
  const claim = await ledger.claim(mail, noon);
  if (!claim.ok) throw new Error(claim.failure);
  await ledger.begin(mail.to, mail.organisation, claim.value, noon);
};

/** Ines has mailed the administrator, Ben's request is on the same mail, and Amal has mailed another. */
const scene = async (intercept: Intercept = (_, call) => call()) => {
  const requests = memoryConsentRequests();
  const ledger = memoryMailLedger();
  const asked = async (
    requester: Requester,
    tokenHash: string,
    mail: ConsentRequest["mail"],
    of = organisation,
  ) => {
    const request = await requests.open({
      organisation: of,
      requester,
      returnTo: "connections",
      tokenHash,
      sealedToken: "sealed",
      createdAt: noon,
      expiresAt: requestMail.expiresAt,
    });
    await requests.noteMail(request, { ...mail, status: "sending" });
    await requests.noteMail(request, mail);
  };
  await asked(ines, reference, { status: "sent", to: administrator, at: noon });
  await asked(ben, "hash-of-ben", { status: "joined", to: administrator, at: noon });
  const amal = { ...ben, user: { ...ben.user, userId: ines.user.userId } };
  await asked(amal, "elsewhere", { status: "sent", to: administrator, at: noon }, elsewhere);

  const handler = mailEventsHandler({
    ledger: intercepted("ledger", ledger, intercept),
    requests: intercepted("requests", requests, intercept),
    noteUnreadable: () => {},
    now: () => later,
  });
  const statusOf = async (link: string) => (await requests.findByLink(link))?.request.mail.status;
  return {
    requests,
    ledger,
    receive: (event: unknown) => handler(event, lambdaContext),
    /** Of Ines, of Ben, and of somebody elsewhere. */
    statuses: async () => [
      await statusOf(reference),
      await statusOf("hash-of-ben"),
      await statusOf("elsewhere"),
    ],
  };
};

/** As Amazon SES tells EventBridge, as far as it is long. */
const sesEvent = (detailType: string, detail: object, mail: object = {}) => ({
  version: "0",
  id: "5f0c8a1e-0000-4000-8000-000000000002",
  "detail-type": detailType,
  source: "aws.ses",
  account: "123456789012",
  time: "2026-03-01T12:01:30Z",
  region: "eu-west-1",
  resources: ["arn:aws:ses:eu-west-1:123456789012:configuration-set/outlook-connect-test"],
  detail: {
    ...detail,
    mail: {
      timestamp: "2026-03-01T12:00:00.000Z",
      source: "Appse AI <approvals@mail.appse.example>",
      messageId: "0100",
      destination: [administrator],
      tags: {
        "ses:configuration-set": ["outlook-connect-test"],
        "ses:operation": ["SendEmail"],
        reference: [reference],
      },
      ...mail,
    },
  },
});

const bounce = (bounceType: string, bounceSubType: string, mail: object = {}) =>
  sesEvent(
    "Email Bounced",
    {
      eventType: "Bounce",
      bounce: {
        bounceType,
        bounceSubType,
        bouncedRecipients: [{ emailAddress: "forwarded@elsewhere.example", action: "failed" }],
        timestamp: "2026-03-01T12:00:02.000Z",
        feedbackId: "0100",
      },
    },
    mail,
  );

const complaint = (fields: object = {}) =>
  sesEvent("Email Complaint Received", {
    eventType: "Complaint",
    complaint: {
      complainedRecipients: [{ emailAddress: administrator }],
      timestamp: "2026-03-01T12:00:02.000Z",
      feedbackId: "0100",
      complaintSubType: null,
      ...fields,
    },
  });

describe("a mail that came back", () => {
  it("for good is told to everybody who counts on it, and nothing is sent there any more", async () => {
    const { receive, statuses, ledger, requests } = await scene();

    await receive(bounce("Permanent", "General"));

    expect(await statuses()).toEqual(["not_delivered", "not_delivered", "sent"]);
    expect((await requests.findByLink(reference))?.request.mail).toEqual({
      status: "not_delivered",
      to: administrator,
      at: later,
    });
    expect(await ledger.isSuppressed(administrator, later)).toBe(true);
  });

  it("shuts out nobody whom a stranger's server names instead", async () => {
    const { receive, ledger } = await scene();

    await receive(bounce("Permanent", "General"));

    expect(await ledger.isSuppressed(addressOf("forwarded@elsewhere.example"), later)).toBe(false);
  });

  it.for([
    ["Transient", "MailboxFull"],
    ["Transient", "ContentRejected"],
    ["Undetermined", "Undetermined"],
  ] as const)("for now (%s, %s) is told, and another may be sent", async ([type, subType]) => {
    const { receive, statuses, ledger } = await scene();
    const mail = {
      to: administrator,
      requester: ben.user,
      organisation,
      recipientTenant: account.tenantId,
    };
    await mailed(ledger, mail);
    expect(await ledger.claim(mail, later)).toEqual(fail("joined"));

    await receive(bounce(type, subType));

    expect(await statuses()).toEqual(["not_delivered", "not_delivered", "sent"]);
    expect(await ledger.isSuppressed(administrator, later)).toBe(false);
    expect((await ledger.claim(mail, later)).ok).toBe(true);
  });

  it("for good lets another address of the same mailbox be asked the same day", async () => {
    const { receive, ledger } = await scene();
    const mail = {
      to: administrator,
      requester: ben.user,
      organisation,
      recipientTenant: account.tenantId,
    };
    await mailed(ledger, mail);

    await receive(bounce("Permanent", "NoEmail"));

    const plus = addressOf(administrator.replace("@", "+appse@"));
    expect(await ledger.claim(mail, later)).toEqual(fail("suppressed"));
    expect((await ledger.claim({ ...mail, to: plus }, later)).ok).toBe(true);
  });

  it("as a note that somebody is away changes nothing", async () => {
    const { receive, statuses, ledger } = await scene();

    await receive(bounce("Transient", "General"));

    expect(loggedLines()).toMatchObject([{ level: "INFO" }]);
    expect(await statuses()).toEqual(["sent", "joined", "sent"]);
    expect(await ledger.isSuppressed(administrator, later)).toBe(false);
  });

  it("from one who waits changes nothing in the mail to the administrator", async () => {
    const { receive, statuses, ledger } = await scene();

    await receive(bounce("Permanent", "General", { destination: [ines.email] }));

    expect(await statuses()).toEqual(["sent", "joined", "sent"]);
    expect(await ledger.isSuppressed(ines.email, later)).toBe(true);
  });

  it("from an administrator who is not the one now asked is not told", async () => {
    const { receive, statuses, ledger } = await scene();

    await receive(bounce("Permanent", "General", { destination: [otherAdministrator] }));

    expect(await statuses()).toEqual(["sent", "joined", "sent"]);
    expect(await ledger.isSuppressed(otherAdministrator, later)).toBe(true);
  });

  it.for([
    ["an unknown", { reference: ["nobodys"] }],
    ["no", {}],
  ] as const)("with %s reference is not sent to any more", async ([, tags]) => {
    const { receive, statuses, ledger } = await scene();

    await receive(bounce("Permanent", "NoEmail", { tags }));

    expect(await statuses()).toEqual(["sent", "joined", "sent"]);
    expect(await ledger.isSuppressed(administrator, later)).toBe(true);
  });

  it("twice is the same as once", async () => {
    const { receive, statuses } = await scene();

    await receive(bounce("Permanent", "General"));
    await receive(bounce("Permanent", "General"));

    expect(await statuses()).toEqual(["not_delivered", "not_delivered", "sent"]);
  });

  it("is logged without an address or the reference", async () => {
    const { receive } = await scene();

    await receive(bounce("Permanent", "General"));

    expect(loggedLines()).toEqual([
      expect.objectContaining({
        message: "mail did not arrive, or was not wanted",
        failure: "bounce",
        people: 1,
      }),
    ]);
    expect(log.lines().join("")).not.toMatch(new RegExp(`@|larkfield|${reference}`));
  });
});

describe("a complaint", () => {
  it("ends all mail to the address, and its mail did arrive", async () => {
    const { receive, statuses, ledger } = await scene();

    await receive(complaint({ complaintFeedbackType: "abuse" }));

    expect(await ledger.isSuppressed(administrator, later)).toBe(true);
    expect(await statuses()).toEqual(["sent", "joined", "sent"]);
  });

  it("of before, for which SES now delivers nothing, is told", async () => {
    const { receive, statuses } = await scene();

    await receive(complaint({ complaintSubType: "OnAccountSuppressionList" }));

    expect(await statuses()).toEqual(["not_delivered", "not_delivered", "sent"]);
  });

  it("that is none changes nothing", async () => {
    const { receive, statuses, ledger } = await scene();

    await receive(complaint({ complaintFeedbackType: "not-spam" }));

    expect(loggedLines()).toMatchObject([{ level: "INFO" }]);
    expect(await ledger.isSuppressed(administrator, later)).toBe(false);
    expect(await statuses()).toEqual(["sent", "joined", "sent"]);
  });
});

describe("what cannot be read", () => {
  const events: Readonly<Record<string, unknown>> = {
    nothing: undefined,
    "another service's": { ...bounce("Permanent", "General"), source: "somebody.else" },
    "a delivery": sesEvent("Email Delivered", { eventType: "Delivery" }),
    "a bounce of no known type": bounce("Temporary", "General"),
    "no address": bounce("Permanent", "General", { destination: ["Anna <it@larkfield.example>"] }),
    "nobody's": bounce("Permanent", "General", { destination: [] }),
    "a reference of another form": bounce("Permanent", "General", {
      tags: { reference: ["../../x"] },
    }),
  };

  it.for(Object.entries(events))("is logged and changes nothing: %s", async ([, event]) => {
    const { receive, statuses, ledger } = await scene();

    await receive(event);

    expect(await statuses()).toEqual(["sent", "joined", "sent"]);
    expect(await ledger.isSuppressed(administrator, later)).toBe(false);
    expect(loggedLines()).toEqual([
      expect.objectContaining({
        level: "ERROR",
        message: "mail event not understood",
        failure: "mail_event_unreadable",
      }),
    ]);
  });

  it("never breaks it, whatever it is", async () => {
    const { receive } = await scene();

    await fc.assert(fc.asyncProperty(fc.anything(), async (event) => receive(event)));
  });
});

it.for(["ledger.suppress", "requests.findByLink", "requests.waiting", "requests.noteMail"])(
  "a failing call of %s is handed back to be invoked again, and then everything is done",
  async (name) => {
    let isBroken = true;
    const { receive, statuses, ledger } = await scene(async (called, call) => {
      if (called === name && isBroken) throw new Error(administrator);
      return call();
    });

    await expect(receive(bounce("Permanent", "General"))).rejects.toThrow();
    expect(loggedLines()).toEqual([
      expect.objectContaining({ level: "ERROR", failure: "internal_error" }),
    ]);
    expect(log.lines().join("")).not.toContain("@");

    isBroken = false;
    await receive(bounce("Permanent", "General"));
    expect(await statuses()).toEqual(["not_delivered", "not_delivered", "sent"]);
    expect(await ledger.isSuppressed(administrator, later)).toBe(true);
  },
);
