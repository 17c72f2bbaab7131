import { randomUUID } from "node:crypto";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dynamoDbSignInFrequencies } from "../../../../shared/adapters/dynamodb/sign-in-frequencies.ts";
import { tenantId } from "../../../../shared/domain/ids.ts";
import type { SignInFrequencies } from "../../../../shared/domain/sign-in-frequency.ts";
import { engines } from "../../../engines/engines.ts";
import { memorySignInFrequencies } from "../../../fakes/memory-sign-in-frequencies.ts";
import { noon, secondsAfter } from "../../../fakes/samples.ts";
import { createProductTables } from "./product-tables.ts";

const day = 24 * 3600;
const newTenant = () => tenantId(randomUUID());

const contract = (open: () => SignInFrequencies) => {
  it("are not known before a refusal has told them, and come back as they were learnt", async () => {
    const [tenant, other] = [newTenant(), newTenant()];

    expect(await open().find(tenant)).toBeUndefined();
    expect(await open().learn(tenant, { atMostSeconds: 9 * day, learntAt: noon })).toBe(true);

    expect(await open().find(tenant)).toEqual({ atMostSeconds: 9 * day, learntAt: noon });
    expect(await open().find(other)).toBeUndefined();
  });

  it.for([
    [7 * day, 1, true],
    [9 * day, 1, false],
    [12 * day, 90 * day, false],
    [12 * day, 90 * day + 1, true],
  ] as const)(
    "of nine days are followed by %i seconds after %i seconds: %s",
    async ([atMostSeconds, later, isLearnt]) => {
      const tenant = newTenant();
      await open().learn(tenant, { atMostSeconds: 9 * day, learntAt: noon });

      const learntAt = secondsAfter(noon, later);
      expect(await open().learn(tenant, { atMostSeconds, learntAt })).toBe(isLearnt);

      expect((await open().find(tenant))?.atMostSeconds).toBe(isLearnt ? atMostSeconds : 9 * day);
    },
  );

  it("are told as new to one of many who learn the same", async () => {
    const tenant = newTenant();

    const told = await Promise.all(
      Array.from({ length: 10 }, () =>
        open().learn(tenant, { atMostSeconds: day, learntAt: noon }),
      ),
    );

    expect(told.filter((each) => each)).toHaveLength(1);
  });
};

describe("sign-in frequencies in memory", () => {
  const memory = memorySignInFrequencies();
  contract(() => memory);
});

describe.for(Object.entries(engines))("sign-in frequencies on %s", ([, start]) => {
  let engine: Awaited<ReturnType<typeof start>>;
  let client: DynamoDBClient;
  let table: string;
  let frequencies: SignInFrequencies;
  beforeAll(async () => {
    engine = await start();
    client = new DynamoDBClient({
      endpoint: engine.origin,
      region: "eu-west-1",
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    });
    table = (await createProductTables(engine.origin)).tenantConsents;
    frequencies = dynamoDbSignInFrequencies(client, table, "a-client");
  });
  afterAll(async () => {
    client.destroy();
    await engine.close();
  });

  contract(() => frequencies);

  it("belong to one app registration", async () => {
    const tenant = newTenant();
    await frequencies.learn(tenant, { atMostSeconds: day, learntAt: noon });

    const others = dynamoDbSignInFrequencies(client, table, "another-client");

    expect(await others.find(tenant)).toBeUndefined();
  });
});
