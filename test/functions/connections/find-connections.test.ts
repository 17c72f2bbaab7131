import { expect, it } from "vitest";
import type { Organisation } from "../../../shared/domain/tenant-consent.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { hurriedLimits } from "../../fakes/hurried-limits.ts";
import { neverSettles } from "../../fakes/intercepted.ts";
import { account, alice, alicesConnection } from "../../fakes/samples.ts";
import { serviceInMemory } from "../../fakes/service-in-memory.ts";

captureLog();

const tenant: Organisation = { kind: "tenant", tenantId: account.tenantId };

it("a connection of a tenant that lost its approval waits for the administrator, until it is back", async () => {
  const service = serviceInMemory();
  await service.connect(alice);
  const shown = async () => [
    JSON.parse((await service.connection(alice, alicesConnection)).body),
    ...JSON.parse((await service.list(alice)).body).connections,
  ];

  for (const kind of ["lost", "requested", "reported"] as const) {
    await service.consents.record(tenant, { kind }, service.clock.now());
    expect((await service.consents.find(tenant)).status).toBe(kind);
    for (const { status, problem } of await shown()) {
      expect(status, kind).toBe("admin_approval_required");
      expect(problem).toMatchObject({ code: "admin_approval_required", actor: "tenant_admin" });
    }
    service.clock.pass(60);
  }

  const proof = { kind: "user_grant" } as const;
  await service.consents.record(tenant, { kind: "verified", proof }, service.clock.now());
  for (const { status, problem } of await shown()) {
    expect(status).toBe("connected");
    expect(problem).toBeUndefined();
  }
});

it.for<readonly [string, () => Promise<never>]>([
  ["cannot", () => Promise.reject(new Error("throttled"))],
  ["takes too long to", neverSettles],
])(
  "a connection is shown as it is stored where the approval of its tenant %s be looked at",
  async ([, look]) => {
    hurriedLimits();
    const service = serviceInMemory({
      intercept: (name, call) => (name === "consents.find" ? look() : call()),
    });
    await service.connect(alice);
    await service.consents.record(tenant, { kind: "lost" }, service.clock.now());
    service.reported.length = 0;

    const shown = [await service.connection(alice, alicesConnection), await service.list(alice)];

    expect(shown.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    for (const { body } of shown) expect(body).toContain('"status":"connected"');
    expect(service.reported).toEqual(["approval_not_read", "approval_not_read"]);
  },
);
