import { beforeEach, describe, expect, it } from "vitest";
import { attemptLifetimeSeconds, attemptsPerUser } from "../../../shared/domain/attempt.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { everyBreak, type FaultyCall, watchedCalls } from "../../fakes/every-fault.ts";
import { account, alice } from "../../fakes/samples.ts";
import { problemIn, type ServiceInMemory, serviceInMemory } from "../../fakes/service-in-memory.ts";
import { stopTimers } from "../../fakes/stopped-timers.ts";

captureLog();
beforeEach(stopTimers);

interface Scene {
  readonly what: string;
  readonly calls: readonly string[];
  /** Of the request, when all is there that it needs. */
  readonly bodyIn: (service: ServiceInMemory) => Promise<unknown>;
}

const scenes: readonly Scene[] = [
  {
    what: "a first mailbox",
    calls: [
      "connections.hasAtLeast",
      "sealer.seal",
      "attempts.begin",
      "tenants.ofDomain",
      "consents.find",
    ],
    bodyIn: async () => ({}),
  },
  {
    what: "a mailbox that is connected",
    calls: ["connections.findOwned", "sealer.seal", "attempts.begin", "consents.find"],
    bodyIn: async (service) => {
      const { id } = JSON.parse((await service.connect(alice)).body);
      service.clock.pass(attemptLifetimeSeconds);
      return { connectionId: id };
    },
  },
  {
    what: "a whole organisation",
    calls: ["connections.hasAtLeast", "sealer.seal", "attempts.begin"],
    bodyIn: async () => ({ forOrganization: true }),
  },
];

/** They tell whether the person is about to be turned away, and stand in nobody's way. */
const guides: readonly string[] = ["tenants.ofDomain", "consents.find"];

/** A request to start, with a fault, if one is given. */
const started = async ({ bodyIn }: Scene, fault?: FaultyCall) => {
  const { intercept, made, watch } = watchedCalls(fault);
  const service = serviceInMemory({ intercept });
  const body = await bodyIn(service);
  const start = () => service.start(alice, body);
  return { service, made, start, answer: await watch(start) };
};

/** What comes of a sign-in whose address the person was given. */
const ended = async (service: ServiceInMemory, started: string) => {
  const { authorizationUrl } = JSON.parse(started);
  const { pathname, searchParams } = new URL(authorizationUrl);
  const state = searchParams.get("state") ?? "";
  if (pathname.endsWith("/adminconsent")) {
    const approved = { state, admin_consent: "True", tenant: account.tenantId };
    expect((await service.approvalAnswered(approved)).statusCode).toBe(303);
  }
  return service.complete(alice, await service.comeBack(state));
};

it.for(scenes)("starting for $what makes these calls and no others", async (scene) => {
  const { made, answer } = await started(scene);

  expect(answer?.statusCode).toBe(201);
  expect(made).toEqual(scene.calls);
});

describe.for(everyBreak(scenes))(
  "for $scene.what, call $fault.index ($fault.name) $fault.what",
  ({ scene, fault }) => {
    it("gives out an address only if the sign-in can be ended, and does without what only guides", async () => {
      const { service, answer } = await started(scene, fault);

      expect(answer === undefined).toBe(fault.dies);
      if (!answer) return;
      const isGuide = guides.includes(fault.name);
      if (isGuide) {
        expect(service.reported).toEqual(["approval_not_read"]);
        expect((await ended(service, answer.body)).statusCode).toBe(200);
      } else {
        expect(problemIn(answer)).toMatchObject({ statusCode: 500, code: "internal_error" });
        expect(answer.body).not.toContain("https:");
      }
    });

    it("takes the person one of the sign-ins they may begin at most, and each of the others can be ended", async () => {
      const { service, start } = await started(scene, fault);

      const others = [];
      for (let count = 1; count < attemptsPerUser; count += 1) others.push(await start());

      expect(others.map(({ statusCode }) => statusCode)).toEqual(others.map(() => 201));
      const last = others.at(-1);
      expect((await ended(service, last?.body ?? "")).statusCode).toBe(200);
    });
  },
);
