import { fromEnv } from "@aws-sdk/credential-provider-env";
import { Sha256 } from "@smithy/core/checksum";
import { HttpRequest } from "@smithy/core/protocols";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { SignatureV4 } from "@smithy/signature-v4";
import * as z from "zod/mini";
import { Secret } from "../../domain/secret.ts";

export interface SecretVersion {
  readonly versionId: string;
  readonly value: Secret;
}

/** Reads one version of a secret: a named one, or the current one. */
export type ReadSecret = (arn: string, versionId?: string) => Promise<SecretVersion>;

const answer = z.object({ SecretString: z.string(), VersionId: z.string() });
const refusal = z.object({ __type: z.string() });

/** More than Secrets Manager's largest secret, 65,536 bytes, takes when every byte is escaped. */
const largestAnswerBytes = 512 * 1024;

const tries = 3;
const isRetryable = (status: number) => status === 429 || status >= 500;

const readBody = async (stream: AsyncIterable<Uint8Array>): Promise<string> => {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > largestAnswerBytes) throw new Error("the answer of Secrets Manager is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
};

/**
 * `GetSecretValue` with the parts of the AWS SDK that its DynamoDB client loads anyway. A token fetch that
 * needs no refresh reads the vault keys once, and should not load a second client to do it.
 *
 * @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
 * @throws an error that names the kind of refusal, such as `AccessDeniedException`
 */
export const openSecretReader = (environment: NodeJS.ProcessEnv = process.env): ReadSecret => {
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
  const http = new NodeHttpHandler({
    connectionTimeout: 1_000,
    requestTimeout: 2_000,
    throwOnRequestTimeout: true,
  });

  const request = async (arn: string, versionId: string | undefined) => {
    const signed = await signer.sign(
      new HttpRequest({
        method: "POST",
        protocol: endpoint.protocol,
        hostname: endpoint.hostname,
        ...(endpoint.port && { port: Number(endpoint.port) }),
        path: "/",
        headers: {
          host: endpoint.host,
          "content-type": "application/x-amz-json-1.1",
          "x-amz-target": "secretsmanager.GetSecretValue",
        },
        body: JSON.stringify(
          versionId === undefined
            ? { SecretId: arn, VersionStage: "AWSCURRENT" }
            : { SecretId: arn, VersionId: versionId },
        ),
      }),
    );
    const { response } = await http.handle(new HttpRequest(signed));
    return { status: response.statusCode, body: await readBody(response.body) };
  };

  return async (arn, versionId) => {
    for (let attempt = 1; ; attempt += 1) {
      const { status, body } = await request(arn, versionId);
      if (status === 200) {
        const { SecretString, VersionId } = answer.parse(JSON.parse(body));
        return { versionId: VersionId, value: new Secret(SecretString) };
      }
      if (isRetryable(status) && attempt < tries) {
        await new Promise((resolve) => setTimeout(resolve, 50 * 2 ** attempt * Math.random()));
        continue;
      }
      const parsed = refusal.safeParse(isRetryable(status) ? {} : JSON.parse(body));
      throw new Error(
        `Secrets Manager refused to hand out a secret: ${parsed.data?.__type ?? `HTTP ${status}`}`,
      );
    }
  };
};
