import * as z from "zod/mini";
import { Secret } from "../../shared/domain/secret.ts";

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
