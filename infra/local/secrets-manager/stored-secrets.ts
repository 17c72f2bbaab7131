import { randomInt } from "node:crypto";
import * as z from "zod/mini";
import { AwsFailure, invalidRequest, notFound } from "./aws-failure.ts";

/** What is kept of a version; `binary` is base64. */
const storedVersion = z.object({
  id: z.string(),
  string: z.optional(z.string()),
  binary: z.optional(z.string()),
  stages: z.array(z.string()),
  createdAtMs: z.number(),
  accessedAtMs: z.optional(z.number()),
});
export type StoredVersion = z.infer<typeof storedVersion>;

const storedSecret = z.object({
  arn: z.string(),
  name: z.string(),
  description: z.optional(z.string()),
  kmsKeyId: z.optional(z.string()),
  tags: z.array(z.object({ Key: z.string(), Value: z.string() })),
  createdAtMs: z.number(),
  changedAtMs: z.number(),
  accessedAtMs: z.optional(z.number()),
  /** Set while it is scheduled for deletion: when that was asked for, and when it will be gone. */
  deletion: z.optional(z.object({ requestedAtMs: z.number(), dueAtMs: z.number() })),
  /** Who rotates it, and how often. */
  rotation: z.optional(
    z.object({
      lambdaArn: z.string(),
      days: z.optional(z.number()),
      rotatedAtMs: z.optional(z.number()),
    }),
  ),
  /** Oldest first. */
  versions: z.array(storedVersion),
});
export type StoredSecret = z.infer<typeof storedSecret>;

export const storedSecrets = z.array(storedSecret);

const nameCharacters = /^[A-Za-z0-9/_+=.@-]+$/;
const arnSuffix = /-[A-Za-z0-9]{6}$/;
const suffixAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** Letters, digits and `/_+=.@-`; AWS says it with another error than for other constraints. */
export const requireValidName = (name: string): void => {
  if (nameCharacters.test(name)) return;
  throw new AwsFailure(
    "ValidationException",
    "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
  );
};

/** All secrets of one account in one Region. */
export class StoredSecrets {
  readonly #byName: Map<string, StoredSecret>;
  readonly #arnPrefix: string;

  constructor(secrets: readonly StoredSecret[], region: string, accountId: string) {
    this.#byName = new Map(secrets.map((secret) => [secret.name, secret]));
    this.#arnPrefix = `arn:aws:secretsmanager:${region}:${accountId}:secret:`;
  }

  all(): readonly StoredSecret[] {
    return [...this.#byName.values()];
  }

  named(name: string): StoredSecret | undefined {
    return this.#byName.get(name);
  }

  add(secret: StoredSecret): void {
    this.#byName.set(secret.name, secret);
  }

  remove(secret: StoredSecret): void {
    this.#byName.delete(secret.name);
  }

  /** Removes what was scheduled for deletion and is due. AWS does it "some time after". */
  removeDue(now: Date): void {
    for (const secret of this.all()) {
      if (secret.deletion && secret.deletion.dueAtMs <= now.getTime()) this.remove(secret);
    }
  }

  /** The six random characters tell a secret from a later one of the same name. */
  newArn(name: string): string {
    const suffix = Array.from({ length: 6 }, () =>
      suffixAlphabet.charAt(randomInt(suffixAlphabet.length)),
    );
    return `${this.#arnPrefix}${name}-${suffix.join("")}`;
  }

  /**
   * Finds a secret by its name, its ARN, or its ARN without the random characters. Like AWS, takes a
   * partial ARN that ends in a hyphen and six characters for a whole one, and does not find it.
   * Secrets Manager User Guide, "Finding a secret from a partial ARN"
   */
  find(id: string): StoredSecret | undefined {
    if (!id.startsWith("arn:")) {
      requireValidName(id);
      return this.named(id);
    }
    if (!id.startsWith(this.#arnPrefix)) return undefined;
    const name = id.slice(this.#arnPrefix.length);
    if (!arnSuffix.test(name)) return this.named(name);
    const secret = this.named(name.replace(arnSuffix, ""));
    return secret?.arn === id ? secret : undefined;
  }

  /** @throws AwsFailure unless it exists, scheduled for deletion or not. */
  require(id: string): StoredSecret {
    const secret = this.find(id);
    if (!secret) throw notFound();
    return secret;
  }

  /** @throws AwsFailure unless it exists and is not scheduled for deletion. */
  requireActive(id: string): StoredSecret {
    const secret = this.require(id);
    if (!secret.deletion) return secret;
    throw invalidRequest(
      "You can't perform this operation on the secret because it was marked for deletion.",
    );
  }
}
