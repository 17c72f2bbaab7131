import type { KeyVersions } from "../../shared/domain/key-rotation.ts";
import type { Secret } from "../../shared/domain/secret.ts";

/** @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html */
export const rotationSteps = ["createSecret", "setSecret", "testSecret", "finishSecret"] as const;
export type RotationStep = (typeof rotationSteps)[number];

export interface RotateVaultKeysPorts {
  readonly versions: KeyVersions;
  /** A text of at least 256 random bits. */
  readonly newValue: () => Secret;
  /** Seals and opens something with the key of a version. */
  readonly opensWhatItSeals: (versionId: string, value: Secret) => Promise<boolean>;
  readonly now: () => Date;
}

/** Secrets Manager asks for what is not to be done; nothing was changed. */
export class RotationRefused extends Error {
  override readonly name = "RotationRefused";
}

/**
 * So many keys that are current no more can still be read, the one before it among them. With one rotation a month they
 * reach a year back: much longer than anything lives that was sealed with them, and than backups of the tables. A secret
 * can have twenty labels in all.
 */
export const formerKeys = 12;

/** A label keeps a version from being removed: those without one are Secrets Manager's to delete. */
const formerPrefix = "FORMER-";

/**
 * Sorted by their time; one that has only the day, as earlier versions gave it, comes before the others of that day. One
 * version may have two of them after a repeated step.
 */
const formerLabel = (versionId: string, now: Date) =>
  `${formerPrefix}${now.toISOString().replaceAll(/[:.]/g, "")}-${versionId.slice(0, 8)}`;

/**
 * One step of a rotation. Each may be repeated: what is done already stays, and nobody is interrupted, since functions
 * open with every key that has a label and take up the new one within five minutes of the last step.
 *
 * @throws {RotationRefused} for a version that is not being rotated
 */
export const rotateVaultKeys = async (
  step: RotationStep,
  versionId: string,
  ports: RotateVaultKeysPorts,
): Promise<"done" | "was_done"> => {
  const { versions } = ports;
  const { isRotated, labels } = await versions.describe();
  if (!isRotated) throw new RotationRefused("rotation of the vault keys is off");
  const own = labels.get(versionId);
  if (!own) throw new RotationRefused("there is no such version to be rotated to");
  if (own.includes("AWSCURRENT")) {
    // All but the last label may have been moved before a crash.
    if (step === "finishSecret") {
      if (own.includes("AWSPENDING")) await versions.moveLabel("AWSPENDING", { from: versionId });
      await forgetOldest(labels, ports);
    }
    return "was_done";
  }
  if (!own.includes("AWSPENDING")) throw new RotationRefused("this version is not pending");

  switch (step) {
    case "createSecret":
      if (await versions.valueOf(versionId)) return "was_done";
      await versions.store(versionId, ports.newValue());
      return "done";
    case "setSecret":
      // A key is used by nobody but the functions, which read it themselves.
      return "done";
    case "testSecret": {
      const value = await versions.valueOf(versionId);
      if (!value) throw new RotationRefused("the pending version has no value");
      if (await ports.opensWhatItSeals(versionId, value)) return "done";
      throw new RotationRefused("the pending key does not open what it has sealed");
    }
    case "finishSecret":
      await finish(versionId, labels, ports);
      return "done";
    default:
      return step satisfies never;
  }
};

const finish = async (
  versionId: string,
  labels: ReadonlyMap<string, readonly string[]>,
  ports: RotateVaultKeysPorts,
) => {
  const { versions, now } = ports;
  const holderOf = (label: string) => [...labels].find(([, each]) => each.includes(label))?.[0];
  const former = holderOf("AWSCURRENT");
  if (!former) throw new RotationRefused("no version is current");
  // The one before it was current, too: it has no other label if somebody went back from it to a former key.
  const unkept = [holderOf("AWSPREVIOUS"), former]
    .filter((id) => id !== undefined)
    .filter((id) => !labels.get(id)?.some((label) => label.startsWith(formerPrefix)));
  // Kept before they are replaced: at no moment is one of them without a label.
  if (unkept.length > 0) await forgetOldest(labels, ports, formerKeys - unkept.length);
  for (const id of unkept) await versions.moveLabel(formerLabel(id, now()), { to: id });
  await versions.moveLabel("AWSCURRENT", { from: former, to: versionId });
  // Left on a version that is not current, it would stop the next rotation.
  await versions.moveLabel("AWSPENDING", { from: versionId });
};

const forgetOldest = async (
  labels: ReadonlyMap<string, readonly string[]>,
  { versions }: RotateVaultKeysPorts,
  kept = formerKeys,
) => {
  const former = [...labels]
    .flatMap(([versionId, each]) =>
      each.filter((label) => label.startsWith(formerPrefix)).map((label) => ({ label, versionId })),
    )
    .toSorted((one, other) => (one.label < other.label ? -1 : 1));
  for (const { label, versionId } of former.slice(0, Math.max(0, former.length - kept))) {
    await versions.moveLabel(label, { from: versionId });
  }
};
