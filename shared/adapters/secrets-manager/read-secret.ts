import * as z from "zod/mini";
import { Secret } from "../../domain/secret.ts";
import { signedJsonCalls } from "../https/signed-json-request.ts";
import { parseSecretJson } from "./secret-json.ts";

export interface SecretVersion {
  readonly versionId: string;
  readonly value: Secret;
}

/** There is no such secret, or no such version of it (any more). */
export class SecretNotFound extends Error {
  override readonly name = "SecretNotFound";
}

/**
 * Reads one version of a secret: a named one, or the current one.
 *
 * @throws {SecretNotFound} or an error whose name is the kind of refusal, such as `AccessDeniedException`
 */
export type ReadSecret = (arn: string, versionId?: string) => Promise<SecretVersion>;

const answer = z.object({ SecretString: z.string(), VersionId: z.string() });

/** More than Secrets Manager's largest secret, 65,536 bytes, takes when every byte is escaped. */
const largestAnswerBytes = 512 * 1024;

/** How long a caller can wait for Secrets Manager, where it cannot wait as long as others can. */
export interface SecretBounds {
  readonly tries?: number;
  readonly tryMilliseconds?: number;
}

/**
 * `GetSecretValue` without the SDK's client. A token fetch that needs no refresh reads the token key once, and should
 * not load a client to do it.
 *
 * @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
 */
export const openSecretReader = (
  environment: NodeJS.ProcessEnv = process.env,
  { tries = 3, tryMilliseconds = 2_000 }: SecretBounds = {},
): ReadSecret => {
  const region = environment.AWS_REGION ?? "";
  const call = signedJsonCalls(
    {
      service: "secretsmanager",
      region,
      endpoint: new URL(
        environment.AWS_ENDPOINT_URL_SECRETS_MANAGER ??
          `https://secretsmanager.${region}.amazonaws.com/`,
      ),
      target: "secretsmanager",
      version: "1.1",
    },
    { tries, tryMilliseconds, largestAnswerBytes, keepsAlive: true },
  );

  return async (arn, versionId) => {
    const read = await call(
      "GetSecretValue",
      JSON.stringify(
        versionId === undefined
          ? { SecretId: arn, VersionStage: "AWSCURRENT" }
          : { SecretId: arn, VersionId: versionId },
      ),
    );
    if (read.ok) {
      const { SecretString, VersionId } = answer.parse(parseSecretJson(new Secret(read.value)));
      return { versionId: VersionId, value: new Secret(SecretString) };
    }
    const { kind } = read.failure;
    if (kind.endsWith("ResourceNotFoundException")) throw new SecretNotFound(kind);
    // The version id is all that varies, and one that Secrets Manager never gives out names no version.
    const isNoVersionId = versionId !== undefined && /Validation|InvalidParameter/.test(kind);
    if (isNoVersionId) throw new SecretNotFound(kind);
    // A log tells an error by its name.
    throw Object.assign(new Error("Secrets Manager did not hand out a secret"), { name: kind });
  };
};
