import * as z from "zod/mini";
import { AwsFailure, validationFailure } from "./aws-failure.ts";

// Lengths and patterns: Secrets Manager API Reference, the "Request Parameters" of each action.

const longerThan = (length: number) => `Member must have length greater than or equal to ${length}`;
const shorterThan = (length: number) => `Member must have length less than or equal to ${length}`;

const text = (minimum: number, maximum: number) =>
  z
    .string()
    .check(z.minLength(minimum, longerThan(minimum)), z.maxLength(maximum, shorterThan(maximum)));

/** "Secret value size". Secrets Manager User Guide, quotas */
const valueLimitBytes = 65_536;

const secretString = z.string().check(
  z.minLength(1, longerThan(1)),
  z.refine((value) => Buffer.byteLength(value) <= valueLimitBytes, shorterThan(valueLimitBytes)),
);

const secretBinary = z.string().check(
  z.refine((value) => Buffer.from(value, "base64").length >= 1, longerThan(1)),
  z.refine(
    (value) => Buffer.from(value, "base64").length <= valueLimitBytes,
    shorterThan(valueLimitBytes),
  ),
);

const secretId = text(1, 2048);
const versionId = text(32, 64);
const versionStage = text(1, 256);
const description = z.string().check(z.maxLength(2048, shorterThan(2048)));
const kmsKeyId = z.string().check(z.maxLength(2048, shorterThan(2048)));
const tag = z.object({
  Key: text(1, 128),
  Value: z.string().check(z.maxLength(256, shorterThan(256))),
});
export type Tag = z.infer<typeof tag>;

const maxResults = z
  .int()
  .check(
    z.gte(1, "Member must have value greater than or equal to 1"),
    z.lte(100, "Member must have value less than or equal to 100"),
  );
const nextToken = text(1, 4096);

/** Checked where the value is used: another error than that of a broken constraint. */
const value = {
  ClientRequestToken: z.optional(z.string()),
  SecretString: z.optional(secretString),
  SecretBinary: z.optional(secretBinary),
};

const createSecret = z.object({
  ...value,
  Name: text(1, 512),
  Description: z.optional(description),
  KmsKeyId: z.optional(kmsKeyId),
  Tags: z.optional(z.array(tag)),
});

const getSecretValue = z.object({
  SecretId: secretId,
  VersionId: z.optional(versionId),
  VersionStage: z.optional(versionStage),
});

const putSecretValue = z.object({
  ...value,
  SecretId: secretId,
  VersionStages: z.optional(
    z.array(versionStage).check(z.minLength(1, longerThan(1)), z.maxLength(20, shorterThan(20))),
  ),
});

const updateSecret = z.object({
  ...value,
  SecretId: secretId,
  Description: z.optional(description),
  KmsKeyId: z.optional(kmsKeyId),
});

const updateSecretVersionStage = z.object({
  SecretId: secretId,
  VersionStage: versionStage,
  RemoveFromVersionId: z.optional(versionId),
  MoveToVersionId: z.optional(versionId),
});

const rotateSecret = z.object({
  SecretId: secretId,
  ClientRequestToken: z.optional(versionId),
  RotationLambdaARN: z.optional(text(0, 2048)),
  RotationRules: z.optional(
    z.object({ AutomaticallyAfterDays: z.optional(z.int().check(z.gte(1), z.lte(1000))) }),
  ),
  RotateImmediately: z.optional(z.boolean()),
});

const deleteSecret = z.object({
  SecretId: secretId,
  RecoveryWindowInDays: z.optional(z.int()),
  ForceDeleteWithoutRecovery: z.optional(z.boolean()),
});

const onlySecretId = z.object({ SecretId: secretId });

const listSecrets = z.object({
  IncludePlannedDeletion: z.optional(z.boolean()),
  MaxResults: z.optional(maxResults),
  NextToken: z.optional(nextToken),
  Filters: z.optional(
    z
      .array(
        z.object({
          Key: z.enum([
            "all",
            "description",
            "name",
            "owning-service",
            "primary-region",
            "tag-key",
            "tag-value",
          ]),
          Values: z.array(text(1, 512)).check(z.minLength(1), z.maxLength(10)),
        }),
      )
      .check(z.maxLength(10, shorterThan(10))),
  ),
  SortBy: z.optional(z.enum(["created-date", "last-accessed-date", "last-changed-date", "name"])),
  SortOrder: z.optional(z.enum(["asc", "desc"])),
});
export type ListSecretsRequest = z.infer<typeof listSecrets>;

const listSecretVersionIds = z.object({
  SecretId: secretId,
  MaxResults: z.optional(maxResults),
  NextToken: z.optional(nextToken),
  IncludeDeprecated: z.optional(z.boolean()),
});

const tagResource = z.object({ SecretId: secretId, Tags: z.array(tag) });

const untagResource = z.object({ SecretId: secretId, TagKeys: z.array(text(1, 128)) });

const getRandomPassword = z.object({
  PasswordLength: z.optional(
    z
      .int()
      .check(
        z.gte(1, "Member must have value greater than or equal to 1"),
        z.lte(4096, "Member must have value less than or equal to 4096"),
      ),
  ),
  ExcludeCharacters: z.optional(z.string().check(z.maxLength(4096, shorterThan(4096)))),
  ExcludeNumbers: z.optional(z.boolean()),
  ExcludePunctuation: z.optional(z.boolean()),
  ExcludeUppercase: z.optional(z.boolean()),
  ExcludeLowercase: z.optional(z.boolean()),
  IncludeSpace: z.optional(z.boolean()),
  RequireEachIncludedType: z.optional(z.boolean()),
});
export type GetRandomPasswordRequest = z.infer<typeof getRandomPassword>;

export const requests = {
  createSecret,
  deleteSecret,
  describeSecret: onlySecretId,
  getRandomPassword,
  getSecretValue,
  listSecrets,
  listSecretVersionIds,
  putSecretValue,
  restoreSecret: onlySecretId,
  rotateSecret,
  tagResource,
  untagResource,
  updateSecret,
  updateSecretVersionStage,
};

/** `["Tags", 0, "Key"]` → `tags.1.member.key`, as AWS names members in validation errors. */
const memberName = (path: readonly PropertyKey[]): string =>
  path
    .map((part) =>
      typeof part === "number"
        ? `${part + 1}.member`
        : `${String(part).charAt(0).toLowerCase()}${String(part).slice(1)}`,
    )
    .join(".");

/** @throws AwsFailure if the body is not a request of this operation. */
export const parseRequest = <Schema extends z.ZodMiniType>(
  schema: Schema,
  body: unknown,
): z.output<Schema> => {
  const parsed = schema.safeParse(body, { reportInput: true });
  if (parsed.success) return parsed.data;

  const [issue] = parsed.error.issues;
  const member = memberName(issue?.path ?? []);
  if (issue?.code === "invalid_type" && issue.input !== undefined) {
    throw new AwsFailure("SerializationException", `The value at '${member}' has the wrong type`);
  }
  throw validationFailure(
    member,
    issue?.code === "invalid_type" ? "Member must not be null" : (issue?.message ?? "invalid"),
  );
};
