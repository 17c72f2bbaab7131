import { randomBytes, randomUUID } from "node:crypto";
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  RotateSecretCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  formerKeys,
  type RotateVaultKeysPorts,
  RotationRefused,
  type RotationStep,
  rotateVaultKeys,
  rotationSteps,
} from "../../../functions/rotate-vault-keys/rotate-vault-keys.ts";
import {
  type RunningSecretsManager,
  startSecretsManager,
} from "../../../infra/local/secrets-manager/start-secrets-manager.ts";
import { secretsManagerKeyVersions } from "../../../shared/adapters/secrets-manager/key-versions.ts";
import { Secret } from "../../../shared/domain/secret.ts";
import { intercepted, neverSettles } from "../../fakes/intercepted.ts";
import { noon, secondsAfter } from "../../fakes/samples.ts";

let engine: RunningSecretsManager;
let client: SecretsManagerClient;
beforeAll(async () => {
  engine = await startSecretsManager();
  client = new SecretsManagerClient({
    endpoint: engine.origin,
    region: "eu-west-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
});
afterEach(() => engine.faults.clear());
afterAll(async () => {
  client.destroy();
  await engine.close();
});

const month = 30 * 24 * 3600;

/** A secret with one key, whose rotation a test goes through by itself. */
const rotated = async ({ isOn = true } = {}) => {
  const { ARN = "", VersionId: first = "" } = await client.send(
    new CreateSecretCommand({ Name: `keys/${randomUUID()}`, SecretString: "the first value" }),
  );
  if (isOn) {
    await client.send(
      new RotateSecretCommand({
        SecretId: ARN,
        RotationLambdaARN: "arn:aws:lambda:eu-west-1:000000000000:function:rotate",
        RotateImmediately: false,
      }),
    );
  }
  const versions = secretsManagerKeyVersions(client, ARN);
  let passed = 0;
  const ports: RotateVaultKeysPorts = {
    versions,
    newValue: () => new Secret(randomBytes(48).toString("base64url")),
    opensWhatItSeals: async () => true,
    now: () => secondsAfter(noon, passed),
  };
  const begin = async () => {
    const { VersionId = "" } = await client.send(new RotateSecretCommand({ SecretId: ARN }));
    return VersionId;
  };
  const step = (name: RotationStep, version: string, changes: Partial<RotateVaultKeysPorts> = {}) =>
    rotateVaultKeys(name, version, { ...ports, ...changes });
  const storedIn = async (version: string) => (await versions.valueOf(version))?.reveal();
  const current = async () =>
    (await client.send(new GetSecretValueCommand({ SecretId: ARN }))).VersionId;
  return {
    first,
    versions,
    ports,
    begin,
    step,
    storedIn,
    current,
    labels: async () => (await versions.describe()).labels,
    rotate: async (seconds = month, changes: Partial<RotateVaultKeysPorts> = {}) => {
      passed += seconds;
      const version = await begin();
      for (const each of rotationSteps) await step(each, version, changes);
      return version;
    },
  };
};

it("makes a new key current, and the former one stays readable under a label of its own", async () => {
  const { first, rotate, current, labels, storedIn } = await rotated();

  const second = await rotate();

  expect(await current()).toBe(second);
  expect(await storedIn(second)).toMatch(/^[\w-]{64}$/);
  expect(await storedIn(first)).toBe("the first value");
  expect((await labels()).get(first)?.toSorted()).toEqual([
    "AWSPREVIOUS",
    `FORMER-${secondsAfter(noon, month)
      .toISOString()
      .replaceAll(/[:.]/g, "")}-${first.slice(0, 8)}`,
  ]);
});

it("after somebody went back to a former key goes on, and loses none of them", async () => {
  const { first, rotate, versions, current, labels, storedIn } = await rotated();
  const second = await rotate();
  await versions.moveLabel("AWSCURRENT", { from: second, to: first });
  expect((await labels()).get(second)).toEqual(["AWSPREVIOUS"]);

  const third = await rotate();

  expect(await current()).toBe(third);
  for (const former of [first, second]) {
    const kept = (await labels()).get(former) ?? [];
    expect(kept.filter((label) => label.startsWith("FORMER"))).toHaveLength(1);
  }
  const fourth = await rotate();
  expect(await storedIn(second)).toBeDefined();
  expect(await current()).toBe(fourth);
});

it("makes another value each time", async () => {
  const { rotate, storedIn } = await rotated();

  const values = [await storedIn(await rotate()), await storedIn(await rotate())];

  expect(new Set(values).size).toBe(2);
});

it.for([
  ["month", month],
  ["minute", 60],
] as const)(
  "keeps twelve former keys, one a %s, and then lets the oldest go",
  async ([, seconds]) => {
    const { first, rotate, versions, labels, current } = await rotated();
    // Secrets Manager promises no order.
    const reversed = {
      ...versions,
      describe: async () => {
        const { isRotated, labels } = await versions.describe();
        return { isRotated, labels: new Map([...labels].toReversed()) };
      },
    };
    const made = [first];
    for (let rotation = 0; rotation < formerKeys + 3; rotation += 1) {
      made.push(await rotate(seconds, { versions: reversed }));
    }

    const labelled = await labels();

    expect(await current()).toBe(made.at(-1));
    const former = made.filter((id) =>
      labelled.get(id)?.some((label) => label.startsWith("FORMER")),
    );
    expect(former).toEqual(made.slice(-formerKeys - 1, -1));
    expect([...labelled.values()].flat().length).toBeLessThanOrEqual(20);
  },
);

it("takes a key whose label has only the day for older than the others of that day", async () => {
  const { first, rotate, versions, labels } = await rotated();
  await rotate(60);
  for (const label of (await labels()).get(first) ?? []) {
    if (label.startsWith("FORMER")) await versions.moveLabel(label, { from: first });
  }
  await versions.moveLabel(`FORMER-${noon.toISOString().slice(0, 10)}-ffffffff`, { to: first });

  for (let rotation = 0; rotation < formerKeys; rotation += 1) await rotate(60);

  expect((await labels()).has(first)).toBe(false);
});

describe("each step", () => {
  it.for(rotationSteps)("may be repeated: %s", async (repeated) => {
    const { begin, step, current, storedIn, labels } = await rotated();
    const version = await begin();
    let value: string | undefined;
    for (const each of rotationSteps) {
      await step(each, version);
      value ??= await storedIn(version);
      if (each === repeated) await step(each, version);
    }
    const after = await labels();

    for (const each of rotationSteps) expect(await step(each, version)).toBe("was_done");

    expect(await current()).toBe(version);
    expect(await storedIn(version)).toBe(value);
    expect(await labels()).toEqual(after);
  });

  it("stores one value for two who do the first at once", async () => {
    const { begin, step, storedIn } = await rotated();
    const version = await begin();

    await Promise.all([step("createSecret", version), step("createSecret", version)]);

    expect(await storedIn(version)).toMatch(/^[\w-]{64}$/);
  });

  const calls = ["versions.describe", "versions.valueOf", "versions.store", "versions.moveLabel"];
  it.for(
    rotationSteps.flatMap((crashing) =>
      calls.flatMap((call) => [1, 2, 3].map((nth) => [crashing, call, nth] as const)),
    ),
  )(
    "that dies in %s after %s number %i is ended by the next try",
    async ([crashing, call, nth]) => {
      const { first, begin, step, versions, current, storedIn, labels } = await rotated();
      const version = await begin();
      let made = 0;
      const dying = intercepted("versions", versions, async (name, go) => {
        const answer = await go();
        if (name === call) made += 1;
        return name === call && made === nth ? neverSettles() : answer;
      });
      for (const each of rotationSteps) {
        if (each !== crashing) {
          await step(each, version);
          continue;
        }
        const died = step(each, version, { versions: dying });
        await Promise.race([died, new Promise((resolve) => setTimeout(resolve, 60))]);
        expect(await storedIn((await current()) ?? "")).toBeDefined();
        expect(await storedIn(first)).toBe("the first value");
        await step(each, version);
      }

      expect(await current()).toBe(version);
      expect((await labels()).get(first)?.some((label) => label.startsWith("FORMER"))).toBe(true);
      // It would stop the next rotation once it is on a version that is not current.
      expect([...(await labels()).values()].flat()).not.toContain("AWSPENDING");
    },
  );
});

describe("nothing is changed", () => {
  it("while rotation is off", async () => {
    const { step, first, labels } = await rotated({ isOn: false });
    const before = await labels();

    await expect(step("createSecret", first)).rejects.toBeInstanceOf(RotationRefused);
    expect(await labels()).toEqual(before);
  });

  it.for(rotationSteps)("by %s for a version that nobody began", async (name) => {
    const { step, labels } = await rotated();
    const before = await labels();

    await expect(step(name, randomUUID())).rejects.toBeInstanceOf(RotationRefused);
    expect(await labels()).toEqual(before);
  });

  it("by the last step for a former key", async () => {
    const { step, first, rotate, current } = await rotated();
    const second = await rotate();

    await expect(step("finishSecret", first)).rejects.toBeInstanceOf(RotationRefused);
    expect(await current()).toBe(second);
  });

  it("for a key that does not open what it has sealed, or has no value", async () => {
    const { begin, step, current, first } = await rotated();
    const version = await begin();

    await expect(step("testSecret", version)).rejects.toBeInstanceOf(RotationRefused);
    await step("createSecret", version);
    await expect(
      step("testSecret", version, { opensWhatItSeals: async () => false }),
    ).rejects.toBeInstanceOf(RotationRefused);
    expect(await current()).toBe(first);
  });

  it("by an outage, which goes up, and the next try ends it", async () => {
    const { begin, step, current } = await rotated();
    const version = await begin();
    engine.faults.refuse("PutSecretValue", { code: "InternalServiceError", status: 500 }, 9);

    await expect(step("createSecret", version)).rejects.toThrow();
    engine.faults.clear();
    for (const each of rotationSteps) await step(each, version);

    expect(await current()).toBe(version);
  });
});
