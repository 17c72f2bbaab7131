import { randomUUID } from "node:crypto";
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetRandomPasswordCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
  paginateListSecrets,
  RestoreSecretCommand,
  SecretsManagerClient,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateSecretCommand,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startSecretsManager } from "../../../../infra/local/secrets-manager/start-secrets-manager.ts";
import { motoInstalled, startMoto } from "../../../engines/moto.ts";

const subjects = {
  "the stand-in": () => startSecretsManager(),
  ...(motoInstalled() ? { moto: startMoto } : {}),
};

it("is compared with moto", (context) => {
  context.skip(!motoInstalled(), "moto_server is not on the PATH");

  expect(Object.keys(subjects)).toContain("moto");
});

describe.for(Object.entries(subjects))("Secrets Manager: %s", ([subject, start]) => {
  let engine: Awaited<ReturnType<typeof start>>;
  let client: SecretsManagerClient;
  beforeAll(async () => {
    engine = await start();
    client = new SecretsManagerClient({
      endpoint: engine.origin,
      region: "eu-west-1",
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
      maxAttempts: 1,
    });
  }, 60_000);
  afterAll(async () => {
    client.destroy();
    await engine.close();
  });

  /** A promise of AWS that moto does not keep; the reason appears in the report. */
  const exceptMoto = (name: string, reason: string, test: () => Promise<void>) =>
    it(name, async (context) => {
      context.skip(subject === "moto", `moto: ${reason}`);
      await test();
    });

  const newName = () => `test/${randomUUID()}`;

  const create = async (value = "first", more: { Description?: string } = {}) => {
    const Name = newName();
    const { ARN = "", VersionId = "" } = await client.send(
      new CreateSecretCommand({ Name, SecretString: value, ...more }),
    );
    return { Name, ARN, VersionId };
  };

  const put = (SecretId: string, SecretString: string, VersionStages?: string[]) =>
    client.send(
      new PutSecretValueCommand({
        SecretId,
        SecretString,
        ...(VersionStages && { VersionStages }),
      }),
    );

  const read = (SecretId: string, VersionStage = "AWSCURRENT") =>
    client.send(new GetSecretValueCommand({ SecretId, VersionStage }));

  const describeSecret = (SecretId: string) => client.send(new DescribeSecretCommand({ SecretId }));

  /** Of the versions that have labels. */
  const stages = async (SecretId: string) => {
    const { VersionIdsToStages = {} } = await describeSecret(SecretId);
    return Object.fromEntries(
      Object.entries(VersionIdsToStages)
        .filter(([, labels]) => labels.length > 0)
        .map(([id, labels]) => [id, labels.toSorted()]),
    );
  };

  describe("names", () => {
    it("gives an ARN that ends in a hyphen and six random characters", async () => {
      const { Name, ARN } = await create();

      expect(ARN).toMatch(/^arn:aws:secretsmanager:eu-west-1:\d{12}:secret:.+-[A-Za-z0-9]{6}$/);
      expect(ARN).toContain(`:secret:${Name}-`);
    });

    it("finds a secret by name, by ARN and by ARN without the random characters", async () => {
      const { Name, ARN } = await create("found");

      for (const id of [Name, ARN, ARN.slice(0, -"-abcdef".length)]) {
        expect(await read(id)).toMatchObject({ Name, ARN, SecretString: "found" });
      }
    });

    exceptMoto(
      "takes a partial ARN that ends in a hyphen and six characters for a whole one",
      "finds it by name",
      async () => {
        const Name = `${newName()}-abcdef`;
        const { ARN = "" } = await client.send(
          new CreateSecretCommand({ Name, SecretString: "found" }),
        );

        await expect(read(ARN.slice(0, -"-abcdef".length))).rejects.toMatchObject({
          name: "ResourceNotFoundException",
        });
        expect(await read(ARN)).toMatchObject({ SecretString: "found" });
      },
    );

    it("accepts all characters that AWS accepts", async () => {
      const Name = `${newName()}/Aa0_+=.@-`;

      await client.send(new CreateSecretCommand({ Name, SecretString: "value" }));

      expect(await read(Name)).toMatchObject({ Name, SecretString: "value" });
    });

    exceptMoto("refuses other characters", "does not check names", async () => {
      for (const Name of ["a b", "a*b", "a\\b", "ä", "a:b"]) {
        await expect(
          client.send(new CreateSecretCommand({ Name, SecretString: "value" })),
        ).rejects.toMatchObject({
          name: "ValidationException",
          message: expect.stringMatching(/^Invalid name/),
        });
      }
    });

    exceptMoto("refuses a name of more than 512 characters", "does not check names", async () => {
      const Name = "a".repeat(513);

      await expect(
        client.send(new CreateSecretCommand({ Name, SecretString: "value" })),
      ).rejects.toMatchObject({ name: "ValidationException" });
    });

    it("says that it cannot find an unknown secret", async () => {
      const unknown = {
        name: "ResourceNotFoundException",
        message: "Secrets Manager can't find the specified secret.",
      };
      const SecretId = newName();

      await expect(read(SecretId)).rejects.toMatchObject(unknown);
      await expect(put(SecretId, "value")).rejects.toMatchObject(unknown);
      await expect(stages(SecretId)).rejects.toMatchObject(unknown);
      await expect(client.send(new DeleteSecretCommand({ SecretId }))).rejects.toMatchObject(
        unknown,
      );
      await expect(client.send(new RestoreSecretCommand({ SecretId }))).rejects.toMatchObject(
        unknown,
      );
    });
  });

  describe("creating", () => {
    it("answers a repetition with the same token and value as the first time", async () => {
      const request = {
        Name: newName(),
        SecretString: "value",
        ClientRequestToken: randomUUID(),
      };
      const first = await client.send(new CreateSecretCommand(request));

      const again = await client.send(new CreateSecretCommand(request));

      expect(first.VersionId).toBe(request.ClientRequestToken);
      expect(again.ARN).toBe(first.ARN);
    });

    it("refuses the same token with another value", async () => {
      const request = { Name: newName(), ClientRequestToken: randomUUID() };
      await client.send(new CreateSecretCommand({ ...request, SecretString: "one" }));

      await expect(
        client.send(new CreateSecretCommand({ ...request, SecretString: "other" })),
      ).rejects.toMatchObject({ name: "ResourceExistsException" });
      expect(await read(request.Name)).toMatchObject({ SecretString: "one" });
    });

    it("refuses a name that exists", async () => {
      const { Name } = await create();

      await expect(
        client.send(new CreateSecretCommand({ Name, SecretString: "first" })),
      ).rejects.toMatchObject({
        name: "ResourceExistsException",
        message: `The operation failed because the secret ${Name} already exists.`,
      });
    });

    exceptMoto(
      "refuses a name that is scheduled for deletion",
      "says ResourceExistsException",
      async () => {
        const { Name } = await create();
        await client.send(new DeleteSecretCommand({ SecretId: Name }));

        await expect(
          client.send(new CreateSecretCommand({ Name, SecretString: "value" })),
        ).rejects.toMatchObject({
          name: "InvalidRequestException",
          message:
            "You can't create this secret because a secret with this name is already scheduled for deletion.",
        });
      },
    );

    it("creates a secret without a value, which cannot be read", async () => {
      const Name = newName();

      const created = await client.send(new CreateSecretCommand({ Name }));

      expect(created.VersionId).toBeUndefined();
      await expect(
        client.send(new GetSecretValueCommand({ SecretId: Name })),
      ).rejects.toMatchObject({
        name: "ResourceNotFoundException",
        message:
          "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
      });
      await put(Name, "value");
      expect(await read(Name)).toMatchObject({ SecretString: "value" });
    });

    it("keeps bytes as they are", async () => {
      const Name = newName();
      const SecretBinary = Uint8Array.from([0, 255, 128, 10]);

      await client.send(new CreateSecretCommand({ Name, SecretBinary }));

      const { SecretBinary: bytes, SecretString } = await read(Name);
      expect(bytes && [...bytes]).toEqual([...SecretBinary]);
      expect(SecretString).toBeUndefined();
    });

    exceptMoto("refuses both a string and bytes", "keeps both", async () => {
      const both = { SecretString: "value", SecretBinary: Uint8Array.from([1]) };

      await expect(
        client.send(new CreateSecretCommand({ Name: newName(), ...both })),
      ).rejects.toMatchObject({ name: "InvalidParameterException" });
    });

    it("refuses a token of fewer than 32 characters", async () => {
      const request = { Name: newName(), SecretString: "value", ClientRequestToken: "short" };

      await expect(client.send(new CreateSecretCommand(request))).rejects.toMatchObject({
        name: "InvalidParameterException",
        message: "ClientRequestToken must be 32-64 characters long.",
      });
    });

    it("keeps 65,536 bytes", async () => {
      const value = "a".repeat(65_536);

      const { Name } = await create(value);

      expect((await read(Name)).SecretString).toHaveLength(65_536);
    });

    exceptMoto("refuses 65,537 bytes, counted in UTF-8", "has no limit", async () => {
      for (const value of ["a".repeat(65_537), `${"é".repeat(32_768)}a`]) {
        await expect(create(value)).rejects.toMatchObject({
          name: "ValidationException",
          message: expect.stringContaining("length less than or equal to 65536"),
        });
      }
    });
  });

  describe("versions", () => {
    it("moves AWSCURRENT to a new value and AWSPREVIOUS to the one before", async () => {
      const first = await create("one");
      const second = await put(first.Name, "two");
      const third = await put(first.Name, "three");

      expect(second.VersionStages).toEqual(["AWSCURRENT"]);
      expect(await read(first.Name)).toMatchObject({
        SecretString: "three",
        VersionId: third.VersionId,
        VersionStages: ["AWSCURRENT"],
      });
      expect(await read(first.Name, "AWSPREVIOUS")).toMatchObject({ SecretString: "two" });
      expect(await stages(first.Name)).toEqual({
        [second.VersionId ?? ""]: ["AWSPREVIOUS"],
        [third.VersionId ?? ""]: ["AWSCURRENT"],
      });
    });

    it("reads the current value if no version is named", async () => {
      const { Name } = await create("one");
      await put(Name, "two");

      const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: Name }));

      expect(SecretString).toBe("two");
    });

    it("reads a version that lost its labels, by its id", async () => {
      const { Name, VersionId } = await create("one");
      await put(Name, "two");
      await put(Name, "three");

      const old = await client.send(new GetSecretValueCommand({ SecretId: Name, VersionId }));

      expect(old).toMatchObject({ SecretString: "one", VersionId });
    });

    it("adds nothing when the same token brings the same value again", async () => {
      const { Name } = await create("one");
      const request = { SecretId: Name, SecretString: "two", ClientRequestToken: randomUUID() };
      const first = await client.send(new PutSecretValueCommand(request));
      const before = await stages(Name);

      const again = await client.send(new PutSecretValueCommand(request));

      expect(again.VersionId).toBe(first.VersionId);
      expect(await stages(Name)).toEqual(before);
    });

    it("does not bring an old version back when its token is repeated", async () => {
      const { Name } = await create("one");
      const request = { SecretId: Name, SecretString: "two", ClientRequestToken: randomUUID() };
      await client.send(new PutSecretValueCommand(request));
      await put(Name, "three");

      await client.send(new PutSecretValueCommand(request)).catch(() => {});

      expect(await read(Name)).toMatchObject({ SecretString: "three" });
    });

    it("refuses the same token with another value", async () => {
      const { Name } = await create("one");
      const request = { SecretId: Name, ClientRequestToken: randomUUID() };
      await client.send(new PutSecretValueCommand({ ...request, SecretString: "two" }));

      await expect(
        client.send(new PutSecretValueCommand({ ...request, SecretString: "other" })),
      ).rejects.toMatchObject({
        name: "ResourceExistsException",
        message: expect.stringContaining(
          `You can't use ClientRequestToken ${request.ClientRequestToken} because that value is already in use`,
        ),
      });
      expect(await read(Name)).toMatchObject({ SecretString: "two" });
    });

    it("refuses a new version without a value", async () => {
      const { Name } = await create("one");

      await expect(
        client.send(new PutSecretValueCommand({ SecretId: Name })),
      ).rejects.toMatchObject({ name: "InvalidRequestException" });
    });

    it("attaches other labels without touching AWSCURRENT, and takes them from older versions", async () => {
      const { Name, VersionId } = await create("one");
      await put(Name, "two", ["AWSPENDING"]);

      const third = await put(Name, "three", ["AWSPENDING", "MINE"]);

      expect(await read(Name)).toMatchObject({ SecretString: "one" });
      expect(await read(Name, "AWSPENDING")).toMatchObject({ SecretString: "three" });
      expect(await stages(Name)).toEqual({
        [VersionId]: ["AWSCURRENT"],
        [third.VersionId ?? ""]: ["AWSPENDING", "MINE"],
      });
    });

    it("promotes a pending version", async () => {
      const { Name, VersionId } = await create("one");
      const pending = await put(Name, "two", ["AWSPENDING"]);

      await client.send(
        new UpdateSecretVersionStageCommand({
          SecretId: Name,
          VersionStage: "AWSCURRENT",
          RemoveFromVersionId: VersionId,
          MoveToVersionId: pending.VersionId,
        }),
      );

      expect(await read(Name, "AWSCURRENT")).toMatchObject({ SecretString: "two" });
      expect(await read(Name, "AWSPREVIOUS")).toMatchObject({ SecretString: "one" });
      expect(await stages(Name)).toEqual({
        [VersionId]: ["AWSPREVIOUS"],
        [pending.VersionId ?? ""]: ["AWSCURRENT", "AWSPENDING"],
      });
    });

    it("goes back to the version before", async () => {
      const { Name, VersionId } = await create("one");
      const second = await put(Name, "two");

      await client.send(
        new UpdateSecretVersionStageCommand({
          SecretId: Name,
          VersionStage: "AWSCURRENT",
          RemoveFromVersionId: second.VersionId,
          MoveToVersionId: VersionId,
        }),
      );

      expect(await stages(Name)).toEqual({
        [VersionId]: ["AWSCURRENT"],
        [second.VersionId ?? ""]: ["AWSPREVIOUS"],
      });
    });

    exceptMoto(
      "reads a promoted version if no version is named",
      "returns the version that was current before",
      async () => {
        const { Name, VersionId } = await create("one");
        const pending = await put(Name, "two", ["AWSPENDING"]);
        await client.send(
          new UpdateSecretVersionStageCommand({
            SecretId: Name,
            VersionStage: "AWSCURRENT",
            RemoveFromVersionId: VersionId,
            MoveToVersionId: pending.VersionId,
          }),
        );

        const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: Name }));

        expect(SecretString).toBe("two");
      },
    );

    it("refuses to move AWSCURRENT unless the version that has it is named", async () => {
      const { Name, VersionId } = await create("one");
      const pending = await put(Name, "two", ["AWSPENDING"]);
      const move = {
        SecretId: Name,
        VersionStage: "AWSCURRENT",
        MoveToVersionId: pending.VersionId,
      };

      await expect(client.send(new UpdateSecretVersionStageCommand(move))).rejects.toMatchObject({
        name: "InvalidParameterException",
        message: `The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version ${VersionId}, so you must explicitly reference that version in RemoveFromVersionId.`,
      });
      await expect(
        client.send(
          new UpdateSecretVersionStageCommand({ ...move, RemoveFromVersionId: pending.VersionId }),
        ),
      ).rejects.toMatchObject({ name: "InvalidParameterException" });
      expect(await read(Name)).toMatchObject({ SecretString: "one" });
    });

    exceptMoto("refuses to remove AWSCURRENT", "removes it", async () => {
      const { Name, VersionId } = await create("one");

      await expect(
        client.send(
          new UpdateSecretVersionStageCommand({
            SecretId: Name,
            VersionStage: "AWSCURRENT",
            RemoveFromVersionId: VersionId,
          }),
        ),
      ).rejects.toMatchObject({ name: "InvalidParameterException" });
      expect(await read(Name)).toMatchObject({ SecretString: "one" });
    });

    it("removes another label", async () => {
      const { Name } = await create("one");
      const pending = await put(Name, "two", ["AWSPENDING"]);

      await client.send(
        new UpdateSecretVersionStageCommand({
          SecretId: Name,
          VersionStage: "AWSPENDING",
          RemoveFromVersionId: pending.VersionId,
        }),
      );

      await expect(read(Name, "AWSPENDING")).rejects.toMatchObject({
        name: "ResourceNotFoundException",
      });
    });

    it("refuses a version id with a label that it does not have", async () => {
      const { Name, VersionId } = await create("one");
      await put(Name, "two");

      await expect(
        client.send(
          new GetSecretValueCommand({ SecretId: Name, VersionId, VersionStage: "AWSCURRENT" }),
        ),
      ).rejects.toMatchObject({
        name: "InvalidRequestException",
        message: "You provided a VersionStage that is not associated to the provided VersionId.",
      });
    });

    it("says that it cannot find an unknown version", async () => {
      const { Name } = await create("one");
      const VersionId = randomUUID();

      await expect(
        client.send(new GetSecretValueCommand({ SecretId: Name, VersionId })),
      ).rejects.toMatchObject({
        name: "ResourceNotFoundException",
        message: `Secrets Manager can't find the specified secret value for VersionId: ${VersionId}`,
      });
    });

    exceptMoto(
      "lists labelled versions, and those without labels if asked",
      "lists versions without labels always",
      async () => {
        const { Name, VersionId: first } = await create("one");
        const { VersionId: second } = await put(Name, "two");
        const { VersionId: third } = await put(Name, "three");
        const list = async (IncludeDeprecated: boolean) =>
          (
            await client.send(
              new ListSecretVersionIdsCommand({ SecretId: Name, IncludeDeprecated }),
            )
          ).Versions?.map((version) => version.VersionId);

        expect((await list(false))?.toSorted()).toEqual([second, third].toSorted());
        expect((await list(true))?.toSorted()).toEqual([first, second, third].toSorted());
      },
    );

    exceptMoto(
      "does not describe versions without labels",
      "describes them with an empty list",
      async () => {
        const { Name, VersionId } = await create("one");
        await put(Name, "two");
        await put(Name, "three");

        const { VersionIdsToStages } = await describeSecret(Name);

        expect(Object.keys(VersionIdsToStages ?? {})).not.toContain(VersionId);
        expect(Object.keys(VersionIdsToStages ?? {})).toHaveLength(2);
      },
    );

    exceptMoto("refuses more versions than 100 within a day", "has no limit", async () => {
      const { Name } = await create("0");
      for (let version = 1; version < 100; version += 1) await put(Name, String(version));

      await expect(put(Name, "100")).rejects.toMatchObject({ name: "LimitExceededException" });
      expect(await read(Name)).toMatchObject({ SecretString: "99" });
    });
  });

  describe("updating", () => {
    it("changes value and description", async () => {
      const { Name } = await create("one", { Description: "before" });
      const ClientRequestToken = randomUUID();

      const updated = await client.send(
        new UpdateSecretCommand({
          SecretId: Name,
          SecretString: "two",
          Description: "after",
          ClientRequestToken,
        }),
      );

      expect(updated.VersionId).toBe(ClientRequestToken);
      expect(await read(Name)).toMatchObject({ SecretString: "two" });
      expect(await read(Name, "AWSPREVIOUS")).toMatchObject({ SecretString: "one" });
      const described = await describeSecret(Name);
      expect(described.Description).toBe("after");
    });

    it("adds no version if only the description changes", async () => {
      const { Name, VersionId } = await create("one");

      const updated = await client.send(
        new UpdateSecretCommand({ SecretId: Name, Description: "after" }),
      );

      expect(updated.VersionId).toBeUndefined();
      expect(await stages(Name)).toEqual({ [VersionId]: ["AWSCURRENT"] });
    });

    it("attaches and removes tags", async () => {
      const { Name } = await create();
      const tags = async () => (await describeSecret(Name)).Tags ?? [];

      await client.send(
        new TagResourceCommand({
          SecretId: Name,
          Tags: [
            { Key: "a", Value: "1" },
            { Key: "b", Value: "2" },
          ],
        }),
      );
      await client.send(
        new TagResourceCommand({ SecretId: Name, Tags: [{ Key: "a", Value: "3" }] }),
      );
      await client.send(new UntagResourceCommand({ SecretId: Name, TagKeys: ["b"] }));

      expect(await tags()).toEqual([{ Key: "a", Value: "3" }]);
    });
  });

  describe("deleting", () => {
    it("schedules the deletion in 30 days, or in the days that are asked for", async () => {
      const byDefault = await create();
      const inAWeek = await create();
      const daysUntil = (date: Date | undefined) =>
        ((date?.getTime() ?? 0) - Date.now()) / (24 * 60 * 60 * 1000);

      const first = await client.send(new DeleteSecretCommand({ SecretId: byDefault.Name }));
      const second = await client.send(
        new DeleteSecretCommand({ SecretId: inAWeek.Name, RecoveryWindowInDays: 7 }),
      );

      expect(daysUntil(first.DeletionDate)).toBeCloseTo(30, 1);
      expect(daysUntil(second.DeletionDate)).toBeCloseTo(7, 1);
    });

    it("refuses to read what is scheduled for deletion, and describes it", async () => {
      const { Name } = await create();
      await client.send(new DeleteSecretCommand({ SecretId: Name }));

      await expect(read(Name)).rejects.toMatchObject({ name: "InvalidRequestException" });
      const described = await describeSecret(Name);
      expect(described.DeletedDate).toBeInstanceOf(Date);
    });

    exceptMoto(
      "says in AWS's words that a secret is scheduled for deletion",
      "says it in its own",
      async () => {
        const { Name } = await create();
        await client.send(new DeleteSecretCommand({ SecretId: Name }));

        await expect(read(Name)).rejects.toMatchObject({
          message:
            "You can't perform this operation on the secret because it was marked for deletion.",
        });
      },
    );

    exceptMoto(
      "refuses to change what is scheduled for deletion",
      "lets PutSecretValue and TagResource pass",
      async () => {
        const { Name, VersionId } = await create();
        await client.send(new DeleteSecretCommand({ SecretId: Name }));
        const refused = { name: "InvalidRequestException" };

        await expect(put(Name, "other")).rejects.toMatchObject(refused);
        await expect(
          client.send(new UpdateSecretCommand({ SecretId: Name, SecretString: "other" })),
        ).rejects.toMatchObject(refused);
        await expect(
          client.send(new TagResourceCommand({ SecretId: Name, Tags: [{ Key: "a", Value: "1" }] })),
        ).rejects.toMatchObject(refused);
        await expect(
          client.send(
            new UpdateSecretVersionStageCommand({
              SecretId: Name,
              VersionStage: "MINE",
              MoveToVersionId: VersionId,
            }),
          ),
        ).rejects.toMatchObject(refused);
        await client.send(new RestoreSecretCommand({ SecretId: Name }));
        expect(await read(Name)).toMatchObject({ SecretString: "first" });
      },
    );

    it("refuses to schedule a deletion twice", async () => {
      const { Name } = await create();
      await client.send(new DeleteSecretCommand({ SecretId: Name }));

      await expect(client.send(new DeleteSecretCommand({ SecretId: Name }))).rejects.toMatchObject({
        name: "InvalidRequestException",
      });
    });

    it("restores a secret as it was", async () => {
      const { Name, ARN, VersionId } = await create("kept");
      await client.send(new DeleteSecretCommand({ SecretId: Name }));

      await client.send(new RestoreSecretCommand({ SecretId: Name }));

      expect(await read(Name)).toMatchObject({ ARN, VersionId, SecretString: "kept" });
    });

    it("forgets at once what is deleted by force, scheduled or not", async () => {
      const fresh = await create();
      const scheduled = await create();
      await client.send(new DeleteSecretCommand({ SecretId: scheduled.Name }));

      for (const { Name } of [fresh, scheduled]) {
        await client.send(
          new DeleteSecretCommand({ SecretId: Name, ForceDeleteWithoutRecovery: true }),
        );

        await expect(read(Name)).rejects.toMatchObject({ name: "ResourceNotFoundException" });
        await expect(
          client.send(new RestoreSecretCommand({ SecretId: Name })),
        ).rejects.toMatchObject({ name: "ResourceNotFoundException" });
      }
    });

    it("gives a later secret of the same name another ARN", async () => {
      const { Name, ARN } = await create();
      await client.send(
        new DeleteSecretCommand({ SecretId: Name, ForceDeleteWithoutRecovery: true }),
      );

      const later = await client.send(new CreateSecretCommand({ Name, SecretString: "later" }));

      expect(later.ARN).not.toBe(ARN);
      await expect(read(ARN)).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    });

    it("is content to delete by force what does not exist", async () => {
      const SecretId = newName();

      const deleted = await client.send(
        new DeleteSecretCommand({ SecretId, ForceDeleteWithoutRecovery: true }),
      );

      expect(deleted.Name).toBe(SecretId);
    });

    it("refuses force together with a recovery window, and windows out of range", async () => {
      const { Name } = await create();
      const invalid = { name: "InvalidParameterException" };

      await expect(
        client.send(
          new DeleteSecretCommand({
            SecretId: Name,
            ForceDeleteWithoutRecovery: true,
            RecoveryWindowInDays: 7,
          }),
        ),
      ).rejects.toMatchObject(invalid);
      for (const RecoveryWindowInDays of [6, 31]) {
        await expect(
          client.send(new DeleteSecretCommand({ SecretId: Name, RecoveryWindowInDays })),
        ).rejects.toMatchObject(invalid);
      }
      expect(await read(Name)).toMatchObject({ SecretString: "first" });
    });
  });

  describe("listing", () => {
    it("pages through the secrets whose name begins so, without those scheduled for deletion", async () => {
      const prefix = newName();
      const names = ["a", "b", "c", "d", "e"].map((letter) => `${prefix}/${letter}`);
      for (const Name of names) {
        await client.send(new CreateSecretCommand({ Name, SecretString: "value" }));
      }
      await create();
      await client.send(new DeleteSecretCommand({ SecretId: `${prefix}/c` }));

      const pages: string[][] = [];
      for await (const page of paginateListSecrets(
        { client, pageSize: 2 },
        { Filters: [{ Key: "name", Values: [`${prefix}/`] }] },
      )) {
        pages.push((page.SecretList ?? []).map((secret) => secret.Name ?? ""));
      }

      expect(pages.map((page) => page.length)).toEqual([2, 2]);
      expect(pages.flat().toSorted()).toEqual(names.filter((name) => !name.endsWith("/c")));
    });

    it("includes those scheduled for deletion if asked, and their labels", async () => {
      const { Name, VersionId } = await create();
      await client.send(new DeleteSecretCommand({ SecretId: Name }));

      const { SecretList = [] } = await client.send(
        new ListSecretsCommand({
          IncludePlannedDeletion: true,
          Filters: [{ Key: "name", Values: [Name] }],
        }),
      );

      expect(SecretList.map((secret) => secret.SecretVersionsToStages)).toEqual([
        { [VersionId]: ["AWSCURRENT"] },
      ]);
    });

    it("filters by tag and leaves out what a name filter with ! begins", async () => {
      const one = await create();
      const other = await create();
      const Tags = [{ Key: randomUUID(), Value: "1" }];
      await client.send(new TagResourceCommand({ SecretId: one.Name, Tags }));
      await client.send(new TagResourceCommand({ SecretId: other.Name, Tags }));

      const { SecretList = [] } = await client.send(
        new ListSecretsCommand({
          Filters: [
            { Key: "tag-key", Values: Tags.map((tag) => tag.Key) },
            { Key: "name", Values: [`!${one.Name}`] },
          ],
        }),
      );

      expect(SecretList.map((secret) => secret.Name)).toEqual([other.Name]);
    });
  });

  describe("random passwords", () => {
    it("makes different ones of 32 characters", async () => {
      const one = await client.send(new GetRandomPasswordCommand({}));
      const other = await client.send(new GetRandomPasswordCommand({}));

      expect(one.RandomPassword).toHaveLength(32);
      expect(one.RandomPassword).not.toBe(other.RandomPassword);
    });

    it("keeps to the characters that are left", async () => {
      const { RandomPassword } = await client.send(
        new GetRandomPasswordCommand({
          PasswordLength: 64,
          ExcludePunctuation: true,
          ExcludeUppercase: true,
          ExcludeCharacters: "abc0123",
        }),
      );

      expect(RandomPassword).toMatch(/^[d-z4-9]{64}$/);
    });

    it("has every type of character in it", async () => {
      const { RandomPassword } = await client.send(
        new GetRandomPasswordCommand({ PasswordLength: 4 }),
      );

      expect(RandomPassword).toMatch(/[a-z]/);
      expect(RandomPassword).toMatch(/[A-Z]/);
      expect(RandomPassword).toMatch(/[0-9]/);
      expect(RandomPassword).toMatch(/[^A-Za-z0-9]/);
    });

    it("refuses a length too short for every type", async () => {
      await expect(
        client.send(new GetRandomPasswordCommand({ PasswordLength: 3 })),
      ).rejects.toMatchObject({ name: "InvalidParameterException" });
    });
  });
});
