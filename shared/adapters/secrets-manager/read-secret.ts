import { fromEnv } from "@aws-sdk/credential-provider-env";
import { Sha256 } from "@smithy/core/checksum";
import { HttpRequest } from "@smithy/core/protocols";
import { SignatureV4 } from "@smithy/signature-v4";
import * as z from "zod/mini";
import { fail, type Result, succeed } from "../../domain/result.ts";
import { Secret } from "../../domain/secret.ts";
import { type BoundedAnswer, boundedRequest, NoAnswer } from "../https/bounded-request.ts";
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
 * @throws {SecretNotFound} or an error that names the kind of refusal, such as `AccessDeniedException`
 */
export type ReadSecret = (arn: string, versionId?: string) => Promise<SecretVersion>;

const answer = z.object({ SecretString: z.string(), VersionId: z.string() });
const refusal = z.object({ __type: z.string() });

/** More than Secrets Manager's largest secret, 65,536 bytes, takes when every byte is escaped. */
const largestAnswerBytes = 512 * 1024;

/** How long a caller can wait for Secrets Manager, where it cannot wait as long as others can. */
export interface SecretBounds {
  readonly tries?: number;
  readonly tryMilliseconds?: number;
}

/** Why a try failed, such as `AccessDeniedException`, and whether another one may succeed. */
interface FailedTry {
  readonly kind: string;
  readonly isPassing: boolean;
}

const failureIn = ({ status, body }: BoundedAnswer): FailedTry => {
  let kind = `HTTP ${status}`;
  try {
    kind = refusal.safeParse(JSON.parse(body)).data?.__type ?? kind;
  } catch {
    // Something between Secrets Manager and this function answered.
  }
  // Throttling has status 400. AWS Secrets Manager API Reference, "Common Error Types"
  const isThrottled = status === 429 || kind.endsWith("ThrottlingException");
  return { kind, isPassing: isThrottled || status >= 500 };
};

/**
 * `GetSecretValue` with the parts of the AWS SDK that its DynamoDB client loads anyway. A token fetch that
 * needs no refresh reads the vault keys once, and should not load a second client to do it.
 *
 * @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
 */
export const openSecretReader = (
  environment: NodeJS.ProcessEnv = process.env,
  { tries = 3, tryMilliseconds = 2_000 }: SecretBounds = {},
): ReadSecret => {
  const region = environment.AWS_REGION ?? "";
  const endpoint = new URL(
    environment.AWS_ENDPOINT_URL_SECRETS_MANAGER ??
      `https://secretsmanager.${region}.amazonaws.com/`,
  );
  const signer = new SignatureV4({
    service: "secretsmanager",
    region,
    credentials: fromEnv(),
    sha256: Sha256,
  });

  const request = async (body: string): Promise<BoundedAnswer> => {
    const { headers } = await signer.sign(
      new HttpRequest({
        method: "POST",
        protocol: endpoint.protocol,
        hostname: endpoint.hostname,
        path: "/",
        headers: {
          host: endpoint.host,
          "content-type": "application/x-amz-json-1.1",
          "x-amz-target": "secretsmanager.GetSecretValue",
        },
        body,
      }),
    );
    return boundedRequest(
      { method: "POST", url: new URL("/", endpoint), headers, body },
      { milliseconds: tryMilliseconds, largestAnswerBytes, origin: endpoint.origin },
    );
  };

  const tryToRead = async (body: string): Promise<Result<SecretVersion, FailedTry>> => {
    try {
      const received = await request(body);
      if (received.status !== 200) return fail(failureIn(received));
      const { SecretString, VersionId } = answer.parse(parseSecretJson(new Secret(received.body)));
      return succeed({ versionId: VersionId, value: new Secret(SecretString) });
    } catch (error) {
      // Reading can be repeated, so it does not matter what became of a lost request.
      if (error instanceof NoAnswer) return fail({ kind: "no answer", isPassing: true });
      throw error;
    }
  };

  return async (arn, versionId) => {
    const body = JSON.stringify(
      versionId === undefined
        ? { SecretId: arn, VersionStage: "AWSCURRENT" }
        : { SecretId: arn, VersionId: versionId },
    );
    for (let attempt = 1; ; attempt += 1) {
      const read = await tryToRead(body);
      if (read.ok) return read.value;
      const { kind, isPassing } = read.failure;
      if (kind.endsWith("ResourceNotFoundException")) throw new SecretNotFound(kind);
      // The version id is all that varies, and one that Secrets Manager never gives out names no version.
      const isNoVersionId = versionId !== undefined && /Validation|InvalidParameter/.test(kind);
      if (isNoVersionId) throw new SecretNotFound(kind);
      if (!isPassing || attempt === tries) {
        throw new Error(`Secrets Manager did not hand out a secret: ${kind}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50 * 2 ** attempt * Math.random()));
    }
  };
};
