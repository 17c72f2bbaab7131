import { inspect } from "node:util";
import {
  CreateSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type RunningSecretsManager,
  startSecretsManager,
} from "../../../../infra/local/secrets-manager/start-secrets-manager.ts";
import {
  openSecretReader,
  SecretNotFound,
} from "../../../../shared/adapters/secrets-manager/read-secret.ts";
import { Secret } from "../../../../shared/domain/secret.ts";
import { errorFields } from "../../../../shared/logger.ts";
import { hurriedLimits } from "../../../fakes/hurried-limits.ts";
import { lookedUpHosts } from "../../../fakes/looked-up-hosts.ts";
import {
  type Answer,
  answerJson,
  answerText,
  breakOff,
  drip,
  type ScriptedServer,
  saySilence,
  startScriptedServer,
} from "../../../fakes/scripted-server.ts";

let secretsManager: RunningSecretsManager;
let scripted: ScriptedServer;
let client: SecretsManagerClient;
beforeAll(async () => {
  secretsManager = await startSecretsManager();
  scripted = await startScriptedServer();
  client = new SecretsManagerClient({
    endpoint: secretsManager.origin,
    region: "eu-west-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
});
afterAll(async () => {
  client.destroy();
  await Promise.all([secretsManager.close(), scripted.close()]);
});
beforeEach(() => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "local-key-id");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "planted-signing-key");
  vi.stubEnv("AWS_SESSION_TOKEN", "the-session");
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  secretsManager.faults.clear();
});

const readerOf = (origin: string) =>
  openSecretReader({ AWS_REGION: "eu-west-1", AWS_ENDPOINT_URL_SECRETS_MANAGER: origin });

let created = 0;
const createSecret = async (value: string) => {
  created += 1;
  const { ARN = "", VersionId = "" } = await client.send(
    new CreateSecretCommand({ Name: `secret-${created}`, SecretString: value }),
  );
  return { arn: ARN, versionId: VersionId };
};

const callsSince = (before: Readonly<Record<string, number>>) =>
  (secretsManager.calls().GetSecretValue ?? 0) - (before.GetSecretValue ?? 0);

describe("from Secrets Manager", () => {
  it("reads the current version", async () => {
    const { arn, versionId } = await createSecret("one");

    expect(await readerOf(secretsManager.origin)(arn)).toEqual({
      versionId,
      value: new Secret("one"),
    });
  });

  it("reads an older version by its id, and the new one as current", async () => {
    const { arn, versionId } = await createSecret("one");
    await client.send(new PutSecretValueCommand({ SecretId: arn, SecretString: "two" }));
    const read = readerOf(secretsManager.origin);

    expect((await read(arn, versionId)).value).toEqual(new Secret("one"));
    expect((await read(arn)).value).toEqual(new Secret("two"));
  });

  it.for<readonly [string, (faults: RunningSecretsManager["faults"]) => void]>([
    [
      "throttling, which has status 400",
      (faults) => faults.refuse("GetSecretValue", { code: "ThrottlingException" }, 2),
    ],
    [
      "an internal error",
      (faults) => faults.refuse("GetSecretValue", { code: "InternalServiceError", status: 500 }, 2),
    ],
    ["lost answers", (faults) => faults.loseAnswer("GetSecretValue", 2)],
  ])("tries again after %s", async ([, plan]) => {
    const { arn } = await createSecret("one");
    plan(secretsManager.faults);
    const before = secretsManager.calls();

    expect((await readerOf(secretsManager.origin)(arn)).value).toEqual(new Secret("one"));

    expect(callsSince(before)).toBe(3);
  });

  it.for<readonly [string, (faults: RunningSecretsManager["faults"]) => void, kind: string]>([
    [
      "throttling",
      (faults) => faults.refuse("GetSecretValue", { code: "ThrottlingException" }, 9),
      "ThrottlingException",
    ],
    ["lost answers", (faults) => faults.loseAnswer("GetSecretValue", 9), "no answer"],
  ])("gives %s a name after three tries, which a log shows", async ([, plan, kind]) => {
    const { arn } = await createSecret("one");
    plan(secretsManager.faults);
    const before = secretsManager.calls();

    const error = await readerOf(secretsManager.origin)(arn).catch((reason) => reason);

    expect(errorFields(error).name).toBe(kind);
    expect(callsSince(before)).toBe(3);
  });

  it.for([
    "AccessDeniedException",
    "DecryptionFailure",
    "InvalidRequestException",
    "InvalidParameterException",
    "ValidationException",
  ])("gives a refusal its name at once, which a log shows: %s", async (code) => {
    const { arn } = await createSecret("one");
    secretsManager.faults.refuse("GetSecretValue", { code });
    const before = secretsManager.calls();

    const error = await readerOf(secretsManager.origin)(arn).catch((reason) => reason);

    expect(errorFields(error).name).toBe(code);
    expect(callsSince(before)).toBe(1);
  });

  it.for(["short", "x".repeat(65)])("knows no version under an id like %s", async (versionId) => {
    const { arn } = await createSecret("one");
    const before = secretsManager.calls();

    await expect(readerOf(secretsManager.origin)(arn, versionId)).rejects.toThrow(SecretNotFound);

    expect(callsSince(before)).toBe(1);
  });

  it.for(["InvalidParameterException", "ValidationException"])(
    "knows no version under an id that is refused with %s",
    async (code) => {
      const { arn, versionId } = await createSecret("one");
      secretsManager.faults.refuse("GetSecretValue", { code });

      await expect(readerOf(secretsManager.origin)(arn, versionId)).rejects.toThrow(SecretNotFound);
    },
  );

  it("reads the largest secret, of characters that are all escaped", async () => {
    const value = "\u0001".repeat(65_536);
    const { arn } = await createSecret(value);

    expect((await readerOf(secretsManager.origin)(arn)).value.reveal()).toBe(value);
  });

  it("does not take for gone what it may not read", async () => {
    const { arn, versionId } = await createSecret("one");
    secretsManager.faults.refuse("GetSecretValue", { code: "AccessDeniedException" });

    await expect(readerOf(secretsManager.origin)(arn, versionId)).rejects.not.toThrow(
      SecretNotFound,
    );
  });

  it("tries no more often, and waits no longer, than its caller can", async () => {
    const { arn } = await createSecret("one");
    const limits = hurriedLimits();
    secretsManager.faults.loseAnswer("GetSecretValue", 9);
    const before = secretsManager.calls();
    const read = openSecretReader(
      { AWS_REGION: "eu-west-1", AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsManager.origin },
      { tries: 2, tryMilliseconds: 1_000 },
    );

    await expect(read(arn)).rejects.toMatchObject({ name: "no answer" });

    expect(callsSince(before)).toBe(2);
    expect(limits).toEqual([1_000, 1_000]);
  });

  it("names a version that is gone", async () => {
    const { arn } = await createSecret("one");

    await expect(
      readerOf(secretsManager.origin)(arn, "00000000-0000-4000-8000-000000000000"),
    ).rejects.toThrow("ResourceNotFoundException");
  });
});

it("asks Secrets Manager of its Region where nothing else is set", async () => {
  const hosts = lookedUpHosts();
  const read = openSecretReader({ AWS_REGION: "eu-west-1" }, { tries: 1 });

  await expect(read("arn:x")).rejects.toMatchObject({ name: "no answer" });

  expect(hosts).toEqual(["secretsmanager.eu-west-1.amazonaws.com"]);
});

describe("on the wire", () => {
  const found = answerJson(200, { SecretString: "one", VersionId: "v1" });

  it("sends one signed call, with the session of the function's role", async () => {
    scripted.script(found);

    await readerOf(scripted.origin.origin)("arn:aws:secretsmanager:eu-west-1:1:secret:x");

    const [request] = scripted.requests;
    expect(request).toMatchObject({ method: "POST", path: "/" });
    expect(request?.headers).toMatchObject({
      "x-amz-target": "secretsmanager.GetSecretValue",
      "content-type": "application/x-amz-json-1.1",
      "x-amz-security-token": "the-session",
      authorization: expect.stringMatching(
        /^AWS4-HMAC-SHA256 Credential=local-key-id\/\d{8}\/eu-west-1\/secretsmanager\/aws4_request, SignedHeaders=[^ ]*host[^ ]*, Signature=[0-9a-f]{64}$/,
      ),
    });
    expect(JSON.parse(request?.body ?? "")).toEqual({
      SecretId: "arn:aws:secretsmanager:eu-west-1:1:secret:x",
      VersionStage: "AWSCURRENT", // without it, not every engine answers the current version
    });
  });

  it.for<readonly [string, Answer]>([
    ["silence", saySilence],
    ["a body without end, byte by byte", drip],
    ["a body that breaks off", breakOff],
  ])("does not wait for %s", async ([, answer]) => {
    const limits = hurriedLimits();
    scripted.script(answer, found);

    expect((await readerOf(scripted.origin.origin)("arn:x")).value).toEqual(new Secret("one"));

    expect(Math.max(...limits)).toBeLessThanOrEqual(2_000);
  });

  it.for<readonly [string, Answer]>([
    ["a secret in an answer that breaks off", answerText(200, '{"SecretString":"planted-value')],
    ["a secret that is no JSON", answerText(200, "planted-value")],
    ["a secret without its version", answerJson(200, { SecretString: "planted-value" })],
    ["a refusal that is no JSON", answerText(403, "planted-value")],
    ["a refusal with text", answerJson(400, { __type: "X", Message: "planted-value" })],
  ])("throws without what it read for %s", async ([, answer]) => {
    scripted.script(answer);

    const error = await readerOf(scripted.origin.origin)("arn:x").catch((reason) => reason);

    expect(error).toBeInstanceOf(Error);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("planted");
  });
});
