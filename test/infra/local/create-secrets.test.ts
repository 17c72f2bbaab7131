import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createSecrets } from "../../../infra/local/create-secrets.ts";
import {
  type RunningSecretsManager,
  startSecretsManager,
} from "../../../infra/local/secrets-manager/start-secrets-manager.ts";

let engine: RunningSecretsManager;
let client: SecretsManagerClient;

beforeEach(async () => {
  engine = await startSecretsManager();
  client = new SecretsManagerClient({
    endpoint: engine.origin,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
});
afterEach(async () => {
  client.destroy();
  await engine.close();
});

const create = (
  definition: Partial<Parameters<typeof createSecrets>[2][number]>,
  given: Record<string, string> = {},
) =>
  createSecrets(
    engine.origin,
    "us-east-1",
    [{ logicalId: "Secret", name: "a/secret", ...definition }],
    given,
  );

const read = async () => {
  const { ARN, SecretString, VersionId } = await client.send(
    new GetSecretValueCommand({ SecretId: "a/secret" }),
  );
  return { ARN, SecretString, VersionId };
};

it("generates a value by the template's rules and returns the ARN", async () => {
  const arns = await create({ generate: { PasswordLength: 64, ExcludePunctuation: true } });

  const { ARN, SecretString } = await read();
  expect(arns).toEqual({ "a/secret": ARN });
  expect(SecretString).toMatch(/^[A-Za-z0-9]{64}$/);
});

it("generates one field of a template", async () => {
  await create({
    generate: {
      PasswordLength: 20,
      SecretStringTemplate: `{"user":"ada"}`,
      GenerateStringKey: "password",
    },
  });

  expect(JSON.parse((await read()).SecretString ?? "")).toEqual({
    user: "ada",
    password: expect.stringMatching(/^.{20}$/),
  });
});

it("leaves what is there, as a restart with a kept folder finds it", async () => {
  const first = await create({});
  const before = await read();

  expect(await create({})).toEqual(first);
  expect(await read()).toEqual(before);
});

it("sets a given value, and writes it only if it is another", async () => {
  await create({});
  await create({}, { "a/secret": "given" });
  const given = await read();

  await create({}, { "a/secret": "given" });

  expect(given.SecretString).toBe("given");
  expect(await read()).toEqual(given);
});
