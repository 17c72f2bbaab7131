import { secretsManagerClientCredential } from "../../shared/adapters/secrets-manager/client-credential.ts";
import { openSecretReader } from "../../shared/adapters/secrets-manager/read-secret.ts";
import { readEnv } from "../../shared/config.ts";
import { credentialExpiryEnv } from "./env.ts";
import { credentialExpiryHandler } from "./handler.ts";

const env = readEnv(credentialExpiryEnv);
const now = () => new Date();

export const handler = credentialExpiryHandler({
  stored: secretsManagerClientCredential(openSecretReader(), env.CLIENT_CREDENTIAL_SECRET_ARN, now),
  isFederated: env.FEDERATED_CREDENTIAL === "used",
  now,
});
