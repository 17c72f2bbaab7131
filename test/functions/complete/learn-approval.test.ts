import { describe, expect, it } from "vitest";
import { attemptIdOf, type ProductUser, tenantId, userId } from "../../../shared/domain/ids.ts";
import type { Grant } from "../../../shared/domain/microsoft.ts";
import { fail, succeed } from "../../../shared/domain/result.ts";
import { type Organisation, personAlone } from "../../../shared/domain/tenant-consent.ts";
import { allReadable } from "../../fakes/all-readable.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { claimNames, jsonRequest, send } from "../../fakes/http-event.ts";
import {
  account,
  alice,
  grant,
  mallory,
  microsoftFailure,
  strangerAlice,
} from "../../fakes/samples.ts";
import {
  broughtBack,
  problemIn,
  type ServiceInMemory,
  type ServiceScript,
  serviceInMemory,
} from "../../fakes/service-in-memory.ts";

captureLog();

const tenant: Organisation = { kind: "tenant", tenantId: account.tenantId };
const carl: ProductUser = { ...alice, userId: userId("carl") };
const administrator = "62e90394-69f5-4237-9190-012177145e10";
const proof = { kind: "administrator", roles: [administrator] } as const;

const statusOf = async ({ consents }: ServiceInMemory, organisation: Organisation = tenant) =>
  (await consents.find(organisation)).status;

/** What a person is told before they are sent to Microsoft. */
const warningOf = async (service: ServiceInMemory, who: ProductUser) =>
  JSON.parse((await service.start(who)).body).adminApproval;

const granting = (changes: Partial<Grant> = {}): ServiceScript => ({
  redeemCode: async () => succeed({ ...grant, ...changes }),
});

/** A person whose browser comes back with this refusal. */
const turnAway = async (
  service: ServiceInMemory,
  fields: Readonly<Record<string, string>>,
  who: ProductUser = alice,
  body: object = {},
) => {
  const { state } = await service.begin(who, body);
  const brought = broughtBack(await service.callback({ state, ...fields }));
  const answer = await service.complete(who, brought);
  expect(["access_declined", "admin_approval_required", "approval_spreading"]).toContain(
    problemIn(answer).code,
  );
  return answer;
};

/** The same of a person with this address. */
const turnAwayUnder = async (service: ServiceInMemory, who: ProductUser, email: string) => {
  const claims = {
    [claimNames.USER_CLAIM]: who.userId,
    [claimNames.WORKSPACE_CLAIM]: who.workspaceId,
    [claimNames.EMAIL_CLAIM]: email,
  };
  const { state } = await service.begin(who);
  const { attemptId, completion } = broughtBack(
    await service.callback({ state, ...certainRefusal }),
  );
  const answer = await send(service.handlers.complete, {
    route: "POST /complete",
    user: who,
    claims,
    ...jsonRequest({ attemptId, completion }),
  });
  expect(problemIn(answer).code).toBe("admin_approval_required");
};

const certainRefusal = {
  error: "access_denied",
  error_description: "AADSTS90094: An administrator must approve.",
};
const bareCancel = { error: "access_denied", error_subcode: "cancel" };

describe("somebody who is turned away for the want of an approval", () => {
  it.for([
    { what: "for certain", fields: certainRefusal, certain: true },
    { what: "without a word", fields: bareCancel, certain: false },
  ])("$what leaves that behind for the next of their organisation", async ({ fields, certain }) => {
    const service = serviceInMemory();

    const answer = await turnAway(service, fields);

    expect(problemIn(answer)).toMatchObject({ code: "admin_approval_required" });
    expect(await service.consents.find(tenant)).toMatchObject({
      status: "blocked",
      blockIsCertain: certain,
    });
    expect(await warningOf(service, mallory)).toEqual({ status: "blocked" });
    expect(service.steps).toEqual([
      { step: "blocked", organisation: `tenant/${account.tenantId}` },
    ]);
  });

  it("is one step, however many of them there are", async () => {
    const service = serviceInMemory();

    for (let tries = 0; tries < 3; tries += 1) await turnAway(service, certainRefusal);

    expect(service.steps.filter(({ step }) => step === "blocked")).toHaveLength(1);
  });

  it.for<readonly [string, Readonly<Record<string, "unavailable">>]>([
    ["that Microsoft names no tenant for", {}],
    ["whose tenant cannot be asked for just now", { "north.example": "unavailable" }],
  ])("under a mail domain %s leaves it with themselves alone", async ([, tenantsByDomain]) => {
    const service = serviceInMemory({ tenantsByDomain });

    await turnAway(service, certainRefusal);

    expect(await statusOf(service, personAlone(alice))).toBe("blocked");
    expect(await statusOf(service)).toBe("unknown");
    expect(await warningOf(service, alice)).toEqual({ status: "blocked" });
    expect(await warningOf(service, mallory)).toBeUndefined();
  });

  it.for<readonly [string, Partial<Grant>]>([
    ["as the administrator of their own tenant", { roles: [administrator] }],
    ["as anybody", {}],
  ])("alone is not told so any more when they have connected %s", async ([, changes]) => {
    const service = serviceInMemory({ ...granting(changes), tenantsByDomain: {} });
    await turnAway(service, certainRefusal);

    await service.connect(alice);

    expect(await warningOf(service, alice)).toBeUndefined();
    expect(await statusOf(service, personAlone(alice))).toBe("verified");
    expect(await statusOf(service)).toBe(changes.roles ? "unknown" : "verified");
  });

  it("alone and without a word is not warned: they may only have turned back", async () => {
    const service = serviceInMemory({ tenantsByDomain: {} });

    await turnAway(service, bareCancel);

    expect(await statusOf(service, personAlone(alice))).toBe("blocked");
    expect(await warningOf(service, alice)).toBeUndefined();
  });

  it("is told to wait while a fresh approval is being applied, also at the token endpoint", async () => {
    const service = serviceInMemory({
      redeemCode: async () => fail(microsoftFailure("admin_approval_required")),
    });
    await service.consents.record(tenant, { kind: "verified", proof }, service.clock.now());
    service.clock.pass(599);

    for (const answer of [await turnAway(service, certainRefusal), await service.connect(alice)]) {
      expect(problemIn(answer)).toEqual({
        statusCode: 503,
        code: "approval_spreading",
        actor: "nobody",
      });
      expect(JSON.parse(answer.body).retryAfterSeconds).toBe(20);
    }
    expect(await statusOf(service)).toBe("verified");
  });

  describe("in spite of an approval that was proved", () => {
    const approvedLongAgo = async (script: ServiceScript = {}) => {
      const service = serviceInMemory(script);
      await service.consents.record(tenant, { kind: "verified", proof }, service.clock.now());
      service.clock.pass(601);
      return service;
    };

    it("is told that an approval is needed, and unsettles nobody else, however often", async () => {
      const service = await approvedLongAgo();

      for (let tries = 0; tries < 5; tries += 1) {
        const answer = await turnAway(service, certainRefusal);
        expect(problemIn(answer).code).toBe("admin_approval_required");
      }

      expect(await statusOf(service)).toBe("verified");
      expect(await warningOf(service, mallory)).toBeUndefined();
    });

    it("moves the organisation back when three people are within a day", async () => {
      const service = await approvedLongAgo();
      const turnedAway = async (who: ProductUser) => {
        await turnAway(service, certainRefusal, who);
        return statusOf(service);
      };

      expect(await turnedAway(alice)).toBe("verified");
      expect(await turnedAway(mallory)).toBe("verified");
      service.clock.pass(24 * 3600 - 1);
      expect(await turnedAway(carl)).toBe("blocked");
      expect(await warningOf(service, mallory)).toEqual({ status: "blocked" });
    });

    it("does not when they are on different days, or before the approval was given anew", async () => {
      const service = await approvedLongAgo();
      const turnedAway = (who: ProductUser) => turnAway(service, certainRefusal, who);
      for (const who of [alice, mallory]) await turnedAway(who);
      service.clock.pass(24 * 3600);
      for (const who of [carl, mallory]) await turnedAway(who);
      expect(await statusOf(service)).toBe("verified");

      await service.consents.record(tenant, { kind: "lost" }, service.clock.now());
      await service.consents.record(tenant, { kind: "verified", proof }, service.clock.now());
      service.clock.pass(601);
      await turnedAway(alice);

      expect(await statusOf(service)).toBe("verified");
    });

    it("without a word counts against no proof, however many they are", async () => {
      const service = await approvedLongAgo();

      for (const who of [alice, mallory, carl]) await turnAway(service, bareCancel, who);

      expect(await statusOf(service)).toBe("verified");
    });

    it("is one person, in however many workspaces and under however many names of a mailbox", async () => {
      const service = await approvedLongAgo();
      await turnAwayUnder(service, alice, "alice@north.example");
      await turnAwayUnder(service, strangerAlice, "Alice@north.example");
      await turnAwayUnder(service, carl, "alice+1@north.example");
      await turnAwayUnder(service, mallory, "ALICE@north.example");

      expect(await statusOf(service)).toBe("verified");
    });

    it("is one person with two users of the product, be it by the account or without", async () => {
      const service = await approvedLongAgo();
      const { id: connectionId } = JSON.parse((await service.connect(alice)).body);

      await turnAway(service, certainRefusal, alice, { connectionId });
      await turnAway(service, certainRefusal, alice);
      await turnAway(service, certainRefusal, mallory);

      expect(await statusOf(service)).toBe("verified");
    });

    it("is one person of the product, whichever mailboxes they have", async () => {
      const service = await approvedLongAgo();
      for (const email of ["alice@north.example", "al@north.example", "a.l@north.example"]) {
        await turnAwayUnder(service, alice, email);
      }

      expect(await statusOf(service)).toBe("verified");
    });

    it("is one person with the one account that is to be renewed, whose ever the addresses are", async () => {
      const service = await approvedLongAgo();
      const ids = new Map<ProductUser, string>();
      for (const who of [alice, mallory, carl]) {
        ids.set(who, JSON.parse((await service.connect(who)).body).id);
      }
      for (const [who, connectionId] of ids) {
        await turnAway(service, certainRefusal, who, { connectionId });
      }

      expect(await statusOf(service)).toBe("verified");
    });
  });

  describe("while browsers report an approval that nobody proves", () => {
    const day = 24 * 3600;
    const reporting = async () => {
      const service = serviceInMemory();
      const { attemptId } = await service.begin(mallory);
      const { body } = await service.askAdministrator(mallory, { attemptId });
      const state = new URL(JSON.parse(body).approvalUrl).pathname.split("/").at(-1) ?? "";
      const report = () =>
        service.approvalAnswered({ admin_consent: "True", tenant: account.tenantId, state });
      const told = async () => problemIn(await turnAway(service, certainRefusal)).code;
      const shown = async () => JSON.parse((await service.approval(alice)).body).status;
      return { service, report, told, shown };
    };

    it("is told to wait for the first ten minutes, and no longer however often it is repeated", async () => {
      const { service, report, told, shown } = await reporting();
      await report();
      service.clock.pass(599);
      expect(await told()).toBe("approval_spreading");
      expect(await shown()).toBe("reported");

      for (let tries = 0; tries < 5; tries += 1) {
        await report();
        service.clock.pass(300);
        expect(await told()).toBe("admin_approval_required");
        await report();
        expect(await shown()).toBe("requested");
      }
    });

    it("is given a link to pass on, as if nobody had reported", async () => {
      const { service, report, told } = await reporting();
      await report();
      service.clock.pass(600);
      await told();
      await report();

      const { attemptId } = await service.begin(alice);
      const { body } = await service.askAdministrator(alice, { attemptId });

      expect(JSON.parse(body)).toMatchObject({
        status: "requested",
        approvalUrl: expect.any(String),
      });
    });

    it("is told to wait again on another day", async () => {
      const { service, report, told } = await reporting();
      await report();
      service.clock.pass(day - 1);
      await told();
      await report();
      expect(await told()).toBe("admin_approval_required");
      service.clock.pass(1);
      await report();

      expect(await told()).toBe("approval_spreading");
    });

    it("is told to wait again after an approval that was proved meanwhile, and withdrawn", async () => {
      const { service, report, told } = await reporting();
      await report();
      const now = () => service.clock.now();
      await service.consents.record(tenant, { kind: "verified", proof }, now());
      service.clock.pass(601);
      await service.consents.record(
        tenant,
        { kind: "blocked", certain: true, bySeveral: true },
        now(),
      );

      await report();

      expect(await told()).toBe("approval_spreading");
    });
  });

  it("is answered all the same when it cannot be remembered", async () => {
    const service = serviceInMemory({
      intercept: (name, call) =>
        name.startsWith("consents.") && name !== "consents.find"
          ? Promise.reject(new Error("throttled"))
          : call(),
    });

    expect(problemIn(await turnAway(service, certainRefusal)).code).toBe("admin_approval_required");
    expect(service.reported).toEqual(["approval_not_recorded"]);
  });

  it("who only declined leaves nothing behind", async () => {
    const service = serviceInMemory();

    const answer = await turnAway(service, {
      error: "access_denied",
      error_description: "AADSTS65004: declined",
    });

    expect(problemIn(answer).code).toBe("access_declined");
    expect(await statusOf(service)).toBe("unknown");
  });
});

describe("a grant", () => {
  it("to an ordinary user proves that the organisation has approved", async () => {
    const service = serviceInMemory();
    await turnAway(service, certainRefusal);

    await service.connect(alice);

    expect(await service.consents.find(tenant)).toMatchObject({
      status: "verified",
      proof: { kind: "user_grant" },
    });
    expect(await warningOf(service, mallory)).toBeUndefined();
  });

  it.for([
    {
      who: "an administrator, who may have agreed for themselves",
      changes: { roles: [administrator] },
      statusCode: 200,
    },
    { who: "a guest", changes: { accountType: "guest", roles: [] }, statusCode: 403 },
    { who: "a personal account", changes: { accountType: "personal", roles: [] }, statusCode: 200 },
  ] as const)("to $who proves nothing", async ({ changes, statusCode }) => {
    const service = serviceInMemory({ ...granting(changes), personalAccounts: "allowed" });

    expect((await service.connect(alice)).statusCode).toBe(statusCode);

    expect(await statusOf(service)).toBe("unknown");
  });

  it("spares the person who waited for it a mail that says so, and nobody else", async () => {
    const service = serviceInMemory();
    for (const who of [alice, mallory]) {
      const { attemptId } = await service.begin(who);
      await service.askAdministrator(who, { attemptId });
    }

    await service.connect(alice);
    service.clock.pass(120);
    await service.resume();

    expect(service.notices.map(({ requester }) => requester.user)).toEqual([mallory]);
  });

  it("is told by mail to a person who waited and could not connect all the same", async () => {
    const service = serviceInMemory({ probe: async () => fail({ kind: "mailbox_unreachable" }) });
    const { attemptId } = await service.begin(alice);
    await service.askAdministrator(alice, { attemptId });

    await service.connect(alice);
    service.clock.pass(120);
    await service.resume();

    expect(service.notices.map(({ requester }) => requester.user)).toEqual([alice]);
  });

  it("without all permissions proves nothing", async () => {
    const service = serviceInMemory(granting({ scopes: ["User.Read"] }));

    expect(problemIn(await service.connect(alice)).code).toBe("permissions_missing");

    expect(await statusOf(service)).toBe("unknown");
  });

  it("to an administrator who approved on the way proves it", async () => {
    const service = serviceInMemory(granting({ roles: [administrator] }));
    const { state } = await service.begin(alice, { forOrganization: true });
    await service.attempts.narrow(attemptIdOf(state), account.tenantId, service.clock.now());

    await service.complete(alice, await service.comeBack(state));

    expect(await service.consents.find(tenant)).toMatchObject({ status: "verified", proof });
  });

  it.for(["mailbox_not_available", "mailbox_access_denied", "mailbox_unreachable"] as const)(
    "to such an administrator proves it without a mailbox (%s), and says so",
    async (kind) => {
      const service = serviceInMemory({
        ...granting({ roles: [administrator] }),
        probe: async () => fail({ kind }),
      });
      await turnAway(service, certainRefusal);
      const { state } = await service.begin(alice, { forOrganization: true });
      await service.attempts.narrow(attemptIdOf(state), account.tenantId, service.clock.now());

      const answer = await service.complete(alice, await service.comeBack(state));

      expect(await service.consents.find(tenant)).toMatchObject({ status: "verified", proof });
      expect(JSON.parse(answer.body).detail).toMatch(
        /^Your approval for the whole organisation is in place\. /,
      );
    },
  );

  it("to an ordinary user without a mailbox proves it too, and praises nobody for it", async () => {
    const service = serviceInMemory({ probe: async () => fail({ kind: "mailbox_not_available" }) });

    const answer = await service.connect(alice);

    expect(await statusOf(service)).toBe("verified");
    expect(answer.body).not.toContain("Your approval");
  });

  it("to an administrator of another tenant than the approved one does not", async () => {
    const service = serviceInMemory(granting({ roles: [administrator] }));
    const { state } = await service.begin(alice, { forOrganization: true });
    const other = tenantId("99999999-9999-4999-8999-999999999999");
    await service.attempts.narrow(attemptIdOf(state), other, service.clock.now());

    const answer = await service.complete(alice, await service.comeBack(state));

    expect(answer.statusCode).toBe(200);
    expect(await statusOf(service)).toBe("unknown");
  });

  it("in another tenant than that of the person's domain says nothing about that one", async () => {
    const other = tenantId("99999999-9999-4999-8999-999999999999");
    const service = serviceInMemory({ tenantsByDomain: { "north.example": other } });
    await turnAway(service, certainRefusal);

    await service.connect(alice);

    expect(await statusOf(service)).toBe("verified");
    expect(await statusOf(service, { kind: "tenant", tenantId: other })).toBe("blocked");
  });

  it("answers the request of its own person where no tenant is known, and no one else's", async () => {
    const service = serviceInMemory({ tenantsByDomain: {} });
    for (const who of [alice, mallory]) {
      const { attemptId } = await service.begin(who);
      await service.askAdministrator(who, { attemptId });
    }

    await service.connect(mallory);

    expect(await statusOf(service)).toBe("verified");
    expect(await statusOf(service, personAlone(mallory))).toBe("verified");
    expect(await service.requests.waiting(personAlone(mallory), allReadable)).toEqual([]);
    expect(await statusOf(service, personAlone(alice))).toBe("requested");
    expect(await service.requests.waiting(personAlone(alice), allReadable)).toHaveLength(1);
    expect(await warningOf(service, alice)).toEqual({ status: "requested" });
  });

  it("is believed of the person alone whose address anybody may have, and who waits", async () => {
    const service = serviceInMemory();
    const claims = {
      [claimNames.USER_CLAIM]: "alice",
      [claimNames.WORKSPACE_CLAIM]: "ws_north",
      [claimNames.EMAIL_CLAIM]: "alice@freemail.example",
    };
    const person = personAlone(alice);
    const { attemptId } = await service.begin(alice);
    await service.askAdministrator(alice, { attemptId }, { claims });
    expect(await statusOf(service, person)).toBe("requested");

    const { state } = await service.begin(alice);
    const { completion, ...attempt } = await service.comeBack(state);
    await send(service.handlers.complete, {
      route: "POST /complete",
      user: alice,
      claims,
      ...jsonRequest({ ...attempt, completion }),
    });

    expect(await statusOf(service, person)).toBe("verified");
  });
});
