import { beforeEach, describe, expect, it } from "vitest";
import { succeed } from "../../../shared/domain/result.ts";
import { type Organisation, personAlone } from "../../../shared/domain/tenant-consent.ts";
import type { HttpResponse } from "../../../shared/http/response.ts";
import {
  approvalProofOverPage,
  approvalUnavailablePage,
} from "../../../shared/pages/approval-outcome.ts";
import {
  administrator,
  approvalLink,
  approved,
  type Carried,
  carried,
  proving,
} from "../../fakes/approval-steps.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { everyBreak, type FaultyCall, isDoneIn, watchedCalls } from "../../fakes/every-fault.ts";
import { account, alice, alicesConnection } from "../../fakes/samples.ts";
import {
  broughtBack,
  problemIn,
  type ServiceInMemory,
  serviceInMemory,
} from "../../fakes/service-in-memory.ts";
import { stopTimers } from "../../fakes/stopped-timers.ts";

captureLog();
beforeEach(stopTimers);

const tenant: Organisation = { kind: "tenant", tenantId: account.tenantId };
const needsPage = { error: "login_required" };

/** With a fault, if one is given, in what is watched. */
const serviceWith = (fault: FaultyCall | undefined, isTenantKnown = true) => {
  const { intercept, made, watch } = watchedCalls(fault);
  const service = serviceInMemory({
    intercept,
    proveIdentity: async () => succeed(administrator),
    ...(!isTenantKnown && { tenantsByDomain: {} }),
  });
  const statusOf = async (organisation: Organisation) =>
    (await service.consents.find(organisation)).status;
  return { service, made, watch, status: () => statusOf(tenant), statusOf };
};

const expectUnavailable = (answer: HttpResponse | undefined, { dies }: FaultyCall) => {
  if (dies) expect(answer).toBeUndefined();
  else expect(answer).toMatchObject({ statusCode: 503, body: approvalUnavailablePage.html });
};

const bring = (
  service: ServiceInMemory,
  { state, cookies }: Carried,
  outcome: Readonly<Record<string, string>>,
) => service.approvalProved({ state, ...outcome }, cookies);

/** The administrator begins anew with the same link, and is let through. */
const approveAnew = async (service: ServiceInMemory, link: string): Promise<HttpResponse> => {
  const answer = await service.approvalAnswered(approved(link));
  return answer.statusCode === 303
    ? bring(service, carried(answer), { code: "another-code" })
    : answer;
};

describe("an answer of Microsoft's approval page to a link", () => {
  const scene = {
    calls: [
      "requests.findByLink",
      "consents.find",
      "consents.record",
      "sealer.seal",
      "proofs.begin",
    ],
  };
  const answered = async (fault?: FaultyCall) => {
    const { service, watch, ...rest } = serviceWith(fault);
    const link = await approvalLink(service);
    const answer = await watch(() => service.approvalAnswered(approved(link)));
    return { service, link, answer, ...rest };
  };

  it("takes these calls and no others", async () => {
    const { made, answer } = await answered();

    expect(answer?.statusCode).toBe(303);
    expect(made).toEqual(scene.calls);
  });

  it.for(everyBreak([scene]))(
    "where call $fault.index ($fault.name) $fault.what is reported at most, and repeating it leads to the proof",
    async ({ fault }) => {
      const { service, link, answer, status } = await answered(fault);

      expectUnavailable(answer, fault);
      expect(await status()).toBe(
        isDoneIn(scene, fault, "consents.record") ? "reported" : "requested",
      );
      expect(service.identity.proved).toEqual([]);
      const proof = await proving(service, link);
      expect((await bring(service, proof, { code: "the-code" })).statusCode).toBe(200);
      expect(await status()).toBe("verified");
    },
  );
});

describe("an administrator on the way to their own mailbox", () => {
  const scenes = [
    {
      what: "approved",
      calls: ["requests.findByLink", "attempts.find", "attempts.narrow", "sealer.open"],
      query: approved,
    },
    {
      what: "declined",
      calls: ["requests.findByLink", "attempts.find", "attempts.park"],
      query: (state: string) => ({ state, error: "access_denied", admin_consent: "False" }),
    },
  ];
  const cameBy = async ({ query }: (typeof scenes)[number], fault?: FaultyCall) => {
    const { service, watch, ...rest } = serviceWith(fault);
    const { state, attemptId } = await service.begin(alice, { forOrganization: true });
    const come = () => service.approvalAnswered(query(state));
    return { service, state, attemptId, come, answer: await watch(come), ...rest };
  };

  it.for(scenes)("who $what takes these calls and no others", async (scene) => {
    const { made, answer } = await cameBy(scene);

    expect(answer?.statusCode).toBe(303);
    expect(made).toEqual(scene.calls);
  });

  it.for(everyBreak(scenes))(
    "who $scene.what where call $fault.index ($fault.name) $fault.what gets there by repeating it, and proves nothing before",
    async ({ scene, fault }) => {
      const { service, state, attemptId, come, answer, status } = await cameBy(scene, fault);

      const again = await come();

      expectUnavailable(answer, fault);
      expect(again.statusCode).toBe(303);
      expect(await status()).toBe("unknown");
      const isApproved = scene.what === "approved";
      const brought = isApproved ? await service.comeBack(state) : broughtBack(again);
      const isLost = !isApproved && isDoneIn(scene, fault, "attempts.park");
      expect(brought).toEqual({
        attemptId,
        completion: isLost ? "" : expect.stringMatching(/^[\w-]{43}$/),
      });
      if (!isLost) {
        const end = await service.complete(alice, brought);
        if (isApproved) expect(end.statusCode).toBe(200);
        else expect(problemIn(end).code).toBe("access_declined");
      }
      expect(service.identity.redeemed).toHaveLength(isApproved ? 1 : 0);
      const stored = await service.connections.findOwned(alicesConnection, alice);
      expect(stored !== undefined).toBe(isApproved);
      expect((await service.connect(alice)).statusCode).toBe(200);
    },
  );
});

describe("a sign-in that proves who approved", () => {
  const opened = ["proofs.take", "sealer.open"];
  const redeemed = [...opened, "identity.proveIdentity"];
  const goesOn = ["sealer.seal", "proofs.begin"];
  const verifies = ["requests.findByLink", "consents.record", "tenants.ofDomain"];
  interface Scene {
    readonly what: string;
    readonly calls: readonly string[];
    /** What the browser has been through before. */
    readonly before: readonly Readonly<Record<string, string>>[];
    readonly brought: Readonly<Record<string, string>>;
    readonly isTenantKnown?: boolean;
    readonly leadsOn?: boolean;
  }
  const code = { code: "the-code" };
  const shown = { code: "code-of-pages" };
  const scenes: readonly Scene[] = [
    {
      what: "silent",
      before: [],
      brought: code,
      calls: [...redeemed, ...verifies],
    },
    {
      what: "silent, for a person alone",
      before: [],
      brought: code,
      isTenantKnown: false,
      calls: [...redeemed, ...verifies.toSpliced(1, 0, "consents.record")],
    },
    {
      what: "to be continued on Microsoft's pages",
      before: [],
      brought: needsPage,
      leadsOn: true,
      calls: [...opened, ...goesOn],
    },
    {
      what: "shown",
      before: [needsPage],
      brought: code,
      leadsOn: true,
      calls: [...redeemed, ...goesOn],
    },
    {
      what: "confirming",
      before: [needsPage, shown],
      brought: code,
      calls: [...redeemed, ...verifies],
    },
    {
      what: "confirming, and wants pages for the mail alone",
      before: [needsPage, shown],
      brought: needsPage,
      calls: [...opened, ...verifies],
    },
  ];

  /** A proof that comes back, with a fault, if one is given. */
  const proved = async ({ before, brought, isTenantKnown }: Scene, fault?: FaultyCall) => {
    const { service, watch, ...rest } = serviceWith(fault, isTenantKnown);
    const link = await approvalLink(service);
    let carries = await proving(service, link);
    for (const outcome of before) carries = carried(await bring(service, carries, outcome));
    const come = () => bring(service, carries, brought);
    const answer = await watch(come);
    const timesSent = () =>
      service.identity.proved.filter((proof) => proof.code.reveal() === brought.code).length;
    return { service, link, come, answer, timesSent, ...rest };
  };

  it.for(scenes)("$what takes these calls and no others", async (scene) => {
    const { made, answer, status } = await proved(scene);

    expect(made).toEqual(scene.calls);
    expect(answer?.statusCode).toBe(scene.leadsOn ? 303 : 200);
    expect(await status()).toBe(scene.leadsOn ? "reported" : "verified");
  });

  describe.for(everyBreak(scenes))(
    "$scene.what, where call $fault.index ($fault.name) $fault.what",
    ({ scene, fault }) => {
      it("sends its code once at most, and verifies nothing without proof", async () => {
        const { come, answer, timesSent, status } = await proved(scene, fault);
        const isVerified = !scene.leadsOn && isDoneIn(scene, fault, "consents.record");
        const unproved = scene.isTenantKnown === false ? "unknown" : "reported";
        const expected = isVerified ? "verified" : unproved;

        expectUnavailable(answer, fault);
        expect(await status()).toBe(expected);
        const again = await come();

        const isTaken = isDoneIn(scene, fault, "proofs.take");
        if (isTaken) {
          expect(again).toMatchObject({ statusCode: 400, body: approvalProofOverPage.html });
        } else expect(again.statusCode).toBe(scene.leadsOn ? 303 : 200);
        expect(timesSent()).toBeLessThanOrEqual(1);
        if (isTaken) expect(await status()).toBe(expected);
      });

      it("keeps nobody from approving anew with the same link", async () => {
        const { service, link, status, statusOf } = await proved(scene, fault);

        const answer = await approveAnew(service, link);

        expect(answer.statusCode).toBe(200);
        expect(answer.body).toMatch(/Approved\. Thank you|Already approved/);
        expect(await status()).toBe("verified");
        if (scene.isTenantKnown === false) {
          expect(await statusOf(personAlone(alice))).toBe("verified");
        }
      });
    },
  );
});
