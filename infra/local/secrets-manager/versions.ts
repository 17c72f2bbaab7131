import { AwsFailure, invalidParameter, invalidRequest, limitExceeded } from "./aws-failure.ts";
import type { StoredSecret, StoredVersion } from "./stored-secrets.ts";

/** "Versions per secret" and "Staging labels attached across all versions". User Guide, quotas */
const versionsPerSecret = 100;
const labelsPerSecret = 20;

/** Younger versions are never removed. User Guide, quotas */
const undeletableForMs = 24 * 60 * 60 * 1000;

interface ValueRequest {
  readonly ClientRequestToken?: string | undefined;
  readonly SecretString?: string | undefined;
  readonly SecretBinary?: string | undefined;
}

export interface NewValue {
  readonly versionId: string;
  readonly string?: string;
  readonly binary?: string;
}

/**
 * The value a request brings, and the id its version will have.
 *
 * @returns `undefined` if it brings none
 */
export const newValueOf = (request: ValueRequest): NewValue | undefined => {
  const { ClientRequestToken: versionId, SecretString: string, SecretBinary: binary } = request;
  if (string !== undefined && binary !== undefined) {
    throw invalidParameter(
      "You can't specify both a binary secret value and a string secret value in the same secret.",
    );
  }
  if (string === undefined && binary === undefined) return undefined;
  if (versionId === undefined) {
    throw invalidRequest(
      "You must provide a ClientRequestToken value. We recommend a UUID-type value.",
    );
  }
  if (versionId.length < 32 || versionId.length > 64) {
    throw invalidParameter("ClientRequestToken must be 32-64 characters long.");
  }
  return string !== undefined
    ? { versionId, string }
    : { versionId, ...(binary === undefined ? {} : { binary }) };
};

export const versionWithLabel = (secret: StoredSecret, label: string) =>
  secret.versions.find((version) => version.stages.includes(label));

const detachLabel = (secret: StoredSecret, label: string): void => {
  for (const version of secret.versions) {
    version.stages = version.stages.filter((attached) => attached !== label);
  }
};

/** Moves the label here. Where AWSCURRENT was before, AWSPREVIOUS is now. */
const attachLabel = (secret: StoredSecret, version: StoredVersion, label: string): void => {
  const former = versionWithLabel(secret, label);
  if (former === version) return;
  detachLabel(secret, label);
  version.stages = [...version.stages, label].sort();
  if (label === "AWSCURRENT" && former) attachLabel(secret, former, "AWSPREVIOUS");
};

const makeRoomForVersion = (secret: StoredSecret, now: Date): void => {
  while (secret.versions.length >= versionsPerSecret) {
    const removable = secret.versions.findIndex(
      ({ stages, createdAtMs }) =>
        stages.length === 0 && createdAtMs <= now.getTime() - undeletableForMs,
    );
    if (removable === -1) {
      throw limitExceeded(
        `You can't add another version because this secret has ${versionsPerSecret} of them.`,
      );
    }
    secret.versions.splice(removable, 1);
  }
};

/** Until a rotation has given it a value. */
export const isEmpty = ({ string, binary }: StoredVersion): boolean =>
  string === undefined && binary === undefined;

/** The version that a rotation is to bring: pending, and without a value. One that is there already stays. */
export const beginVersion = (secret: StoredSecret, id: string, now: Date): StoredVersion => {
  const existing = secret.versions.find((version) => version.id === id);
  if (existing) return existing;
  makeRoomForVersion(secret, now);
  const version: StoredVersion = { id, stages: [], createdAtMs: now.getTime() };
  secret.versions.push(version);
  attachLabel(secret, version, "AWSPENDING");
  return version;
};

/**
 * Adds a version. A repetition with the same id and the same value changes nothing.
 *
 * @throws AwsFailure if the id was used for another value, or if the secret would have too many versions or labels
 */
export const addVersion = (
  secret: StoredSecret,
  value: NewValue,
  labels: readonly string[],
  now: Date,
): StoredVersion => {
  const existing = secret.versions.find((version) => version.id === value.versionId);
  if (existing && isEmpty(existing)) {
    if (value.string !== undefined) existing.string = value.string;
    if (value.binary !== undefined) existing.binary = value.binary;
    for (const label of labels) attachLabel(secret, existing, label);
    secret.changedAtMs = now.getTime();
    return existing;
  }
  if (existing) {
    if (existing.string === value.string && existing.binary === value.binary) return existing;
    throw new AwsFailure(
      "ResourceExistsException",
      `You can't use ClientRequestToken ${value.versionId} because that value is already in use for a version of secret ${secret.arn}.`,
    );
  }

  const newLabels = new Set(labels);
  if (secret.versions.length === 0) newLabels.add("AWSCURRENT");
  const attached = new Set(secret.versions.flatMap((version) => version.stages));
  const afterwards = new Set([...attached, ...newLabels]);
  if (newLabels.has("AWSCURRENT") && attached.has("AWSCURRENT")) afterwards.add("AWSPREVIOUS");
  if (afterwards.size > labelsPerSecret) {
    throw limitExceeded(`A secret can have ${labelsPerSecret} staging labels.`);
  }
  makeRoomForVersion(secret, now);

  const version: StoredVersion = {
    id: value.versionId,
    ...(value.string === undefined ? {} : { string: value.string }),
    ...(value.binary === undefined ? {} : { binary: value.binary }),
    stages: [],
    createdAtMs: now.getTime(),
  };
  secret.versions.push(version);
  for (const label of newLabels) attachLabel(secret, version, label);
  secret.changedAtMs = now.getTime();
  return version;
};

/** Version ids to their labels; versions without labels are deprecated and not in it. */
export const labelsByVersion = (
  secret: StoredSecret,
): Readonly<Record<string, readonly string[]>> | undefined => {
  const labelled = secret.versions.filter((version) => version.stages.length > 0);
  if (labelled.length === 0) return undefined;
  return Object.fromEntries(labelled.map(({ id, stages }) => [id, stages]));
};

/** @throws AwsFailure if it is not a version of this secret */
const requireVersion = (secret: StoredSecret, id: string): StoredVersion => {
  const version = secret.versions.find((candidate) => candidate.id === id);
  if (!version) throw invalidParameter(`Not a valid version: ${id}`);
  return version;
};

/**
 * Moves a label by hand. Whoever moves it must name the version that has it, so that of two who move
 * the same label one fails.
 */
export const moveLabel = (
  secret: StoredSecret,
  label: string,
  from: string | undefined,
  to: string | undefined,
): void => {
  if (from === undefined && to === undefined) {
    throw invalidParameter("You must provide RemoveFromVersionId, MoveToVersionId or both.");
  }
  const target = to === undefined ? undefined : requireVersion(secret, to);
  if (from !== undefined) requireVersion(secret, from);

  const holder = versionWithLabel(secret, label);
  if (holder && holder !== target && from === undefined) {
    throw invalidParameter(
      `The parameter RemoveFromVersionId can't be empty. Staging label ${label} is currently attached to version ${holder.id}, so you must explicitly reference that version in RemoveFromVersionId.`,
    );
  }
  if (from !== undefined && holder?.id !== from) {
    throw invalidParameter(
      `Staging label ${label} is not attached to version ${from}, which you reference in RemoveFromVersionId.`,
    );
  }
  if (!target) {
    if (label === "AWSCURRENT") {
      throw invalidParameter(
        "You can only move staging label AWSCURRENT to a different secret version. It can’t be completely removed.",
      );
    }
    detachLabel(secret, label);
    return;
  }
  const labels = new Set(secret.versions.flatMap((version) => version.stages)).add(label);
  if (labels.size > labelsPerSecret) {
    throw limitExceeded(`A secret can have ${labelsPerSecret} staging labels.`);
  }
  attachLabel(secret, target, label);
};
