import { HttpRequest } from "@smithy/core/protocols";
import { SignatureV4 } from "@smithy/signature-v4";
import { Secret } from "../../domain/secret.ts";
import { type BoundedAnswer, boundedRequest, NoAnswer } from "../https/bounded-request.ts";
import { environmentCredentials } from "../https/signed-json-request.ts";
import { SigningHash } from "../https/signing-hash.ts";

/** What Microsoft takes for the audience of a federated credential, the only one in its public cloud. */
export const tokenExchangeAudience = "api://AzureADTokenExchange";

/**
 * The default of AWS. A longer one would be refused when the role's own session ends earlier, and each role is
 * allowed no more than this.
 */
export const assertionSeconds = 300;

/** Not used any more so shortly before its end: clocks differ, and Microsoft has yet to read it. */
const spareSeconds = 60;

const largestAnswerBytes = 64 * 1024;

export interface WebIdentityBounds {
  readonly tries?: number;
  readonly tryMilliseconds?: number;
}

/**
 * STS gave no token. Its name is the kind of refusal, such as `OutboundWebIdentityFederationDisabled`: without the
 * `Exception` at its end, with which it would be long enough to be masked in a log like a token.
 */
export class NoWebIdentityToken extends Error {
  override readonly name: string;

  constructor(kind: string) {
    super("AWS STS gave no web identity token");
    this.name = kind.replace(/Exception$/, "");
  }
}

/** The text of an element that occurs once and holds no markup: a JWT, an instant, the name of an error. */
const elementIn = (xml: string, name: string): string | undefined =>
  new RegExp(`<${name}>\\s*([\\w.:+-]+)\\s*</${name}>`).exec(xml)?.[1];

/** Throttling has status 400; STS also says so in other words. AWS STS API Reference, "Common Errors" */
const isPassing = ({ status, body }: BoundedAnswer): boolean =>
  status >= 500 || status === 429 || /Throttl/.test(elementIn(body, "Code") ?? "");

/**
 * Signed statements of AWS about who this function is: its role. The last one is kept until shortly before its end.
 *
 * One request of a protocol that is otherwise not needed, made with the parts of the AWS SDK that are loaded anyway.
 *
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html
 * @throws {NoWebIdentityToken}
 */
export const stsWebIdentityToken = (
  now: () => Date,
  environment: NodeJS.ProcessEnv = process.env,
  { tries = 2, tryMilliseconds = 1_000 }: WebIdentityBounds = {},
): (() => Promise<Secret>) => {
  const region = environment.AWS_REGION ?? "";
  // Only the regional endpoints know this operation.
  const endpoint = new URL(
    environment.AWS_ENDPOINT_URL_STS ?? `https://sts.${region}.amazonaws.com/`,
  );
  const signer = new SignatureV4({
    service: "sts",
    region,
    credentials: environmentCredentials(),
    sha256: SigningHash,
  });
  const body = new URLSearchParams({
    Action: "GetWebIdentityToken",
    Version: "2011-06-15",
    "Audience.member.1": tokenExchangeAudience,
    DurationSeconds: String(assertionSeconds),
    SigningAlgorithm: "RS256",
  }).toString();
  let kept: { readonly token: Secret; readonly expiresAt: number } | undefined;

  const request = async (): Promise<BoundedAnswer> => {
    const { headers } = await signer.sign(
      new HttpRequest({
        method: "POST",
        protocol: endpoint.protocol,
        hostname: endpoint.hostname,
        path: "/",
        headers: {
          host: endpoint.host,
          "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        },
        body,
      }),
    );
    return boundedRequest(
      { method: "POST", url: new URL("/", endpoint), headers, body },
      { milliseconds: tryMilliseconds, largestAnswerBytes, origin: endpoint.origin },
    );
  };

  const ask = async (): Promise<BoundedAnswer | undefined> => {
    try {
      return await request();
    } catch (error) {
      if (error instanceof NoAnswer) return undefined;
      throw error;
    }
  };

  return async () => {
    if (kept && kept.expiresAt - spareSeconds * 1000 > now().getTime()) return kept.token;
    for (let attempt = 1; ; attempt += 1) {
      const received = await ask();
      if (received?.status === 200) {
        const token = elementIn(received.body, "WebIdentityToken");
        const expiresAt = Date.parse(elementIn(received.body, "Expiration") ?? "");
        if (token === undefined || Number.isNaN(expiresAt)) {
          throw new NoWebIdentityToken("UnreadableAnswer");
        }
        kept = { token: new Secret(token), expiresAt };
        return kept.token;
      }
      const mayPass = received === undefined || isPassing(received);
      if (!mayPass || attempt === tries) {
        const kind = received && elementIn(received.body, "Code");
        throw new NoWebIdentityToken(kind ?? (received ? `HTTP${received.status}` : "NoAnswer"));
      }
      await new Promise((resolve) => setTimeout(resolve, 50 * 2 ** attempt * Math.random()));
    }
  };
};
