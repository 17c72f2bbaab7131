import { describe, expect, it } from "vitest";
import type { Organisation } from "../../../shared/domain/tenant-consent.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { hurriedLimits } from "../../fakes/hurried-limits.ts";
import { neverSettles } from "../../fakes/intercepted.ts";
import { account, alice, alicesConnection } from "../../fakes/samples.ts";
import { type ServiceInMemory, serviceInMemory } from "../../fakes/service-in-memory.ts";

captureLog();

const tenant: Organisation = { kind: "tenant", tenantId: account.tenantId };
const statusOf = async (service: ServiceInMemory) => (await service.consents.find(tenant)).status;

const standsAfter = async (service: ServiceInMemory, seconds: number, body: unknown = {}) => {
  const { attemptId } = await service.begin(alice, body);
  service.clock.pass(seconds);
  const { status, problem } = JSON.parse((await service.attempt(alice, attemptId)).body);
  return { status, code: problem?.code, actor: problem?.actor };
};

describe("a sign-in that Microsoft never answers", () => {
  it("is probably blocked once its ten minutes are over, and the next person is warned", async () => {
    const service = serviceInMemory();

    expect(await standsAfter(service, 600)).toEqual({
      status: "expired",
      code: "probably_blocked",
      actor: "tenant_admin",
    });

    expect(await service.consents.find(tenant)).toMatchObject({
      status: "blocked",
      blockIsCertain: false,
    });
    expect(JSON.parse((await service.start(alice)).body).adminApproval).toEqual({
      status: "blocked",
    });
  });

  it.for<readonly [string, () => Promise<never>]>([
    ["cannot be", () => Promise.reject(new Error("throttled"))],
    ["takes too long to be", neverSettles],
  ])("is so, too, where that %s kept for the next person", async ([, keep]) => {
    hurriedLimits();
    const service = serviceInMemory({
      intercept: (name, call) => (name === "consents.record" ? keep() : call()),
    });

    expect(await standsAfter(service, 600)).toMatchObject({ code: "probably_blocked" });

    expect(service.reported).toEqual(["approval_not_recorded"]);
  });

  it("is pending until then, and says nothing of the organisation", async () => {
    const service = serviceInMemory();

    expect((await standsAfter(service, 599)).status).toBe("pending");

    expect(await statusOf(service)).toBe("unknown");
  });

  it("has expired and nothing else where the organisation has approved", async () => {
    const service = serviceInMemory();
    await service.connect(alice);

    expect((await standsAfter(service, 600)).code).toBe("attempt_expired");

    expect(await statusOf(service)).toBe("verified");
  });

  it.for([
    { what: "renews a connection", body: { connectionId: alicesConnection } },
    { what: "is an administrator's, who can approve", body: { forOrganization: true } },
  ])("and $what has expired and nothing else", async ({ body }) => {
    const service = serviceInMemory({ tenantsByDomain: {} });
    await service.connect(alice);

    expect((await standsAfter(service, 600, body)).code).toBe("attempt_expired");

    expect(service.steps.map(({ step }) => step)).not.toContain("blocked");
  });
});

it("a sign-in that was answered and never completed has expired and nothing else", async () => {
  const service = serviceInMemory();
  const { attemptId, state } = await service.begin(alice);
  await service.comeBack(state);
  service.clock.pass(600);

  const { problem } = JSON.parse((await service.attempt(alice, attemptId)).body);

  expect(problem.code).toBe("attempt_expired");
  expect(await statusOf(service)).toBe("unknown");
});

it("a sign-in that was answered too late has expired and nothing else", async () => {
  const service = serviceInMemory();
  const { attemptId, state } = await service.begin(alice);
  service.clock.pass(600);
  await service.comeBack(state);

  const { problem } = JSON.parse((await service.attempt(alice, attemptId)).body);

  expect(problem.code).toBe("attempt_expired");
  expect(await statusOf(service)).toBe("unknown");
});
