import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import * as z from "zod/mini";
import type { StoredCredential } from "../../domain/app-credential.ts";
import { Secret } from "../../domain/secret.ts";
import type { AppCredential, AppCredentials } from "../microsoft/app-credential.ts";
import type { ReadSecret } from "./read-secret.ts";
import { parseSecretJson } from "./secret-json.ts";

/** A rotated credential is taken up this long after it was stored. */
const keptMilliseconds = 5 * 60 * 1000;

const text = z.string().check(z.minLength(1));

const payload = z
  .object({
    certificates: z.optional(
      z.array(z.object({ certificate: text, privateKey: text })).check(z.maxLength(3)),
    ),
    clientSecrets: z.optional(
      z
        .array(
          z.union([
            text,
            z.object({ value: text, expiresAt: z.optional(z.iso.datetime({ offset: true })) }),
          ]),
        )
        .check(z.maxLength(5)),
    ),
  })
  .check(
    z.refine(
      ({ certificates, clientSecrets }) =>
        certificates !== undefined || clientSecrets !== undefined,
      "must hold certificates or clientSecrets",
    ),
  );
type Payload = z.output<typeof payload>;

interface Stored {
  readonly credential: AppCredential;
  readonly expiresAt: Date | undefined;
}

const readPair = (certificate: string, privateKey: string): [X509Certificate, KeyObject] => {
  try {
    return [new X509Certificate(certificate), createPrivateKey(privateKey)];
  } catch {
    throw new Error("a stored certificate or its private key cannot be read");
  }
};

/** PS256 needs RSA. https://learn.microsoft.com/entra/identity-platform/certificate-credentials */
const certificateCredential = ({
  certificate,
  privateKey,
}: NonNullable<Payload["certificates"]>[number]): Stored => {
  const [read, key] = readPair(certificate, privateKey);
  if (key.asymmetricKeyType !== "rsa" || !read.checkPrivateKey(key)) {
    throw new Error("a stored certificate and its private key are no RSA pair");
  }
  return {
    credential: {
      kind: "certificate",
      thumbprintSha256: read.fingerprint256.replaceAll(":", ""),
      privateKey: new Secret(privateKey),
    },
    expiresAt: read.validToDate,
  };
};

const secretCredential = (given: NonNullable<Payload["clientSecrets"]>[number]): Stored => {
  const { value, expiresAt } =
    typeof given === "string" ? { value: given, expiresAt: undefined } : given;
  return {
    credential: { kind: "client_secret", secret: new Secret(value) },
    expiresAt: expiresAt === undefined ? undefined : new Date(expiresAt),
  };
};

/**
 * The secret holds `{"certificates": [{"certificate": PEM, "privateKey": PEM}, …], "clientSecrets": [{"value": …,
 * "expiresAt": …}, …]}`, the newest of each kind first; all of them work while one replaces the other. A client
 * secret may stand there as a text alone; then nobody knows when it expires.
 */
export const secretsManagerClientCredential = (
  readSecret: ReadSecret,
  secretArn: string,
  now: () => Date,
): AppCredentials & StoredCredential => {
  let kept: { readonly stored: readonly Stored[]; readonly readAt: number } | undefined;

  let reading: Promise<readonly Stored[]> | undefined;

  const readStored = async (): Promise<readonly Stored[]> => {
    const { value } = await readSecret(secretArn);
    const { certificates = [], clientSecrets = [] } = payload.parse(parseSecretJson(value));
    const stored = [
      ...certificates.map(certificateCredential),
      ...clientSecrets.map(secretCredential),
    ];
    kept = { stored, readAt: now().getTime() };
    return stored;
  };

  /** Whoever asks while it is being read waits for that. */
  const read = async (fresh: boolean): Promise<readonly Stored[]> => {
    if (kept && !fresh && now().getTime() - kept.readAt <= keptMilliseconds) return kept.stored;
    reading ??= readStored().finally(() => {
      reading = undefined;
    });
    return reading;
  };

  return {
    async *inOrder(options) {
      for (const { credential } of await read(options?.fresh ?? false)) yield credential;
    },

    async lifetimes() {
      const stored = await read(true);
      return stored.map(({ credential: { kind }, expiresAt }) => ({ kind, expiresAt }));
    },
  };
};
