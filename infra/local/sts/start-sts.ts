import { createServer, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { listen, stopListening } from "../gateway/listen.ts";
import { signerOf } from "../iam/function-credentials.ts";
import { audiencesIn, stsError, stsResult } from "./sts-messages.ts";

export interface StsOptions {
  /** A free one if absent or 0. */
  readonly port?: number;
  readonly accountId: string;
  /** The role by whose credentials a function signs. @returns `undefined` for nobody's credentials */
  readonly roleArnOf: (signer: string) => string | undefined;
  readonly now: () => Date;
}

export interface RunningSts {
  /** `http://127.0.0.1:<port>`, for `AWS_ENDPOINT_URL_STS`; the issuer of its tokens as well. */
  readonly origin: string;
  /** As long as it is set, every request is refused with this code. */
  refuseWith(code: string | undefined): void;
  /** How many tokens were given out. */
  issued(): number;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type: "text/xml" | "application/json";
  readonly body: string;
}

const refused = (code: string, message: string, status = 400): Answer => ({
  status,
  type: "text/xml",
  body: stsError(code, message),
});

const json = (value: unknown): Answer => ({
  status: 200,
  type: "application/json",
  body: JSON.stringify(value),
});

/**
 * A stand-in for AWS STS on loopback, as far as outbound identity federation goes: `GetWebIdentityToken` of the AWS
 * Query protocol, and the issuer's discovery document and keys. Signatures are not checked; the key id says who calls.
 * It signs by RS256 only.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_token_claims.html
 */
export const startSts = async (options: StsOptions): Promise<RunningSts> => {
  const { port = 0, accountId, roleArnOf, now } = options;
  const { privateKey, publicKey } = await generateKeyPair("RS256");
  const kid = "RSA_1";
  const keys = { keys: [{ ...(await exportJWK(publicKey)), use: "sig", alg: "RS256", kid }] };
  let refusal: string | undefined;
  let issued = 0;

  const getWebIdentityToken = async (form: URLSearchParams, signer: string): Promise<Answer> => {
    const subject = roleArnOf(signer);
    if (!subject) return refused("InvalidClientTokenId", "The security token is invalid.", 403);
    const audiences = audiencesIn(form);
    const seconds = Number(form.get("DurationSeconds") ?? "300");
    if (audiences.length < 1 || audiences.length > 10) {
      return refused("ValidationError", "Value at 'audience' failed to satisfy constraint");
    }
    if (form.get("SigningAlgorithm") !== "RS256") {
      return refused("ValidationError", "Value at 'signingAlgorithm' is not known here");
    }
    if (!Number.isInteger(seconds) || seconds < 60 || seconds > 3600) {
      return refused("ValidationError", "Value at 'durationSeconds' failed to satisfy constraint");
    }
    const issuedAt = Math.floor(now().getTime() / 1000);
    const token = await new SignJWT({
      "https://sts.amazonaws.com/": { aws_account: accountId, principal_id: subject },
    })
      .setProtectedHeader({ alg: "RS256", kid, typ: "JWT" })
      .setIssuer(origin)
      .setSubject(subject)
      .setAudience(audiences.length === 1 ? (audiences[0] ?? "") : [...audiences])
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + seconds)
      .setJti(crypto.randomUUID())
      .sign(privateKey);
    issued += 1;
    return {
      status: 200,
      type: "text/xml",
      body: stsResult("GetWebIdentityToken", {
        WebIdentityToken: token,
        Expiration: new Date((issuedAt + seconds) * 1000).toISOString(),
      }),
    };
  };

  const answer = async (request: IncomingMessage): Promise<Answer> => {
    if (request.url === "/.well-known/openid-configuration") {
      return json({
        issuer: origin,
        jwks_uri: `${origin}/.well-known/jwks.json`,
        id_token_signing_alg_values_supported: ["RS256"],
      });
    }
    if (request.url === "/.well-known/jwks.json") return json(keys);
    const form = new URLSearchParams(await text(request));
    if (refusal !== undefined) return refused(refusal, "As ordered.", 403);
    if (form.get("Action") !== "GetWebIdentityToken") {
      return refused("InvalidAction", "The local STS knows GetWebIdentityToken only.");
    }
    return getWebIdentityToken(form, signerOf(request.headers.authorization) ?? "");
  };

  const server = createServer((request, response) => {
    answer(request).then(
      ({ status, type, body }) => {
        response.writeHead(status, { "content-type": type, date: now().toUTCString() });
        response.end(body);
      },
      () => response.destroy(),
    );
  });
  const origin = await listen(server, port);
  return {
    origin,
    refuseWith: (code) => {
      refusal = code;
    },
    issued: () => issued,
    close: () => stopListening(server),
  };
};
