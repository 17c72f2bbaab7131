import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dynamoDbCircuits } from "../../../../shared/adapters/dynamodb/circuits.ts";
import type { Circuit, CircuitScope, Circuits } from "../../../../shared/domain/circuit.ts";
import { connectionId, tenantId } from "../../../../shared/domain/ids.ts";
import { engines } from "../../../engines/engines.ts";
import { memoryCircuits } from "../../../fakes/memory-circuits.ts";
import { type LossyClient, lossyClient } from "./lossy-client.ts";
import { createProductTables } from "./product-tables.ts";

const began = new Date("2026-11-20T09:00:00Z");
const at = (seconds: number) => new Date(began.getTime() + seconds * 1000);
const newScope = (): CircuitScope => ({ kind: "tenant", tenantId: tenantId(randomUUID()) });

const circuit: Circuit = {
  fault: "temporarily_unavailable",
  failing: [connectionId("conn_a"), connectionId("conn_b")],
  since: at(0),
  openings: 2,
  openUntil: at(30),
  probeUntil: at(45),
};

const contract = (open: () => Circuits) => {
  it("are not there before somebody wrote them", async () => {
    expect(await open().find(newScope())).toBeUndefined();
  });

  it("come back as they were written, each under its own scope", async () => {
    const circuits = open();
    const scope = newScope();
    const closed = { ...circuit, failing: [], openUntil: undefined, probeUntil: undefined };

    expect(await circuits.write(scope, undefined, circuit)).toBe(true);

    const stored = await circuits.find(scope);
    expect(stored).toEqual({ circuit, version: 1 });
    expect(await circuits.find(newScope())).toBeUndefined();
    expect(await circuits.write(scope, stored, closed)).toBe(true);
    expect(await circuits.find(scope)).toEqual({ circuit: closed, version: 2 });
  });

  it("are written by one of many who read the same", async () => {
    const circuits = open();
    const scope = newScope();
    await circuits.write(scope, undefined, circuit);
    const stored = await circuits.find(scope);

    const written = await Promise.all(
      Array.from({ length: 10 }, (_, openings) =>
        circuits.write(scope, stored, { ...circuit, openings }),
      ),
    );

    expect(written.filter((each) => each)).toHaveLength(1);
    expect((await circuits.find(scope))?.circuit.openings).toBe(written.indexOf(true));
  });

  it("are first written by one of many who found none", async () => {
    const circuits = open();
    const scope = newScope();

    const written = await Promise.all(
      Array.from({ length: 10 }, () => circuits.write(scope, undefined, circuit)),
    );

    expect(written.filter((each) => each)).toHaveLength(1);
  });
};

describe("circuits in memory", () => {
  const circuits = memoryCircuits();
  contract(() => circuits);
});

describe.for(Object.entries(engines))("circuits on %s", ([, start]) => {
  let engine: Awaited<ReturnType<typeof start>>;
  let tableName: string;
  let lossy: LossyClient;
  beforeAll(async () => {
    engine = await start();
    tableName = (await createProductTables(engine.origin)).tenantConsents;
    lossy = lossyClient(engine.origin);
  });
  afterAll(async () => {
    lossy.client.destroy();
    await engine.close();
  });
  const open = (clientId = "client-1") => dynamoDbCircuits(lossy.client, tableName, clientId);

  contract(() => open());

  it("know their own write when the answer to it was lost", async () => {
    const scope = newScope();
    lossy.loseAnswer("PutItemCommand");

    expect(await open().write(scope, undefined, circuit)).toBe(true);
  });

  it("of another app registration are others", async () => {
    await open().write({ kind: "app_credential" }, undefined, circuit);

    expect(await open("client-2").find({ kind: "app_credential" })).toBeUndefined();
  });

  it("never end before Microsoft said, although the table keeps whole seconds", async () => {
    const scope = newScope();

    await open().write(scope, undefined, { ...circuit, openUntil: at(30.2) });

    expect((await open().find(scope))?.circuit.openUntil).toEqual(at(31));
  });
});
