import { randomUUID } from "node:crypto";
import {
  type AttributeValue,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import {
  approvalKeys,
  counterKey,
  proofKey,
  recipientKey,
} from "../../../../shared/adapters/dynamodb/approval-keys.ts";
import { dynamoDbConsentProofs } from "../../../../shared/adapters/dynamodb/consent-proofs.ts";
import { dynamoDbConsentRequests } from "../../../../shared/adapters/dynamodb/consent-requests.ts";
import { dynamoDbMailLedger } from "../../../../shared/adapters/dynamodb/mail-ledger.ts";
import { dynamoDbTenantConsents } from "../../../../shared/adapters/dynamodb/tenant-consents.ts";
import type { ConsentProofs, PendingProof } from "../../../../shared/domain/consent-proof.ts";
import {
  bounceKeptSeconds,
  type ConsentRequest,
  type ConsentRequests,
  digestSeconds,
  heldSeconds,
  type MailLedger,
  mailLimits,
  type NewConsentRequest,
} from "../../../../shared/domain/consent-request.ts";
import {
  hashOf,
  ownerKeyOf,
  type ProductUser,
  tenantId,
  userId,
  workspaceId,
} from "../../../../shared/domain/ids.ts";
import {
  type MailAddress,
  mailAddress,
  mailboxOf,
} from "../../../../shared/domain/mail-address.ts";
import { fail } from "../../../../shared/domain/result.ts";
import {
  type Organisation,
  organisationKey,
  personAlone,
  type Tally,
  type TenantConsents,
  tallies,
  unknownConsent,
} from "../../../../shared/domain/tenant-consent.ts";
import { engines } from "../../../engines/engines.ts";
import { allReadable } from "../../../fakes/all-readable.ts";
import { memoryConsentProofs } from "../../../fakes/memory-consent-proofs.ts";
import { memoryConsentRequests } from "../../../fakes/memory-consent-requests.ts";
import { memoryMailLedger } from "../../../fakes/memory-mail-ledger.ts";
import { memoryTenantConsents } from "../../../fakes/memory-tenant-consents.ts";
import { type LossyClient, lossyClient } from "./lossy-client.ts";
import { createProductTables } from "./product-tables.ts";

const began = new Date("2026-11-20T09:00:00Z");
const at = (seconds: number) => new Date(began.getTime() + seconds * 1000);

const newTenant = (): Organisation => ({ kind: "tenant", tenantId: tenantId(randomUUID()) });
const newUser = (workspace = `ws_${randomUUID()}`): ProductUser => ({
  userId: userId(`user-${randomUUID()}`),
  workspaceId: workspaceId(workspace),
});

const address = (text: string): MailAddress => {
  const read = mailAddress(text);
  if (!read) throw new Error(`${text} is no address`);
  return read;
};
const newAddress = () => address(`it@${randomUUID()}.example`);

const proof = { kind: "administrator", roles: ["62e90394-69f5-4237-9190-012177145e10"] } as const;
const verified = { kind: "verified", proof } as const;
const blocked = { kind: "blocked", certain: true } as const;

const newRequest = (changes: Partial<NewConsentRequest> = {}): NewConsentRequest => ({
  organisation: newTenant(),
  requester: {
    user: newUser(),
    email: address("alice@north.example"),
    name: "Alice Example",
    workspaceName: undefined,
  },
  returnTo: "connections",
  tokenHash: hashOf("approval_link", randomUUID()),
  sealedToken: `sealed-${randomUUID()}`,
  createdAt: began,
  expiresAt: at(7 * 24 * 3600),
  ...changes,
});

/** The same person asks again. */
const again = (request: NewConsentRequest, seconds: number): NewConsentRequest => ({
  ...newRequest(request),
  tokenHash: hashOf("approval_link", randomUUID()),
  sealedToken: `sealed-${randomUUID()}`,
  createdAt: at(seconds),
  expiresAt: at(seconds + 7 * 24 * 3600),
});

const newProof = (changes: Partial<PendingProof> = {}): PendingProof => ({
  id: randomUUID(),
  tenantId: tenantId(randomUUID()),
  tokenHash: "token-hash",
  browserHash: "this-browser",
  step: "confirming",
  provenRoles: ["a-role", "another-role"],
  sealedSecrets: "sealed-secrets",
  expiresAt: at(600),
  ...changes,
});

const twenty = <Value>(make: (index: number) => Promise<Value>) =>
  Promise.all(Array.from({ length: 20 }, (_, index) => make(index)));

interface Stores {
  readonly consents: TenantConsents;
  readonly requests: ConsentRequests;
  readonly ledger: MailLedger;
  readonly proofs: ConsentProofs;
}

/** An update expression and its values. */
type Spoiling = readonly [string, Record<string, AttributeValue>?];

const contract = (open: () => Stores) => {
  describe("tenant consents", () => {
    it("know nothing of an organisation that was never heard of", async () => {
      const organisation = newTenant();

      expect(await open().consents.find(organisation)).toEqual({
        organisation,
        status: "unknown",
        times: {},
        proof: undefined,
        blockIsCertain: false,
      });
    });

    it.for<Organisation>([newTenant(), { kind: "person", ownerKey: randomUUID() }])(
      "keep every step of a $kind with its time",
      async (organisation) => {
        const { consents } = open();

        await consents.record(organisation, blocked, at(1));
        await consents.record(organisation, { kind: "requested" }, at(2));
        await consents.record(organisation, { kind: "reported" }, at(3));
        const recorded = await consents.record(organisation, verified, at(4));

        expect(recorded).toMatchObject({ moved: true, before: { status: "reported" } });
        const found = await consents.find(organisation);
        expect(found).toEqual(recorded.consent);
        expect(found).toEqual({
          organisation,
          status: "verified",
          times: { blocked: at(1), requested: at(2), reported: at(3), verified: at(4) },
          proof,
          blockIsCertain: false,
        });
      },
    );

    it("are forgotten of one person alone, who is due for no notice any more, and begin anew", async () => {
      const { consents } = open();
      const [person, other] = [newUser(), newUser()];
      for (const user of [person, other]) {
        await consents.record(personAlone(user), verified, at(1));
      }

      await consents.forget(person);
      await consents.forget(person);

      expect(await consents.find(personAlone(person))).toEqual(unknownConsent(personAlone(person)));
      expect((await consents.find(personAlone(other))).status).toBe("verified");
      await expect
        .poll(async () =>
          (await consents.noticesDue(1_000, allReadable)).map((each) => each.organisation),
        )
        .not.toContainEqual(personAlone(person));
      const { consent } = await consents.record(personAlone(person), blocked, at(2));
      expect(consent.times).toEqual({ blocked: at(2) });
    });

    it("say that nothing moved, and what stands, when an event changes nothing", async () => {
      const { consents } = open();
      const organisation = newTenant();
      await consents.record(organisation, verified, at(1));

      const recorded = await consents.record(organisation, { kind: "reported" }, at(2));

      expect(recorded).toMatchObject({ moved: false, consent: { status: "verified" } });
    });

    it("tell one of many concurrent calls that it moved", async () => {
      const { consents } = open();
      const organisation = newTenant();

      const recorded = await twenty(() => consents.record(organisation, blocked, at(1)));

      expect(recorded.filter(({ moved }) => moved)).toHaveLength(1);
    });

    it("are due for notices from the verification until everybody was told", async () => {
      const { consents } = open();
      const organisation = newTenant();
      const isDue = async () =>
        (await consents.noticesDue(1_000, allReadable)).some(
          (consent) =>
            JSON.stringify(consent.organisation) === JSON.stringify(organisation) &&
            consent.status === "verified",
        );
      await consents.record(organisation, { kind: "requested" }, at(1));
      expect(await isDue()).toBe(false);

      const { consent } = await consents.record(organisation, verified, at(2));
      await expect.poll(isDue).toBe(true);

      await consents.noticesDone(consent);
      await expect.poll(isDue).toBe(false);
    });

    it("stay due when they were verified anew meanwhile", async () => {
      const { consents } = open();
      const organisation = newTenant();
      const { consent } = await consents.record(organisation, verified, at(2));
      await consents.record(organisation, { kind: "lost" }, at(1_000));
      await consents.record(organisation, verified, at(2_000));

      await consents.noticesDone(consent);

      const due = await consents.noticesDue(1_000, allReadable);
      expect(due.map((each) => each.organisation)).toContainEqual(organisation);
    });

    it("are not due any more once the approval is lost", async () => {
      const { consents } = open();
      const organisation = newTenant();
      await consents.record(organisation, verified, at(2));
      await consents.record(organisation, { kind: "lost" }, at(1_000));

      await expect
        .poll(async () =>
          (await consents.noticesDue(1_000, allReadable)).map((each) => each.organisation),
        )
        .not.toContainEqual(organisation);
    });

    it.for(Object.entries(tallies))(
      "count different ones who say the same (%s), each once, from the first of them on",
      async ([name, { withinSeconds }]) => {
        const { consents } = open();
        const organisation = newTenant();
        const says = (who: string, seconds: number) =>
          consents.count(organisation, name as Tally, [who], at(seconds));

        expect(await says("a", 0)).toBe(1);
        expect(await says("a", 60)).toBe(1);
        expect(await says("b", withinSeconds - 1)).toBe(2);
        expect(await says("c", withinSeconds)).toBe(1);
      },
    );

    it("count nobody anew who shares a name with somebody, also one that they have said since", async () => {
      const { consents } = open();
      const organisation = newTenant();
      const says = (...names: readonly string[]) =>
        consents.count(organisation, "turnedAway", names, at(0));

      expect(await says("user-1", "mailbox-1")).toBe(1);
      expect(await says("user-1", "account")).toBe(1);
      expect(await says("user-2", "account")).toBe(1);
      expect(await says("user-2", "mailbox-2")).toBe(1);
      expect(await says("user-3", "mailbox-3")).toBe(2);
      expect(await says("user-3")).toBe(2);
    });

    it("count anew what is said after something that made it void", async () => {
      const { consents } = open();
      const organisation = newTenant();
      const says = (who: string, seconds: number) =>
        consents.count(organisation, "turnedAway", [who], at(seconds), at(100));

      expect(await says("a", 100)).toBe(1);
      expect(await says("b", 101)).toBe(1);
      expect(await says("c", 102)).toBe(2);
    });

    it("keep the tallies of an organisation, and of different ones, apart", async () => {
      const { consents } = open();
      const organisation = newTenant();
      await consents.count(organisation, "lost", ["a"], at(0));

      expect(await consents.count(organisation, "turnedAway", ["b"], at(1))).toBe(1);
      expect(await consents.count(newTenant(), "lost", ["b"], at(1))).toBe(1);
    });

    it("count those who come at once", async () => {
      const { consents } = open();
      const organisation = newTenant();

      const counts = await Promise.all(
        ["a", "b", "c"].map((who) => consents.count(organisation, "lost", [who], at(0))),
      );

      expect(counts.toSorted()).toEqual([1, 2, 3]);
    });

    it("become due by nothing but an approval, and stay due until everybody was told", async () => {
      const { consents } = open();
      const [told, waiting] = [newTenant(), newTenant()];
      for (const organisation of [told, waiting]) {
        const { consent } = await consents.record(organisation, verified, at(2));
        if (organisation === told) await consents.noticesDone(consent);
        const asked = await consents.record(organisation, { kind: "requested" }, at(1_000));
        expect(asked.consent.times.requested).toEqual(at(1_000));
      }

      const due = (await consents.noticesDue(1_000, allReadable)).map((each) => each.organisation);

      expect(due).toContainEqual(waiting);
      expect(due).not.toContainEqual(told);
    });

    it("are due again for notices when an administrator approves anew", async () => {
      const { consents } = open();
      const organisation = newTenant();
      const { consent } = await consents.record(organisation, verified, at(2));
      await consents.noticesDone(consent);

      const again = await twenty(() => consents.record(organisation, verified, at(1_000)));

      expect(again.filter(({ moved }) => moved)).toHaveLength(1);
      await expect
        .poll(async () =>
          (await consents.noticesDue(1_000, allReadable)).map((each) => each.organisation),
        )
        .toContainEqual(organisation);
    });
  });

  describe("consent requests", () => {
    it("are found by their person and by their link, as they were opened", async () => {
      const { requests } = open();
      const request = newRequest();

      const opened = await requests.open(request);

      expect(opened).toEqual({ ...request, mail: { status: "none" }, notifiedAt: undefined });
      const { organisation, requester, tokenHash } = request;
      expect(await requests.find(organisation, requester.user)).toEqual(opened);
      expect(await requests.findByLink(tokenHash)).toEqual({ request: opened, isCurrent: true });
      expect(await requests.waiting(organisation, allReadable)).toEqual([opened]);
    });

    it("stay the same while they are open, and are replaced when they have run out", async () => {
      const { requests } = open();
      const request = newRequest();
      const opened = await requests.open(request);

      expect(await requests.open(again(request, 60))).toEqual(opened);
      const late = again(request, 7 * 24 * 3600);
      expect((await requests.open(late)).tokenHash).toBe(late.tokenHash);

      expect(await requests.findByLink(request.tokenHash)).toMatchObject({
        isCurrent: false,
        request: { tokenHash: late.tokenHash },
      });
      expect(await requests.findByLink(late.tokenHash)).toMatchObject({ isCurrent: true });
      expect(await requests.waiting(request.organisation, allReadable)).toHaveLength(1);
    });

    it.for<readonly [string, Partial<ConsentRequest["requester"]>]>([
      ["another address", { email: address("alice@south.example") }],
      ["another name", { name: "Alice Other" }],
      ["another workspace name", { workspaceName: "South" }],
      ["no name any more", { name: undefined }],
    ])(
      "that are open are of their person as they are now, with %s, under the same link",
      async ([, changes]) => {
        const { requests } = open();
        const request = newRequest();
        const opened = await requests.open(request);
        const mail = { status: "not_delivered", to: newAddress(), at: at(5) } as const;
        await requests.noteMail(opened, mail);
        const requester = { ...request.requester, ...changes };
        const expected = { ...opened, mail, requester };

        expect(await requests.open(again({ ...request, requester }, 60))).toEqual(expected);

        expect(await requests.find(request.organisation, requester.user)).toEqual(expected);
        expect(await requests.waiting(request.organisation, allReadable)).toEqual([expected]);
        expect(await requests.findByLink(request.tokenHash)).toEqual({
          request: expected,
          isCurrent: true,
        });
      },
    );

    it("are one, however often a person asks at once", async () => {
      const { requests } = open();
      const request = newRequest();

      const opened = await twenty((index) => requests.open(again(request, index)));

      expect(new Set(opened.map(({ tokenHash }) => tokenHash)).size).toBe(1);
    });

    it("that have run out are replaced by one, however often a person asks at once", async () => {
      const { requests } = open();
      const request = newRequest();
      await requests.open(request);

      const opened = await twenty((index) => requests.open(again(request, 8 * 24 * 3600 + index)));

      const [tokenHash = "", ...others] = new Set(opened.map((each) => each.tokenHash));
      expect(others).toEqual([]);
      expect(await requests.findByLink(tokenHash)).toMatchObject({ isCurrent: true });
    });

    it("are kept apart by person and by organisation", async () => {
      const { requests } = open();
      const request = newRequest();
      const colleague = newRequest({ organisation: request.organisation, createdAt: at(5) });
      const elsewhere = newRequest({ requester: request.requester });
      for (const each of [colleague, request, elsewhere]) await requests.open(each);

      const waiting = await requests.waiting(request.organisation, allReadable);

      expect(waiting.map(({ tokenHash }) => tokenHash)).toEqual([
        request.tokenHash,
        colleague.tokenHash,
      ]);
      expect(await requests.find(newTenant(), request.requester.user)).toBeUndefined();
      expect(await requests.findByLink("unknown")).toBeUndefined();
    });

    it("are counted without the one who is shown the number, and not beyond what is shown", async () => {
      const { requests } = open();
      const shown = await requests.open(newRequest());
      const { organisation } = shown;
      const others = (counted: number) => requests.othersWaiting(shown, counted);

      expect(await others(3)).toEqual({ people: 0, areMore: false });
      const colleagues: ConsentRequest[] = [];
      for (let n = 0; n < 4; n += 1) {
        colleagues.push(await requests.open(newRequest({ organisation })));
        await requests.open(newRequest());
      }
      expect(await others(4)).toEqual({ people: 4, areMore: false });
      expect(await others(3)).toEqual({ people: 3, areMore: true });
      for (const told of colleagues.slice(2)) await requests.claimNotice(told, at(100));
      expect(await others(3)).toEqual({ people: 2, areMore: false });
    });

    it("are told once, however many try, and then wait no longer", async () => {
      const { requests } = open();
      const opened = await requests.open(newRequest());

      const claims = await twenty(() => requests.claimNotice(opened, at(100)));

      expect(claims.filter(Boolean)).toHaveLength(1);
      expect(await requests.waiting(opened.organisation, allReadable)).toEqual([]);
      expect((await requests.find(opened.organisation, opened.requester.user))?.notifiedAt).toEqual(
        at(100),
      );
    });

    it("wait again when it turns out that their person was not told, unless they were replaced", async () => {
      const { requests } = open();
      const opened = await requests.open(newRequest());
      const { organisation, requester } = opened;
      const claim = (await requests.claimNotice(opened, at(100))) ?? "";

      await requests.releaseNotice(opened, claim, at(101));
      expect(await requests.waiting(organisation, allReadable)).toEqual([opened]);

      const next = (await requests.claimNotice(opened, at(103))) ?? "";
      // Repeated, when its answer was lost, it takes nothing from whoever tells them now.
      await requests.releaseNotice(opened, claim, at(104));
      expect(await requests.waiting(organisation, allReadable)).toEqual([]);

      await requests.open(again(opened, 200));
      await requests.releaseNotice(opened, next, at(201));
      const found = await requests.find(organisation, requester.user);
      expect(found?.tokenHash).not.toBe(opened.tokenHash);
      expect(await requests.waiting(organisation, allReadable)).toEqual([found]);
    });

    it("are erased with their link, of one person and organisation, told or not", async () => {
      const { requests } = open();
      const request = newRequest();
      const colleague = newRequest({ organisation: request.organisation });
      const elsewhere = newRequest({ requester: request.requester });
      for (const each of [request, colleague, elsewhere]) await requests.open(each);
      const { organisation, requester, tokenHash } = request;

      await requests.erase(organisation, requester.user);
      await requests.erase(organisation, requester.user);

      expect(await requests.find(organisation, requester.user)).toBeUndefined();
      expect(await requests.findByLink(tokenHash)).toBeUndefined();
      expect(await requests.waiting(organisation, allReadable)).toMatchObject([colleague]);
      expect(await requests.find(elsewhere.organisation, requester.user)).toBeDefined();
      const anew = await requests.open(again(request, 100));
      expect(await requests.findByLink(tokenHash)).toBeUndefined();
      await requests.claimNotice(anew, at(101));
      await requests.erase(organisation, requester.user);
      expect(await requests.find(organisation, requester.user)).toBeUndefined();
    });

    it("begin anew after their person was told", async () => {
      const { requests } = open();
      const opened = await requests.open(newRequest());
      await requests.claimNotice(opened, at(100));

      const next = await requests.open(again(opened, 200));

      expect(next.tokenHash).not.toBe(opened.tokenHash);
      expect(await requests.claimNotice(opened, at(300))).toBeUndefined();
      expect(await requests.claimNotice(next, at(300))).toBeDefined();
    });

    it("note what became of the mail, unless they were replaced", async () => {
      const { requests } = open();
      const opened = await requests.open(newRequest());
      const mail = { status: "sent", to: newAddress(), at: at(5) } as const;
      const read = async () =>
        (await requests.find(opened.organisation, opened.requester.user))?.mail;

      await requests.noteMail(opened, { ...mail, status: "sending" });
      await requests.noteMail(opened, mail);
      expect(await read()).toEqual(mail);

      await requests.open(again(opened, 8 * 24 * 3600));
      await requests.noteMail(opened, { ...mail, status: "not_delivered" });
      expect(await read()).toEqual({ status: "none" });
    });

    it.for(["sent", "unknown"] as const)(
      "still say that a mail came back when the one who sent it says %s a moment later",
      async (status) => {
        const { requests } = open();
        const opened = await requests.open(newRequest());
        const mail = { to: newAddress(), at: at(5) };

        await requests.noteMail(opened, { ...mail, status: "sending" });
        await requests.noteMail(opened, { ...mail, status: "not_delivered" });
        await requests.noteMail(opened, { ...mail, status });

        const found = await requests.find(opened.organisation, opened.requester.user);
        expect(found?.mail.status).toBe("not_delivered");
      },
    );
  });

  describe("the mail ledger", () => {
    const claimed = (changes: Partial<Parameters<MailLedger["claim"]>[0]> = {}) => ({
      to: newAddress(),
      requester: newUser(),
      organisation: newTenant(),
      recipientTenant: tenantId(randomUUID()),
      ...changes,
    });

    type ClaimedMail = ReturnType<typeof claimed>;
    const refusal = async (ledger: MailLedger, mail: ClaimedMail, now: Date) => {
      const answer = await ledger.claim(mail, now);
      return answer.ok ? undefined : answer.failure;
    };
    const claim = async (ledger: MailLedger, mail: ClaimedMail, now: Date) => {
      const answer = await ledger.claim(mail, now);
      return answer.ok ? answer.value : expect.fail(answer.failure);
    };
    const mailed = async (ledger: MailLedger, mail: ClaimedMail, now: Date) => {
      const own = await claim(ledger, mail, now);
      expect(await ledger.begin(mail.to, mail.organisation, own, now)).toBe(true);
      return own;
    };

    const withPlus = (to: MailAddress) => address(to.replace("@", "+outlook@"));

    it("gives the right to one mail, of many who ask at once", async () => {
      const { ledger } = open();
      const mail = claimed();

      const answers = await twenty(() => refusal(ledger, { ...mail, requester: newUser() }, at(0)));

      expect(answers.filter((answer) => answer === undefined).length).toBeLessThanOrEqual(1);
      expect(
        answers.filter((answer) => answer === undefined || answer === "held").length,
      ).toBeGreaterThan(0);
    });

    it("lets an administrator have one mail for an organisation in a day", async () => {
      const { ledger } = open();
      const mail = claimed();

      await mailed(ledger, mail, at(0));

      expect(await refusal(ledger, { ...mail, requester: newUser() }, at(60))).toBe("joined");
      expect(await refusal(ledger, mail, at(digestSeconds - 1))).toBe("joined");
      expect(await refusal(ledger, mail, at(digestSeconds))).toBeUndefined();
    });

    it("takes a plus part and other letters for the same administrator", async () => {
      const { ledger } = open();
      const name = randomUUID();
      const mail = claimed({ to: address(`it-${name}@north.example`) });
      await mailed(ledger, mail, at(0));

      const other = address(`IT-${name.toUpperCase()}+appse@north.example`);

      expect(await refusal(ledger, { ...mail, to: other }, at(1))).toBe("joined");
    });

    it("limits a person's mails in a day, and lets them again the next day", async () => {
      const { ledger } = open();
      const requester = newUser();
      for (let count = 0; count < mailLimits.user; count += 1) {
        expect(await refusal(ledger, claimed({ requester }), at(count))).toBeUndefined();
      }

      expect(await refusal(ledger, claimed({ requester }), at(99))).toBe("limited");
      expect(await refusal(ledger, claimed({ requester }), at(24 * 3600))).toBeUndefined();
    });

    it("limits a person's mails in a day, in whatever workspaces they are", async () => {
      const { ledger } = open();
      const { userId } = newUser();
      const elsewhere = () => ({ ...newUser(), userId });
      for (let count = 0; count < mailLimits.person; count += 1) {
        const mail = claimed({ requester: elsewhere() });
        expect(await refusal(ledger, mail, at(count))).toBeUndefined();
      }

      expect(await refusal(ledger, claimed({ requester: elsewhere() }), at(99))).toBe("limited");
    });

    it("limits the mails to a tenant in a day, for whatever organisations they ask", async () => {
      const { ledger } = open();
      const recipientTenant = tenantId(randomUUID());
      for (let count = 0; count < mailLimits.tenant; count += 1) {
        expect(await refusal(ledger, claimed({ recipientTenant }), at(count))).toBeUndefined();
      }

      expect(await refusal(ledger, claimed({ recipientTenant }), at(99))).toBe("limited");
      expect(await refusal(ledger, claimed(), at(100))).toBeUndefined();
      expect(await refusal(ledger, claimed({ recipientTenant }), at(24 * 3600))).toBeUndefined();
    });

    it("limits a workspace's mails in a day, whoever asks", async () => {
      const { ledger } = open();
      const workspace = `ws_${randomUUID()}`;
      for (let count = 0; count < mailLimits.workspace; count += 1) {
        const requester = newUser(workspace);
        expect(await refusal(ledger, claimed({ requester }), at(count))).toBeUndefined();
      }

      expect(await refusal(ledger, claimed({ requester: newUser(workspace) }), at(99))).toBe(
        "limited",
      );
    });

    it("limits one recipient's mails in a day, for whatever organisations", async () => {
      const { ledger } = open();
      const to = newAddress();
      for (let count = 0; count < mailLimits.recipient; count += 1) {
        expect(await refusal(ledger, claimed({ to }), at(count))).toBeUndefined();
      }

      expect(await refusal(ledger, claimed({ to }), at(99))).toBe("limited");
    });

    it("does not take a refused mail for the one of the day", async () => {
      const { ledger } = open();
      const requester = newUser();
      for (let count = 0; count < mailLimits.user; count += 1) {
        await refusal(ledger, claimed({ requester }), at(count));
      }
      const mail = claimed();
      expect(await refusal(ledger, { ...mail, requester }, at(99))).toBe("limited");

      expect(await refusal(ledger, mail, at(100))).toBeUndefined();
    });

    it.for(["bounce", "complaint"] as const)(
      "sends nothing to an address after a %s",
      async (reason) => {
        const { ledger } = open();
        const mail = claimed();
        expect(await ledger.isSuppressed(mail.to, at(0))).toBe(false);

        await ledger.suppress(mail.to, reason, at(0));

        expect(await ledger.isSuppressed(mail.to, at(1))).toBe(true);
        expect(await ledger.isSuppressed(address(mail.to.toUpperCase()), at(1))).toBe(true);
        expect(await refusal(ledger, mail, at(1))).toBe("suppressed");
      },
    );

    it("after a bounce of a plus address leaves the address without it alone", async () => {
      const { ledger } = open();
      const mail = claimed();
      const plus = withPlus(mail.to);

      await ledger.suppress(plus, "bounce", at(0));

      expect(await ledger.isSuppressed(plus, at(1))).toBe(true);
      expect(await ledger.isSuppressed(mail.to, at(1))).toBe(false);
      expect(await refusal(ledger, { ...mail, to: plus }, at(1))).toBe("suppressed");
      expect(await refusal(ledger, mail, at(1))).toBeUndefined();
    });

    it("after a bounce sends again in 90 days, and not if that bounces as well", async () => {
      const { ledger } = open();
      const mail = claimed();
      await ledger.suppress(mail.to, "bounce", at(0));

      expect(await ledger.isSuppressed(mail.to, at(bounceKeptSeconds - 1))).toBe(true);
      expect(await refusal(ledger, mail, at(bounceKeptSeconds - 1))).toBe("suppressed");
      expect(await ledger.isSuppressed(mail.to, at(bounceKeptSeconds))).toBe(false);
      expect(await refusal(ledger, mail, at(bounceKeptSeconds))).toBeUndefined();

      await ledger.suppress(mail.to, "bounce", at(bounceKeptSeconds));
      expect(await ledger.isSuppressed(mail.to, at(bounceKeptSeconds + 1))).toBe(true);
    });

    it("after a complaint of a plus address sends nothing more to the mailbox, whatever bounces", async () => {
      const { ledger } = open();
      const mail = claimed();
      const plus = withPlus(mail.to);
      await ledger.suppress(plus, "complaint", at(0));

      await ledger.suppress(mail.to, "bounce", at(1));
      await ledger.suppress(plus, "bounce", at(1));

      for (const to of [mail.to, plus]) {
        expect(await ledger.isSuppressed(to, at(2 * bounceKeptSeconds))).toBe(true);
        expect(await refusal(ledger, { ...mail, to }, at(2 * bounceKeptSeconds))).toBe(
          "suppressed",
        );
      }
    });

    it("lets one more go on the same day when the last one did not arrive, and counts it", async () => {
      const { ledger } = open();
      const mail = claimed();
      await ledger.release(mail.to, mail.organisation);
      await mailed(ledger, mail, at(0));
      const other = claimed({ to: mail.to });
      await mailed(ledger, other, at(0));

      await ledger.release(mail.to, mail.organisation);

      const answers = await twenty(() =>
        refusal(ledger, { ...mail, requester: newUser() }, at(60)),
      );
      expect(answers.filter((answer) => answer === undefined)).toHaveLength(1);
      expect(await refusal(ledger, other, at(60))).toBe("joined");
      await ledger.release(mail.to, mail.organisation);
      expect(await refusal(ledger, mail, at(120))).toBe("limited");
    });

    it("gives a right that nobody used for a minute to one of many who ask at once", async () => {
      const { ledger } = open();
      const mail = claimed();
      const first = await claim(ledger, mail, at(0));
      const colleague = () => ({ ...mail, requester: newUser() });
      expect(await refusal(ledger, colleague(), at(heldSeconds - 1))).toBe("held");

      const answers = await twenty(() => ledger.claim(colleague(), at(heldSeconds)));

      const taken = answers.flatMap((answer) => (answer.ok ? [answer.value] : []));
      expect(taken).toHaveLength(1);
      const begin = (own: string) =>
        ledger.begin(mail.to, mail.organisation, own, at(heldSeconds + 1));
      expect(await begin(first)).toBe(false);
      expect(await refusal(ledger, colleague(), at(heldSeconds + 1))).toBe("held");
      for (const own of taken) expect(await begin(own)).toBe(true);
      expect(await refusal(ledger, colleague(), at(2 * heldSeconds + 1))).toBe("joined");
    });

    it("lets others join a mail for a day from when it was begun, also late", async () => {
      const { ledger } = open();
      const mail = claimed();
      const own = await claim(ledger, mail, at(0));

      for (let times = 0; times < 2; times += 1) {
        expect(await ledger.begin(mail.to, mail.organisation, own, at(300))).toBe(true);
      }

      expect(await refusal(ledger, mail, at(300 + digestSeconds - 1))).toBe("joined");
      expect(await refusal(ledger, mail, at(300 + digestSeconds))).toBeUndefined();
    });

    it("begins no mail for a right that nobody has", async () => {
      const { ledger } = open();
      const mail = claimed();

      expect(await ledger.begin(mail.to, mail.organisation, randomUUID(), at(0))).toBe(false);
      expect(await refusal(ledger, mail, at(0))).toBeUndefined();
    });

    it("does not release a mail since for one that did not arrive", async () => {
      const { ledger } = open();
      const mail = claimed();
      const first = await claim(ledger, mail, at(0));
      await mailed(ledger, mail, at(heldSeconds));

      await ledger.release(mail.to, mail.organisation, first);

      expect(await refusal(ledger, mail, at(heldSeconds + 1))).toBe("joined");
    });

    it("releases a right that was not used, and begins a mail that was released before", async () => {
      const { ledger } = open();
      const mail = claimed();
      const own = await claim(ledger, mail, at(0));

      await ledger.release(mail.to, mail.organisation, own);
      expect(await ledger.begin(mail.to, mail.organisation, own, at(1))).toBe(true);
      expect(await refusal(ledger, mail, at(2))).toBe("joined");

      await ledger.release(mail.to, mail.organisation, own);
      expect(await refusal(ledger, mail, at(2))).toBeUndefined();
    });

    it("counts a right that nobody used", async () => {
      const { ledger } = open();
      const mail = claimed();
      for (let count = 0; count < mailLimits.recipient; count += 1) {
        await claim(ledger, mail, at(count * heldSeconds));
      }

      expect(await refusal(ledger, mail, at(mailLimits.recipient * heldSeconds))).toBe("limited");
    });

    it("begins one mail in a day at most, in whatever order many claim, begin and die", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.record({
              who: fc.nat(2),
              does: fc.constantFrom("claims", "begins", "releases", "nothing"),
              seconds: fc.constantFrom(0, 0, 1, heldSeconds - 1, heldSeconds, digestSeconds / 2),
            }),
            { minLength: 4, maxLength: 16 },
          ),
          async (steps) => {
            const { ledger } = open();
            const mail = claimed();
            const { to, organisation } = mail;
            const claims: (string | undefined)[] = [];
            const begun = new Set<string>();
            let now = 0;
            let last: { readonly claim: string; readonly at: number } | undefined;
            for (const { who, does, seconds } of steps) {
              now += seconds;
              const own = claims[who];
              if (does === "claims") {
                const answer = await ledger.claim({ ...mail, requester: newUser() }, at(now));
                claims[who] = answer.ok ? answer.value : undefined;
                const isJoined = !answer.ok && answer.failure === "joined";
                const isToBeJoined = last !== undefined && now - last.at < digestSeconds;
                if (isToBeJoined) expect(answer.ok, "no second mail").toBe(false);
                expect(isJoined, "nobody joins a mail that is not there").toBe(isToBeJoined);
              }
              if (own === undefined) continue;
              // Whoever sends does so once.
              if (does === "begins" && !begun.has(own)) {
                if (await ledger.begin(to, organisation, own, at(now))) {
                  expect(last && now - last.at < digestSeconds, "no second mail").toBeFalsy();
                  begun.add(own);
                  last = { claim: own, at: now };
                }
              }
              if (does === "releases" && begun.has(own)) {
                await ledger.release(to, organisation, own);
                if (last?.claim === own) last = undefined;
              }
            }
          },
        ),
        { numRuns: 25 },
      );
    });
  });

  describe("proving sign-ins", () => {
    it("are taken once, of many who try", async () => {
      const { proofs } = open();
      const pending = newProof();
      await proofs.begin(pending);

      const taken = await twenty(() => proofs.take(pending.id, "this-browser", at(1)));

      expect(taken.filter(Boolean)).toEqual([pending]);
      expect(await proofs.take(pending.id, "this-browser", at(2))).toBeUndefined();
    });

    it("are for the browser that began them, and a wrong try spoils nothing", async () => {
      const { proofs } = open();
      const pending = newProof();
      await proofs.begin(pending);

      expect(await proofs.take(pending.id, "another-browser", at(1))).toBeUndefined();
      expect(await proofs.take("unknown", "this-browser", at(1))).toBeUndefined();

      expect(await proofs.take(pending.id, "this-browser", at(1))).toEqual(pending);
    });

    it("are over in the second in which they expire", async () => {
      const { proofs } = open();
      const [late, inTime] = [newProof(), newProof()];
      await proofs.begin(late);
      await proofs.begin(inTime);

      expect(await proofs.take(late.id, "this-browser", at(600))).toBeUndefined();
      expect(await proofs.take(inTime.id, "this-browser", at(599))).toBeDefined();
    });
  });
};

describe("in memory", () => {
  contract(() => ({
    consents: memoryTenantConsents(),
    requests: memoryConsentRequests(),
    ledger: memoryMailLedger(),
    proofs: memoryConsentProofs(),
  }));
});

describe.for(Object.entries(engines))("on %s", ([, start]) => {
  let engine: Awaited<ReturnType<typeof start>>;
  let tableName: string;
  const clients: LossyClient[] = [];
  beforeAll(async () => {
    engine = await start();
    tableName = (await createProductTables(engine.origin)).tenantConsents;
  });
  afterAll(async () => {
    for (const { client } of clients) client.destroy();
    await engine.close();
  });

  const subject = { clientId: "client-1", scopeSet: "scopes-1" };
  const openLossy = (changes: Partial<typeof subject> = {}) => {
    const lossy = lossyClient(engine.origin);
    clients.push(lossy);
    const of = { ...subject, ...changes };
    return {
      ...lossy,
      consents: dynamoDbTenantConsents(lossy.client, tableName, of),
      requests: dynamoDbConsentRequests(lossy.client, tableName, of),
      ledger: dynamoDbMailLedger(lossy.client, tableName),
      proofs: dynamoDbConsentProofs(lossy.client, tableName),
    };
  };

  contract(openLossy);

  describe("when an answer is lost", () => {
    it("record knows its own move", async () => {
      const { consents, loseAnswer } = openLossy();
      loseAnswer("PutItemCommand");

      expect(await consents.record(newTenant(), verified, at(1))).toMatchObject({ moved: true });
    });

    it("record does not take another one's move for its own", async () => {
      const { consents, loseAnswer, overtake } = openLossy();
      const organisation = newTenant();
      overtake("PutItemCommand", () => openLossy().consents.record(organisation, verified, at(1)));
      loseAnswer("PutItemCommand");

      expect(await consents.record(organisation, verified, at(1))).toMatchObject({
        moved: false,
        consent: { status: "verified" },
      });
    });

    it("count counts once", async () => {
      const { consents, loseAnswer } = openLossy();
      loseAnswer("PutItemCommand");

      expect(await consents.count(newTenant(), "lost", ["a"], at(0))).toBe(1);
    });

    it.for([1, 2])("open knows its own request after %i of them", async (times) => {
      const { requests, loseAnswer } = openLossy();
      for (let lost = 0; lost < times; lost += 1) loseAnswer("PutItemCommand");
      const request = newRequest();

      expect((await requests.open(request)).tokenHash).toBe(request.tokenHash);
    });

    it("open changes nothing in a request whose person is told meanwhile, and opens another", async () => {
      const { requests, overtake } = openLossy();
      const opened = await requests.open(newRequest());
      overtake("UpdateItemCommand", () => openLossy().requests.claimNotice(opened, at(50)));
      const requester = { ...opened.requester, email: address("alice@south.example") };
      const request = again({ ...opened, requester }, 60);

      expect(await requests.open(request)).toMatchObject({
        tokenHash: request.tokenHash,
        requester,
        notifiedAt: undefined,
      });
    });

    it("open gives out no link that was replaced meanwhile", async () => {
      const { requests, overtake } = openLossy();
      const opened = await requests.open(newRequest());
      const later = again(opened, 8 * 24 * 3600);
      overtake("UpdateItemCommand", () => openLossy().requests.open(later));
      const requester = { ...opened.requester, email: address("alice@south.example") };

      expect(await requests.open(again({ ...opened, requester }, 60))).toMatchObject({
        tokenHash: later.tokenHash,
        requester,
      });
    });

    it("claimNotice knows its own claim", async () => {
      const { requests, loseAnswer } = openLossy();
      const opened = await requests.open(newRequest());
      loseAnswer("UpdateItemCommand");

      expect(await requests.claimNotice(opened, at(1))).toBeDefined();
    });

    it("the ledger gives the right once, and begins the mail", async () => {
      const { ledger, loseAnswer } = openLossy();
      const mail = {
        to: newAddress(),
        requester: newUser(),
        organisation: newTenant(),
        recipientTenant: tenantId(randomUUID()),
      };
      loseAnswer("PutItemCommand");

      const claimed = await ledger.claim(mail, at(0));

      const claim = claimed.ok ? claimed.value : expect.fail(claimed.failure);
      expect(await ledger.claim(mail, at(1))).toEqual(fail("held"));
      loseAnswer("UpdateItemCommand");
      expect(await ledger.begin(mail.to, mail.organisation, claim, at(1))).toBe(true);
      expect(await ledger.claim(mail, at(heldSeconds))).toEqual(fail("joined"));
    });

    it("take knows its own proof", async () => {
      const { proofs, loseAnswer } = openLossy();
      const pending = newProof();
      await proofs.begin(pending);
      loseAnswer("UpdateItemCommand");

      expect(await proofs.take(pending.id, "this-browser", at(1))).toEqual(pending);
    });
  });

  it("a proof that an earlier deployment began goes on as one that may be shown pages", async () => {
    const { proofs, client } = openLossy();
    const { step, provenRoles, ...pending } = newProof();
    const expiresAt = Math.floor(pending.expiresAt.getTime() / 1000);
    const item = { ...proofKey(pending.id), ...pending, expiresAt };
    await client.send(new PutItemCommand({ TableName: tableName, Item: marshall(item) }));

    expect(await proofs.take(pending.id, "this-browser", at(1))).toEqual({
      ...pending,
      step: "shown",
      provenRoles: [],
    });
  });

  describe("the ledger", () => {
    const put = async (item: Record<string, unknown>) => {
      const { client } = openLossy();
      await client.send(new PutItemCommand({ TableName: tableName, Item: marshall(item) }));
    };

    it("tells the limit of all from the others", async () => {
      const { ledger } = openLossy();
      // On a day that no other test counts on.
      const now = at(-7 * 24 * 3600);
      await put({
        ...counterKey("all", now.toISOString().slice(0, 10)),
        count: mailLimits.all - 1,
      });
      const claim = () =>
        ledger.claim(
          {
            to: newAddress(),
            requester: newUser(),
            organisation: newTenant(),
            recipientTenant: tenantId(randomUUID()),
          },
          now,
        );

      expect((await claim()).ok).toBe(true);
      expect(await claim()).toEqual(fail("exhausted"));
    });

    it("lets others join a mail that an earlier version sent", async () => {
      const { ledger } = openLossy();
      const mail = {
        to: newAddress(),
        requester: newUser(),
        organisation: newTenant(),
        recipientTenant: tenantId(randomUUID()),
      };
      const last = recipientKey(mailboxOf(mail.to), `last/${organisationKey(mail.organisation)}`);
      await put({ ...last, mailedAt: began.getTime() / 1000, claim: randomUUID() });

      expect(await ledger.claim(mail, at(2 * heldSeconds))).toEqual(fail("joined"));
    });

    it("keeps to a bounce that an earlier version noted of a mailbox, for ever", async () => {
      const { ledger } = openLossy();
      const to = newAddress();
      const since = began.getTime() / 1000;
      await put({ ...recipientKey(mailboxOf(to), "suppression"), reason: "bounce", since });

      expect(await ledger.isSuppressed(to, at(2 * bounceKeptSeconds))).toBe(true);
    });

    it("has a bounce removed by TTL, and a complaint kept", async () => {
      const { ledger, client } = openLossy();
      const [bounced, complained] = [newAddress(), newAddress()];
      await ledger.suppress(bounced, "bounce", at(0));
      await ledger.suppress(complained, "complaint", at(0));

      const { Items = [] } = await client.send(new ScanCommand({ TableName: tableName }));

      const items = Items.map((each) => unmarshall(each));
      expect(items).toContainEqual({
        ...recipientKey(bounced, "bounce"),
        reason: "bounce",
        since: began.getTime() / 1000,
        deleteAt: at(bounceKeptSeconds).getTime() / 1000,
      });
      expect(items).toContainEqual({
        ...recipientKey(complained, "suppression"),
        reason: "complaint",
        since: began.getTime() / 1000,
      });
    });
  });

  it("those who wait are read no further than to be shown, however many were told", async () => {
    const { requests, client } = openLossy();
    const shown = await requests.open(newRequest());
    const { organisation } = shown;
    for (let n = 0; n < 12; n += 1) {
      const told = await requests.open(newRequest({ organisation }));
      await requests.claimNotice(told, at(100));
    }
    const read: unknown[] = [];
    client.middlewareStack.add((next) => async (call) => {
      const answer = await next(call);
      read.push(answer.output);
      return answer;
    });

    await requests.othersWaiting(shown, 2);

    expect(read).toEqual([expect.objectContaining({ ScannedCount: 6 })]);
  });

  it("notices that a former app registration left behind keep none of ours from being found", async () => {
    const former = openLossy({ clientId: randomUUID() });
    for (let index = 0; index < 12; index += 1) {
      await former.consents.record(newTenant(), verified, at(index));
    }
    const { consents } = openLossy({ clientId: randomUUID() });
    const organisation = newTenant();
    await consents.record(organisation, verified, at(100));

    const due = async () =>
      (await consents.noticesDue(2, allReadable)).map((each) => each.organisation);

    await expect.poll(due).toEqual([organisation]);
  });

  describe("items that somebody has spoiled", () => {
    const spoil = async (
      key: { readonly pk: string; readonly sk: string },
      [expression, values]: Spoiling,
    ) => {
      const { client } = openLossy();
      await client.send(
        new UpdateItemCommand({
          TableName: tableName,
          Key: marshall(key),
          UpdateExpression: expression,
          ...(values && { ExpressionAttributeValues: values }),
        }),
      );
      // Others read all there is.
      onTestFinished(async () => {
        await client.send(new DeleteItemCommand({ TableName: tableName, Key: marshall(key) }));
      });
      return `${key.pk} ${key.sk}`;
    };

    it("are told of, and neither hide an organisation behind them nor count among those asked for", async () => {
      const clientId = randomUUID();
      const keys = approvalKeys({ ...subject, clientId });
      const { consents } = openLossy({ clientId });
      const spoilings: readonly Spoiling[] = [
        ["REMOVE organisation"],
        ["SET version = :text", { ":text": { S: "two" } }],
        ["SET times.verified = :huge", { ":huge": { N: "12345678901234567890.5" } }],
      ];
      const spoiled: string[] = [];
      for (const [index, spoiling] of spoilings.entries()) {
        const organisation = newTenant();
        await consents.record(organisation, verified, at(index));
        spoiled.push(await spoil(keys.state(organisation), spoiling));
      }
      const readable = [newTenant(), newTenant()];
      for (const [index, organisation] of readable.entries()) {
        await consents.record(organisation, verified, at(100 + index));
      }

      const due = async () => {
        const unreadable: string[] = [];
        const found = await consents.noticesDue(2, ({ key }) => unreadable.push(key));
        return { found: found.map(({ organisation }) => organisation), unreadable };
      };

      await expect.poll(due).toEqual({ found: readable, unreadable: spoiled });
    });

    it("are told of, and hide nobody else who waits", async () => {
      const { requests } = openLossy();
      const organisation = newTenant();
      const keys = approvalKeys(subject);
      const spoilings: readonly Spoiling[] = [
        ["REMOVE sealedToken"],
        ["SET requester.email = :text", { ":text": { S: "no address" } }],
        ["SET createdAt = :huge", { ":huge": { N: "12345678901234567890.5" } }],
      ];
      const spoiled: string[] = [];
      for (const spoiling of spoilings) {
        const { requester } = await requests.open(newRequest({ organisation }));
        spoiled.push(await spoil(keys.request(organisation, requester.user), spoiling));
      }
      const readable = [];
      for (let index = 0; index < 3; index += 1) {
        const createdAt = at(index);
        readable.push(await requests.open(newRequest({ organisation, createdAt })));
      }

      const unreadable: string[] = [];
      const found = await requests.waiting(organisation, ({ key }) => unreadable.push(key));

      expect(found).toEqual(readable);
      expect(unreadable.toSorted()).toEqual(spoiled.toSorted());
    });

    it.each<[string, Spoiling, boolean]>([
      [
        "with its link, when its address is spoiled",
        ["SET requester.email = :text", { ":text": { S: "none" } }],
        true,
      ],
      ["although nothing tells its link any more", ["REMOVE tokenHash"], false],
    ])("a request is erased %s", async (_, spoiling, isLinkErased) => {
      const { requests, client } = openLossy();
      const { organisation, requester, tokenHash } = await requests.open(newRequest());
      const keys = approvalKeys(subject);
      await spoil(keys.request(organisation, requester.user), spoiling);

      await requests.erase(organisation, requester.user);

      const isThere = async (key: { readonly pk: string; readonly sk: string }) => {
        const found = await client.send(
          new GetItemCommand({ TableName: tableName, Key: marshall(key), ConsistentRead: true }),
        );
        return found.Item !== undefined;
      };
      expect(await isThere(keys.request(organisation, requester.user))).toBe(false);
      expect(await isThere(keys.link(tokenHash))).toBe(!isLinkErased);
    });
  });

  it("a tally is removed by TTL", async () => {
    const { consents, client } = openLossy();
    const { withinSeconds } = tallies.turnedAway;
    await consents.count(newTenant(), "turnedAway", ["somebody-in-a-tally"], at(5));

    const { Items = [] } = await client.send(new ScanCommand({ TableName: tableName }));

    const items = Items.map((each) => unmarshall(each));
    const [tally] = items.filter((item) => JSON.stringify(item).includes("somebody-in-a-tally"));
    expect(tally?.deleteAt).toBe(at(5 + withinSeconds).getTime() / 1000);
  });

  it("what is known of a person alone is removed by TTL 90 days after the last step, and of a tenant never", async () => {
    const { consents, client } = openLossy();
    const [person, tenant] = [personAlone(newUser()), newTenant()];
    for (const organisation of [person, tenant]) {
      await consents.record(organisation, blocked, at(0));
      await consents.record(organisation, verified, at(60));
    }

    const { Items = [] } = await client.send(new ScanCommand({ TableName: tableName }));

    const items = Items.map((each) => unmarshall(each));
    const deleteAtOf = (organisation: Organisation) =>
      items.find(({ pk }) => String(pk).endsWith(organisationKey(organisation)))?.deleteAt;
    expect(deleteAtOf(person)).toBe(at(60 + 90 * 24 * 3600).getTime() / 1000);
    expect(deleteAtOf(tenant)).toBeUndefined();
  });

  it("a new client id or another set of permissions starts its own approvals", async () => {
    const organisation = newTenant();
    const { consents } = openLossy();
    await consents.record(organisation, verified, at(1));

    for (const changes of [{ clientId: "client-2" }, { scopeSet: "scopes-2" }]) {
      const others = openLossy(changes);
      expect((await others.consents.find(organisation)).status).toBe("unknown");
      const due = await others.consents.noticesDue(1_000, allReadable);
      expect(due.map((each) => each.organisation)).not.toContainEqual(organisation);
    }
    expect((await consents.find(organisation)).status).toBe("verified");
  });

  it("no key holds an address, and everything about people is removed by TTL", async () => {
    const { requests, ledger, client } = openLossy();
    const to = newAddress();
    const opened = await requests.open(newRequest());
    await requests.noteMail(opened, { status: "sending", to, at: at(1) });
    const { requester, organisation } = opened;
    const recipientTenant = tenantId(randomUUID());
    const mail = { to, requester: requester.user, organisation, recipientTenant };
    await ledger.claim(mail, at(0));
    await ledger.suppress(to, "bounce", at(0));

    const { Items = [] } = await client.send(new ScanCommand({ TableName: tableName }));

    const { user } = requester;
    const hashes = [
      ownerKeyOf(user),
      hashOf("person", user.userId),
      hashOf("workspace", user.workspaceId),
      hashOf("mailbox", to),
    ];
    let counted = 0;
    for (const item of Items.map((each) => unmarshall(each))) {
      expect(`${item.pk} ${item.sk}`).not.toContain("@");
      const isCounted = [...hashes, recipientTenant].some((name) => item.pk.includes(name));
      const isPersonal = isCounted || JSON.stringify(item).includes("@");
      if (isPersonal) expect(item.deleteAt).toBeGreaterThan(began.getTime() / 1000);
      if (isCounted) counted += 1;
    }
    expect(counted).toBeGreaterThanOrEqual(5);
  });
});
