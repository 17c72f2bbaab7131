import { createHash } from "node:crypto";
import * as z from "zod/mini";
import { Secret } from "../../shared/domain/secret.ts";

/** RFC 7636 §4.2 */
export const challengeOf = (codeVerifier: string): string =>
  createHash("sha256").update(codeVerifier).digest("base64url");

const signInSecrets = z.object({ codeVerifier: z.string(), nonce: z.string() });

const proofSecrets = z.object({ linkToken: z.string() });

/** The approval link that a proving sign-in belongs to. */
export const linkTokenIn = (opened: Secret): Secret =>
  new Secret(proofSecrets.parse(JSON.parse(opened.reveal())).linkToken);

/** What was sealed when the sign-in began. */
export const codeVerifierAndNonce = (opened: Secret) => {
  const { codeVerifier, nonce } = signInSecrets.parse(JSON.parse(opened.reveal()));
  return { codeVerifier: new Secret(codeVerifier), nonce: new Secret(nonce) };
};
