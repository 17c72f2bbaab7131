import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  GetSecretValueCommand,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import {
  type SecretsManagerOptions,
  startSecretsManager,
} from "../../../../infra/local/secrets-manager/start-secrets-manager.ts";

const running: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((engine) => engine.close()));
});

const start = async (options: SecretsManagerOptions = {}, maxAttempts = 1) => {
  const engine = await startSecretsManager(options);
  running.push(engine);
  const client = new SecretsManagerClient({
    endpoint: engine.origin,
    region: "eu-west-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
    maxAttempts,
  });
  return { ...engine, client };
};

const temporaryFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), "secrets-manager-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
};

const create = new CreateSecretCommand({ Name: "kept", SecretString: "one" });
const read = new GetSecretValueCommand({ SecretId: "kept" });
const post = (origin: string, target: string, body: string) =>
  fetch(origin, { method: "POST", headers: { "x-amz-target": target }, body });

/** A clock that the test moves. */
const movableClock = () => {
  const time = { now: new Date("2026-01-01T00:00:00Z") };
  return {
    now: () => time.now,
    pass: (days: number) => {
      time.now = new Date(time.now.getTime() + days * 24 * 60 * 60 * 1000);
    },
  };
};

it("finds secrets, labels and scheduled deletions again after a restart", async () => {
  const folder = join(await temporaryFolder(), "deeper");
  const before = await start({ folder });
  const created = await before.client.send(create);
  await before.client.send(new PutSecretValueCommand({ SecretId: "kept", SecretString: "two" }));
  await before.client.send(new CreateSecretCommand({ Name: "doomed", SecretString: "value" }));
  await before.client.send(new DeleteSecretCommand({ SecretId: "doomed" }));
  await before.close();
  running.splice(0);

  const { client } = await start({ folder });

  expect(await client.send(read)).toMatchObject({ ARN: created.ARN, SecretString: "two" });
  const previous = { SecretId: "kept", VersionStage: "AWSPREVIOUS" };
  expect(await client.send(new GetSecretValueCommand(previous))).toMatchObject({
    SecretString: "one",
  });
  await expect(
    client.send(new GetSecretValueCommand({ SecretId: "doomed" })),
  ).rejects.toMatchObject({ name: "InvalidRequestException" });
});

it("has written what it answered, to one file that only its owner reads", async () => {
  const folder = await temporaryFolder();
  const { client } = await start({ folder });
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      client.send(new CreateSecretCommand({ Name: `many/${index}`, SecretString: "value" })),
    ),
  );

  const { client: later } = await start({ folder }); // while the first still runs, as after a crash

  expect(await later.send(new GetSecretValueCommand({ SecretId: "many/19" }))).toBeDefined();
  expect(await readdir(folder)).toEqual(["secrets.json"]);
  expect((await stat(join(folder, "secrets.json"))).mode & 0o777).toBe(0o600);
});

it("does not begin anew over a file that it cannot read", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "secrets.json"), "{");

  await expect(startSecretsManager({ folder })).rejects.toThrow(/cannot be read/);
});

it("puts the Region and the account into ARNs, and knows no others", async () => {
  const { client } = await start({ region: "us-east-2", accountId: "123456789012" });

  const { ARN = "" } = await client.send(create);

  expect(ARN).toMatch(/^arn:aws:secretsmanager:us-east-2:123456789012:secret:kept-/);
  const elsewhere = ARN.replace("us-east-2", "eu-west-1");
  await expect(
    client.send(new GetSecretValueCommand({ SecretId: elsewhere })),
  ).rejects.toMatchObject({ name: "ResourceNotFoundException" });
});

it("deletes for good when the recovery window is over, and not before", async () => {
  const clock = movableClock();
  const { client } = await start({ now: clock.now });
  await client.send(create);
  await client.send(new DeleteSecretCommand({ SecretId: "kept", RecoveryWindowInDays: 7 }));

  clock.pass(6.9);
  await client.send(new RestoreSecretCommand({ SecretId: "kept" }));
  await client.send(new DeleteSecretCommand({ SecretId: "kept", RecoveryWindowInDays: 7 }));
  clock.pass(7);

  await expect(client.send(new RestoreSecretCommand({ SecretId: "kept" }))).rejects.toMatchObject({
    name: "ResourceNotFoundException",
  });
  await client.send(create);
});

it("makes room for the hundred-and-first version by removing the oldest one without labels", async () => {
  const clock = movableClock();
  const { client } = await start({ now: clock.now });
  const { VersionId: first } = await client.send(create);
  for (let version = 1; version < 100; version += 1) {
    await client.send(
      new PutSecretValueCommand({ SecretId: "kept", SecretString: String(version) }),
    );
  }
  clock.pass(1);

  await client.send(new PutSecretValueCommand({ SecretId: "kept", SecretString: "100" }));

  const { Versions = [] } = await client.send(
    new ListSecretVersionIdsCommand({ SecretId: "kept", IncludeDeprecated: true }),
  );
  expect(Versions).toHaveLength(100);
  expect(Versions.map((version) => version.VersionId)).not.toContain(first);
});

it("pages through versions", async () => {
  const { client } = await start();
  await client.send(create);
  for (const SecretString of ["two", "three"]) {
    await client.send(new PutSecretValueCommand({ SecretId: "kept", SecretString }));
  }
  const page = (NextToken?: string) =>
    client.send(
      new ListSecretVersionIdsCommand({
        SecretId: "kept",
        IncludeDeprecated: true,
        MaxResults: 2,
        ...(NextToken === undefined ? {} : { NextToken }),
      }),
    );

  const first = await page();
  const second = await page(first.NextToken);

  const ids = [...(first.Versions ?? []), ...(second.Versions ?? [])].map((one) => one.VersionId);
  expect([first.Versions?.length, second.Versions?.length]).toEqual([2, 1]);
  expect(new Set(ids).size).toBe(3);
  expect(second.NextToken).toBeUndefined();
  await expect(page("made-up")).rejects.toMatchObject({ name: "InvalidNextTokenException" });
});

it("counts the calls of each operation, refused ones too", async () => {
  const { client, calls } = await start();

  await client.send(create);
  await client.send(read);
  await client.send(read);
  await client.send(create).catch(() => {});

  expect(calls()).toEqual({ CreateSecret: 2, GetSecretValue: 2 });
});

it("refuses as planned, without doing anything, as often as planned", async () => {
  const { client, faults } = await start();
  faults.refuse("CreateSecret", { code: "ThrottlingException", message: "Rate exceeded" }, 2);

  const refused = { name: "ThrottlingException", message: "Rate exceeded" };
  await expect(client.send(create)).rejects.toMatchObject(refused);
  await expect(client.send(create)).rejects.toMatchObject(refused);

  await expect(client.send(read)).rejects.toMatchObject({ name: "ResourceNotFoundException" });
  await client.send(create);
});

it("loses an answer after doing the work, and the SDK's repetition adds nothing", async () => {
  const { client, faults, calls } = await start({}, 2);
  await client.send(create);
  faults.loseAnswer("PutSecretValue");

  await client.send(new PutSecretValueCommand({ SecretId: "kept", SecretString: "two" }));

  expect(calls()).toMatchObject({ PutSecretValue: 2 });
  const { Versions } = await client.send(new ListSecretVersionIdsCommand({ SecretId: "kept" }));
  expect(Versions).toHaveLength(2);
});

it("forgets planned faults", async () => {
  const { client, faults } = await start();
  faults.refuse("CreateSecret", { code: "AccessDeniedException" });

  faults.clear();

  await client.send(create);
});

it("answers errors in the form of AWS JSON 1.1", async () => {
  const { origin } = await start();

  const response = await post(
    origin,
    "secretsmanager.GetSecretValue",
    JSON.stringify({ SecretId: "unknown" }),
  );

  expect(response.status).toBe(400);
  expect(response.headers.get("x-amzn-errortype")).toBe("ResourceNotFoundException");
  expect(response.headers.get("content-type")).toBe("application/x-amz-json-1.1");
  expect(await response.json()).toEqual({
    __type: "ResourceNotFoundException",
    Message: "Secrets Manager can't find the specified secret.",
  });
});

it.for([
  [
    "no token for a new version",
    "CreateSecret",
    { Name: "a", SecretString: "b" },
    "InvalidRequestException",
  ],
  ["a missing member", "GetSecretValue", {}, "ValidationException"],
  ["a member of the wrong type", "GetSecretValue", { SecretId: 1 }, "SerializationException"],
  [
    "an empty value",
    "CreateSecret",
    { Name: "a", SecretString: "", ClientRequestToken: randomUUID() },
    "ValidationException",
  ],
  ["a page of no results", "ListSecrets", { MaxResults: 0 }, "ValidationException"],
  ["an operation that it does not have", "CancelRotateSecret", {}, "UnknownOperationException"],
] as const)("refuses %s", async ([, operation, body, code]) => {
  const { origin } = await start();

  const response = await post(origin, `secretsmanager.${operation}`, JSON.stringify(body));

  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ __type: code });
});

it("never repeats a secret value in an error", async () => {
  const { origin } = await start();
  const value = "s3cret".repeat(20_000);

  const response = await post(
    origin,
    "secretsmanager.CreateSecret",
    JSON.stringify({ Name: "a", SecretString: value, ClientRequestToken: randomUUID() }),
  );

  expect(response.status).toBe(400);
  expect(await response.text()).not.toContain("s3cret");
});

describe("a rotation", () => {
  const rotating = async (
    invokeRotation: (lambdaArn: string, event: object) => Promise<boolean>,
  ) => {
    const running = await start({ invokeRotation });
    const call = async (operation: string, body: object) => {
      const response = await post(
        running.origin,
        `secretsmanager.${operation}`,
        JSON.stringify(body),
      );
      return (await response.json()) as Record<string, unknown>;
    };
    await call("CreateSecret", {
      Name: "key",
      SecretString: "first",
      ClientRequestToken: "1".repeat(32),
    });
    return { running, call };
  };
  const token = "2".repeat(32);
  const lambda = "arn:aws:lambda:eu-west-1:000000000000:function:rotate";

  it("goes the steps of its function, with a version that is pending and empty at first", async () => {
    const events: object[] = [];
    const { running, call } = await rotating(async (_, event) => {
      events.push(event);
      return true;
    });

    await call("RotateSecret", {
      SecretId: "key",
      ClientRequestToken: token,
      RotationLambdaARN: lambda,
      RotationRules: { AutomaticallyAfterDays: 30 },
    });
    await running.rotationsEnded();

    const { ARN, ...described } = await call("DescribeSecret", { SecretId: "key" });
    expect(events).toMatchObject(
      ["createSecret", "setSecret", "testSecret", "finishSecret"].map((Step) => ({
        Step,
        SecretId: ARN,
        ClientRequestToken: token,
      })),
    );
    expect(described).toMatchObject({
      RotationEnabled: true,
      RotationLambdaARN: lambda,
      RotationRules: { AutomaticallyAfterDays: 30 },
      LastRotatedDate: expect.any(Number),
      VersionIdsToStages: { [token]: ["AWSPENDING"] },
    });
    expect(await call("GetSecretValue", { SecretId: "key", VersionId: token })).toMatchObject({
      __type: "ResourceNotFoundException",
    });
    const filled = {
      SecretId: "key",
      ClientRequestToken: token,
      SecretString: "second",
      VersionStages: ["AWSPENDING"],
    };
    expect(await call("PutSecretValue", filled)).toMatchObject({ VersionId: token });
    expect(await call("PutSecretValue", { ...filled, SecretString: "third" })).toMatchObject({
      __type: "ResourceExistsException",
    });
  });

  it("stops at a step that fails, and goes on from there when it is asked for again", async () => {
    const steps: string[] = [];
    const { running, call } = await rotating(async (_, event) => {
      steps.push("Step" in event ? String(event.Step) : "");
      return steps.length !== 2;
    });
    const request = { SecretId: "key", ClientRequestToken: token, RotationLambdaARN: lambda };

    await call("RotateSecret", request);
    await running.rotationsEnded();
    expect(steps).toEqual(["createSecret", "setSecret"]);
    await call("RotateSecret", request);
    await running.rotationsEnded();

    expect(steps.slice(2)).toEqual(["createSecret", "setSecret", "testSecret", "finishSecret"]);
  });

  it("needs a function", async () => {
    const { call } = await rotating(async () => true);

    expect(
      await call("RotateSecret", { SecretId: "key", ClientRequestToken: token }),
    ).toMatchObject({ __type: "InvalidRequestException" });
    expect(await call("DescribeSecret", { SecretId: "key" })).toMatchObject({
      RotationEnabled: false,
    });
  });
});
