import {
  DescribeSecretCommand,
  ListSecretVersionIdsCommand,
  RotateSecretCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openScene, type Scene, served } from "./scene.ts";

const day = 24 * 3600;
const ben = { username: "ben.okafor@larkfield.example" };

let scene: Scene;
let client: SecretsManagerClient;
beforeAll(async () => {
  scene = await openScene({ tokenVault: "table" });
  client = new SecretsManagerClient({
    endpoint: scene.stack.origins.secretsManager,
    region: scene.stack.region,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
});
afterAll(async () => {
  client?.destroy();
  await scene?.close();
});

type VaultKeys = "SignInKeys" | "TokenKeys";

const described = (keys: VaultKeys) => client.send(new DescribeSecretCommand({ SecretId: keys }));

const currentKey = async (keys: VaultKeys) =>
  Object.entries((await described(keys)).VersionIdsToStages ?? {}).find(([, labels]) =>
    labels.includes("AWSCURRENT"),
  )?.[0];

/** As an operator does it. */
const rotateNow = async (keys: VaultKeys) => {
  await client.send(new RotateSecretCommand({ SecretId: keys }));
  await scene.stack.secretsManager.rotationsEnded();
};

const sealedWith = (sealed: unknown): string => {
  const [header = ""] = String(sealed).split(".");
  return JSON.parse(Buffer.from(header, "base64url").toString()).kid;
};

const keyOfToken = async (id: string) =>
  sealedWith((await scene.tables.connection(id)).sealedAccessToken);

const keysOfRefreshTokens = async () =>
  (await scene.tables.items("REFRESH_TOKENS_TABLE")).map(({ sealedRefreshToken }) =>
    sealedWith(sealedRefreshToken),
  );

it("rotate while tokens are in use: the old key opens, the new one seals, and nobody is interrupted", async () => {
  const product = await scene.signedIn("user_ines");
  const connection = await scene.connect(product, ben);
  const before = await currentKey("TokenKeys");
  expect(await keyOfToken(connection.id)).toBe(before);

  await rotateNow("TokenKeys");

  const after = await currentKey("TokenKeys");
  expect(after).not.toBe(before);
  served(await scene.fetchToken({ product, connection }));
  scene.stack.clock.advance(2 * 3600);
  served(await scene.fetchToken({ product, connection }));
  expect(await keyOfToken(connection.id)).toBe(after);
  expect(await keysOfRefreshTokens()).toEqual([before]);
  scene.stack.clock.advance(day);
  served(await scene.fetchToken({ product, connection }));
  expect(await keysOfRefreshTokens()).toEqual([after]);
});

it("rotate while somebody signs in: what the old key sealed still opens", async () => {
  const product = await scene.signedIn("user_ines");
  const before = await currentKey("SignInKeys");
  const { attemptId, returned } = await scene.goToMicrosoft(product, ben);
  const attempt = (await scene.tables.items("ATTEMPTS_TABLE")).find(({ id }) => id === attemptId);
  expect(sealedWith(attempt?.sealedSecrets)).toBe(before);

  await rotateNow("SignInKeys");

  expect(await currentKey("SignInKeys")).not.toBe(before);
  expect((await product.complete(returned)).status).toBe(200);
});

it("rotate by themselves each month, and a mailbox that is used once in all that time lives through a year and more of it", async () => {
  const product = await scene.signedIn("user_leo");
  const connection = await scene.connect(product, ben);
  const first = await Promise.all([currentKey("SignInKeys"), currentKey("TokenKeys")]);

  for (let month = 0; month < 15; month += 1) {
    for (let week = 0; week < 15; week += 1) {
      scene.stack.clock.advance(2 * day);
      await scene.stack.runSchedules();
    }
    // Whom no workflow uses for 400 days is not kept alive any longer.
    if (month === 7) {
      scene.stack.clock.advance(2 * 3600);
      served(await scene.fetchToken({ product, connection }));
    }
  }

  for (const vaultKeys of ["sign_in", "token"]) {
    const ages = scene.stack.logs
      .filter(({ line }) => line.includes(`"vaultKeys":"${vaultKeys}"`))
      .flatMap(({ line }) => {
        const [, days] = /"vaultKeyAgeDays":(\d+)/.exec(line) ?? [];
        return days === undefined ? [] : [Number(days)];
      });
    expect(Math.max(...ages)).toBeGreaterThanOrEqual(29);
    expect(Math.max(...ages)).toBeLessThan(45);
  }
  for (const keys of ["SignInKeys", "TokenKeys"] as const) {
    const { VersionIdsToStages = {}, LastRotatedDate } = await described(keys);
    expect(first.filter((id = "") => id in VersionIdsToStages)).toEqual([]);
    expect(Object.values(VersionIdsToStages).flat().length).toBeLessThanOrEqual(15);
    expect(scene.stack.clock.now().getTime() - (LastRotatedDate?.getTime() ?? 0)).toBeLessThan(
      31 * day * 1000,
    );
    const { Versions = [] } = await client.send(
      new ListSecretVersionIdsCommand({ SecretId: keys }),
    );
    expect(Versions.length).toBe(13);
  }
  served(await scene.fetchToken({ product, connection }));
});

it("tell Secrets Manager that a step failed, and change nothing, when they are asked for another secret", async () => {
  const before = await described("TokenKeys");
  const name = scene.stack.functions.find((each) => each.name.endsWith("rotate-vault-keys"))?.name;

  for (const event of [
    {},
    { Step: "finishSecret", SecretId: "arn:other", ClientRequestToken: "x".repeat(32) },
    { Step: "deleteSecret", SecretId: before.ARN, ClientRequestToken: "x".repeat(32) },
    { Step: "finishSecret", SecretId: before.ARN, ClientRequestToken: "x".repeat(32) },
  ]) {
    const outcome = await scene.stack.lambda.invoke(name ?? "", JSON.stringify(event));
    expect(outcome).toMatchObject({ ok: false, error: { errorType: "Error" } });
  }

  expect((await described("TokenKeys")).VersionIdsToStages).toEqual(before.VersionIdsToStages);
  const lines = scene.stack.logs.filter(({ line }) => line.includes("rotation_refused"));
  expect(lines).toHaveLength(4);
});
