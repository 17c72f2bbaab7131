import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  type RunningSecretsManager,
  startSecretsManager,
} from "../../../../infra/local/secrets-manager/start-secrets-manager.ts";
import { secretsManagerTokenVault } from "../../../../shared/adapters/secrets-manager/token-vault.ts";
import { secretsManagerVaultEntries } from "../../../../shared/adapters/secrets-manager/vault-entries.ts";
import { connectionId, objectId, tenantId, workspaceId } from "../../../../shared/domain/ids.ts";
import { Secret } from "../../../../shared/domain/secret.ts";
import type { TokenVault, VaultOwner } from "../../../../shared/domain/token-vault.ts";
import type { NamedEntry } from "../../../../shared/domain/vault-entries.ts";
import { motoInstalled, startMoto } from "../../../engines/moto.ts";
import { allReadable } from "../../../fakes/all-readable.ts";

const kmsKeyArn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-4000-8000-000000000000";

const anna: VaultOwner = {
  connectionId: connectionId("conn_anna"),
  workspaceId: workspaceId("acme"),
  tenantId: tenantId("11111111-1111-4111-8111-111111111111"),
  objectId: objectId("22222222-2222-4222-8222-222222222222"),
};
const ben: VaultOwner = { ...anna, connectionId: connectionId("conn_ben") };

const clientOf = (endpoint: string) =>
  new SecretsManagerClient({
    endpoint,
    region: "eu-west-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
    maxAttempts: 3,
  });

const vaultOf = (client: SecretsManagerClient) =>
  secretsManagerTokenVault(client, { prefix: "outlook-connect/test/tokens", kmsKeyArn });

const subjects = {
  "the stand-in": () => startSecretsManager(),
  ...(motoInstalled() ? { moto: startMoto } : {}),
};

it("is held against moto too", (context) => {
  context.skip(!motoInstalled(), "moto_server is not on the PATH");

  expect(Object.keys(subjects)).toContain("moto");
});

describe.for(Object.entries(subjects))("the token vault on %s", ([, start]) => {
  let engine: Awaited<ReturnType<typeof start>>;
  let client: SecretsManagerClient;
  let vault: TokenVault;
  beforeAll(async () => {
    engine = await start();
    client = clientOf(engine.origin);
    vault = vaultOf(client);
  });
  afterAll(async () => {
    client.destroy();
    await engine.close();
  });

  it("reads what it stored", async () => {
    const entry = await vault.create(anna, new Secret("token"));

    expect(await vault.read(entry, anna)).toEqual(new Secret("token"));
  });

  it.for([2, 5, 12])("keeps tokens of %i KB", async (kilobytes) => {
    const token = new Secret("t".repeat(kilobytes * 1024));
    const entry = await vault.create(anna, new Secret("small"));

    await vault.replace(entry, anna, token);

    expect(await vault.read(entry, anna)).toEqual(token);
    expect(await vault.read(await vault.create(anna, token), anna)).toEqual(token);
  });

  it("makes a new entry for every sign-in, under the customer's key and without a name of a person", async () => {
    const [first, second] = [
      await vault.create(anna, new Secret("one")),
      await vault.create(anna, new Secret("two")),
    ];

    const described = await client.send(new DescribeSecretCommand({ SecretId: first }));
    expect(first).not.toBe(second);
    expect(first).toMatch(/^outlook-connect\/test\/tokens\/conn_anna\/[0-9a-f-]{36}$/);
    expect(described).toMatchObject({ Name: first, KmsKeyId: kmsKeyArn });
    expect(`${first} ${described.Description}`).not.toMatch(/22222222|acme/);
  });

  it("replaces a token", async () => {
    const entry = await vault.create(anna, new Secret("old"));

    await vault.replace(entry, anna, new Secret("new"));

    expect(await vault.read(entry, anna)).toEqual(new Secret("new"));
  });

  it("finds nothing in an entry that never was", async () => {
    expect(await vault.read("outlook-connect/test/tokens/conn_x/none", anna)).toBeUndefined();
  });

  it("erases an entry at once, and again", async () => {
    const entry = await vault.create(anna, new Secret("token"));

    await vault.erase(entry);
    await vault.erase(entry);

    expect(await vault.read(entry, anna)).toBeUndefined();
    await expect(client.send(new DescribeSecretCommand({ SecretId: entry }))).rejects.toThrow();
  });

  it("fails to replace a token whose entry is gone", async () => {
    const entry = await vault.create(anna, new Secret("token"));
    await vault.erase(entry);

    await expect(vault.replace(entry, anna, new Secret("new"))).rejects.toThrow();
  });

  it.for<readonly [string, VaultOwner]>([
    ["another connection", ben],
    ["another workspace", { ...anna, workspaceId: workspaceId("globex") }],
    ["another tenant", { ...anna, tenantId: tenantId("33333333-3333-4333-8333-333333333333") }],
    ["another account", { ...anna, objectId: objectId("33333333-3333-4333-8333-333333333333") }],
  ])("hands out nothing to %s", async ([, other]) => {
    const entry = await vault.create(anna, new Secret("planted-token"));

    const error = await vault.read(entry, other).catch((reason: unknown) => reason);

    expect(error).toBeInstanceOf(Error);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("planted");
  });

  it("refuses two entries whose contents were swapped", async () => {
    const [annas, bens] = [
      await vault.create(anna, new Secret("anna's")),
      await vault.create(ben, new Secret("ben's")),
    ];
    const stored = async (SecretId: string) =>
      (await client.send(new GetSecretValueCommand({ SecretId, VersionStage: "AWSCURRENT" })))
        .SecretString;
    const swapped = { annas: await stored(bens), bens: await stored(annas) };
    await client.send(new PutSecretValueCommand({ SecretId: annas, SecretString: swapped.annas }));
    await client.send(new PutSecretValueCommand({ SecretId: bens, SecretString: swapped.bens }));

    await expect(vault.read(annas, anna)).rejects.toThrow("another connection");
    await expect(vault.read(bens, ben)).rejects.toThrow("another connection");
  });

  it("lists each entry of the stage in one part, with whose it was and when it was last written", async () => {
    const made: string[] = [];
    for (const letter of "AZaz09-_") {
      const owner = { ...anna, connectionId: connectionId(`conn_${letter}${"x".repeat(21)}`) };
      made.push(await vault.create(owner, new Secret("token")));
    }
    await client.send(
      new CreateSecretCommand({
        Name: `outlook-connect/other/tokens/conn_Axxxxxxxxxxxxxxxxxxxxx/${randomUUID()}`,
        SecretString: "of another stage",
      }),
    );
    const entries = secretsManagerVaultEntries(client, "outlook-connect/test/tokens");
    const listed: NamedEntry[] = [];
    for (let index = 0; index < 24; index += 1) {
      for await (const each of entries.inPart({ index, of: 24 }, allReadable)) listed.push(each);
    }

    for (const entry of made) {
      const [found, ...again] = listed.filter((each) => each.entry === entry);
      expect(again).toEqual([]);
      expect(entry).toContain(`/${found?.connectionId}/`);
      expect(Math.abs(Date.now() - (found?.writtenAt.getTime() ?? 0))).toBeLessThan(60_000);
    }
    expect(listed.filter(({ entry }) => !entry.startsWith("outlook-connect/test/"))).toEqual([]);
  });

  it.for(["planted-token", '{"refreshToken":"planted-token"}', '{"connectionId":"conn_anna"'])(
    "throws for an entry that holds something else, without quoting it: %s",
    async (SecretString) => {
      const Name = `outlook-connect/test/tokens/conn_anna/${randomUUID()}`;
      await client.send(new CreateSecretCommand({ Name, SecretString }));

      const error = await vault.read(Name, anna).catch((reason: unknown) => reason);

      expect(error).toBeInstanceOf(Error);
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("planted");
    },
  );
});

describe("the token vault when Secrets Manager is unwell", () => {
  let engine: RunningSecretsManager;
  let client: SecretsManagerClient;
  let vault: TokenVault;
  beforeAll(async () => {
    engine = await startSecretsManager();
    client = clientOf(engine.origin);
    vault = vaultOf(client);
  });
  afterEach(() => engine.faults.clear());
  afterAll(async () => {
    client.destroy();
    await engine.close();
  });

  it("stores one entry although the first answer was lost", async () => {
    const before = engine.calls().CreateSecret ?? 0;
    engine.faults.loseAnswer("CreateSecret");

    const entry = await vault.create(anna, new Secret("token"));

    expect(engine.calls().CreateSecret).toBe(before + 2);
    expect(await vault.read(entry, anna)).toEqual(new Secret("token"));
  });

  it("replaces once although the first answer was lost", async () => {
    const entry = await vault.create(anna, new Secret("old"));
    engine.faults.loseAnswer("PutSecretValue");

    await vault.replace(entry, anna, new Secret("new"));

    expect(await vault.read(entry, anna)).toEqual(new Secret("new"));
  });

  it("erases although the first answer was lost", async () => {
    const entry = await vault.create(anna, new Secret("old"));
    engine.faults.loseAnswer("DeleteSecret");

    await vault.erase(entry);

    expect(await vault.read(entry, anna)).toBeUndefined();
  });

  it.for(["CreateSecret", "GetSecretValue", "PutSecretValue", "DeleteSecret"])(
    "repeats %s when it is throttled, and goes up with an outage that lasts",
    async (operation) => {
      const steps = async () => {
        const entry = await vault.create(anna, new Secret("token"));
        await vault.read(entry, anna);
        await vault.replace(entry, anna, new Secret("new"));
        await vault.erase(entry);
      };
      engine.faults.refuse(operation, { code: "ThrottlingException" }, 1);
      await steps();

      engine.faults.refuse(operation, { code: "AccessDeniedException" }, 1);
      await expect(steps()).rejects.toMatchObject({ name: "AccessDeniedException" });
    },
  );

  it("takes an entry that is being deleted for gone", async () => {
    const entry = await vault.create(anna, new Secret("token"));
    await client.send(new DeleteSecretCommand({ SecretId: entry, RecoveryWindowInDays: 7 }));

    expect(await vault.read(entry, anna)).toBeUndefined();
  });

  it("does not take an entry for gone that is in some other state", async () => {
    const entry = await vault.create(anna, new Secret("token"));
    engine.faults.refuse("GetSecretValue", {
      code: "InvalidRequestException",
      message: "The request is not valid for the current state of the resource.",
    });

    await expect(vault.read(entry, anna)).rejects.toMatchObject({
      name: "InvalidRequestException",
    });
  });
});
