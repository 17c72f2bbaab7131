import { HttpRequest } from "@smithy/core/protocols";
import { SignatureV4 } from "@smithy/signature-v4";
import * as z from "zod/mini";
import { fail, type Result, succeed } from "../../domain/result.ts";
import { type BoundedAnswer, boundedRequest, NoAnswer } from "./bounded-request.ts";
import { SigningHash } from "./signing-hash.ts";

export interface AwsService {
  /** As signatures name it, and as its host is called. */
  readonly service: string;
  readonly region: string;
  readonly endpoint: URL;
  /** The first part of `x-amz-target`. */
  readonly target: string;
  /** Of the AWS JSON protocol: `1.0` or `1.1`. */
  readonly version: "1.0" | "1.1";
}

export interface CallBounds {
  readonly tries: number;
  readonly tryMilliseconds: number;
  readonly largestAnswerBytes: number;
  /** Keeps the connection open for the next call. */
  readonly keepsAlive?: boolean;
}

/** Why a call failed, such as `AccessDeniedException`, and whether another try may succeed. */
export interface FailedCall {
  readonly kind: string;
  /** What the service says of it, which can quote what it was sent. */
  readonly message?: string | undefined;
  readonly isPassing: boolean;
}

/** Some services write the message with a capital. */
const refusal = z.object({
  __type: z.string(),
  message: z.optional(z.string()),
  Message: z.optional(z.string()),
});

const failureIn = ({ status, body }: BoundedAnswer): FailedCall => {
  let kind = `HTTP ${status}`;
  let message: string | undefined;
  try {
    const said = refusal.safeParse(JSON.parse(body)).data;
    // Some services write a namespace before it.
    kind = said?.__type.split("#").at(-1) ?? kind;
    message = said?.message ?? said?.Message;
  } catch {
    // Something between the service and this function answered.
  }
  // Throttling has status 400. AWS API References, "Common Error Types"
  const isThrottled = status === 429 || /Throttling|ThroughputExceeded|RequestLimit/.test(kind);
  return { kind, message, isPassing: isThrottled || status >= 500 };
};

/** As Lambda hands them over, for the life of the execution environment. */
export const environmentCredentials = () => {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = process.env;
  return {
    accessKeyId: AWS_ACCESS_KEY_ID ?? "",
    secretAccessKey: AWS_SECRET_ACCESS_KEY ?? "",
    ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }),
  };
};

/** One operation of an AWS service. It is repeated when no answer comes, as the SDK does, though it may have been done. */
export type SignedJsonCall = (
  operation: string,
  body: string,
) => Promise<Result<string, FailedCall>>;

/**
 * Calls of AWS's JSON protocol without a client of the SDK, which costs a cold start more than everything else that a
 * token fetch loads.
 *
 * @see https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
 */
export const signedJsonCalls = (
  { service, region, endpoint, target, version }: AwsService,
  { tries, tryMilliseconds, largestAnswerBytes, keepsAlive = false }: CallBounds,
): SignedJsonCall => {
  const url = new URL("/", endpoint);
  const signer = new SignatureV4({
    service,
    region,
    credentials: environmentCredentials(),
    sha256: SigningHash,
  });

  const tryOnce = async (operation: string, body: string): Promise<Result<string, FailedCall>> => {
    const { headers } = await signer.sign(
      new HttpRequest({
        method: "POST",
        protocol: endpoint.protocol,
        hostname: endpoint.hostname,
        path: "/",
        headers: {
          host: endpoint.host,
          "content-type": `application/x-amz-json-${version}`,
          "x-amz-target": `${target}.${operation}`,
        },
        body,
      }),
    );
    try {
      const answer = await boundedRequest(
        { method: "POST", url, headers, body },
        { milliseconds: tryMilliseconds, largestAnswerBytes, origin: endpoint.origin, keepsAlive },
      );
      return answer.status === 200 ? succeed(answer.body) : fail(failureIn(answer));
    } catch (error) {
      // What became of it is not known.
      if (error instanceof NoAnswer) return fail({ kind: "no answer", isPassing: true });
      throw error;
    }
  };

  return async (operation, body) => {
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await tryOnce(operation, body);
      if (outcome.ok || !outcome.failure.isPassing || attempt === tries) return outcome;
      await new Promise((resolve) => setTimeout(resolve, 50 * 2 ** attempt * Math.random()));
    }
  };
};
