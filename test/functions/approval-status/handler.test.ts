import { expect, it } from "vitest";
import { tenantId } from "../../../shared/domain/ids.ts";
import type { Organisation } from "../../../shared/domain/tenant-consent.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { account, alice, alicesConnection, mallory } from "../../fakes/samples.ts";
import { problemIn, serviceInMemory } from "../../fakes/service-in-memory.ts";

captureLog();

const tenant: Organisation = { kind: "tenant", tenantId: account.tenantId };

it("tells how the approval of the person's organisation stands, and of their own mail", async () => {
  const service = serviceInMemory();
  const { attemptId } = await service.begin(alice);
  const read = async () => JSON.parse((await service.approval(alice)).body);

  expect(await read()).toEqual({ status: "unknown" });

  await service.askAdministrator(alice, { attemptId, adminEmail: "it@north.example" });
  expect(await read()).toMatchObject({
    status: "requested",
    mail: { status: "sent", to: "it@north.example", at: service.clock.now().toISOString() },
  });

  const proof = { kind: "user_grant" } as const;
  await service.consents.record(tenant, { kind: "verified", proof }, service.clock.now());
  expect((await read()).status).toBe("verified");
});

it("shows a colleague the state, and not whom the other one wrote to", async () => {
  const service = serviceInMemory();
  const { attemptId } = await service.begin(alice);
  await service.askAdministrator(alice, { attemptId, adminEmail: "it@north.example" });

  const { body } = await service.approval(mallory);

  expect(JSON.parse(body)).toEqual({ status: "requested" });
});

it("tells of the tenant of a connection, for its owner", async () => {
  const service = serviceInMemory({ tenantsByDomain: {} });
  await service.connect(alice);
  await service.consents.record(tenant, { kind: "lost" }, service.clock.now());

  const own = await service.approval(alice, `connectionId=${alicesConnection}`);
  const foreign = await service.approval(mallory, `connectionId=${alicesConnection}`);

  expect(JSON.parse(own.body)).toEqual({ status: "lost", connectionId: alicesConnection });
  expect(problemIn(foreign)).toMatchObject({ statusCode: 404, code: "not_found" });
});

it("tells of the tenant that was asked, also where the person's address belongs to another one", async () => {
  const elsewhere = tenantId("99999999-9999-4999-8999-999999999999");
  const service = serviceInMemory({ tenantsByDomain: { "north.example": elsewhere } });
  await service.connect(alice);
  await service.consents.record(tenant, { kind: "lost" }, service.clock.now());
  const { attemptId } = await service.begin(alice, { connectionId: alicesConnection });
  const asked = JSON.parse((await service.askAdministrator(alice, { attemptId })).body);
  const proof = { kind: "user_grant" } as const;
  await service.consents.record(tenant, { kind: "verified", proof }, service.clock.now());

  const { body } = await service.approval(alice, `connectionId=${asked.connectionId}`);

  expect(JSON.parse(body).status).toBe("verified");
});

it.for([
  "connectionId=",
  "connectionId=conn_nope",
  `connectionId=${alicesConnection}&connectionId=x`,
])("knows no connection under %s", async (query) => {
  const service = serviceInMemory();
  await service.connect(alice);

  expect(problemIn(await service.approval(alice, query)).statusCode).toBe(404);
});
