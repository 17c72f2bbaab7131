import type * as z from "zod/mini";
import { AwsFailure, invalidParameter, invalidRequest } from "./aws-failure.ts";
import { listSecrets, pageOf } from "./list-secrets.ts";
import { randomPassword } from "./random-password.ts";
import { parseRequest, requests, type Tag } from "./requests.ts";
import {
  requireValidName,
  type StoredSecret,
  type StoredSecrets,
  type StoredVersion,
} from "./stored-secrets.ts";
import {
  addVersion,
  beginVersion,
  isEmpty,
  labelsByVersion,
  moveLabel,
  newValueOf,
  versionWithLabel,
} from "./versions.ts";

/** "Tags per resource". AWS General Reference, tagging quotas */
const tagsPerSecret = 50;

const dayMs = 24 * 60 * 60 * 1000;

interface Operation {
  /** Whether it changes what must survive a restart. */
  readonly writes: boolean;
  /** @returns the answer's JSON, instants in seconds; throws AwsFailure for an answer that is an error */
  readonly perform: (body: unknown, secrets: StoredSecrets, now: Date) => object;
}

const operation =
  (writes: boolean) =>
  <Schema extends z.ZodMiniType>(
    schema: Schema,
    perform: (request: z.output<Schema>, secrets: StoredSecrets, now: Date) => object,
  ): Operation => ({
    writes,
    perform: (body, secrets, now) => perform(parseRequest(schema, body), secrets, now),
  });

const reading = operation(false);
const writing = operation(true);

const seconds = (instantMs: number | undefined) =>
  instantMs === undefined ? undefined : instantMs / 1000;

/** AWS keeps the day of the last access only. */
const day = (instantMs: number | undefined) =>
  instantMs === undefined ? undefined : seconds(instantMs - (instantMs % dayMs));

const identity = ({ arn, name }: StoredSecret) => ({ ARN: arn, Name: name });

const details = (secret: StoredSecret) => ({
  ...identity(secret),
  Description: secret.description,
  KmsKeyId: secret.kmsKeyId,
  CreatedDate: seconds(secret.createdAtMs),
  LastChangedDate: seconds(secret.changedAtMs),
  LastAccessedDate: day(secret.accessedAtMs),
  DeletedDate: seconds(secret.deletion?.requestedAtMs),
  Tags: secret.tags.length > 0 ? secret.tags : undefined,
});

const withTags = (present: readonly Tag[], added: readonly Tag[]): Tag[] => {
  if (added.some((tag) => tag.Key.startsWith("aws:"))) {
    throw invalidParameter("Tag keys that begin with aws: are reserved.");
  }
  const tags = [...new Map([...present, ...added].map((tag) => [tag.Key, tag])).values()];
  if (tags.length > tagsPerSecret) {
    throw invalidParameter(`A secret can have ${tagsPerSecret} tags.`);
  }
  return tags;
};

const createSecret = writing(requests.createSecret, (request, secrets, now) => {
  const { Name: name, Description, KmsKeyId, Tags = [] } = request;
  requireValidName(name);
  const value = newValueOf(request);

  const existing = secrets.named(name);
  if (existing?.deletion) {
    throw invalidRequest(
      "You can't create this secret because a secret with this name is already scheduled for deletion.",
    );
  }
  if (existing) {
    if (value && existing.versions.some(({ id }) => id === value.versionId)) {
      const { id } = addVersion(existing, value, ["AWSCURRENT"], now);
      return { ...identity(existing), VersionId: id };
    }
    throw new AwsFailure(
      "ResourceExistsException",
      `The operation failed because the secret ${name} already exists.`,
    );
  }

  const secret: StoredSecret = {
    arn: secrets.newArn(name),
    name,
    ...(Description ? { description: Description } : {}),
    ...(KmsKeyId ? { kmsKeyId: KmsKeyId } : {}),
    tags: withTags([], Tags),
    createdAtMs: now.getTime(),
    changedAtMs: now.getTime(),
    versions: [],
  };
  const version = value && addVersion(secret, value, ["AWSCURRENT"], now);
  secrets.add(secret);
  return { ...identity(secret), VersionId: version?.id };
});

const versionToRead = (
  secret: StoredSecret,
  id: string | undefined,
  label: string | undefined,
): StoredVersion => {
  const named = secret.versions.find((version) => version.id === id);
  if (named && label !== undefined && !named.stages.includes(label)) {
    throw invalidRequest(
      "You provided a VersionStage that is not associated to the provided VersionId.",
    );
  }
  const version = id === undefined ? versionWithLabel(secret, label ?? "AWSCURRENT") : named;
  if (version && !isEmpty(version)) return version;
  throw new AwsFailure(
    "ResourceNotFoundException",
    `Secrets Manager can't find the specified secret value for ${
      id === undefined ? `staging label: ${label ?? "AWSCURRENT"}` : `VersionId: ${id}`
    }`,
  );
};

/** The days of access that it notes are kept with the next write. */
const getSecretValue = reading(requests.getSecretValue, (request, secrets, now) => {
  const secret = secrets.requireActive(request.SecretId);
  const version = versionToRead(secret, request.VersionId, request.VersionStage);
  secret.accessedAtMs = now.getTime();
  version.accessedAtMs = now.getTime();
  return {
    ...identity(secret),
    VersionId: version.id,
    SecretString: version.string,
    SecretBinary: version.binary,
    VersionStages: version.stages,
    CreatedDate: seconds(version.createdAtMs),
  };
});

const putSecretValue = writing(requests.putSecretValue, (request, secrets, now) => {
  const value = newValueOf(request);
  if (!value) throw invalidRequest("You must provide either SecretString or SecretBinary.");
  const secret = secrets.requireActive(request.SecretId);
  const version = addVersion(secret, value, request.VersionStages ?? ["AWSCURRENT"], now);
  return { ...identity(secret), VersionId: version.id, VersionStages: version.stages };
});

const updateSecret = writing(requests.updateSecret, (request, secrets, now) => {
  const value = newValueOf(request);
  const secret = secrets.requireActive(request.SecretId);
  const version = value && addVersion(secret, value, ["AWSCURRENT"], now);
  if (request.Description !== undefined) secret.description = request.Description;
  if (request.KmsKeyId) secret.kmsKeyId = request.KmsKeyId;
  // Empty means the key that AWS manages.
  else if (request.KmsKeyId === "") delete secret.kmsKeyId;
  secret.changedAtMs = now.getTime();
  return { ...identity(secret), VersionId: version?.id };
});

const updateSecretVersionStage = writing(
  requests.updateSecretVersionStage,
  (request, secrets, now) => {
    const secret = secrets.requireActive(request.SecretId);
    moveLabel(secret, request.VersionStage, request.RemoveFromVersionId, request.MoveToVersionId);
    secret.changedAtMs = now.getTime();
    return identity(secret);
  },
);

const deleteSecret = writing(requests.deleteSecret, (request, secrets, now) => {
  const { SecretId: id, RecoveryWindowInDays: days, ForceDeleteWithoutRecovery: force } = request;
  if (days !== undefined && (days < 7 || days > 30)) {
    throw invalidParameter(
      "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
    );
  }
  if (days !== undefined && force) {
    throw invalidParameter(
      "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
    );
  }

  if (force) {
    const secret = secrets.find(id);
    if (secret) secrets.remove(secret);
    // Deleting by force what does not exist is no error.
    const gone = secret
      ? identity(secret)
      : { ARN: id.startsWith("arn:") ? id : secrets.newArn(id), Name: id };
    return { ...gone, DeletionDate: seconds(now.getTime()) };
  }

  const secret = secrets.require(id);
  if (secret.deletion) {
    throw invalidRequest(
      "You can't perform this operation on the secret because it was already scheduled for deletion.",
    );
  }
  const dueAtMs = now.getTime() + (days ?? 30) * dayMs;
  secret.deletion = { requestedAtMs: now.getTime(), dueAtMs };
  return { ...identity(secret), DeletionDate: seconds(dueAtMs) };
});

const restoreSecret = writing(requests.restoreSecret, (request, secrets) => {
  const secret = secrets.require(request.SecretId);
  delete secret.deletion;
  return identity(secret);
});

const describeSecret = reading(requests.describeSecret, (request, secrets) => {
  const secret = secrets.require(request.SecretId);
  const { rotation } = secret;
  return {
    ...details(secret),
    VersionIdsToStages: labelsByVersion(secret),
    RotationEnabled: rotation !== undefined,
    ...(rotation && {
      RotationLambdaARN: rotation.lambdaArn,
      RotationRules: { AutomaticallyAfterDays: rotation.days },
      LastRotatedDate: seconds(rotation.rotatedAtMs),
    }),
  };
});

/**
 * Notes who rotates the secret, and makes room for the next version, which is pending and empty. That the steps follow
 * is the server's part.
 */
const rotateSecret = writing(requests.rotateSecret, (request, secrets, now) => {
  const secret = secrets.requireActive(request.SecretId);
  const lambdaArn = request.RotationLambdaARN ?? secret.rotation?.lambdaArn;
  if (!lambdaArn) {
    throw invalidRequest("No Lambda rotation function ARN is associated with this secret.");
  }
  const days = request.RotationRules?.AutomaticallyAfterDays ?? secret.rotation?.days;
  secret.rotation = { ...secret.rotation, lambdaArn, ...(days !== undefined && { days }) };
  if (request.RotateImmediately === false) return identity(secret);
  const { ClientRequestToken: versionId } = request;
  if (versionId === undefined) {
    throw invalidRequest(
      "You must provide a ClientRequestToken value. We recommend a UUID-type value.",
    );
  }
  const version = beginVersion(secret, versionId, now);
  return { ...identity(secret), VersionId: version.id };
});

const listAllSecrets = reading(requests.listSecrets, (request, secrets) => {
  const { items, nextToken } = listSecrets(secrets.all(), request);
  return {
    SecretList: items.map((secret) => ({
      ...details(secret),
      SecretVersionsToStages: labelsByVersion(secret),
    })),
    NextToken: nextToken,
  };
});

const listSecretVersionIds = reading(requests.listSecretVersionIds, (request, secrets) => {
  const secret = secrets.require(request.SecretId);
  const listed = secret.versions.filter(
    (version) => request.IncludeDeprecated || version.stages.length > 0,
  );
  // Oldest first; a version's place among all of them does not change while pages are read.
  const place = (version: StoredVersion) =>
    `${String(version.createdAtMs).padStart(13, "0")} ${version.id}`;
  const sorted = listed.sort((one, other) => (place(one) < place(other) ? -1 : 1));
  const { items, nextToken } = pageOf(sorted, place, request);
  return {
    ...identity(secret),
    Versions: items.map((version) => ({
      VersionId: version.id,
      VersionStages: version.stages.length > 0 ? version.stages : undefined,
      CreatedDate: seconds(version.createdAtMs),
      LastAccessedDate: day(version.accessedAtMs),
      KmsKeyIds: [secret.kmsKeyId ?? "DefaultEncryptionKey"],
    })),
    NextToken: nextToken,
  };
});

const tagResource = writing(requests.tagResource, (request, secrets) => {
  const secret = secrets.requireActive(request.SecretId);
  secret.tags = withTags(secret.tags, request.Tags);
  return {};
});

const untagResource = writing(requests.untagResource, (request, secrets) => {
  const secret = secrets.requireActive(request.SecretId);
  secret.tags = secret.tags.filter((tag) => !request.TagKeys.includes(tag.Key));
  return {};
});

const getRandomPassword = reading(requests.getRandomPassword, (request) => ({
  RandomPassword: randomPassword(request),
}));

/** By the name that follows `secretsmanager.` in `x-amz-target`. */
export const operations: ReadonlyMap<string, Operation> = new Map([
  ["CreateSecret", createSecret],
  ["DeleteSecret", deleteSecret],
  ["DescribeSecret", describeSecret],
  ["GetRandomPassword", getRandomPassword],
  ["GetSecretValue", getSecretValue],
  ["ListSecrets", listAllSecrets],
  ["ListSecretVersionIds", listSecretVersionIds],
  ["PutSecretValue", putSecretValue],
  ["RestoreSecret", restoreSecret],
  ["RotateSecret", rotateSecret],
  ["TagResource", tagResource],
  ["UntagResource", untagResource],
  ["UpdateSecret", updateSecret],
  ["UpdateSecretVersionStage", updateSecretVersionStage],
]);
